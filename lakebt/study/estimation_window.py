"""Checks of an event study's estimation window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.events.rules import Anchor, AnchorRule
from lakebt.sessions import half_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.study.event_windows import Window


def checked_estimation(estimation: object) -> tuple[int, int]:
    """Return the first and the last session, if they are before the announcement.

    Raises
    ------
    InvalidArgumentError
        If they are not, or are no pair of sessions.
    """
    match estimation:
        case (int(first), int(last)) if first < last < 0:
            return first, last
    msg = (
        f"estimation must be two sessions before the announcement, the first one "
        f"first, as (-260, -30), was {estimation!r}"
    )
    raise InvalidArgumentError(msg)


def checked_minimum(minimum: object, estimation: tuple[int, int]) -> int:
    """Return the least number of returns for a model, checked against the window.

    Raises
    ------
    InvalidArgumentError
        If they do not, or are too few for any model.
    """
    most = estimation[1] - estimation[0] + 1
    match minimum:
        case int(number) if not isinstance(minimum, bool) and 5 <= number <= most:
            return number
    msg = (
        f"minimum must be a whole number of returns from 5 to {most}, all of the "
        f"estimation window, was {minimum!r}"
    )
    raise InvalidArgumentError(msg)


def check_apart(windows: Iterable[Window], estimation: tuple[int, int]) -> None:
    """Refuse event windows that overlap the estimation window.

    Raises
    ------
    InvalidArgumentError
        If one does.
    """
    last = half_session(estimation[1], "close")
    for window in windows:
        start = window.start
        if not isinstance(start, AnchorRule) or start.anchor is not Anchor.AD:
            continue
        if half_session(start.offset, start.at) < last:
            msg = (
                f"the window {window} begins before its estimation window ends, at "
                f"AD{estimation[1]}@close: let estimation {estimation!r} end earlier"
            )
            raise InvalidArgumentError(msg)
