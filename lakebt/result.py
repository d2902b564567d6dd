"""What a study found: tables, the report, and what it all rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt import frames
from lakebt.analysis.sharpe import (
    Aggregate,
    EventReturns,
    aggregate,
    calendar_returns,
)
from lakebt.backtest.window import PriceWindow
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.evidence import left_out, paths, study_contents

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from lakebt.backtest.outcome import Outcome
    from lakebt.backtest.trades import LegQuote, Trade
    from lakebt.events.plan import Cell, Empty
    from lakebt.history import PriceHistory
    from lakebt.study import Study

_BPS = 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One event under one entry and exit, traded or empty.

    Attributes
    ----------
    cell
        As the guard planned it.
    quotes
        One for each planned leg.
    hedge
        The hedge's quote for each half session in which a leg leaves.
    trade, outcome
        None where the cell is empty.
    empty
        Why it is.
    gaps
        Closes missing while positions were held; each is marked at the last price.
    """

    cell: Cell
    quotes: tuple[LegQuote, ...]
    hedge: Mapping[int, LegQuote] = field(default_factory=dict)
    trade: Trade | None = None
    outcome: Outcome | None = None
    empty: Empty | None = None
    gaps: int = 0


class Result:
    """The surface of a study, and everything under it.

    Every table is a copy; changing it changes nothing here.

    Attributes
    ----------
    study
        What was asked.
    engine
        What turned orders into equity.
    cells
        Every event under every entry and exit.
    is_point_in_time
        False if a fact from after a deadline was used (``on_look_ahead="allow"``).
    """

    def __init__(
        self,
        *,
        study: Study,
        engine: str,
        cells: tuple[CellResult, ...],
        history: PriceHistory,
    ) -> None:
        self.study, self.engine = study, engine
        self.cells, self.history = cells, history
        self.is_point_in_time = not any(map(_is_late, cells))

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
    def _by_rule(self) -> dict[tuple[str, str], list[CellResult]]:
        groups: dict[tuple[str, str], list[CellResult]] = {
            (entry, exit_): [] for entry in self.entries for exit_ in self.exits
        }
        for result in self.cells:
            groups[result.cell.entry, result.cell.exit].append(result)
        return groups

    @cached_property
    def _table(self) -> pd.DataFrame:
        rows = []
        for (entry, exit_), group in self._by_rule.items():
            ratio = aggregate(_event_returns(group), self.study.aggregate)
            done = [r.outcome for r in group if r.outcome is not None]
            empties = [r.empty.reason for r in group if r.empty is not None]
            refused = sum(reason.is_refusal for reason in empties)
            capital = self.study.sizing.capital_usd

            def bps(
                values: Iterator[float], count: int = len(done), scale: float = 1.0
            ) -> float:
                return sum(values) / count * scale * _BPS if count else float("nan")

            rows.append(
                {
                    "entry": entry,
                    "exit": exit_,
                    "sharpe": ratio.value,
                    "sharpe_se": ratio.standard_error,
                    "n_returns": ratio.n_returns,
                    "n_events": ratio.n_events,
                    "n_dates": ratio.n_dates,
                    "n_refused": refused,
                    "n_untradeable": len(empties) - refused,
                    "gross_bps": bps(o.gross_return for o in done),
                    "commission_bps": bps(
                        (o.commission_usd for o in done), scale=1 / capital
                    ),
                    "spread_bps": bps((o.spread_usd for o in done), scale=1 / capital),
                    "borrow_bps": bps((o.borrow_usd for o in done), scale=1 / capital),
                    "net_bps": bps(o.net_return for o in done),
                    "is_point_in_time": not any(map(_is_late, group)),
                }
            )
        return pd.DataFrame(rows)

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
        return self.study.aggregate.definition

    @property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the highest Sharpe ratio; None if all are empty."""
        ratios = self._table["sharpe"]
        if ratios.isna().all():
            return None
        row = int(np.nanargmax(ratios.to_numpy()))
        return str(self._table["entry"].iloc[row]), str(self._table["exit"].iloc[row])

    # --- what lies under it ----------------------------------------------------------

    def events(self) -> pd.DataFrame:
        """Return a row per traded event, entry and exit; see `lakebt.frames.events`."""
        return frames.events(self)

    def legs(self) -> pd.DataFrame:
        """Return a row per leg, entry and exit; see `lakebt.frames.legs`."""
        return frames.legs(self)

    def orders(self) -> pd.DataFrame:
        """Return a row per fill; see `lakebt.frames.orders`."""
        return frames.orders(self)

    def refused(self) -> pd.DataFrame:
        """Return a row per event and empty cell; see `lakebt.frames.refused`."""
        return frames.refused(self)

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
        group = self._group(entry, exit)
        days = self.study.clock.sessions.days
        if self.study.aggregate is Aggregate.CALENDAR:
            events = _event_returns(group)
            first, returns = calendar_returns(events) if events else (0, np.zeros(0))
            index: pd.Index[Any] = pd.DatetimeIndex(
                days[first : first + len(returns)], name="session"
            ).as_unit("us")
            return pd.Series(returns, index=index, name="net_return")
        ids: list[str] = []
        parts = []
        sessions = []
        for result in group:
            if result.outcome is not None:
                ids.extend([result.cell.event.event_id] * len(result.outcome.equity))
                parts.append(result.outcome.net_returns)
                sessions.append(days[result.outcome.sessions])
        joined = np.concatenate(parts) if parts else np.zeros(0)
        when = np.concatenate(sessions) if sessions else np.zeros(0, "datetime64[D]")
        index = pd.MultiIndex.from_arrays(
            [ids, pd.DatetimeIndex(when).as_unit("us")], names=["event_id", "session"]
        )
        return pd.Series(joined, index=index, name="net_return")

    def event_returns(self, entry: str, exit_: str) -> list[EventReturns]:
        """Return the traded events of one rule, as the Sharpe ratio takes them."""
        return _event_returns(self._group(entry, exit_))

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

        group = self._group(entry, exit)
        found = [r for r in group if r.cell.event.event_id == event]
        if not found:
            raise UnknownNameError(
                "event", event, [r.cell.event.event_id for r in group]
            )
        result = found[0]
        if result.trade is None:
            why = result.empty.reason if result.empty else "empty"
            msg = f"{event}, {entry} to {exit} was not traded: {why}"
            raise InvalidArgumentError(msg)
        trade = result.trade
        window = PriceWindow.of(
            self.history,
            sorted({position.symbol for position in trade.positions}),
            first=trade.entry_row // 2,
            last=trade.exit_row // 2,
        )
        return to_vectorbt(
            trade,
            window=window,
            costs=self.study.costs,
            capital_usd=self.study.sizing.capital_usd,
        )

    def _group(self, entry: str, exit_: str) -> list[CellResult]:
        if entry not in self.entries:
            raise UnknownNameError("entry", entry, self.entries)
        if exit_ not in self.exits:
            raise UnknownNameError("exit", exit_, self.exits)
        return self._by_rule[entry, exit_]

    # --- what it rests on ------------------------------------------------------------

    def summary(self) -> str:
        """Return in one line how many events run and why the others do not."""
        return left_out(self)

    def causes(self) -> pd.Series:
        """Return how many of the traded events have a leg of each cause."""
        counts: Counter[str] = Counter()
        seen: dict[str, set[str]] = {}
        for result in self.cells:
            if result.outcome is not None:
                causes = {
                    str(leg.change.cause or "unknown") for leg in result.cell.legs
                }
                seen.setdefault(result.cell.event.event_id, set()).update(causes)
        for found in seen.values():
            counts.update(found)
        return pd.Series(counts, dtype="int64", name="n_events").rename_axis("cause")

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one self-contained HTML file.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written.
        """
        from lakebt.report.html import write_study_report  # noqa: PLC0415 - plotly is slow

        write_study_report(study_contents(self), path)

    def plot(self) -> Any:
        """Return the surface as a plotly figure."""
        from lakebt.report.figures import surface_figure  # noqa: PLC0415 - plotly is slow

        return surface_figure(study_contents(self))

    def plot_paths(self) -> Any:
        """Return the average path of an event as a plotly figure."""
        from lakebt.report.figures import path_figure  # noqa: PLC0415 - plotly is slow

        return path_figure(study_contents(self))

    def paths(self) -> pd.DataFrame:
        """Return the average cumulative return over the market in event time.

        See `lakebt.analysis.path.event_path` for the columns.
        """
        return paths(self)

    def __repr__(self) -> str:
        return f"Result({self.study!r}: {self.summary()})"

    def _repr_html_(self) -> str:
        from lakebt.report.tables import surface_html  # noqa: PLC0415 - notebooks only

        return surface_html(study_contents(self))


def _is_late(result: CellResult) -> bool:
    """Whether a cell was traded on a fact that was not yet known."""
    return result.cell.late and result.outcome is not None


def _event_returns(group: list[CellResult]) -> list[EventReturns]:
    return [
        EventReturns(
            date=result.cell.event.date,
            first=result.outcome.first,
            returns=result.outcome.net_returns,
        )
        for result in group
        if result.outcome is not None
    ]
