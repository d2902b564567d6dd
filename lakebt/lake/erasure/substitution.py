"""Texts without the values that were erased: where they stand, and what comes instead.

A value that is part of a longer text which stays in the lake (ACME of ACMEX) is no
trace of what was erased, in a note of that text neither.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


ERASED = "[erased]"
"""What stands in the place of a value."""

SHORT = 3
"""A value of fewer characters is taken out of a text only where it is a whole word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The parts of some JSON that lakebt wrote itself, and that erasure leaves alone.

    Attributes
    ----------
    keys
    texts
        What texts are like below a key, or below others' keys below it.
    open_below
        Those of the keys below which nothing is lakebt's.
    """

    keys: Collection[str] = ()
    texts: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    open_below: Collection[str] = ()

    def has(self, below: str, text: str) -> bool:
        """Whether a text is one of lakebt's own, where it stands."""
        pattern = self.texts.get(below)
        return pattern is not None and pattern.fullmatch(text) is not None

    def inside(self, key: str) -> Own | None:
        """Return what is lakebt's below a key."""
        return None if key in self.open_below else self

    def place(self, key: str, below: str) -> str:
        """Return the key that counts below one: itself, if it is lakebt's."""
        return key if key in self.keys else below


class Words:
    """Values that are looked for, and the longer texts that may hold them.

    Parameters
    ----------
    values
        Texts of what was erased that no row has any more.
    kept
        Texts that rows have, of which a value is a part.
    """

    def __init__(self, values: Iterable[str], kept: Iterable[str] = ()) -> None:
        self.values = tuple(sorted(set(values) - {""}, key=lambda v: (-len(v), v)))
        self.kept = tuple(sorted(set(kept)))
        # The longest first, so that what is kept is seen before what is part of it.
        every = sorted({*self.values, *self.kept}, key=lambda v: (-len(v), v))
        self._values = frozenset(self.values)
        self._pattern = re.compile("|".join(map(_pattern, every))) if every else None

    def __bool__(self) -> bool:
        return bool(self.values)

    def without(self, text: str) -> str:
        """Return a text without the values.

        Examples
        --------
        >>> Words(["ACME", "F"], kept=["ACMEX"]).without("ACME, ACMEX, FORD and F")
        '[erased], ACMEX, FORD and [erased]'
        >>> Words(["2022"]).without("2022 from 2022-09-01 on")
        '[erased] from 2022-09-01 on'
        """
        if self._pattern is None:
            return text
        return self._pattern.sub(self._instead, text)

    def _instead(self, found: re.Match[str]) -> str:
        return ERASED if found.group() in self._values else found.group()

    def stand_in(self, text: str) -> bool:
        """Return whether one of the values is in a text."""
        return self.without(text) != text

    def deeply(self, value: Any, *, own: Own | None = None, below: str = "") -> Any:
        """Return what JSON holds without the values, in texts and in keys.

        Parameters
        ----------
        value
        own
            What of it stays, whatever is erased; nothing if left out.
        below
            The key of lakebt's own that it stands below.
        """
        if isinstance(value, str):
            is_own = own is not None and own.has(below, value)
            return value if is_own else self.without(value)
        if isinstance(value, dict):
            return {
                key if own is not None and key in own.keys else self.without(key): (
                    self.deeply(
                        each,
                        own=None if own is None else own.inside(key),
                        below=below if own is None else own.place(key, below),
                    )
                )
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.deeply(each, own=own, below=below) for each in value]
        return value

    def in_json(self, text: str, *, own: Own | None = None) -> str:
        r"""Return a JSON text without the values, however they are written in it.

        What has none stays as it is, to the letter.

        Parameters
        ----------
        text
        own
            As for `deeply`.

        Examples
        --------
        >>> Words(["Ünï"]).in_json('{"symbol":["\\u00dcn\\u00ef","B"]}')
        '{"symbol":["[erased]","B"]}'
        >>> own = Own(keys={"side"}, texts={"side": re.compile("both")})
        >>> Words(["side", "both"]).in_json(
        ...     '{"side":["both","side"],"a":"both"}', own=own
        ... )
        '{"side":["both","[erased]"],"a":"[erased]"}'
        """
        try:
            value = json.loads(text)
        except ValueError:
            return self.without(text)
        now = self.deeply(value, own=own)
        if now == value:
            return text
        return json.dumps(now, ensure_ascii=False, separators=(",", ":"))


def _pattern(value: str) -> str:
    escaped = re.escape(value)
    if value.isdigit() and len(value) == len("2023"):  # no ticker, where a date begins
        return rf"{escaped}(?!-\d\d-\d\d)"
    return rf"(?<!\w){escaped}(?!\w)" if len(value) < SHORT else escaped


class Parts:
    """Finds which of many texts have one of many values in them.

    Parameters
    ----------
    values
    """

    def __init__(self, values: Collection[str]) -> None:
        self._by_begin: dict[str, list[str]] = {}
        for value in values:
            self._by_begin.setdefault(value[:SHORT], []).append(value)
        self._lengths = sorted({len(begin) for begin in self._by_begin})

    def in_text(self, text: str) -> Iterator[str]:
        """Give the values that are a part of a text, or all of it."""
        for length in self._lengths:
            begins = {text[at : at + length] for at in range(len(text) - length + 1)}
            for begin in begins & self._by_begin.keys():
                yield from (v for v in self._by_begin[begin] if v in text)
