"""Arguments checked: a text, a list of names, one of a few words, a positive number."""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from typing import TypeGuard


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a text that can be written: half a character cannot."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def check_text(name: str, value: object) -> None:
    """Refuse what is no text that can be written.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    if not is_text(value):
        msg = f"{name} must be text, was {value!r}"
        raise InvalidArgumentError(msg)


def check_list(name: str, values: object) -> None:
    """Refuse what is no list of names: one text, a mapping, or nothing to walk along.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    if isinstance(values, str):
        msg = f"{name} must be a list, was the text {values!r}: write [{values!r}]"
        raise InvalidArgumentError(msg)
    if not isinstance(values, Iterable) or isinstance(values, Mapping | bytes):
        msg = f"{name} must be a list, was {values!r}"
        raise InvalidArgumentError(msg)


def check_switch(name: str, value: object) -> None:
    """Refuse what is neither True nor False, which Python would take for one of them.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    if not isinstance(value, bool):
        msg = f"{name} must be True or False, was {value!r}"
        raise InvalidArgumentError(msg)


_FUNCTIONS = {
    "clock": "a function that tells the time",
    "progress": "a function, as in progress(done, of), or None",
}
"""What arguments are that somebody is asked a function for."""


def check_function(name: str, value: object) -> None:
    """Refuse what cannot be called, before anything is done that it would hear of.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    is_left_out = value is None and name == "progress"
    if not (callable(value) or is_left_out):
        msg = f"{name} must be {_FUNCTIONS[name]}, was {value!r}"
        raise InvalidArgumentError(msg)


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a finite number above zero.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    is_number = isinstance(value, numbers.Real | decimal.Decimal)
    if isinstance(value, bool) or not (is_number and 0 < _plain(value) < math.inf):
        msg = f"{name} must be a finite number > 0, was {value!r}"
        raise InvalidArgumentError(msg)


def check_return(name: str, value: float | None) -> float | None:
    """Return a simple return as a float, or None for none; at -1 all is lost.

    Raises
    ------
    InvalidArgumentError
        With the name and the value, if it is no finite number of at least -1.
    """
    if value is None:
        return None
    is_number = isinstance(value, numbers.Real | decimal.Decimal)
    if isinstance(value, bool) or not (is_number and -1 <= _plain(value) < math.inf):
        msg = f"{name} must be a finite number >= -1, or None, was {value!r}"
        raise InvalidArgumentError(msg)
    return _plain(value)


def _plain(value: float | decimal.Decimal) -> float:
    """Return a number of any kind as one of Python's; NaN where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.nan


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
    if not isinstance(value, str) or value not in words:
        raise UnknownNameError(what, str(value), words)
    return str(value)
