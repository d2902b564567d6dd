"""Why the cells of a result are empty: counted from columns, told in full for a few.

A grid of a thousand rules over a thousand events has a million cells. `Result.refused`
makes each empty one in full; a report counts them all and tells a few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt import frames
from lakebt.events.plan import REASONS
from lakebt.events.schedule import count_reasons

if TYPE_CHECKING:
    import pandas as pd

    from lakebt._typing import BoolVector
    from lakebt.result import Result

LISTED = 200
"""Events left out that are told in full, for each reason."""


def empty_rules(result: Result) -> pd.DataFrame:
    """Count the empty cells of each rule by reason.

    Returns
    -------
    DataFrame
        A row per `entry`, `exit` and `reason`: `n_events`; and, where no event of the
        rule was traded, `fact`, `known_at` and `needed_by` of the first event empty for
        its most frequent reason.
    """
    plan, codes = result.schedule, result.cells.reason
    found = count_reasons(plan, codes).drop(columns="n_total")
    examples = np.zeros(codes.shape, dtype=bool)
    for number in range(len(plan.entries)):
        slots = np.flatnonzero(plan.entry == number)
        for column in np.flatnonzero((codes[slots] > 0).all(axis=0)).tolist():
            if len(slots):
                own = codes[slots, column]
                most = np.bincount(own).argmax()  # the first reason where two tie
                examples[slots[np.argmax(own == most)], column] = True
    told = frames.refused(result.each(only=examples)).drop(columns="event_id")
    return found.merge(told, on=["entry", "exit", "reason"], how="left")


def left_out_events(result: Result) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the events that the best rule leaves out, or all rules if none is best.

    Returns
    -------
    DataFrame
        As from `Result.refused`, a row per event and reason, the first `LISTED` of each
        reason.
    dict of str to int
        How many events each reason leaves out.
    """
    plan, codes = result.schedule, result.cells.reason
    asked = codes > 0
    if result.best is not None:
        asked &= _of_rule(result, *result.best)
    shown = np.zeros(codes.shape, dtype=bool)
    counts = {}
    for number, reason in enumerate(REASONS, 1):
        slots, exits = np.nonzero(asked & (codes == number))
        events, first = np.unique(plan.event[slots], return_index=True)
        if len(events):
            counts[str(reason)] = len(events)
            some = first[:LISTED]
            shown[slots[some], exits[some]] = True
    return frames.refused(result.each(only=shown)), counts


def _of_rule(result: Result, entry: str, exit_: str) -> BoolVector:
    """Return which cells are of one rule, shape (n_slots, n_exits)."""
    is_entry = np.array(result.entries) == entry
    is_exit = np.array(result.exits) == exit_
    of_rule: BoolVector = is_entry[result.schedule.entry][:, None] & is_exit
    return of_rule
