"""Reasons of empty cells: counts for all, full explanations for a few."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.pooling import Aggregate
from lakebt.errors import InvalidArgumentError, UntradeableError, listed
from lakebt.prices.benchmark import MARKET
from lakebt.study import tables
from lakebt.study.acted_legs import count_ended
from lakebt.values.reasons import REASONS, Reason, text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import BoolVector
    from lakebt.study.block import Block
    from lakebt.study.single import CellResult
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
    rules = study.summary.surface()
    names = [f"n_{reason}" for reason in REASONS]
    numbers = rules[names].to_numpy()
    rule, code = np.nonzero(numbers)
    counts = pd.DataFrame(
        {
            "entry": rules["entry"].to_numpy()[rule],
            "exit": rules["exit"].to_numpy()[rule],
            "reason": np.array(list(map(str, REASONS)), dtype=object)[code],
            "n_events": numbers[rule, code],
        }
    )
    is_empty = (rules["n_events"] == 0) & (numbers.sum(axis=1) > 0)
    examples: list[CellResult] = []
    for entry, exits in rules[is_empty].groupby("entry", sort=False)["exit"]:
        block = study.block(str(entry))
        slots, codes = block.slots(str(entry)), block.cells.reason
        shown: dict[str, list[int]] = {}
        for exit_ in exits:
            column = block.column(exit_)
            own = codes[slots, column]
            most = np.bincount(own).argmax()  # the first reason where two tie
            event = block.plan.event[slots[np.argmax(own == most)]]
            shown.setdefault(block.plan.events[event].event_id, []).append(column)
        for piece in block.pieces():
            examples += piece.lookup.each(only=_among(piece, str(entry), shown))
    first = tables.refused(examples, study).drop(columns="event_id")
    return counts.merge(first, on=["entry", "exit", "reason"], how="left")


def _among(
    block: Block, entry: str, columns: Mapping[str, Sequence[int]]
) -> BoolVector:
    """Return a mask of the cells of some columns of events under an entry."""
    is_among: BoolVector = np.zeros(block.cells.reason.shape, dtype=bool)
    for name in columns.keys() & {event.event_id for event in block.plan.events}:
        slot = block.schedule.slot(name, entry)
        if slot is not None:
            is_among[slot, columns[name]] = True
    return is_among


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
    best = study.best
    blocks = study.blocks.pieces() if best is None else study.pieces(best[0])
    out: dict[str, set[str]] = {str(reason): set() for reason in REASONS}
    reasons: dict[tuple[str, str], CellResult] = {}
    for block in blocks:
        plan, codes = block.schedule, block.cells.reason
        is_empty = codes > 0
        if best is not None:
            is_empty &= _of_rule(block, *best)
        shown = np.zeros(codes.shape, dtype=bool)
        for reason in REASONS:
            slots, exits = np.nonzero(is_empty & (codes == reason.code))
            events, first = np.unique(plan.event[slots], return_index=True)
            names = [plan.events[event].event_id for event in events.tolist()]
            before = out[str(reason)].copy()
            out[str(reason)].update(names)
            listed = _listed(out[str(reason)], study) - before
            some = first[[name in listed for name in names]]
            shown[slots[some], exits[some]] = True
        for done in block.lookup.each(only=shown):
            assert done.empty is not None  # noqa: S101 - that was asked
            reasons[str(done.empty.reason), done.cell.event.event_id] = done
        del block  # before the next is made
    kept = {reason: _listed(names, study) for reason, names in out.items()}
    cells = [done for (reason, name), done in reasons.items() if name in kept[reason]]
    rank, grid = study.by_event.rank, (study.entries, study.exits)
    cells.sort(
        key=lambda done: (
            rank[done.cell.event.event_id],
            grid[0].index(done.cell.entry),
            grid[1].index(done.cell.exit),
        )
    )
    counts = {reason: len(names) for reason, names in out.items() if names}
    return tables.refused(cells, study), counts


def _listed(names: set[str], study: TradedStudy) -> set[str]:
    """Return those of some events that are listed by name."""
    return set(heapq.nsmallest(LISTED, names, key=study.by_event.rank.__getitem__))


def _of_rule(block: Block, entry: str, exit_: str) -> BoolVector:
    """Return a mask of the cells of one rule, shape (n_slots, n_exits)."""
    is_entry = np.array(block.entries) == entry
    is_exit = np.array(list(map(str, block.schedule.exits))) == exit_
    of_rule: BoolVector = is_entry[block.schedule.entry][:, None] & is_exit
    return of_rule


def raise_unpriced(study: TradedStudy) -> None:
    """Raise an error for the first cell without a price, by event, entry and exit.

    Raises
    ------
    UntradeableError
        With the event, the rule and the symbols.
    """
    unpriced = np.flatnonzero(study.by_event.unpriced)
    if len(unpriced):
        first = study.by_event.events[int(unpriced[0])]
        study.blocks.around(first.event_id).lookup.raise_unpriced()


def check_tradeable(study: TradedStudy) -> None:
    """Raise an error if every cell is untradeable; a refused cell is a result.

    Raises
    ------
    InvalidArgumentError
        If no exit comes after its entry.
    UntradeableError
        If every cell is empty for want of prices, a session, or a side.
    """
    numbers = study.by_event.reasons.tolist()
    counts = Counter(
        {Reason.of_code(code): n for code, n in enumerate(numbers) if code and n}
    )
    if numbers[0] or any(reason.is_refusal for reason in counts):
        return
    first = study.by_event.events[0]
    fact = study.blocks.around(first.event_id).lookup.first_empty().fact
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
    """Return in one line how many events are traded, why others are not, and the cure.

    An event runs if any of its cells does; else it is counted under the reason that
    came last in the order of telling, the one that stood between it and a trade.
    """
    by_event = study.by_event
    why = Counter(
        Reason.of_code(code) for code in by_event.last[~by_event.runs].tolist()
    )
    rescued = _would_run(study)
    n_running = int(by_event.runs.sum())
    noun = "event runs" if n_running == 1 else "events run"
    parts = [f"{n_running} of {len(by_event.events)} {noun}"]
    if why:
        parts.append(
            ", ".join(
                f"{number} {text_of(reason).counted}"
                for reason, number in why.most_common()
            )
        )
    if rescued:
        parts.append(f'`hedge="{MARKET}"` would run {n_running + rescued}')
    alone = sum(each.event_id.rsplit(":", 2)[1] == "-" for each in by_event.events)
    if alone:
        events = count(alone, "event has", many="events have")
        parts.append(f"{events} no announcement for AD rules to count from")
    if by_event.n_gaps:
        missing = count(
            by_event.n_gaps, "missing close was", many="missing closes were"
        )
        parts.append(f"{missing} marked at the last price")
    if dropped := by_event.n_dropped:
        noun = "once" if dropped == 1 else f"{dropped:,} times"
        parts.append(f"a leg without a price was left out {noun}")
    if study.actions.final and (ended := count_ended(study)):
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


def _would_run(study: TradedStudy) -> int:
    """Count the events that lack a side and would trade if they were hedged."""
    by_event, rescued = study.by_event, set[str]()
    lacking = {
        event.event_id
        for event, runs, is_alone in zip(
            by_event.events,
            by_event.runs.tolist(),
            by_event.one_sided.tolist(),
            strict=True,
        )
        if is_alone and not runs
    }
    if not lacking or not study.blocks.has_bars(MARKET):
        return 0
    for block in study.blocks.pieces():
        plan = block.schedule
        left = lacking - rescued
        is_lacking = np.array([e.event_id in left for e in plan.events], dtype=bool)
        one_sided = block.cells.reason == Reason.ONE_SIDED.code
        slots, exits = np.nonzero(one_sided & is_lacking[plan.event][:, None])
        for place in zip(slots.tolist(), exits.tolist(), strict=True):
            name = plan.events[plan.event[place[0]]].event_id
            # Mostly the first of them trades: a grid has a thousand.
            if name not in rescued and _is_hedgeable(block, place):
                rescued.add(name)
        if rescued == lacking:
            break
        del block  # before the next is made
    return len(rescued)


def _is_hedgeable(block: Block, place: tuple[int, int]) -> bool:
    """Whether a cell that lacks a side would trade if it were hedged."""
    sizing = block.scope.arguments.sizing.hedged_with(MARKET)
    (result,), _ = block.lookup.deal([place], sizing)
    return result.trade is not None
