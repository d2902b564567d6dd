"""`Backtest`: a strategy, called at each decision with the view at its deadline."""

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
from lakebt.lake.reading.known_release import check_view
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
        """Return a weight per symbol, as fractions of equity; others are 0."""
        ...


class Backtest:
    """A backtest of your own strategy; each decision sees only what was known then.

    Parameters
    ----------
    view : View
        The release and the latest instant. Each decision sees it as of its own
        deadline.
    strategy
        An object with ``target_weights(view) -> Series``; or its class, or a function
        that makes it, with no argument or with the view. From a class or a function,
        every run makes a new object.
    start, end : str or date
        First and last day of the run, both inclusive.
    rebalance : {"daily", "weekly", "monthly"}
        One decision for the first session of each period, from `start` on.
    fill : {"open", "close"}
        Whether orders are filled at that session's open or close.
    costs : CostModel
        The default is no costs.
    max_gross : float
        The upper limit of a decision's gross exposure, the sum of absolute weights.
    capital_usd : float
        The capital at the start.
    min_lead : str or timedelta
        How long before its fill an order must be sent, with its unit: ``10min``.
    delisting_return : float, optional
        The return over the last close of a delisting without a known cash amount, as a
        fraction: -1 is a total loss. With None, holding such a share is an error. There
        is no good default: Shumway (1997), "The delisting bias in CRSP data", found
        -30 % on NYSE, Shumway and Warther (1999) -55 % on Nasdaq; Silicon Valley Bank
        fell by 99.5 %, from 106.04 to 0.53 at the next possible trade.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, or `end` is later than the view's instant.

    Notes
    -----
    Orders are sized on the equity at the decision: cash, and positions at the last
    closes known before its deadline, less borrow up to that session. The number of
    shares accounts for corporate actions between the decision and the fill if they were
    known before the deadline; an action that was not known changes no order.

    If ``instruments`` has rows, a symbol in the weights names the share that has it in
    the panels of the decision's view. Result tables use the same names as a study's.

    Corporate actions in force at the view's instant apply to positions at the open of
    their ``ex_date``. Shares held at the close before receive (or, when short, owe)
    dividends in full, and become other shares or cash; orders at that open are not
    affected. Shares of another symbol that a position turns into have a target of zero
    unless a decision sets one: the next decision sells them. If the prices of a share
    stop without a corporate action, its position stays at the last close, and orders in
    it are not filled.

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
        """The strategy's name."""
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
        """Check whether a decision depends on facts from after its deadline.

        The audit makes the strategy anew and repeats its decisions: without the facts
        known after the deadline, and with invented facts in their place. Every view is
        altered so, also views that the strategy kept or opens itself. If the audit
        passes, later runs of this backtest say so.

        Parameters
        ----------
        decisions : int, optional
            The number of deadlines to test. The default is 50, or all if there are
            fewer. If a decision changes, all earlier ones are tested too, to name the
            first that does.
        seed : int
            The seed of the invented facts.
        progress
            Called with the number of decisions made and their total, as far as known.

        Returns
        -------
        Audit
            `passed`, and its `verdict`. If a decision changed, the audit names it, with
            both weights. A strategy that decides differently on the same data is not
            reproducible; one that holds data from before the audit cannot be audited.

        Raises
        ------
        InvalidArgumentError
            If `decisions` is not above zero, the strategy returns no weights, or it is
            an object that cannot be copied.
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
        """Call the strategy at every decision, and trade its weights.

        Parameters
        ----------
        engine : {"event", "vectorbt"}
            lakebt's own engine, or vectorbt as a reference. They agree to 1e-9.
        record
            Whether to record the run among the lake's trials. If the lake is read-only,
            a warning says so, and the run is returned.
        progress
            Called with the number of decisions made and their total, after each.

        Returns
        -------
        Run
            What the strategy ordered, held and earned.

        Warns
        -----
        LedgerWarning
            If the run could not be recorded.

        Raises
        ------
        InvalidArgumentError
            If the strategy returns anything but finite weights of symbols that have
            prices, or more gross exposure than `max_gross`; if there is no such engine;
            or, with `record`, if the strategy holds something that has no identity, as
            a generator, or the same run was recorded before with other numbers.
        UntradeableError
            If the strategy never holds a position, or its equity reaches zero; if it
            holds a share that was delisted for an unknown amount, or that became shares
            without prices.
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
        """Return the identity of a strategy; empty if it has none and needs none.

        Raises
        ------
        InvalidArgumentError
            If it needs an identity and has none.
        """
        try:
            return identity_of(strategy, name=self.name)
        except InvalidArgumentError:
            if is_needed:
                raise
            return ""
