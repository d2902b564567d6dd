"""The result of a study: tables, the report, and what it rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from lakebt.analysis.pooling import Aggregate
from lakebt.analysis.surface import calendar_returns
from lakebt.backtest.window import PriceWindow
from lakebt.errors import InvalidArgumentError
from lakebt.lake.trials.origin import Origin
from lakebt.sessions import session_of
from lakebt.study import tables as frames
from lakebt.study.empty_cells import left_out
from lakebt.study.panel_data import ingredients
from lakebt.study.report import paths, study_contents
from lakebt.study.single import Lookup
from lakebt.study.summary import Summary
from lakebt.study.tables import by_year
from lakebt.study.trials import record, result_id

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from lakebt.analysis.surface import Traded
    from lakebt.events.plan import Empty
    from lakebt.events.schedule import Schedule
    from lakebt.prices import PriceHistory
    from lakebt.study.cells import Cells
    from lakebt.study.single import CellResult
    from lakebt.study.study import Study


class Shown:
    """What `lakebt.Result` can be looked at as."""

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one self-contained HTML file.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written.
        """
        from lakebt.report.html import write_study_report  # noqa: PLC0415 - plotly is slow

        made_of = ingredients(self._result)
        whole = replace(study_contents(self._result), ingredients=made_of)
        write_study_report(whole, path)

    def plot(self) -> Any:
        """Return the surface as a plotly figure."""
        from lakebt.report.charts import surface_figure  # noqa: PLC0415 - plotly is slow

        return surface_figure(study_contents(self._result))

    def plot_ridge(self) -> Any:
        """Return the best exit of each entry as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            If every cell is empty.
        """
        from lakebt.report.charts import ridge_figure  # noqa: PLC0415 - plotly is slow

        return ridge_figure(study_contents(self._result))

    def plot_years(self, *, entry: str | None = None, exit: str | None = None) -> Any:  # noqa: A002 - the surface's name
        """Return the mean net return of each year as a plotly figure.

        Parameters
        ----------
        entry, exit
            Of the rule; those of the best by default.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        InvalidArgumentError
            If the rule has no traded event.
        """
        from lakebt.report.charts import years_figure  # noqa: PLC0415 - plotly is slow

        result = self._result
        best = result.best or (result.entries[0], result.exits[0])
        rule = (entry or best[0], exit or best[1])
        return years_figure(result.by_year(entry=rule[0], exit=rule[1]), rule=rule)

    def plot_paths(self) -> Any:
        """Return the average path of an event as a plotly figure."""
        from lakebt.report.charts import path_figure  # noqa: PLC0415 - plotly is slow

        return path_figure(study_contents(self._result))

    @property
    def _result(self) -> Result:
        return cast("Result", self)

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import surface_html  # noqa: PLC0415 - notebooks only

        return surface_html(study_contents(self._result))


