"""Rows as an uncompressed Arrow stream.

Arrow unpacks whatever a stream says is packed, a byte into hundreds. pyarrow does not
tell before, so it is read from the head of each batch, which is a FlatBuffer: a table
begins with how far back its list of offsets lies, and that has the place of each field.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD_OF_MESSAGE, _DATA_OF_DICTIONARY, _COMPRESSION_OF_BATCH = 2, 1, 3
"""Which field of its table each is, by Arrow's Message.fbs."""


class CompressedError(ValueError):
    """A stream says that a batch of it is compressed."""


def written(rows: pa.Table) -> bytes:
    """Return rows as a stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue()


def read(content: memoryview) -> pa.Table:
    """Return the rows of a stream, every value of which makes sense.

    Raises
    ------
    CompressedError
        If a batch is compressed; nothing is unpacked.
    OSError, pyarrow.ArrowException, struct.error
        If it is cut, or damaged.
    """
    buffer = pa.py_buffer(content)
    if any(_compressed(buffer)):
        msg = "it is compressed"
        raise CompressedError(msg)
    with pa.ipc.open_stream(buffer) as stream:
        rows: pa.Table = stream.read_all()
    rows.validate(full=True)
    return rows


def _compressed(buffer: pa.Buffer) -> Iterator[bool]:
    """Say of each batch of a stream whether it is compressed."""
    for message in pa.ipc.MessageReader.open_stream(buffer):
        if message.type == "schema":
            continue
        head = message.metadata.to_pybytes()
        batch = _table(head, _field(head, _table(head, 0), _HEAD_OF_MESSAGE))
        if message.type == "dictionary":
            batch = _table(head, _field(head, batch, _DATA_OF_DICTIONARY))
        yield _field(head, batch, _COMPRESSION_OF_BATCH) > 0


def _table(head: bytes, place: int) -> int:
    """Return where the table lies that a place points at."""
    (distance,) = struct.unpack_from("<I", head, place)
    return place + int(distance)


def _field(head: bytes, table: int, number: int) -> int:
    """Return where a field of a table lies; 0 if the table has none."""
    (back,) = struct.unpack_from("<i", head, table)
    offsets, entry = table - back, 4 + 2 * number
    (size,) = struct.unpack_from("<H", head, offsets)
    if entry >= size:
        return 0
    (offset,) = struct.unpack_from("<H", head, offsets + entry)
    return table + int(offset) if offset else 0
