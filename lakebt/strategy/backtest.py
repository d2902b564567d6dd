"""Anybody's strategy: called once per decision with the view at its deadline."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, Any, Protocol

from lakebt._messages import as_words
from lakebt.backtest.book import keep_book
from lakebt.backtest.reference import installed
from lakebt.backtest.reference_book import keep_vectorbt
from lakebt.errors import InvalidArgumentError
from lakebt.events.clock import Clock
from lakebt.inputs.checks import check_function, check_positive, check_switch, one_of
from lakebt.lake.reading.known import check_view
from lakebt.strategy.decisions import Decisions
from lakebt.strategy.execution import execute
from lakebt.strategy.factory import Maker, target_of
from lakebt.strategy.identity import identity_of
from lakebt.strategy.parameters import as_texts
from lakebt.strategy.run import Run
from lakebt.strategy.terms import PERIODS, Terms
from lakebt.strategy.trading import TradedStrategy
from lakebt.strategy.trials import parameters_of, record_run
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    import pandas as pd

    from lakebt.backtest.book import Bookkeeper
    from lakebt.backtest.costs import CostModel
    from lakebt.events.clock import Fill
    from lakebt.lake.reading.view import View
    from lakebt.strategy.audit.verdict import Audit


ENGINES: Mapping[str, Bookkeeper] = {"event": keep_book, "vectorbt": keep_vectorbt}
"""What turns a strategy's orders into a book, by name."""


class Strategy(Protocol):
    """What `Backtest` runs: any object with this method."""

    def target_weights(self, view: View) -> pd.Series:
        """Return symbol → weight, as fractions of equity; what is left out is 0."""
        ...


