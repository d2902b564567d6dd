"""One text for one value, and a key for it: what is equal has the same key.

So that what was tried can be found again by what it is, in whatever order, and with
whatever types of number, somebody wrote it down. Nothing here touches storage.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from lakebt.errors import InvalidArgumentError

_SCALARS = "biufU"
"""NumPy's kinds of flags, numbers and texts. Of its dates the unit would get lost."""

KEY_BYTES = 16
"""A key has twice as many hex digits. That two of 10 million meet: 1 in 1e24."""


def content_key(value: object) -> str:
    """Return the key of a value: 32 hex digits, the same on every machine, for ever.

    Parameters
    ----------
    value
        As `canonical_json` takes it.

    Returns
    -------
    str
        BLAKE2b (RFC 7693) of the value's canonical JSON in UTF-8.

    Raises
    ------
    InvalidArgumentError
        If the value, or a part of it, has no canonical JSON.

    Examples
    --------
    >>> content_key({"exit": "+1", "gross": 1}) == content_key(
    ...     {"gross": 1.0, "exit": "+1"}
    ... )
    True
    >>> content_key({"exit": "+2", "gross": 1}) == content_key(
    ...     {"gross": 1.0, "exit": "+1"}
    ... )
    False
    """
    text = canonical_json(value).encode()
    return hashlib.blake2b(text, digest_size=KEY_BYTES).hexdigest()


def canonical_json(value: object) -> str:
    r"""Return the one JSON text of a value.

    Parameters
    ----------
    value
        None, a bool, a number, a text, a date, an instant, or a list, tuple or mapping
        of such. Keys are texts. A NumPy scalar counts as the number that it is.

    Returns
    -------
    str
        Keys sorted by code point, no spaces, no ASCII escapes. A whole number is
        written without a point whatever its type, for 1 and 1.0 are equal; any other
        float as `repr` does, the shortest text that reads back as it. A date is ISO, an
        instant too, in UTC. So a date and the text it is written as are one value, and
        so are a list and a tuple; 1, "1" and True are three.

    Raises
    ------
    InvalidArgumentError
        If a part of it is NaN or infinite, an instant without a zone, a text that is
        not Unicode, a key that is not a text, or anything else. The message says where.

    Examples
    --------
    >>> canonical_json({"hold": 20.0, "fee": 0.5, "sides": ("both",)})
    '{"fee":0.5,"hold":20,"sides":["both"]}'
    """
    text = json.dumps(
        _plain(value, ""),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        odd = error.object[error.start : error.end]
        msg = f"a text holds {odd!r}, half a character: no other program can read it"
        raise InvalidArgumentError(msg) from None
    return text


def _plain(value: Any, place: str) -> Any:  # noqa: C901, PLR0911 - a case each
    """Return `value` as JSON has it.

    Raises
    ------
    InvalidArgumentError
        If JSON has no one way to say it.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in _SCALARS and kind and not value.shape:  # NumPy's
        value = value.item()
    match value:
        case None | bool():
            return value
        case str():
            return str(value)  # of an enum, the text
        case int():
            return int(value)
        case float():
            return _number(float(value), place)
        case dt.datetime():
            return _instant(value, place)
        case dt.date():
            return value.isoformat()
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    msg = f"{_at(place)}key {key!r} is not a text: write it as one"
                    raise InvalidArgumentError(msg)
            return {
                str(key): _plain(part, f"{place}.{key}") for key, part in value.items()
            }
        case list() | tuple():
            return [
                _plain(part, f"{place}[{number}]") for number, part in enumerate(value)
            ]
    msg = (
        f"{_at(place)}{value!r} ({type(value).__name__}) has no canonical JSON: pass "
        f"numbers, texts, flags, dates, and lists and mappings of them"
    )
    raise InvalidArgumentError(msg)


def _number(value: float, place: str) -> int | float:
    """Return a number as it is written; a whole one as an integer.

    Raises
    ------
    InvalidArgumentError
        If it is not finite.
    """
    if not math.isfinite(value):
        msg = (
            f"{_at(place)}{value!r} is not a number: pass None where there is no value"
        )
        raise InvalidArgumentError(msg)
    return int(value) if value.is_integer() else value


def _instant(value: dt.datetime, place: str) -> str:
    """Return an instant as text.

    Raises
    ------
    InvalidArgumentError
        If it has no zone, or is pandas' NaT.
    """
    if value != value or value.tzinfo is None:  # noqa: PLR0124 - NaT
        msg = f"{_at(place)}{value!r} is not an instant: give it a time zone"
        raise InvalidArgumentError(msg)
    return value.astimezone(dt.UTC).isoformat()


def _at(place: str) -> str:
    return f"{place.removeprefix('.')}: " if place else ""
