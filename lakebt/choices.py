"""Arguments that take one of a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable


def one_of(value: object, allowed: Iterable[str], *, what: str) -> str:
    """Return `value` if it is among `allowed`.

    Raises
    ------
    UnknownNameError
        If it is not; the message names those that are.

    Examples
    --------
    >>> one_of("mask", ("mask", "raise"), what="on_look_ahead")
    'mask'
    """
    words = tuple(str(word) for word in allowed)
    if value not in words:
        raise UnknownNameError(what, str(value), words)
    return str(value)
