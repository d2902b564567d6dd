"""Arguments checked: one of a few words, a positive number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a finite number above zero.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    if isinstance(value, bool) or not (math.isfinite(value) and value > 0.0):
        msg = f"{name} must be a finite number > 0, was {value!r}"
        raise InvalidArgumentError(msg)


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