class Result(Shown):
    """The surface of a study, and everything under it.

    Every table is a copy; changing it changes nothing here.

    Attributes
    ----------
    study
        What was asked.
    engine
        What turned orders into equity.
    schedule
        Every event under every entry and exit, as the guard decided it.
    cells
        What each of them earned, or why it is empty.
    history
        The prices it was computed from.
    seconds
        How long it took to compute.
    is_point_in_time
        False if a fact from after a deadline was used (``on_look_ahead="allow"``).
    is_recorded
        Whether its cells are among the lake's trials.
    """

    def __init__(
        self,
        *,
        study: Study,
        engine: str,
        schedule: Schedule,
        cells: Cells,
        history: PriceHistory,
        seconds: float,
    ) -> None:
        self.study, self.engine, self.seconds = study, engine, seconds
        self.is_recorded = False
        self.schedule, self.cells, self.history = schedule, cells, history
        self.is_point_in_time = not cells.late.any()
        self._lookup = Lookup(study, schedule, cells, history)

    # --- the surface -----------------------------------------------------------------

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.study.entries))

    @property
    def exits(self) -> tuple[str, ...]:
        """The exit rules, as written."""
        return tuple(map(str, self.study.exits))

    @cached_property
    def summed(self) -> Summary:
        """What each rule came to."""
        sizing = self.study.sizing
        return Summary(
            self.schedule,
            self.cells,
            costs=self.study.costs,
            capital_usd=sizing.capital_usd,
            pooling=self.study.pooling,
        )

    @cached_property
    def _table(self) -> pd.DataFrame:
        return self.summed.table()

    def table(self) -> pd.DataFrame:
        """Return a row per entry and exit.

        Returns
        -------
        DataFrame
            ``sharpe`` and ``sharpe_se`` per year, NaN where the cell is empty; counts;
            ``gross_bps`` less ``commission_bps``, ``spread_bps`` and ``borrow_bps`` is
            ``net_bps``: means per event, basis points of capital, NaN without events;
            ``is_point_in_time`` is False where a fact that was not yet known was used.
        """
        return self._table.copy()

    def surface(self) -> pd.DataFrame:
        """Return the surface as a tidy frame: a row per entry and exit.

        Returns
        -------
        DataFrame
            The columns of `table`, and: ``mean_bps`` and ``volatility_bps`` of the
            daily net returns (basis points; ddof 1); ``turnover``, bought and sold per
            event as a multiple of capital; ``max_drawdown``, the worst of any event, as
            a fraction; ``n_gaps``, closes that were missing while held; ``most_open``
            and ``mean_open``, how many events a calendar portfolio holds at once (0 and
            NaN for a pooled one); and a count of empty cells per reason:
            ``n_look_ahead`` and so on. NaN where the cell is empty.
        """
        return self.summed.surface()

    def sharpe(self) -> pd.DataFrame:
        """Return the Sharpe ratios, entries down and exits across; NaN where empty.

        The definition is in ``.attrs["definition"]``.
        """
        values = self._table["sharpe"].to_numpy(dtype=np.float64)
        frame = pd.DataFrame(
            values.reshape(len(self.entries), len(self.exits)),
            index=pd.Index(self.entries, name="entry"),
            columns=pd.Index(self.exits, name="exit"),
        )
        frame.attrs["definition"] = self.definition
        return frame

    @property
    def definition(self) -> str:
        """What the Sharpe ratio is, in one line."""
        return self.study.pooling.definition

    @property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the highest Sharpe ratio; None if all are empty."""
        ratios = self._table["sharpe"]
        if ratios.isna().all():
            return None
        row = int(np.nanargmax(ratios.to_numpy()))
        return str(self._table["entry"].iloc[row]), str(self._table["exit"].iloc[row])

    # --- among what was tried ---------------------------------------------------------

    @cached_property
    def origin(self) -> Origin:
        """What it was run on, and by what."""
        return Origin.of(self.study.view, engine=self.engine)

    @cached_property
    def id(self) -> str:
        """Its id among the lake's trials: the key of all that decides its numbers."""
        return result_id(self.study.arguments, self.origin)

    def record(self) -> int:
        """Record every cell among the lake's trials; see `lakebt.study.trials`."""
        self.is_recorded, count = record(self)
        return count

    # --- what lies under it ----------------------------------------------------------

    def events(self) -> pd.DataFrame:
        """Return a row per traded event, entry and exit; see `lakebt.study.tables`."""
        return frames.events(self)

    def legs(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per leg, entry and exit; see `lakebt.study.tables.legs`.

        Parameters
        ----------
        event, entry, exit
            Only these cells; all by default.
        """
        return frames.legs(self.each(event=event, entry=entry, exit_=exit), self)

    def orders(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per fill; see `lakebt.study.tables.orders`.

        Parameters
        ----------
        event, entry, exit
            Only these cells; all by default.
        """
        return frames.orders(self.each(event=event, entry=entry, exit_=exit), self)

    def refused(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per event and empty cell; see `lakebt.study.tables.refused`.

        Parameters
        ----------
        event, entry, exit
            Only these cells; all by default.
        """
        found = self.each(event=event, entry=entry, exit_=exit, only=~self.cells.traded)
        return frames.refused(found)

    def returns(self, *, entry: str, exit: str) -> pd.Series:  # noqa: A002 - the surface's name
        """Return the daily net returns of one rule, as fractions.

        Returns
        -------
        Series
            By event_id and session (pooled), by session (calendar). Empty where the
            cell is.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        days = self.study.clock.sessions.days
        traded = self.traded(entry, exit)
        if self.study.pooling.how is Aggregate.CALENDAR:
            first, returns = (
                calendar_returns(traded, self.study.pooling)
                if len(traded.first)
                else (0, np.zeros(0))
            )
            index: pd.Index[Any] = pd.DatetimeIndex(
                days[first : first + len(returns)], name="session"
            ).as_unit("us")
            return pd.Series(returns, index=index, name="net_return")
        column = self._lookup.column(exit)
        slots = self._lookup.slots(entry)
        slots = slots[self.cells.traded[slots, column]]
        parts = [self.cells.returns(slot, column) for slot in slots.tolist()]
        counts = traded.n_returns
        starts = np.repeat(traded.first, counts)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
        names = np.array([e.event_id for e in self.schedule.events], dtype=object)
        index = pd.MultiIndex.from_arrays(
            [
                np.repeat(names[self.schedule.event[slots]], counts),
                pd.DatetimeIndex(days[starts + within]).as_unit("us"),
            ],
            names=["event_id", "session"],
        )
        joined = np.concatenate(parts) if parts else np.zeros(0)
        return pd.Series(joined, index=index, name="net_return")

    def traded(self, entry: str, exit_: str) -> Traded:
        """Return the traded events of one rule, by event.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        where = np.zeros(self.cells.reason.shape, dtype=bool)
        where[self._lookup.slots(entry), self._lookup.column(exit_)] = True
        return self.summed.traded(where)

    def by_year(self, *, entry: str, exit: str) -> pd.DataFrame:  # noqa: A002 - the surface's name
        """Return what one rule earned in each year.

        Returns
        -------
        DataFrame
            A row per year of the events' dates: ``n_events`` and ``n_dates``;
            ``mean_bps``, the mean net return per event in basis points of capital, with
            its standard error ``se_bps``, clustered by date (NaN with one date);
            ``sharpe`` and ``sharpe_se`` of that year's events, by the study's
            definition. Years without a traded event have no row.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        return by_year(self, entry=entry, exit_=exit)

    def to_vectorbt(self, *, event: str, entry: str, exit: str) -> Any:  # noqa: A002 - the surface's name
        """Return one cell of one event as a ``vectorbt.Portfolio``.

        Two rows a session, its open and its close, indexed by their UTC instants;
        fees are commission and spread together. Its own Sharpe ratio takes 730 periods
        a year and the padding; ours is of the close rows. What it lacks is the borrow,
        which vectorbt has no place for (`events` has it as ``borrow_usd``), and it has
        a column more, ``financing``, that lends at the constant price 1 what levered
        longs need.

        Raises
        ------
        UnknownNameError
            If the study has no such event, entry or exit.
        InvalidArgumentError
            If the cell is empty.
        """
        from lakebt.backtest.reference import to_vectorbt  # noqa: PLC0415 - users of it only

        (result,) = self.each(event=event, entry=entry, exit_=exit)
        if result.trade is None:
            why = result.empty.reason if result.empty else "empty"
            msg = f"{event}, {entry} to {exit} was not traded: {why}"
            raise InvalidArgumentError(msg)
        trade = result.trade
        window = PriceWindow.of(
            self.history,
            sorted({position.symbol for position in trade.positions}),
            first=session_of(trade.entry_row),
            last=session_of(trade.exit_row),
        )
        return to_vectorbt(
            trade,
            window=window,
            costs=self.study.costs,
            capital_usd=self.study.sizing.capital_usd,
        )

    def each(self, **asked: Any) -> Iterator[CellResult]:
        """Yield cells in full; see `lakebt.study.single.Lookup.each`."""
        return self._lookup.each(**asked)

    def first_empty(self) -> Empty:
        """Return why the first empty cell is. There must be one."""
        return self._lookup.first_empty()

    def raise_unpriced(self) -> None:
        """Stop on a cell that lacks a price; see `lakebt.study.single`."""
        self._lookup.raise_unpriced()

    # --- what it rests on ------------------------------------------------------------

    def summary(self) -> str:
        """Return in one line how many events run and why the others do not."""
        return left_out(self)

    def causes(self) -> pd.Series:
        """Return how many of the traded events have a leg of each cause."""
        counts: Counter[str] = Counter()
        seen: dict[int, set[str]] = {}
        for slot in np.flatnonzero(self.cells.traded.any(axis=1)).tolist():
            seen.setdefault(int(self.schedule.event[slot]), set()).update(
                str(change.cause or "unknown")
                for change in self.schedule.vintages(slot)
            )
        for found in seen.values():
            counts.update(found)
        return pd.Series(counts, dtype="int64", name="n_events").rename_axis("cause")

    def paths(self) -> pd.DataFrame:
        """Return the average cumulative return over the market in event time.

        See `lakebt.analysis.path.event_path` for the columns.
        """
        return paths(self)

    def __repr__(self) -> str:
        return f"Result({self.study!r}: {self.summary()})"
