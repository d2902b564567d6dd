"""Fields of an Avro file, replaced where they stand: every other byte stays.

A manifest that is read and written again by a library is another one: columns that the
library does not know are lost, and numbers that were left to be inherited are filled
in. Here a file is walked by its own schema, and only what was asked for changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lakebt.lake.storage.avro_file import (
    AvroFile,
    check_used,
    number,
    text_at,
    whole,
)
from lakebt.lake.storage.failures import parsing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


Value: TypeAlias = str | int
"""A text, or a whole number."""

_Found: TypeAlias = dict[str, tuple[int, int, Value]]
_Step: TypeAlias = "Callable[[bytes, int, _Found], int]"

_WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_WHOLE = frozenset({"int", "long"})


def replaced(
    content: bytes,
    wanted: Collection[str],
    change: Callable[[Mapping[str, Value]], Mapping[str, Value]],
) -> bytes:
    """Return a file with some fields of its records replaced.

    Parameters
    ----------
    content
        Of the file.
    wanted
        The fields that are looked at, by their path: ``data_file.file_path``.
    change
        Given those of one record, without what is null, returns what is to stand in
        their place.

    Raises
    ------
    DamagedFileError
        If it is no such file.
    """
    with parsing():
        return _replaced(content, wanted, change)


def _replaced(
    content: bytes,
    wanted: Collection[str],
    change: Callable[[Mapping[str, Value]], Mapping[str, Value]],
) -> bytes:
    file = AvroFile(content)
    step = _step(file.schema, "", frozenset(wanted), dict[str, _Step]())
    blocks = (
        file.block(count, _records(data, count, step, change))
        for count, data in file.blocks()
    )
    return b"".join([file.head, *blocks])


def _records(
    data: bytes,
    count: int,
    step: _Step,
    change: Callable[[Mapping[str, Value]], Mapping[str, Value]],
) -> bytes:
    parts, kept, place = [], 0, 0
    for _ in range(count):
        records: _Found = {}
        place = step(data, place, records)
        new = change({name: value for name, (_, _, value) in records.items()})
        for name in sorted(new, key=lambda each: records[each][0]):
            start, end, _ = records[name]
            parts += [data[kept:start], _encoded(new[name])]
            kept = end
    check_used(data, place)
    return b"".join([*parts, data[kept:]])


def _step(
    kind: Any, path: str, wanted: frozenset[str], named: dict[str, _Step]
) -> _Step:
    """Return what walks over a value, and notes what is wanted of it."""
    if isinstance(kind, list):
        return _union([_step(each, path, wanted, named) for each in kind])
    if isinstance(kind, str):
        return named[kind] if kind in named else _plain(kind, path, wanted)
    name = kind["type"]
    if name in {"array", "map"}:
        return _several(kind, path, wanted, named)
    if name == "record":
        return _record(kind, path, wanted, named)
    if name in {"fixed", "enum"}:
        width = kind.get("size")
        step = _plain("int", path, wanted) if width is None else _fixed(int(width))
        named[kind["name"]] = step
        return step
    return _step(name, path, wanted, named)


def _several(
    kind: Mapping[str, Any], path: str, wanted: frozenset[str], named: dict[str, _Step]
) -> _Step:
    if kind["type"] == "array":
        return _blocks(_step(kind["items"], f"{path}[]", wanted, named))
    value = _step(kind["values"], f"{path}[]", wanted, named)
    key = _plain("string", "", wanted)
    return _blocks(lambda data, at, found: value(data, key(data, at, found), found))


def _record(
    kind: Mapping[str, Any], path: str, wanted: frozenset[str], named: dict[str, _Step]
) -> _Step:
    prefix = f"{path}." if path else ""
    fields = tuple(
        _step(field["type"], f"{prefix}{field['name']}", wanted, named)
        for field in kind["fields"]
    )

    def record(data: bytes, place: int, found: _Found) -> int:
        for field in fields:
            place = field(data, place, found)
        return place

    named[kind["name"]] = record
    return record


def _plain(kind: str, path: str, wanted: frozenset[str]) -> _Step:
    if kind in _WIDTHS:
        return _fixed(_WIDTHS[kind])
    is_wanted = path in wanted
    if kind in _WHOLE:

        def integer(data: bytes, place: int, found: _Found) -> int:
            if not is_wanted:
                while data[place] > 127:
                    place += 1
                return place + 1
            value, end = number(data, place)
            found[path] = place, end, value
            return end

        return integer
    if kind not in {"string", "bytes"}:
        raise KeyError(kind)

    def text(data: bytes, place: int, found: _Found) -> int:
        raw, end = text_at(data, place)
        if is_wanted:
            found[path] = place, end, raw.decode()
        return end

    return text


def _fixed(width: int) -> _Step:
    return lambda _data, place, _found: place + width


def _union(kinds: list[_Step]) -> _Step:
    def union(data: bytes, place: int, found: _Found) -> int:
        which, place = number(data, place)
        return kinds[which](data, place, found)

    return union


def _blocks(item: _Step) -> _Step:
    def blocks(data: bytes, place: int, found: _Found) -> int:
        while True:
            count, place = number(data, place)
            if count == 0:
                return place
            if count < 0:
                _, place = number(data, place)
            for _ in range(abs(count)):
                place = item(data, place, found)

    return blocks


def _encoded(value: Value) -> bytes:
    if isinstance(value, int):
        return whole(value)
    text = value.encode()
    return whole(len(text)) + text
