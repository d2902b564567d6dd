"""The frame of an Avro file: its head, and blocks of records that it packs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyiceberg.avro.codecs import KNOWN_CODECS

from lakebt.lake.storage.failures import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_MAGIC, _SYNC_BYTES = b"Obj\x01", 16


class AvroFile:
    """A file, whose records are not read yet.

    Parameters
    ----------
    content

    Attributes
    ----------
    head : bytes
        What comes before the first block.
    schema : object
        Of a record, as JSON has it.

    Raises
    ------
    DamagedFileError
        If it is no Avro file.
    """

    def __init__(self, content: bytes) -> None:
        meta, start = _header(content)
        codecs: Mapping[Any, Any] = KNOWN_CODECS
        self._codec = codecs[meta.get("avro.codec", b"null").decode()]
        self._content = content
        self.head = content[:start]
        self.schema: Any = json.loads(meta["avro.schema"])

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Give the number of records in each block, and what it holds, unpacked.

        Raises
        ------
        DamagedFileError
            If one does not end where it says.
        """
        content, place = self._content, len(self.head)
        while place < len(content):
            count, place = number(content, place)
            n_bytes, place = number(content, place)
            packed = content[place : place + n_bytes]
            place += n_bytes + _SYNC_BYTES
            if n_bytes < 0 or content[place - _SYNC_BYTES : place] != self._sync:
                msg = "a block does not end where it says"
                raise DamagedFileError(msg)
            yield count, self._codec.decompress(packed) if self._codec else packed

    def block(self, count: int, data: bytes) -> bytes:
        """Return a block of the file with other records."""
        packed = self._codec.compress(data)[0] if self._codec else data
        return b"".join([whole(count), whole(len(packed)), packed, self._sync])

    @property
    def _sync(self) -> bytes:
        return self.head[-_SYNC_BYTES:]


def check_used(data: bytes, end: int) -> None:
    """Check that the records of a block end where it does.

    Raises
    ------
    DamagedFileError
        If they do not.
    """
    if end != len(data):
        msg = "a block holds more than its records"
        raise DamagedFileError(msg)


def number(data: bytes, place: int) -> tuple[int, int]:
    """Return a whole number in zigzag code, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return (value >> 1) ^ -(value & 1), place
        shift += 7


def whole(value: int) -> bytes:
    """Return a whole number in zigzag code."""
    rest, parts = (value << 1) ^ (value >> 63), bytearray()
    while rest > 127:
        parts.append(rest & 127 | 128)
        rest >>= 7
    parts.append(rest)
    return bytes(parts)


def text_at(data: bytes, place: int) -> tuple[bytes, int]:
    """Return the bytes of a text, and where it ends.

    Raises
    ------
    DamagedFileError
        If that is after the end of the data.
    """
    length, start = number(data, place)
    end = start + length
    if length < 0 or end > len(data):
        msg = "a text ends after its block"
        raise DamagedFileError(msg)
    return data[start:end], end


def _header(content: bytes) -> tuple[dict[str, bytes], int]:
    """Return what the head of a file says, and where it ends.

    Raises
    ------
    DamagedFileError
        If it is no Avro file.
    """
    if content[: len(_MAGIC)] != _MAGIC:
        msg = "it is no Avro file"
        raise DamagedFileError(msg)
    meta: dict[str, bytes] = {}
    place = len(_MAGIC)
    while True:
        count, place = number(content, place)
        if count == 0:
            return meta, place + _SYNC_BYTES
        if count < 0:
            _, place = number(content, place)
        for _ in range(abs(count)):
            key, place = text_at(content, place)
            meta[key.decode()], place = text_at(content, place)
