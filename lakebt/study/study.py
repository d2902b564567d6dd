"""An index study: a view, its events, and every entry and exit."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from lakebt.analysis.pooling import parse_pooling
from lakebt.backtest.costs import CostModel
from lakebt.backtest.levels import Level
from lakebt.backtest.trades import MISSING
from lakebt.backtest.weights import Sizing, TradedSide, check_gross
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.clock import Clock, parse_lead
from lakebt.events.filters import is_within, parse_period, parse_size
from lakebt.events.guard import ON_LOOK_AHEAD, plan
from lakebt.events.rules import parse_entries, parse_exits
from lakebt.events.schedule import schedule
from lakebt.facts import IndexChange, Vintage
from lakebt.inputs.checks import check_positive, one_of
from lakebt.inputs.where import ChangeFilter, plain_where
from lakebt.study.arguments import MARKET, study_arguments
from lakebt.study.empty_cells import check_tradeable
from lakebt.study.engines import ENGINES
from lakebt.study.result import Result

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from lakebt.backtest.trades import Missing
    from lakebt.events.guard import OnLookAhead
    from lakebt.events.plan import Cell
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.view import View
    from lakebt.prices import PriceHistory


ENTRIES = ("AD+1@open", "ED-1@close", "ED@close", "MD+1@open")
EXITS = ("+1", "1w", "2w", "3w", "4w")


class Study:
    """Every entry and exit of an index's rebalancing events, on what a view knew.

    Parameters
    ----------
    view : View
        What is known: a release as of an instant.
    index : str, optional
        The index whose changes, read from the lake, are traded.
    changes : sequence of IndexChange, optional
        Instead of `index`: changes supplied by the caller. The result says so.
    entries, exits : sequence of str
        The grid: ``AD+1@open``, ``ED-1@close``, ``2022-10-03@open``; exits also ``+1``
        (sessions after the entry) and ``2w`` (weeks).
    where : mapping, optional
        Keeps the changes whose columns match: ``{"cause": ["discretionary"]}``. Asked
        of the vintage in force at the entry.
    period : (date, date), optional
        Keeps the events announced from the first day to the last, both inclusive, in
        New York; those without an announcement by their effective date.
    size : (int, int), optional
        Keeps the events with so many legs, from and to, as known at the entry.
    side : {"both", "additions", "deletions"}
    hedge : str, optional
        Symbol that takes the other side where there is none.
    gross, max_gross : float
        Gross exposure as a multiple of capital, and the most that is allowed.
    capital_usd : float
        What each event starts with.
    missing : {"exclude", "drop_leg", "raise"}
        What to do with a leg without prices: leave out its event, trade the rest, stop.
    aggregate : {"pooled", "calendar"}
        How the events become one series: joined, or as the portfolio of those that are
        open.
    weighting : {"event", "leg"}
        Of the calendar portfolio: the same for each open event, or by its legs.
    max_weight : float
        Of the calendar portfolio: at most this share of the capital is invested for
        each open event, the rest is cash. 1, the default, sets no limit.
    costs : CostModel
        Zero by default.
    on_look_ahead : {"mask", "raise", "allow"}
        What to do with an order that needs a fact from after its deadline.
    min_lead : str or timedelta
        How long before its fill an order must be sent.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If the view has no such index, or `where` names no column.

    Notes
    -----
    Orders are filled at the named price, sized on the last close known before the
    entry's deadline, and held to the exit; weights are not rebalanced in between.
    """

    def __init__(
        self,
        view: View,
        *,
        index: str | None = None,
        changes: Sequence[IndexChange] | None = None,
        entries: Sequence[str] = ENTRIES,
        exits: Sequence[str] = EXITS,
        where: Mapping[str, Any] | None = None,
        period: tuple[object, object] | None = None,
        size: tuple[int, int] | None = None,
        side: str = "both",
        hedge: str | None = None,
        gross: float = 1.0,
        max_gross: float = 2.0,
        capital_usd: float = 100_000.0,
        missing: str = "exclude",
        aggregate: str = "pooled",
        weighting: str = "event",
        max_weight: float = 1.0,
        costs: CostModel | None = None,
        on_look_ahead: str = "mask",
        min_lead: str | dt.timedelta = "10min",
    ) -> None:
        if (index is None) == (changes is None):
            msg = "pass either index= (changes from the lake) or changes= (your own)"
            raise InvalidArgumentError(msg)
        self.view = view
        self.index = index
        self.entries = parse_entries(entries)
        self.exits = parse_exits(exits)
        self.where = plain_where(where)
        self._matches = ChangeFilter(self.where).matches
        self.period, self.size = parse_period(period), parse_size(size)
        check_gross(gross, max_gross)
        check_positive("capital_usd", capital_usd)
        self.sizing = Sizing(
            side=TradedSide(one_of(side, TradedSide, what="side")),
            hedge=hedge,
            gross=gross,
            capital_usd=capital_usd,
        )
        self.max_gross = max_gross
        self.missing = cast("Missing", one_of(missing, MISSING, what="missing"))
        self.pooling = parse_pooling(aggregate, weighting, max_weight)
        self.costs = CostModel() if costs is None else costs
        how = one_of(on_look_ahead, ON_LOOK_AHEAD, what="on_look_ahead")
        self.on_look_ahead = cast("OnLookAhead", how)
        self.clock = Clock(sessions=view.sessions, min_lead=parse_lead(min_lead))
        self.changes = None if changes is None else tuple(changes)
        self._vintages = (
            view.change_vintages(index=index)
            if index is not None
            else supplied(self.changes or (), view)
        )

    @property
    def supplied(self) -> bool:
        """Whether the caller gave the changes, instead of the lake."""
        return self.changes is not None

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """What was asked, as plain values; see `lakebt.study.arguments`."""
        return study_arguments(self)

    @cached_property
    def schedule(self) -> Schedule:
        """Every order, decided before any price is looked at, as columns.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``, for the first order that needs later facts.
        """
        return schedule(
            self._vintages,
            entries=self.entries,
            exits=self.exits,
            clock=self.clock,
            keep=self._keeps,
            on_look_ahead=self.on_look_ahead,
            size=self.size,
        )

    def plan(self) -> tuple[Cell, ...]:
        """Decide every order, before any price is looked at.

        Returns
        -------
        tuple of Cell
            By event, entry and exit; `size` is not asked.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``, for the first order that needs later facts.
        """
        return plan(
            self._vintages,
            entries=self.entries,
            exits=self.exits,
            clock=self.clock,
            keep=self._keeps,
            on_look_ahead=self.on_look_ahead,
        )

    def newest(self) -> tuple[IndexChange, ...]:
        """Return the changes the study is about, as the view knows them at its end."""
        last = {
            vintage.change_id: vintage
            for vintage in sorted(self._vintages, key=lambda v: v.change.known_at)
        }
        return tuple(
            vintage.change
            for vintage in last.values()
            if not vintage.retracted and self._keeps(vintage)
        )

    def _keeps(self, vintage: Vintage) -> bool:
        change = vintage.change
        return (
            self.sizing.side.takes(change.side)
            and self._matches(vintage)
            and (self.period is None or is_within(self.period, change))
        )

    def run(
        self,
        *,
        engine: str = "event",
        record: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """Plan, price, trade and collect every cell.

        Parameters
        ----------
        engine : {"event", "vectorbt"}
            What turns orders into equity: one pass over every cell, or a
            ``vectorbt.Portfolio`` for each event. They agree.
        record
            Whether every cell is recorded among the lake's trials. A lake that cannot
            be written gives a warning, and the result all the same.
        progress
            Called with the events done and their number: after each, or once at the end
            by the event engine.

        Returns
        -------
        Result

        Warns
        -----
        LedgerWarning
            If the trials could not be recorded.

        Raises
        ------
        InvalidArgumentError
            If the hedge has no prices, or no exit comes after its entry.
        UnknownNameError
            If the engine is unknown.
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UntradeableError
            If no event matches, or every cell is untradeable (not refused); under
            ``missing="raise"``, if a leg has no price.
        """
        one_of(engine, ENGINES, what="engine")
        self.check_events()
        result = self.trade(engine=engine, progress=progress)
        if self.missing == "raise":
            result.raise_unpriced()
        check_tradeable(
            result.cells.reason, self.entries, self.exits, first=result.first_empty
        )
        if record:
            result.record()
        return result

    def trade(
        self, *, engine: str, progress: Callable[[int, int], None] | None = None
    ) -> Result:
        """Fill in every cell, even if none can be traded, and record nothing."""
        started = time.perf_counter()
        plan = self.schedule
        history = self.history(plan)
        level = Level.of(self.costs, self.sizing)
        (cells,) = ENGINES[engine](plan, history, self, (level,), progress)
        return Result(
            study=self,
            engine=engine,
            schedule=plan,
            cells=cells,
            history=history,
            seconds=time.perf_counter() - started,
        )

    def check_events(self) -> None:
        """Stop if there is no event.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UntradeableError
            If no event matches.
        """
        if len(self.schedule):
            return
        what = f"{self.sizing.side} of {self.index or 'the changes given'} match"
        if self.sizing.side is TradedSide.BOTH:
            what = f"change of {self.index or 'those given'} matches"
        filters = (self.where, self.period, self.size)
        asked = "".join(f" {value}" for value in filters if value)
        msg = (
            f"no {what}{asked} as known at {self.view.instant.isoformat()}: widen "
            f"where=, period=, size= or side=, or take a later view"
        )
        raise UntradeableError(msg)

    def history(self, plan: Schedule) -> PriceHistory:
        """Return the prices of every leg of a plan, of the hedge, and of the market.

        Raises
        ------
        InvalidArgumentError
            If the hedge has no prices.
        """
        symbols = {
            vintage.change.symbol
            for history in plan.changes.histories
            for vintage in history
        }
        symbols.add(MARKET)
        hedge = self.sizing.hedge
        if hedge is not None:
            symbols.add(hedge)
        history = self.view.price_history(sorted(symbols))
        if hedge is not None and hedge not in history:
            msg = (
                f"hedge {hedge!r} has no prices in release {self.view.release!r}: "
                f"publish them, or hedge with another symbol"
            )
            raise InvalidArgumentError(msg)
        return history

    def refusals(self) -> pd.DataFrame:
        """Return how many events each rule will refuse, before anything runs.

        Returns
        -------
        DataFrame
            A row per entry, exit and reason: ``n_events`` empty of ``n_total``.
        """
        return self.schedule.count_empty()

    def __repr__(self) -> str:
        return (
            f"Study({self.index or 'changes given'}, release {self.view.release!r}, "
            f"{len(self.entries)} entries x {len(self.exits)} exits)"
        )

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import study_html  # noqa: PLC0415 - notebooks only

        plan = self.schedule if self.on_look_ahead != "raise" else None
        return study_html(
            {
                "release": self.view.release,
                "as of": f"{self.view.instant.isoformat()}",
                "index": self.index or "changes supplied by the caller",
                "events": str(len(plan.events)) if plan is not None else "0",
                "entries": ", ".join(map(str, self.entries)),
                "exits": ", ".join(map(str, self.exits)),
                "costs": str(self.costs),
            },
            None if plan is None else plan.count_empty(),
        )


def supplied(changes: Iterable[IndexChange], view: View) -> tuple[Vintage, ...]:
    """Return vintages like those of the lake, with what its holdings showed of each.

    Raises
    ------
    InvalidArgumentError
        If one is no `IndexChange`.
    """
    vintages = []
    for change in changes:
        if not isinstance(change, IndexChange):
            msg = f"changes must be IndexChange values, one was {change!r}"
            raise InvalidArgumentError(msg)
        if change.recorded is None:
            shown = view.first_shown(
                index=change.index,
                symbol=change.symbol,
                side=change.side,
                after=change.announced or change.known_at,
            )
            known = {name: getattr(change, name) for name in IndexChange.__slots__}
            change = IndexChange(**{**known, "recorded": shown})  # noqa: PLW2901 - a copy
        vintages.append(Vintage(change_id=change.change_id, change=change))
    return tuple(vintages)
