"""The arguments of a panel, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_list, check_text
from lakebt.instants import parse_date
from lakebt.prices.adjustment import Adjustment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.prices.instrument_names import NamesOfDay
    from lakebt.sessions import Sessions


def window(sessions: Sessions, start: Any, end: Any) -> tuple[int, int]:
    """Return the numbers of the first and the last session between two days.

    Raises
    ------
    InvalidArgumentError
        If `start` is after `end`, or one is no day of the calendar.
    """
    first, last = 0, len(sessions) - 1
    if start is not None:
        start = parse_date(start, what="start")
        first = sessions.on_or_after(start)
    if end is not None:
        end = parse_date(end, what="end")
        last = sessions.on_or_before(end)
    if start is not None and end is not None and start > end:
        msg = f"start {start} is after end {end}"
        raise InvalidArgumentError(msg)
    return first, last


def distinct(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return a list of symbols of which none is there twice.

    Raises
    ------
    InvalidArgumentError
        If one is, or is no text, or it is not a list.
    """
    check_list("symbols", symbols)
    names = tuple(symbols)
    for name in names:
        check_text("symbol", name)
    if len(set(names)) < len(names):
        twice = next(symbol for symbol in names if names.count(symbol) > 1)
        msg = f"symbol {twice!r} is asked for twice"
        raise InvalidArgumentError(msg)
    return names


def meant(names: NamesOfDay, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the names in results of a panel's wanted symbols.

    Raises
    ------
    InvalidArgumentError
        If two of them are one instrument.
    """
    called: dict[str, str] = {}
    for name in asked:
        own = names.meant(name)
        if own in called:
            msg = (
                f"symbols {called[own]!r} and {name!r} are one instrument, {own!r}: "
                f"ask for one of them"
            )
            raise InvalidArgumentError(msg)
        called[own] = name
    return tuple(called)


def of_name(adjusted: object) -> Adjustment:
    """Return the adjustment of a panel.

    Raises
    ------
    InvalidArgumentError
        If there is no such thing.
    """
    for adjustment in Adjustment:
        if adjusted == adjustment.value:
            return adjustment
    names = " or ".join(repr(adjustment.value) for adjustment in Adjustment)
    msg = f"adjusted must be {names}, or None for prices as they are, was {adjusted!r}"
    raise InvalidArgumentError(msg)
