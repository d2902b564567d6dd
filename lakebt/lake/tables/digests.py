"""The digest of rows: the same ones have the same, wherever they lie.

It is taken of one column after the other, and of each a chunk at a time, so that rows
which no memory holds have one, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from lakebt.lake.tables.arrow import Array, pc, truth

if TYPE_CHECKING:
    from lakebt.lake.tables.arrow import BoolVector


Chunks: TypeAlias = Callable[[], Iterable[Array]]
"""Gives the arrays that a column consists of, from the first on each time."""


def digest(rows: pa.Table) -> str:
    """Return a digest of the values of `rows`, whatever their chunks or buffers."""

    def chunks(name: str) -> Iterable[Array]:
        column_chunks: Iterable[Array] = rows.column(name).chunks
        return column_chunks

    columns = ((field, partial(chunks, field.name)) for field in rows.schema)
    return digest_of(len(rows), columns)


def digest_of(count: int, columns: Iterable[tuple[pa.Field[Any], Chunks]]) -> str:
    """Return the digest of this many rows.

    Parameters
    ----------
    count
    columns
        Each as its field, and what gives its chunks. They are asked for once of
        numbers, twice of text, and once more of what may be empty.
    """
    state = hashlib.sha256(str(count).encode())
    for field, chunks in columns:
        state.update(f"|{field.name}:{field.type}|".encode())
        for part in _packed(_are_there(count, field, chunks)):
            state.update(part)
        if pa.types.is_string(field.type):
            for chunk in chunks():
                state.update(pc.binary_length(_filled(chunk, "")).to_numpy().tobytes())
            for chunk in chunks():
                state.update(_text(_filled(chunk, "")))
        elif pa.types.is_boolean(field.type):
            for part in _packed(map(truth, chunks())):
                state.update(part)
        else:
            for chunk in chunks():
                state.update(_filled(_number(chunk), 0).to_numpy().tobytes())
    return state.hexdigest()


def _are_there(
    count: int, field: pa.Field[Any], chunks: Chunks
) -> Iterable[BoolVector]:
    """Give where a column is not empty."""
    if not field.nullable:
        return (np.ones(count, dtype=bool),)
    return (truth(pc.is_valid(chunk)) for chunk in chunks())


def _packed(masks: Iterable[BoolVector]) -> Iterator[bytes]:
    """Give eight values a byte, as if the masks were one."""
    left = np.zeros(0, dtype=bool)
    for mask in masks:
        whole = np.concatenate([left, mask]) if len(left) else mask
        cut = len(whole) // 8 * 8
        yield np.packbits(whole[:cut]).tobytes()
        left = whole[cut:]
    yield np.packbits(left).tobytes()


def _filled(chunk: Array, value: object) -> Array:
    return pc.fill_null(chunk, value)


def _text(chunk: Array) -> bytes | memoryview:
    """Return all text of an array, one after the other."""
    _, offsets, text = chunk.buffers()
    if text is None or not len(chunk):
        return b""
    ends = np.frombuffer(offsets, np.int32)
    return memoryview(text)[ends[chunk.offset] : ends[chunk.offset + len(chunk)]]


def _number(chunk: Array) -> Array:
    if pa.types.is_date32(chunk.type):
        return chunk.cast(pa.int32())
    if pa.types.is_timestamp(chunk.type):
        return chunk.cast(pa.int64())
    return chunk
