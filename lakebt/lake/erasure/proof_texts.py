"""Values in bytes: where they stand, however they are written, and what covers them."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakebt.lake.tables.arrow import BoolVector


WHOLE = 3
"""A value of fewer characters is in every file by chance, and looked for as one that
was read: a cell, a bound, a text of JSON."""

ALONE = 5
"""One of fewer characters counts only where no letter or digit stands beside it."""

CHANCE = 6
"""Bytes that compressed data and numbers do not have by chance."""

CUTS = (16, 64)
"""Of bounds, in characters: of Iceberg's manifests, and of Parquet's indexes."""

_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
_WORD = frozenset(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LONG = 8
"""Patterns of so many bytes are looked for apart from shorter ones: they are rarer."""

_ESCAPED = re.compile(rb'(?:\\+u[0-9a-fA-F]{4})+|\\+(["/\\nt])')
_HEX = re.compile(rb"u([0-9a-fA-F]{4})")
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(rb"&(#x?[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);")
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@dataclass(frozen=True, slots=True)
class Hit:
    """A value in some bytes.

    Attributes
    ----------
    place : int
        Of its first byte.
    value : int
        Which, by its index.
    cut : str
        Its beginning, if that is all that stands there, as in a bound; or empty.
    """

    place: int
    value: int
    cut: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    content: bytes
    value: int
    encoding: str
    cut: str = ""
    explains: bool = False


@dataclass(kw_only=True)
class Told:
    """What the search found besides traces.

    Attributes
    ----------
    n_covered : int
        Places where a value is part of a longer text that stays.
    covering : set of int
        Which of those texts were found there, by their index.
    explained : set of str
        Beginnings of values that longer texts of the lake begin with, too.
    """

    n_covered: int = 0
    covering: set[int] = field(default_factory=set)
    explained: set[str] = field(default_factory=set)


class Sought:
    """Values that are looked for in bytes.

    Parameters
    ----------
    values
        Texts.
    kept
        Texts that stay in the lake: a value in one of them is no trace.
    """

    def __init__(self, values: Sequence[str], kept: Iterable[str] = ()) -> None:
        self.values, self.kept = tuple(values), tuple(sorted(set(kept)))
        stays = frozenset(self.kept)
        self.short = {
            value: number
            for number, value in enumerate(self.values)
            if 0 < len(value) < WHOLE and value not in stays
        }
        patterns = [
            pattern
            for number, value in enumerate(self.values)
            if len(value) >= WHOLE
            for pattern in _patterns(number, value)
        ]
        patterns += [
            _Pattern(f"{mark}{value}{mark}".encode(), number, "utf-8")
            for value, number in self.short.items()
            for mark in "\"'"
        ]
        self._short = {value.encode(): n for value, n in self.short.items()}
        few = [each for each in patterns if len(each.content) < _LONG]
        many = [each for each in patterns if len(each.content) >= _LONG]
        self._tables = [_Table(group) for group in (few, many) if group]
        self._covers: dict[tuple[int, str], list[tuple[bytes, int, int, bool]]] = {}

    @cached_property
    def longest(self) -> int:
        """How many bytes a value, or what may cover it, has at most, with escapes."""
        every = [*self.values, *self.kept]
        return max((12 * len(text) for text in every), default=0) + 8

    def hits(self, data: bytes, told: Told, *, kind: str = "plain") -> Iterator[Hit]:
        """Give where values stand in some bytes.

        Parameters
        ----------
        data
        told
            Gets what is covered.
        kind
            ``"noise"``: they are compressed, or numbers, which have short texts by
            chance. ``"cells"``: they are what rows hold; else ``"plain"``.
        """
        for table in self._tables:
            for place, pattern in table.found(data):
                if pattern.explains:
                    whole = self.values[pattern.value].encode("utf-8", "surrogatepass")
                    if kind == "cells" and not data.startswith(whole, place):
                        told.explained.add(pattern.cut)
                elif kind == "noise" and not self._is_telling(pattern):
                    continue
                elif self._counts(data, place, pattern, told):
                    yield Hit(place, pattern.value, pattern.cut)

    def _is_telling(self, pattern: _Pattern) -> bool:
        """Whether a pattern says something where bytes are packed.

        What is part of a longer text is there in pieces; it is looked for unpacked.
        """
        return len(pattern.content) >= CHANCE and not self._covering(pattern)

    def whole(self, cell: bytes) -> int | None:
        """Return which of the short values some bytes are, if they are one."""
        return self._short.get(cell)

    def _counts(self, data: bytes, place: int, pattern: _Pattern, told: Told) -> bool:
        if pattern.cut:
            return True
        value = self.values[pattern.value]
        end = place + len(pattern.content)
        if WHOLE <= len(value) < ALONE and not _is_alone(
            data, place, end, pattern.encoding
        ):
            return False
        for content, offset, number, is_cut in self._covering(pattern):
            start = place - offset
            if start < 0 or not data.startswith(content, start):
                continue
            if is_cut and not _is_counted(data, start, len(content)):
                continue
            told.n_covered += 1
            told.covering.add(number)
            return False
        return True

    def _covering(self, pattern: _Pattern) -> list[tuple[bytes, int, int, bool]]:
        """Return what may cover a value: the bytes, and where the value is in them."""
        key = pattern.value, pattern.encoding
        if key not in self._covers:
            value, variants = self.values[pattern.value], []
            for number, text in enumerate(self.kept):
                if value not in text:
                    continue
                whole = ((each, False) for each in _escaped(text))
                for each, is_cut in (*whole, *((cut, True) for cut in _cuts(text))):
                    content = each.encode(pattern.encoding, "surrogatepass")
                    place = content.find(pattern.content)
                    while place >= 0:
                        variants.append((content, place, number, is_cut))
                        place = content.find(pattern.content, place + 1)
            self._covers[key] = variants
        return self._covers[key]


class _Table:
    """Looks for many patterns at once: by pairs of bytes, then by what they begin with.

    Parameters
    ----------
    patterns
    """

    def __init__(self, patterns: Sequence[_Pattern]) -> None:
        self._width = min(len(each.content) for each in patterns)
        self._pairs = []
        for at in [*range(0, self._width - 1, 2), self._width - 2]:
            pairs = np.zeros(2**16, dtype=bool)
            for each in patterns:
                pairs[int.from_bytes(each.content[at : at + 2], "little")] = True
            self._pairs.append((at, pairs))
        self._by_begin: dict[bytes, list[_Pattern]] = {}
        for each in patterns:
            self._by_begin.setdefault(each.content[: self._width], []).append(each)

    def found(self, data: bytes) -> Iterator[tuple[int, _Pattern]]:
        """Give the places of the patterns, in order."""
        if len(data) < self._width:
            return
        for place in self._candidates(np.frombuffer(data, np.uint8)).tolist():
            for each in self._by_begin.get(data[place : place + self._width], ()):
                if data.startswith(each.content, place):
                    yield place, each

    def _candidates(self, data: Any) -> Any:
        (_, first), *others = self._pairs
        places = []
        for shift in (0, 1):
            end = shift + (len(data) - shift) // 2 * 2
            is_there: BoolVector = first[data[shift:end].view("<u2")]
            places.append(np.flatnonzero(is_there) * 2 + shift)
        candidates = np.sort(np.concatenate(places))
        candidates = candidates[candidates <= len(data) - self._width]
        for at, pairs in others:
            pair = data[candidates + at].astype(np.uint16)
            candidates = candidates[
                pairs[pair | data[candidates + at + 1].astype(np.uint16) << 8]
            ]
        return candidates


def spelt(data: bytes) -> Iterator[tuple[str, bytes]]:
    r"""Give some bytes without the escapes that are in them, each kind by itself.

    Examples
    --------
    >>> [said for _, said in spelt(rb'{"a":"Z\\u00fcrich \"B\""}')]
    [b'{"a":"Z\xc3\xbcrich "B""}']
    >>> [said for _, said in spelt(b"index=S%26P &amp; Co")]
    [b'index=S&P &amp; Co', b'index=S%26P & Co']
    """
    if b"\\" in data and (plain := _ESCAPED.sub(_unescaped, data)) != data:
        yield "as JSON", plain
    if b"%" in data and _PERCENT.search(data):
        yield "as a path", unquote_to_bytes(data)
    if b"&" in data and (plain := _ENTITY.sub(_entity, data)) != data:
        yield "as HTML", plain


def _escaped(text: str) -> Iterator[str]:
    """Give a text, and how it stands in JSON, in JSON in that, in paths and in HTML."""
    spelt_so = {text, quote(text), quote(text, safe=""), html.escape(text)}
    for is_ascii in (True, False):
        once = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        twice = json.dumps(once, ensure_ascii=is_ascii)[1:-1]
        spelt_so |= {once, twice}
    yield from sorted(spelt_so)


def _patterns(number: int, value: str) -> Iterator[_Pattern]:
    forms = dict.fromkeys(
        [value, *(unicodedata.normalize(form, value) for form in ("NFC", "NFD"))]
    )
    for form in forms:
        for encoding in _ENCODINGS:
            yield _Pattern(form.encode(encoding, "surrogatepass"), number, encoding)
    for cut in _cuts(value):
        for text in (cut, _next(cut)):
            content = text.encode("utf-8", "surrogatepass")
            for length in (len(content), 2 * len(content)):
                yield _Pattern(_varint(length) + content, number, "utf-8", cut)
        start = cut.encode("utf-8", "surrogatepass")
        yield _Pattern(start, number, "utf-8", cut, explains=True)


def _cuts(value: str) -> Iterator[str]:
    for width in CUTS:
        if len(value) > width:
            yield value[:width]


def _next(cut: str) -> str:
    """Return the least text after all that begin so, as an upper bound has it."""
    for at in range(len(cut) - 1, -1, -1):
        code = ord(cut[at]) + 1
        if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return cut[:at] + chr(code)
    return cut


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _is_counted(data: bytes, place: int, length: int) -> bool:
    """Whether the length of what stands at a place is written before it."""
    before = data[max(0, place - 4) : place]
    counts = (_varint(length), _varint(2 * length), length.to_bytes(4, "little"))
    return before.endswith(counts)


def _is_alone(data: bytes, place: int, end: int, encoding: str) -> bool:
    """Whether no letter or digit stands beside what is between two places."""
    if encoding == "utf-8":
        if _is_counted(data, place, end - place):
            return True
        before, after = data[place - 1 : place], data[end : end + 1]
    else:
        at = 0 if encoding == "utf-16-le" else 1
        before, after = data[place - 2 : place], data[end : end + 2]
        other = 1 - at
        before, after = (
            each[at : at + 1] if each[other : other + 1] == b"\0" else b""
            for each in (before, after)
        )
    return not any(each and each[0] in _WORD for each in (before, after))


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1] is not None:
        return {b"n": b"\n", b"t": b"\t"}.get(found[1], found[1])
    units = bytes.fromhex(b"".join(_HEX.findall(found[0])).decode())
    return units.decode("utf-16-be", "replace").encode()


def _entity(found: re.Match[bytes]) -> bytes:
    name = found[1]
    if name in _NAMED:
        return _NAMED[name]
    is_hex = name[1:2] in b"xX"
    digits = name[2:] if is_hex else name[1:]
    try:
        return chr(int(digits, 16 if is_hex else 10)).encode()
    except ValueError:
        return found[0]
