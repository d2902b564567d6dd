"""Records of an Avro file, changed or left out: what is not touched stays as it was.

A manifest that a library writes again loses the columns that the library does not know,
and gains numbers that were left to be inherited. Here each record is read by the file's
own schema, and written by it.
"""

from __future__ import annotations

import struct
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
    from collections.abc import Callable, Mapping


Record: TypeAlias = dict[str, Any]

_Read: TypeAlias = "Callable[[bytes, int], tuple[Any, int]]"
_Write: TypeAlias = "Callable[[Any], bytes]"

_FLOATS = {"float": struct.Struct("<f"), "double": struct.Struct("<d")}


class Records:
    """The records of one file.

    Parameters
    ----------
    content
        Of the file.

    Attributes
    ----------
    rows : list of dict
        By the names of its columns; maps of Iceberg's are lists of keys and values.

    Raises
    ------
    DamagedFileError
        If it is no such file.
    """

    def __init__(self, content: bytes) -> None:
        with parsing():
            self._file = AvroFile(content)
            named: dict[str, tuple[_Read, _Write]] = {}
            read, self._write = _kind(self._file.schema, named)
            self.rows: list[Record] = []
            for count, data in self._file.blocks():
                at = 0
                for _ in range(count):
                    row, at = read(data, at)
                    self.rows.append(row)
                check_used(data, at)

    def written(self) -> bytes:
        """Return a file with the rows as they are now, and the same head."""
        if not self.rows:
            return self._file.head
        data = b"".join(map(self._write, self.rows))
        return self._file.head + self._file.block(len(self.rows), data)


def _kind(kind: Any, named: dict[str, tuple[_Read, _Write]]) -> tuple[_Read, _Write]:
    """Return what reads a value of a kind, and what writes it."""
    if isinstance(kind, list):
        return _union(kind, named)
    if isinstance(kind, str):
        return named[kind] if kind in named else _plain(kind)
    name = kind["type"]
    if name == "record":
        return _record(kind, named)
    if name in {"array", "map"}:
        inner = _kind(kind["items" if name == "array" else "values"], named)
        return _array(*inner) if name == "array" else _map(*inner)
    if name == "fixed":
        size = int(kind["size"])
        named[kind["name"]] = (
            lambda data, at: (data[at : at + size], at + size),
            bytes,
        )
        name = kind["name"]
    return _kind(name, named)


def _plain(kind: str) -> tuple[_Read, _Write]:
    packed = _FLOATS.get(kind)
    if packed is None:
        return _PLAIN[kind]
    return (
        lambda data, at: (packed.unpack_from(data, at)[0], at + packed.size),
        packed.pack,
    )


def _text(data: bytes, at: int) -> tuple[str, int]:
    value, end = text_at(data, at)
    return value.decode(), end


def _with_length(value: bytes) -> bytes:
    return whole(len(value)) + value


_PLAIN: dict[str, tuple[_Read, _Write]] = {
    "int": (number, whole),
    "long": (number, whole),
    "null": (lambda _data, at: (None, at), lambda _value: b""),
    "boolean": (
        lambda data, at: (data[at] == 1, at + 1),
        lambda value: bytes([bool(value)]),
    ),
    "bytes": (text_at, _with_length),
    "string": (_text, lambda value: _with_length(value.encode())),
}


def _union(
    kinds: list[Any], named: dict[str, tuple[_Read, _Write]]
) -> tuple[_Read, _Write]:
    """Return how a value is read and written that may be null, as all of Iceberg's.

    Raises
    ------
    KeyError
        If it may be of several kinds.
    """
    parts = [_kind(each, named) for each in kinds]
    others = [place for place, kind in enumerate(kinds) if kind != "null"]
    if len(others) != 1 or len(kinds) > 2:
        raise KeyError(str(kinds))
    (other,) = others

    def read(data: bytes, at: int) -> tuple[Any, int]:
        which, at = number(data, at)
        return parts[which][0](data, at)

    def write(value: Any) -> bytes:
        which = 1 - other if value is None else other
        return whole(which) + parts[which][1](value)

    return read, write


def _record(
    kind: Mapping[str, Any], named: dict[str, tuple[_Read, _Write]]
) -> tuple[_Read, _Write]:
    fields = [(f["name"], *_kind(f["type"], named)) for f in kind["fields"]]

    def read(data: bytes, at: int) -> tuple[Record, int]:
        row: Record = {}
        for name, step, _ in fields:
            row[name], at = step(data, at)
        return row, at

    def write(row: Record) -> bytes:
        return b"".join([step(row[name]) for name, _, step in fields])

    named[kind["name"]] = read, write
    return read, write


def _array(read_one: _Read, write_one: _Write) -> tuple[_Read, _Write]:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while True:
            count, at = number(data, at)
            if count == 0:
                return values, at
            if count < 0:
                _, at = number(data, at)
            for _ in range(abs(count)):
                value, at = read_one(data, at)
                values.append(value)

    def write(values: list[Any]) -> bytes:
        if not values:
            return whole(0)
        return b"".join([whole(len(values)), *map(write_one, values), whole(0)])

    return read, write


def _map(read_one: _Read, write_one: _Write) -> tuple[_Read, _Write]:
    def read_pair(data: bytes, at: int) -> tuple[tuple[str, Any], int]:
        key, at = _text(data, at)
        value, at = read_one(data, at)
        return (key, value), at

    read_all, write_all = _array(
        read_pair, lambda pair: _with_length(pair[0].encode()) + write_one(pair[1])
    )

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        pairs, at = read_all(data, at)
        return dict(pairs), at

    return read, lambda value: write_all(list(value.items()))
