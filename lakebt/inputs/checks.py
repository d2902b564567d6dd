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


def check_positive(name: str, value: float) -> float:
    """Return a finite number above zero as one of Python's, whatever its kind was.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    if not 0 < (number := plain_number(value)) < math.inf:
        msg = f"{name} must be a finite number > 0, was {value!r}"
        raise InvalidArgumentError(msg)
    return number


def check_return(name: str, value: float | None) -> float | None:
    """Return a simple return as a float, or None for none; at -1 all is lost.

    Raises
    ------
    InvalidArgumentError
        With the name and the value, if it is no finite number of at least -1.
    """
    if value is None:
        return None
    if not -1 <= (number := plain_number(value)) < math.inf:
        msg = f"{name} must be a finite number >= -1, or None, was {value!r}"
        raise InvalidArgumentError(msg)
    return float(number)


def plain_number(value: object) -> float:
    """Return a number of any kind as one of Python's: what is whole as an `int`.

    NaN stands for what is none, a flag too, and for what no float is as large as.

    Examples
    --------
    >>> plain_number(decimal.Decimal("0.1")), plain_number(7), plain_number("7")
    (0.1, 7, nan)
    """
    if isinstance(value, bool):
        return math.nan
    try:
        if isinstance(value, numbers.Integral):
            return int(value) if math.isfinite(float(value)) else math.nan
        if isinstance(value, numbers.Real | decimal.Decimal):
            return float(value)
    except (OverflowError, ValueError):  # of a signalling NaN
        pass
    return math.nan


def whole_number(value: object) -> int | None:
    """Return a whole number of any kind as one of Python's; None if it is none.

    Examples
    --------
    >>> import numpy as np
    >>> whole_number(np.int64(3)), whole_number(3.0), whole_number(True)
    (3, None, None)
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if is_whole else None  # type: ignore[call-overload]  # is_whole says so


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
