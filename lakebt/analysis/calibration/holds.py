"""Whether a test holds for events as these, by what it rejected in the table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lakebt.analysis.calibration.conditions import conditions_of
from lakebt.analysis.calibration.designs import SINGLE
from lakebt.analysis.calibration.rejections import keeps_its_size, of_test
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.analysis.calibration.conditions import Conditions


_BY_BLOCK = "block flips"

_WHATEVER = "tails, or a variance that rises with the event"
"""What is left to fail where dates are many."""

FEWEST_BLOCKS = 6
"""With five, all signs alike are 2 of 2**5 vectors: 0.0625, which rejects nothing."""


def holds(test: str, conditions: Conditions) -> bool | str:
    """Return True, or the reason why a test does not hold for events as these.

    A test holds where it rejects between 3.5 and 6.7 % of true nulls, at 5 %, in each
    design of the calibration table that has one of the circumstances of the events:
    their number of dates, windows that overlap, skewed returns.

    Parameters
    ----------
    test
        As the table names it.
    conditions
        What the events are like.

    Raises
    ------
    InvalidArgumentError
        If the table has no such test.

    Examples
    --------
    >>> from lakebt.analysis.calibration.conditions import Conditions
    >>> events = Conditions(
    ...     n=600,
    ...     n_dates=175,
    ...     n_effective_dates=58.0,
    ...     overlap=0.0,
    ...     skew=0.0,
    ...     n_blocks=175,
    ... )
    >>> holds("sign flips", events)
    True
    >>> holds("cross-sectional t", events).partition(":")[0]
    'changes of one date move together'
    """
    rows = of_test(test)
    if not rows:
        msg = f"test must be one of the calibration table, was {test!r}"
        raise InvalidArgumentError(msg)
    if test == _BY_BLOCK and conditions.n_blocks < FEWEST_BLOCKS:
        return f"fewer than {FEWEST_BLOCKS} blocks: they can reject nothing at 5 %"
    known = {each.name: _as_seen(test, conditions_of(each)) for each in SINGLE}
    measured = _as_seen(test, conditions)
    for reason, designs in _circumstances(measured, known):
        measured_rows = [rows[name] for name in designs if name in rows]
        if not measured_rows:
            return f"{reason}: it was not tried"
        if keeps_its_size(measured_rows):
            continue
        if not all(row.says_something for row in measured_rows):
            return f"{reason}: it says nothing"
        rates = [100.0 * row.rate for row in measured_rows]
        worst = max(rates, key=lambda rate: abs(rate - 5.0))
        return f"{reason}: it rejects {worst:.1f} % of true nulls at 5 %"
    return True


def _as_seen(test: str, conditions: Conditions) -> Conditions:
    """Return conditions as a test sees them: to one by block a block is a date."""
    if test != _BY_BLOCK:
        return conditions
    worth = min(conditions.n_effective_dates, float(conditions.n_blocks))
    return replace(conditions, n_dates=conditions.n_blocks, n_effective_dates=worth)


def _circumstances(
    asked: Conditions, known: dict[str, Conditions]
) -> Iterator[tuple[str, list[str]]]:
    """Give each circumstance in words, with the designs that have it."""
    plain = {
        name: each
        for name, each in known.items()
        if not each.overlaps and not each.is_skewed
    }
    if asked.overlaps:
        near = [n for n, each in known.items() if each.overlaps]
        alike = [n for n in near if known[n].has_ten == asked.has_ten]
        yield "overlapping windows", alike or near
    alike = [n for n, each in plain.items() if each.shares == asked.shares]
    if asked.shares and asked.band != "one date":
        most = [n for n in alike if plain[n].band == "many dates"]
        yield "changes of one date move together", most
    in_band = [n for n, each in plain.items() if each.band == asked.band]
    reason = _WHATEVER if asked.band == "many dates" else asked.band
    yield reason, [n for n in in_band if n in alike] or in_band
    if asked.is_skewed and asked.n_dates > 1:
        skewed = [n for n, each in known.items() if each.is_skewed]
        same = [n for n in skewed if known[n].band == asked.band]
        yield "skewed returns", same or skewed
