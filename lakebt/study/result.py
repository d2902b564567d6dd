"""`Result`: the tables and the report of a study, and its provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.inputs.checks import check_switch
from lakebt.study import tables
from lakebt.study.empty_cells import left_out
from lakebt.study.evidence import Evidence
from lakebt.study.figures import Figures
from lakebt.study.flow_table import flow_table
from lakebt.study.hindsight import Hindsight
from lakebt.study.order_table import orders
from lakebt.study.panel_data import with_panel
from lakebt.study.report import with_chance, with_hindsight, with_lineage
from lakebt.study.tear_sheet import with_sheet
from lakebt.study.trials import record
from lakebt.values.few_dates import NOTE, mark

if TYPE_CHECKING:
    import os

    from lakebt.analysis.sharpe_definition import SharpeDefinition
    from lakebt.lake.reading.view import View
    from lakebt.study.arguments import Arguments
    from lakebt.study.trading import TradedStudy


class Result(Evidence, Figures):
    """The result of a study: Sharpe ratios by entry and exit, events, legs and orders.

    Every table is a copy; changing it does not change the result.

    Attributes
    ----------
    traded : TradedStudy
        Schedule, prices and cells, for programs that need more than tables.
    is_recorded : bool
        Whether its cells are recorded among the lake's trials.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=3, jump_bps=220)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> result = lakebt.Study(
    ...     lake.at("R1"), index="SIM", entries=["AD@close", "AD+1@open"], exits=["+1"]
    ... ).run()
    >>> result.table()[["entry", "n_events", "n_refused"]].values.tolist()
    [['AD@close', 0, 3], ['AD+1@open', 3, 0]]
    >>> result.refused(entry="AD@close")["reason"].unique().tolist()
    ['look_ahead']
    >>> directory.cleanup()
    """

    def __init__(self, traded: TradedStudy) -> None:
        self.traded = traded
        self.is_recorded = False

    # --- what was asked --------------------------------------------------------------

    @property
    def view(self) -> View:
        """The view that the study read."""
        return self.traded.view

    @property
    def arguments(self) -> Arguments:
        """The arguments of the study."""
        return self.traded.arguments

    @property
    def engine(self) -> str:
        """The engine that turned orders into equity: ``event`` or ``vectorbt``."""
        return self.traded.engine

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return self.traded.entries

    @property
    def exits(self) -> tuple[str, ...]:
        """The exit rules, as written."""
        return self.traded.exits

    # --- the surface -----------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return a row per entry and exit.

        Returns
        -------
        DataFrame
            ``sharpe`` and its standard error ``sharpe_se`` per year, NaN where the cell
            is empty; ``sharpe_low`` and ``sharpe_high``, its 95 % interval; ``psr``,
            the probability that the true ratio is above 0. ``se_method`` is the method
            of the error: ``two-way`` (clustered by announcement date and by session,
            where windows of different dates overlap), ``jackknife`` (by date), ``lo``
            (a single event), or empty for several events of one date, which have no
            error. Counts of events and dates; ``n_effective_dates``, the number of
            dates with equally many events that would carry the same information.
            ``net_bps`` is ``gross_bps`` less ``commission_bps``, ``spread_bps``,
            ``borrow_bps``, ``impact_bps`` and ``reweighting_bps`` (in a calendar
            portfolio, the cost of keeping open events at their weights): means per
            event in basis points of capital, NaN without events. ``is_point_in_time``
            is False where a fact was used before it was known.
        """
        return self.traded.table.copy()

    def surface(self) -> pd.DataFrame:
        """Return the surface as a tidy frame: a row per entry and exit.

        Returns
        -------
        DataFrame
            The columns of `table`, and: ``mean_bps`` and ``volatility_bps`` of the
            daily net returns (basis points; ddof 1); ``turnover``, bought and sold per
            event as a multiple of capital, including a calendar portfolio's
            reweighting; ``max_drawdown``, the worst of any event, as a fraction;
            ``n_gaps``, the number of missing closes while a position was held;
            ``most_open`` and ``mean_open``, the number of events that a calendar
            portfolio holds at once (else 0 and NaN); and the number of empty cells by
            reason, as ``n_look_ahead``. NaN where the cell is empty.
        """
        return self.traded.summary.surface()

    def sharpe(self) -> pd.DataFrame:
        """Return the Sharpe ratios, entries down and exits across; NaN where empty.

        The definition is in ``.attrs["definition"]``.
        """
        values = self.traded.table["sharpe"].to_numpy(dtype=np.float64)
        frame = pd.DataFrame(
            values.reshape(len(self.entries), len(self.exits)),
            index=pd.Index(self.entries, name="entry"),
            columns=pd.Index(self.exits, name="exit"),
        )
        frame.attrs["definition"] = self.definition
        return frame

    @property
    def definition(self) -> SharpeDefinition:
        """The definition of the Sharpe ratio, in one line."""
        return self.arguments.pooling.definition

    @property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the highest Sharpe ratio; None if all are empty."""
        return self.traded.best

    # --- among the trials ------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its id among the lake's trials: a digest of all that decides its numbers."""
        return self.traded.result_id

    def record(self) -> int:
        """Record every cell among the lake's trials; return the number of new trials.

        `Study.run` already does this, unless it is called with ``record=False``.

        Warns
        -----
        LedgerWarning
            If the lake cannot be written.
        """
        self.is_recorded, count = record(self.traded)
        return count

    # --- what lies under it ----------------------------------------------------------

    def events(self) -> pd.DataFrame:
        """Return a row per traded event, entry and exit.

        Returns
        -------
        DataFrame
            ``event_id``, ``entry``, ``exit``; ``date``, the event's day in New York;
            ``entry_session`` and ``exit_session``; ``n_legs`` and their ``causes``;
            ``gross_return`` and ``net_return`` over the whole trade as fractions of
            capital; ``commission_usd``, ``spread_usd``, ``borrow_usd`` and
            ``impact_usd``; ``n_gaps``, the number of missing closes while a position
            was held (it is marked at the last price); ``n_dropped``, the number of legs
            left out because they have no price (``missing="drop_leg"``). For the daily
            net returns: their number ``n_returns``, ``mean_bps`` and ``volatility_bps``
            (basis points, ddof 1; NaN with one return), and ``sharpe`` per year.
            ``max_drawdown`` of the net equity and ``turnover``, bought and sold over
            capital, as fractions.
        """
        return tables.events(self.traded)

    def legs(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per leg, of all cells or those of `event`, `entry` and `exit`.

        Returns
        -------
        DataFrame
            ``event_id``, ``entry``, ``exit``, ``symbol``, ``side``, ``entry_session``,
            ``exit_session``, ``entry_price``, ``exit_price``; ``price_return``, exit
            over entry price less 1, for both sides; ``hedge_return``, the hedge's
            return over the same fills, even if it was not traded; ``weight``, signed;
            and ``cause``, see `causes`. Prices, returns and weight are NaN where the
            leg was not traded. The exit price is the value of everything that one share
            became until the exit: shares after splits, spin-offs and mergers, and cash
            paid when the share ended, but no dividends. ``dividend_return`` and
            ``hedge_dividend_return`` are dividends over the entry price, for both
            sides; ``ending`` is how the share ended while it was held, as "merger", or
            None. ``borrow_cost`` and ``hedge_borrow_cost`` are borrow fees over the
            entry price: 0 for a long, and for a hedge that was not traded. A long earns
            its price and dividend return, a short their negative, each less its borrow
            cost and the costs of its fills in `orders`.
        """
        cells = self.traded.each(event=event, entry=entry, exit_=exit)
        return tables.legs(cells, self.traded)

    def flows(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per dividend, conversion and ending of a position.

        Returns
        -------
        DataFrame
            Sorted by cell, then by time. ``event_id``, ``entry``, ``exit``;
            ``session``, at whose open it happened; ``symbol`` and ``kind``; ``other``,
            the symbol of the shares received, empty if there were none;
            ``shares_before``, of the symbol at the close before, negative for a short;
            ``shares_after``, the shares afterwards: of ``other`` if there is one, else
            of the symbol; and ``cash_usd``, negative if it was owed.
        """
        cells = self.traded.each(event=event, entry=entry, exit_=exit)
        return flow_table(cells, self.traded)

    def orders(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per fill, of all cells or those of `event`, `entry` and `exit`.

        Returns
        -------
        DataFrame
            Sorted by cell, then by time.
            ``event_id``, ``entry``, ``exit``, ``session``, ``at`` (open or close),
            ``symbol``, ``side`` (buy or sell), ``size`` (a positive number of shares),
            ``price``, ``commission_usd``, ``spread_usd``, ``impact_usd``; ``weight``,
            the signed target of the order; ``deadline``, the UTC instant before which
            the order had to be sent; ``fact``, what the order rests on; and
            ``known_at``, the UTC instant from which all of that was known.
        """
        cells = self.traded.each(event=event, entry=entry, exit_=exit)
        return orders(cells, self.traded)

    def refused(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002 - the surface's name
    ) -> pd.DataFrame:
        """Return a row per empty cell, of all or those of `event`, `entry` and `exit`.

        Returns
        -------
        DataFrame
            ``event_id``, ``entry``, ``exit``; ``reason``, the first reason why the cell
            is empty; ``fact``, in words; ``known_at`` and ``needed_by``, UTC, NaT if
            the reason does not depend on time.
        """
        cells = self.traded.each(
            event=event, entry=entry, exit_=exit, only=lambda found: ~found.traded
        )
        return tables.refused(cells, self.traded)

    def returns(self, *, entry: str, exit: str) -> pd.Series:  # noqa: A002 - the surface's name
        """Return the daily net returns of one rule, as fractions.

        Returns
        -------
        Series
            Indexed by event_id and session (pooled), or by session (calendar). Empty if
            the cell is empty.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        return tables.returns(self.traded, entry=entry, exit_=exit)

    def causes(self) -> pd.Series:
        """Return the number of traded events that have a leg of each cause.

        The cause comes from the publisher of the change. If that is empty, it is
        derived from a merger, delisting or spin-off of the symbol that the view knows
        and whose ``ex_date`` is within five sessions of the effective session, as
        "merger (derived)"; else it is "unknown".
        """
        return tables.causes(self.traded)

    def to_vectorbt(self, *, event: str, entry: str, exit: str) -> Any:  # noqa: A002 - the surface's name
        """Return one cell of one event as a ``vectorbt.Portfolio``.

        It has two rows per session, the open and the close, by their UTC instants; fees
        are commission plus spread. vectorbt's own Sharpe ratio uses 730 periods a year
        and includes the padding rows; lakebt's uses the close rows. vectorbt cannot
        model borrow costs (`events` has them as ``borrow_usd``). An extra column
        ``financing`` with the constant price 1 lends the cash that levered longs need.
        After a corporate action, a share's column has the price of what it became, and
        one share of the column ``actions`` is worth the cash that it paid: dividends
        and the cash of endings, which shorts owe.

        Raises
        ------
        UnknownNameError
            If the study has no such event, entry or exit.
        InvalidArgumentError
            If the cell is empty.
        """
        lookup = self.traded.with_event(event, entry, exit).lookup
        return lookup.to_vectorbt(event=event, entry=entry, exit_=exit)

    # --- what it rests on ------------------------------------------------------------

    @property
    def is_point_in_time(self) -> bool:
        """False if a fact known after a deadline was used (``"allow"``)."""
        return self.traded.is_point_in_time

    def summary(self) -> str:
        """Return in one line how many events were traded, and why others were not.

        The line also warns if a rule rests on fewer than ten announcement dates.
        """
        sentence = left_out(self.traded)
        few = any(map(mark, self.traded.table["n_dates"]))
        return f"{sentence}; {NOTE}" if few else sentence

    # --- as people see it ------------------------------------------------------------

    def report(
        self, path: str | os.PathLike[str], *, hindsight: bool | Hindsight = False
    ) -> None:
        """Write the report: one self-contained HTML file.

        Parameters
        ----------
        path
        hindsight
            Whether the report has a section on what hindsight adds; or a `Hindsight` to
            show in it.

        Raises
        ------
        InvalidArgumentError
            If the folder does not exist or cannot be written, or `hindsight` is
            neither True, False nor a `Hindsight`.
        """
        if not isinstance(hindsight, Hindsight):
            check_switch("hindsight", hindsight)
        from lakebt.report.html import write_study_report  # noqa: PLC0415 - plotly is slow

        contents = with_lineage(with_chance(self.traded, self._chance), self.traded)
        if best := self.best:
            contents = with_sheet(contents, self.traded, best)
        if hindsight:
            ahead = self.hindsight() if isinstance(hindsight, bool) else hindsight
            contents = with_hindsight(contents, ahead)
        write_study_report(with_panel(contents, self.traded), path)

    def __repr__(self) -> str:
        return f"Result(Study({self.traded.scope.title}): {self.summary()})"

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import surface_html  # noqa: PLC0415 - notebooks only

        return surface_html(with_chance(self.traded, self._chance))