class Backtest:
    """A strategy on what was known at each of its decisions.

    Parameters
    ----------
    view : View
        What is known in the end. Each decision sees it as of its own deadline.
    strategy
        An object with ``target_weights(view) -> Series``. Or its class, or a function
        that makes it, of nothing or of the view: then every run has a new one.
    start, end : str or date
        First and last day of the run, both inclusive.
    rebalance : {"daily", "weekly", "monthly"}
        A decision for the first session of each, from `start` on.
    fill : {"open", "close"}
        Where in that session the orders are filled.
    costs : CostModel
        Zero by default.
    max_gross : float
        The most that the absolute weights of a decision may sum to.
    capital_usd : float
        What the run starts with.
    min_lead : str or timedelta
        How long before its fill an order must be sent, with its unit: ``10min``.
    delisting_return : float, optional
        What a delisting whose cash is not known returned on the last close, as a
        fraction: -1 is a total loss. None refuses to hold through one. There is no
        good default: Shumway (1997), "The delisting bias in CRSP data", found -30 % on
        NYSE, Shumway and Warther (1999) -55 % on Nasdaq; Silicon Valley Bank fell by
        99.5 %, from 106.04 to 0.53 at the next trade anybody could have had.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, or `end` is past what the view knows.

    Notes
    -----
    Each decision is sized on the equity as it is: cash and positions at the last closes
    known before its deadline, less the borrow of every session up to its own. Shares
    are those of the fill, as far as corporate actions were known before the deadline;
    one that was not changes no order.

    Where ``instruments`` has rows, a weight is of the share that the decision's view
    calls so in its panels; tables call it as those of a study do.

    Corporate actions happen to positions at the open of their ``ex_date``, those in
    force at the view's instant. What is held at the close before gets or owes dividends
    in full, and becomes shares, cash and shares of others; orders at that open do not.
    Shares of others that no decision asked for have a target of zero: the next decision
    sells them. Whatever ends without a corporate action, because its prices just stop,
    is kept at its last close, and orders in it are not filled.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> import pandas as pd
    >>> from lakebt.sources.simulated import simulated_market
    >>> class Winner:
    ...     "Holds the symbol that rose the most."
    ...
    ...     def target_weights(self, view):
    ...         close = view.panel("close")
    ...         return pd.Series({(close.iloc[-1] / close.iloc[0]).idxmax(): 1.0})
    >>> market = simulated_market(seed=1, n_events=3)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> backtest = lakebt.Backtest(
    ...     lake.at("R1"), Winner, start="2010-02-01", end="2010-04-30"
    ... )
    >>> run = backtest.run(record=False)
    >>> len(run.weights())
    3
    >>> directory.cleanup()
    """

    def __init__(
        self,
        view: View,
        strategy: Strategy | Callable[[], Strategy] | Callable[[View], Strategy],
        *,
        start: str | dt.date,
        end: str | dt.date,
        rebalance: str = "monthly",
        fill: str = "open",
        costs: CostModel | None = None,
        max_gross: float = 2.0,
        capital_usd: float = 100_000.0,
        min_lead: str | dt.timedelta = "10min",
        delisting_return: float | None = None,
    ) -> None:
        check_view(view)
        self._maker = Maker(strategy)
        self._audit: Audit | None = None
        self.view, self.strategy = view, strategy
        self.terms = Terms.parse(
            start=start,
            end=end,
            rebalance=rebalance,
            fill=fill,
            costs=costs,
            max_gross=max_gross,
            capital_usd=capital_usd,
            min_lead=min_lead,
            delisting_return=delisting_return,
        )
        self._first = view.sessions.on_or_after(self.terms.start)
        self._last = view.sessions.on_or_before(self.terms.end)
        if self._last < self._first:
            is_back = self.terms.end < self.terms.start
            cure = "the end lies before the start" if is_back else "take more days"
            msg = (
                f"no session from start {self.terms.start} to end {self.terms.end}: "
                f"{cure}"
            )
            raise InvalidArgumentError(msg)
        if view.sessions.instant(self._last, "close") > view.instant:
            msg = (
                f"end {self.terms.end} is past what the view knows "
                f"({view.instant.isoformat()}): "
                f"choose an earlier end, or a later release"
            )
            raise InvalidArgumentError(msg)

    def decisions(self) -> list[Fill]:
        """Return the fill of each decision: the first session of each period."""
        sessions = self.view.sessions
        clock = Clock(sessions=sessions, min_lead=self.terms.min_lead)
        period = PERIODS[self.terms.rebalance]
        fills = []
        before: Any = None
        for session in range(self._first, self._last + 1):
            now = period(sessions.date(session))
            if now != before:
                fill = clock.fill(session, self.terms.fill)
                assert fill is not None  # noqa: S101 - between two sessions
                fills.append(fill)
            before = now
        return fills

    @property
    def name(self) -> str:
        """The strategy's."""
        return self._maker.name

    @property
    def audited(self) -> bool:
        """Whether the strategy passed a look-ahead audit of these decisions."""
        return self._audit is not None and self._audit.passed

    def _rerun(self) -> Decisions:
        return Decisions(
            self.view,
            self._maker,
            fills=self.decisions(),
            max_gross=self.terms.max_gross,
        )

    def audit(
        self,
        *,
        decisions: int | None = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Audit:
        """Say whether a decision depends on what was not yet known at its deadline.

        The strategy is made anew, and its decisions are made again with everything
        known after a deadline removed, and replaced by something else, in every view
        there is, also in those it kept or opens itself. Runs of this backtest that
        follow a passed audit say so.

        Parameters
        ----------
        decisions : int, optional
            At how many deadlines; at 50, or all if they are fewer, by default. When one
            changes, all before it are looked at too, so that the first is named.
        seed : int
            From which the other futures are drawn.
        progress
            Called with the decisions made and their number, as far as it is known.

        Returns
        -------
        Audit
            `passed` or not, and its `verdict`: a decision that changed is named, with
            both weights; a strategy that decides otherwise on the same data is not
            reproducible; one that holds data made before cannot be audited.

        Raises
        ------
        InvalidArgumentError
            If `decisions` is not above zero, if the strategy returns no weights, or
            if it is an object that cannot be copied.
        """
        check_function("progress", progress)
        if decisions is not None:
            check_positive("decisions", decisions)
        self._audit = self._rerun().audited(
            decisions=decisions, seed=seed, progress=progress
        )
        return self._audit

    def run(
        self,
        engine: str = "event",
        *,
        record: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Run:
        """Ask the strategy for every decision, and trade its weights.

        Parameters
        ----------
        engine : {"event", "vectorbt"}
            Our own, or the reference; they agree to 1e-9.
        record
            Whether it is recorded among the lake's trials. A lake that cannot be
            written gives a warning, and the run all the same.
        progress
            Called with the decisions made and their number, after each.

        Returns
        -------
        Run

        Warns
        -----
        LedgerWarning
            If it could not be recorded.

        Raises
        ------
        InvalidArgumentError
            If the strategy returns something other than finite weights of symbols that
            have prices, or more gross exposure than `max_gross`, or there is no such
            engine; if it is to be recorded and holds something that cannot be told
            from another one, or was recorded before with other numbers.
        UntradeableError
            If it never holds anything, or its equity reaches zero; if it holds what was
            delisted for nobody knows what, or became shares that have no prices.
        """
        check_function("progress", progress)
        check_switch("record", record)
        keep = ENGINES[one_of(engine, ENGINES, what="engine")]
        if keep is keep_vectorbt:
            installed()  # or say so, before the work and not after it
        started = time.perf_counter()
        terms = self.terms
        fills = self.decisions()
        decisions = self._rerun()
        decided: list[pd.Series] = []
        with decisions.running():
            self._maker.keep()
            strategy = self._maker.make(self.view)
            # What it is, before it learns: so every run of it is the same one.
            parameters = parameters_of(strategy)
            source = self._source(strategy, is_needed=record)
            settings = as_texts(strategy)
            for number in range(len(fills)):
                weights = decisions.decide(strategy, number)
                decided.append(decisions.traded(weights, number))
                if progress is not None:
                    progress(number + 1, len(fills))
        done = execute(
            decided,
            view=self.view,
            fills=fills,
            first=self._first,
            last=self._last,
            terms=terms,
            keep=keep,
        )
        traded = TradedStrategy(
            view=self.view,
            terms=terms,
            name=self.name,
            parameters=parameters,
            source=source,
            target="" if settings is None else target_of(strategy),
            settings=tuple(settings or ()),
            engine=engine,
            audited=self.audited,
            targets=done.targets,
            window=done.window,
            orders=done.orders,
            unfilled=done.unfilled,
            book=done.book,
            borrow=done.borrow,
        )
        run = Run(traded)
        if record:
            seconds = time.perf_counter() - started
            run.is_recorded = record_run(traded, seconds=seconds)
        return run

    @as_words
    def __repr__(self) -> str:
        terms = self.terms
        return (
            f"Backtest({self.name}, release {self.view.release!r}, {terms.start} to "
            f"{terms.end}: {count(len(self.decisions()), 'decision')}, "
            f"{terms.rebalance} at the {terms.fill}, audited={self.audited})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    def _source(self, strategy: object, *, is_needed: bool) -> str:
        """Return what a strategy is; empty if nobody needs to know and none can.

        Raises
        ------
        InvalidArgumentError
            If somebody needs to.
        """
        try:
            return identity_of(strategy, name=self.name)
        except InvalidArgumentError:
            if is_needed:
                raise
            return ""
