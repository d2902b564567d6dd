"""`Study`: the rebalancing events of an index, traded at every entry and exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.events.plan import Plan
from lakebt.inputs.checks import check_function, check_switch, one_of
from lakebt.lake.reading.known_release import check_view
from lakebt.study.arguments import ENTRIES, EXITS, Arguments
from lakebt.study.chunks import some_at_a_time
from lakebt.study.empty_cells import check_tradeable, raise_unpriced
from lakebt.study.engines import ENGINES
from lakebt.study.hindsight import Hindsight
from lakebt.study.result import Result
from lakebt.study.scope import Scope
from lakebt.study.trading import trade
from lakebt.study.upcoming import upcoming

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.facts import IndexChange
    from lakebt.lake.reading.view import View


class Study:
    """A backtest of an index's rebalancing events over a grid of entries and exits.

    Parameters
    ----------
    view : View
        The release and the instant that the study reads.
    index : str, optional
        The index whose changes, read from the lake, are traded.
    changes : sequence of IndexChange, optional
        Your own changes, instead of `index`. The result says so. If two changes have
        the same index, symbol, side and day, the one with the later `known_at` corrects
        the other. If their `known_at` is equal too, they must be the same.
    entries, exits : sequence of str
        The grid: ``AD+1@open``, ``ED-1@close``, ``2022-10-03@open``; exits also ``+1``
        (sessions after the entry) and ``2w`` (weeks).
    where : mapping, optional
        Keeps the changes whose columns match: ``{"cause": ["discretionary"]}``. The
        filter sees the vintage in force at the entry.
    period : (date, date), optional
        Keeps the events announced from the first day to the last, both inclusive, in
        New York. Events without an announcement count by their effective date.
    size : (int, int), optional
        Keeps the events whose number of legs, as known at the entry, is in this range,
        both ends inclusive.
    side : {"both", "additions", "deletions"}
        Which of the changes are traded.
    hedge : str, optional
        The symbol that takes the other side of events that have only one side.
    gross, max_gross : float
        Gross exposure as a multiple of capital, and its upper limit.
    capital_usd : float
        The capital of each event at its start.
    missing : {"exclude", "drop_leg", "raise"}
        What to do if a leg has no price: leave out its event, trade the other legs, or
        raise an error.
    delisting_return : float, optional
        The return over the last close of a delisting without a known cash amount, at
        least -1. By default a cell that holds such a share is empty (``no_price``),
        because no single number suits all. Shumway (1997), "The delisting bias in CRSP
        data", has -0.30 for NYSE, and Shumway and Warther (1999), "The delisting bias
        in CRSP's Nasdaq data and its implications for the size effect", -0.55 for
        Nasdaq; SIVB went from 106.04 to 0.53 in 2023 (-0.995), and SBNY from 70.00 to
        0.09.
    aggregate : {"pooled", "calendar"}
        How the events become one return series: joined one after another, or as a
        calendar-time portfolio of the open events, which pays for keeping them at their
        weights.
    weighting : {"event", "leg"}
        Weights in the calendar portfolio: equal for each open event, or by its number
        of legs.
    max_weight : float
        The largest share of the calendar portfolio's capital in one open event; the
        rest is cash. 1, the default, sets no limit.
    costs : CostModel
        The default is no costs.
    on_look_ahead : {"mask", "raise", "allow"}
        What to do with an order that needs a fact from after its deadline: leave the
        cell empty, raise an error, or trade it all the same.
    min_lead : str or timedelta
        How long before its fill an order must be sent, with its unit: ``10min``.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If the view has no such index, or `where` names no column.

    Notes
    -----
    Orders are filled at the price of the rule, sized on the last close known before the
    entry's deadline, and held until the exit; weights are not rebalanced in between.
    Positions in one symbol are netted: a symbol that one event adds and deletes, or
    that is also the hedge, is traded, charged and borrowed as the sum of its positions.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=3, jump_bps=220)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> study = lakebt.Study(
    ...     lake.at("R1"),
    ...     index="SIM",
    ...     entries=["AD+1@open"],
    ...     exits=["+1", "1w"],
    ...     costs=lakebt.CostModel(commission_bps=1.0),
    ... )
    >>> study.run().sharpe().shape
    (1, 2)
    >>> directory.cleanup()
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
        delisting_return: float | None = None,
        aggregate: str = "pooled",
        weighting: str = "event",
        max_weight: float = 1.0,
        costs: CostModel | None = None,
        on_look_ahead: str = "mask",
        min_lead: str | dt.timedelta = "10min",
    ) -> None:
        check_view(view)
        self.view = view
        self.arguments = Arguments.parse(
            index=index,
            changes=changes,
            entries=entries,
            exits=exits,
            where=where,
            period=period,
            size=size,
            side=side,
            hedge=hedge,
            gross=gross,
            max_gross=max_gross,
            capital_usd=capital_usd,
            missing=missing,
            delisting_return=delisting_return,
            aggregate=aggregate,
            weighting=weighting,
            max_weight=max_weight,
            costs=costs,
            on_look_ahead=on_look_ahead,
            min_lead=min_lead,
        )
        self._scope = Scope(view, self.arguments)

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
            How orders become equity: lakebt's own pass over all cells, or a
            ``vectorbt.Portfolio`` per event. Both give the same numbers.
        record
            Whether to record every cell among the lake's trials. If the lake is
            read-only, a warning says so, and the result is returned.
        progress
            Called with the number of events done and their total: after each event, or
            once at the end with the event engine.

        Returns
        -------
        Result
            What every cell came to.

        Warns
        -----
        LedgerWarning
            If the trials could not be recorded.

        Raises
        ------
        InvalidArgumentError
            If the hedge has no prices, no exit comes after its entry, or `record` is
            neither True nor False.
        UnknownNameError
            If the engine is unknown.
        LookAheadError
            Under ``on_look_ahead="raise"``.
        UntradeableError
            If no event matches, or every cell is untradeable (not refused); under
            ``missing="raise"``, if a leg has no price.
        """
        check_function("progress", progress)
        check_switch("record", record)
        one_of(engine, ENGINES, what="engine")
        stops = self.arguments.on_look_ahead == "raise"
        self._scope.check_events(some_at_a_time(self._scope, as_all=stops))
        traded = trade(self._scope, engine=engine, progress=progress)
        if self.arguments.missing == "raise":
            raise_unpriced(traded)
        check_tradeable(traded)
        result = Result(traded)
        if record:
            result.record()
        return result

    def plan(self) -> Plan:
        """Return the guard's decision on every order, without reading prices.

        Returns
        -------
        Plan
            A tuple of cells, by event, entry and exit. The filter `size` is not
            applied.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``, for the first order that needs later facts.
        """
        return Plan(self._scope.plan())

    def hindsight(self) -> Hindsight:
        """Run the same rules with look-ahead, to measure what it would add.

        The rules run on three states of knowledge: as known at the time; with the
        newest vintage of every change known from the start; and with effective dates
        alone, as in data sets without announcements. Each runs on raw prices and on
        prices adjusted with later corporate actions. None of this is a result, and
        nothing is recorded among the trials.

        Returns
        -------
        Hindsight
            ``table()`` has a row per rule and state of knowledge; ``facts()`` lists the
            facts that were different, or known at another time; ``sentence`` sums up
            what hindsight adds.
        """
        stops = self.arguments.on_look_ahead == "raise"
        self._scope.check_events(some_at_a_time(self._scope, as_all=stops))
        return Hindsight(self._scope)

    def upcoming(self) -> pd.DataFrame:
        """Return the orders of events that are not over, as the view knows them.

        These are the orders still to be sent, and the orders of positions still held.
        The guard treats them as it treats past orders. So a study run later sees the
        same order, unless a new fact arrives in between. Refused cells have no orders:
        see `refusals`. `on_look_ahead` has no effect here.

        Returns
        -------
        DataFrame
            A row per leg, rule and fill, sorted by deadline: ``event_id``, ``entry``,
            ``exit``; ``order``, "entry" or "exit"; ``status``: "due" before the
            deadline, "sent" after it, and "waiting" while a fact that sets the date is
            missing, for at most 126 sessions after the event; ``session``, ``at`` and
            ``deadline`` (UTC), NaT and empty while waiting; ``symbol``; ``side``,
            "buy" or "sell"; ``size`` in shares and the signed ``weight``, based on
            ``last_close``: the last close known now, or before the entry's deadline if
            that is past, NaN if there is none; ``fact``, what the order rests on or
            waits for; and ``known_at``, when that fact was known. A one-sided event
            without a hedge has no orders. Empty if no order is to come.

        Raises
        ------
        InvalidArgumentError
            If the hedge has no prices.
        """
        return upcoming(self._scope)

    def refusals(self) -> pd.DataFrame:
        """Return how many events each rule would refuse, without running the study.

        Returns
        -------
        DataFrame
            A row per entry, exit and reason: ``n_events`` of ``n_total`` are empty.
        """
        parts = some_at_a_time(self._scope, as_all=True)
        counts = [part.schedule.count_empty() for part in parts]
        return pd.concat(counts, ignore_index=True) if len(counts) > 1 else counts[0]

    def __repr__(self) -> str:
        return f"Study({self._scope.title})"

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import study_html  # noqa: PLC0415 - notebooks only

        # The guard stops at the first refusal under "raise": there is nothing to count.
        refuses = self.arguments.on_look_ahead == "raise"
        words = {
            "release": self.view.release,
            "as of": self.view.instant.isoformat(),
            **self.arguments.in_words(),
        }
        if refuses:
            return study_html(words, None)
        parts = some_at_a_time(self._scope, as_all=False)
        events = {event for part in parts for event in part.schedule.events}
        words["events"] = str(len(events))
        return study_html(words, self.refusals())
