"""Why cells are empty: counted from columns, explained in full for a few."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.pooling import Aggregate
from lakebt.errors import InvalidArgumentError, UntradeableError, listed
from lakebt.events.schedule import count_reasons
from lakebt.prices.benchmark import MARKET
from lakebt.prices.holding import Holdings
from lakebt.study import tables
from lakebt.study.acted_legs import count_ended
from lakebt.study.single import deal
from lakebt.values.reasons import REASONS, Reason, text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd

    from lakebt._typing import BoolVector
    from lakebt.study.trading import TradedStudy


LISTED = 200
"""Events left out that are told in full, for each reason."""


def empty_rules(study: TradedStudy) -> pd.DataFrame:
    """Count the empty cells of each rule by reason.

    Returns
    -------
    DataFrame
        A row per `entry`, `exit` and `reason`: `n_events`; and, where no event of the
        rule was traded, `fact`, `known_at` and `needed_by` of the first event empty for
        its most frequent reason.
    """
    plan, codes = study.schedule, study.cells.reason
    counts = count_reasons(plan, codes).drop(columns="n_total")
    examples = np.zeros(codes.shape, dtype=bool)
    for number in range(len(plan.entries)):
        slots = np.flatnonzero(plan.entry == number)
        for column in np.flatnonzero((codes[slots] > 0).all(axis=0)).tolist():
            if len(slots):
                own = codes[slots, column]
                most = np.bincount(own).argmax()  # the first reason where two tie
                examples[slots[np.argmax(own == most)], column] = True
    first = tables.refused(study.lookup.each(only=examples)).drop(columns="event_id")
    return counts.merge(first, on=["entry", "exit", "reason"], how="left")


def left_out_events(study: TradedStudy) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the events that the best rule leaves out, or all rules if none is best.

    Returns
    -------
    DataFrame
        As from `Result.refused`, a row per event and reason, the first `LISTED` of each
        reason.
    dict of str to int
        How many events each reason leaves out.
    """
    plan, codes = study.schedule, study.cells.reason
    is_empty = codes > 0
    if study.best is not None:
        is_empty &= _of_rule(study, *study.best)
    shown = np.zeros(codes.shape, dtype=bool)
    counts = {}
    for reason in REASONS:
        slots, exits = np.nonzero(is_empty & (codes == reason.code))
        events, first = np.unique(plan.event[slots], return_index=True)
        if len(events):
            counts[str(reason)] = len(events)
            some = first[:LISTED]
            shown[slots[some], exits[some]] = True
    return tables.refused(study.lookup.each(only=shown)), counts


def _of_rule(study: TradedStudy, entry: str, exit_: str) -> BoolVector:
    """Return which cells are of one rule, shape (n_slots, n_exits)."""
    is_entry = np.array(study.entries) == entry
    is_exit = np.array(study.exits) == exit_
    of_rule: BoolVector = is_entry[study.schedule.entry][:, None] & is_exit
    return of_rule


def check_tradeable(study: TradedStudy) -> None:
    """Stop where every cell is untradeable; one that is refused is a result.

    Raises
    ------
    InvalidArgumentError
        If no exit comes after its entry.
    UntradeableError
        If every cell is empty for want of prices, a session, or a side.
    """
    codes, numbers = np.unique(study.cells.reason, return_counts=True)
    if 0 in codes or any(Reason.of_code(code).is_refusal for code in codes.tolist()):
        return
    counts = Counter(
        {
            Reason.of_code(code): number
            for code, number in zip(codes.tolist(), numbers.tolist(), strict=True)
        }
    )
    fact = study.lookup.first_empty().fact
    if set(counts) == {Reason.EXIT_BEFORE_ENTRY}:
        msg = (
            f"none of the exits {listed(study.exits)} comes after its entry "
            f"{listed(study.entries)}: {fact}"
        )
        raise InvalidArgumentError(msg)
    reasons = ", ".join(f"{n} {reason}" for reason, n in counts.most_common())
    cure = text_of(counts.most_common(1)[0][0]).cure
    msg = f"every cell is untradeable: {reasons} ({fact}). To mend it, {cure}."
    raise UntradeableError(msg)


def left_out(study: TradedStudy) -> str:
    """Return in one line how many events run, why the others do not, and the cure.

    An event runs if any of its cells does; else it is counted under the reason that
    came last in the order of telling, the one that stood between it and a trade.
    """
    plan, cells = study.schedule, study.cells
    running = np.zeros(len(plan.events), dtype=bool)
    running[plan.event[cells.traded.any(axis=1)]] = True
    last = np.zeros(len(plan.events), dtype=np.int64)
    np.maximum.at(last, plan.event, cells.reason.max(axis=1))
    why: Counter[Reason] = Counter()
    rescued = 0
    for number in np.flatnonzero(~running).tolist():
        reason = Reason.of_code(last[number])
        why[reason] += 1
        rescued += _would_run(number, study)
    n_running = int(running.sum())
    noun = "event runs" if n_running == 1 else "events run"
    parts = [f"{n_running} of {len(running)} {noun}"]
    if why:
        parts.append(
            ", ".join(
                f"{number} {text_of(reason).counted}"
                for reason, number in why.most_common()
            )
        )
    if rescued:
        parts.append(f'`hedge="{MARKET}"` would run {n_running + rescued}')
    alone = sum(each.event_id.rsplit(":", 2)[1] == "-" for each in plan.events)
    if alone:
        events = count(alone, "event has", many="events have")
        parts.append(f"{events} no announcement for AD rules to count from")
    gaps = int(cells.gaps[cells.traded].sum())
    if gaps:
        missing = count(gaps, "missing close was", many="missing closes were")
        parts.append(f"{missing} marked at the last price")
    n_legs = np.diff(plan.start)[:, None]
    dropped = int((n_legs - cells.n_legs)[cells.traded].sum())
    if dropped:
        noun = "once" if dropped == 1 else f"{dropped:,} times"
        parts.append(f"a leg without a price was left out {noun}")
    if study.history.actions.final and (ended := count_ended(study)):
        legs = count(ended, "leg")
        parts.append(f"{legs} ended while held, at what its holder got")
    if sentence := overlap(study):
        parts.append(sentence)
    return "; ".join(parts)


def overlap(study: TradedStudy) -> str:
    """Return how many events the best rule's calendar portfolio holds at once.

    Empty for events that are pooled, and where no rule could be traded.
    """
    best = study.best if study.arguments.aggregate is Aggregate.CALENDAR else None
    if best is None:
        return ""
    rules = study.summary.surface()
    chosen = rules[(rules["entry"] == best[0]) & (rules["exit"] == best[1])]
    most, mean = chosen[["most_open", "mean_open"]].to_numpy()[0].tolist()
    return (
        f"at most {count(most, 'event')} open at once, {mean:.1f} on average "
        f"({best[0]} to {best[1]})"
    )


def _would_run(event: int, study: TradedStudy) -> bool:
    """Whether an event that lacks a side would trade if it were hedged."""
    if MARKET not in study.history:
        return False
    plan = study.schedule
    one_sided = study.cells.reason == Reason.ONE_SIDED.code
    slots, exits = np.nonzero(one_sided & (plan.event == event)[:, None])
    for place in zip(slots.tolist(), exits.tolist(), strict=True):
        (result,), _ = deal(
            [plan.cell(*place)],
            Holdings(study.history, study.arguments.delisting_return),
            sizing=study.arguments.sizing.hedged_with(MARKET),
            missing=study.arguments.missing,
            costs=study.arguments.costs,
        )
        if result.trade is not None:  # mostly the first: a grid has a thousand of them
            return True
    return False
