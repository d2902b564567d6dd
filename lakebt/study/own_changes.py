"""Changes that the user passes to a study, as vintages like those of a lake."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.facts import IndexChange, Vintage
from lakebt.instants import are_dates, published_in

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lakebt.lake.reading.view import View


def supplied(changes: Iterable[IndexChange], view: View) -> tuple[Vintage, ...]:
    """Return vintages like those of the lake, with `recorded` from its holdings.

    Raises
    ------
    InvalidArgumentError
        If one is not an `IndexChange`, or two are the same change and differ.
    """
    zone = view.sessions.zone
    vintages: dict[tuple[str, dt.datetime], Vintage] = {}
    changes = tuple(changes)
    for change in changes:
        if not isinstance(change, IndexChange):
            msg = f"changes must be IndexChange values, one was {change!r}"
            raise InvalidArgumentError(msg)
        change = _at_exchange(change, zone)  # noqa: PLW2901 - its own days
        if change.recorded is None:
            shown = view.first_shown(
                index=change.index,
                symbol=change.symbol,
                side=change.side,
                after=change.announced or change.known_at,
            )
            known = {name: getattr(change, name) for name in IndexChange.__slots__}
            change = IndexChange(**{**known, "recorded": shown})  # noqa: PLW2901 - a copy
        vintage = Vintage(change_id=change.change_id, change=change)
        key = vintage.change_id, change.known_at
        before = vintages.setdefault(key, vintage).change
        if before != change:
            raise InvalidArgumentError(_contradiction(before, change))
    announced = [c.announced for c in changes if c.announced is not None]
    if are_dates(announced, zone):
        msg = (
            f"announced of all changes is at midnight, as {announced[0].isoformat()}, "
            f"as a date has that was read as an instant: give dates, as 2022-09-02"
        )
        raise InvalidArgumentError(msg)
    return tuple(vintages.values())


def _at_exchange(change: IndexChange, zone: dt.tzinfo) -> IndexChange:
    """Return a change whose bare dates are days where the exchange is.

    Raises
    ------
    InvalidArgumentError
        If it was known before it was announced.
    """
    announced = change.announced and published_in(change.announced, zone)
    known_at = published_in(change.known_at, zone)
    if announced is not None and known_at < announced:
        msg = (
            f"{change.index} {change.symbol}: known_at {known_at.isoformat()} precedes "
            f"announced {announced.isoformat()}: leave known_at out, or give announced "
            f"as the instant that it was"
        )
        raise InvalidArgumentError(msg)
    if (announced, known_at) == (change.announced, change.known_at):
        return change
    return dataclasses.replace(change, announced=announced, known_at=known_at)


def _contradiction(one: IndexChange, other: IndexChange) -> str:
    """Return the words for two contradictory changes."""
    texts = [
        ", ".join(
            f"{name}={value if value is None else str(value)!r}"
            for name in IndexChange.__slots__
            if (value := getattr(change, name)) != getattr(twin, name)
        )
        for change, twin in ((one, other), (other, one))
    ]
    return (
        f"changes has two versions of {one.change_id}, {texts[0]} and {texts[1]}, both "
        f"known at {one.known_at.isoformat()}: leave one out, or give the one that "
        f"corrects the other a later known_at"
    )
