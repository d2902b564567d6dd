"""Rows as integers: codes of keys, orders, and the newest vintage of each key."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.instants import EPOCH, TICK
from lakebt.lake.arrow import column, pc, truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.lake.arrow import BoolVector

_LARGEST = 2**62


def micros(instant: dt.datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (instant - EPOCH) // TICK


def plain(instant: dt.datetime) -> dt.datetime:
    """Return an instant of Arrow's, whose zone is another object, in `datetime.UTC`."""
    return instant.replace(tzinfo=dt.UTC)


def integers(rows: pa.Table, name: str) -> IntVector:
    """Return a column of dates (days) or instants (microseconds) as integers."""
    values = column(rows, name)
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    return np.asarray(values.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def flags(rows: pa.Table, name: str) -> BoolVector:
    """Return a column of flags."""
    return truth(column(rows, name))


def ranks(rows: pa.Table, name: str) -> IntVector:
    """Return integers that sort and compare as the column does; null is -1."""
    values = column(rows, name)
    is_number = pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type)
    if is_number and not values.null_count:
        numbers = integers(rows, name)
        return np.asarray(numbers - numbers.min(initial=2**62))
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    by_value = pc.sort_indices(values.dictionary).to_numpy()
    rank = np.full(len(by_value) + 1, -1, dtype=np.int64)  # the last is for null
    rank[by_value] = np.arange(len(by_value))
    places = pc.fill_null(values.indices.cast(pa.int64()), -1).to_numpy()
    return np.asarray(rank[places])


def codes(rows: pa.Table, names: Sequence[str]) -> IntVector:
    """Return one integer per row, equal where all the columns `names` are."""
    code = np.zeros(len(rows), dtype=np.int64)
    size = 1
    for name in names:
        rank = ranks(rows, name) + 1
        width = int(rank.max(initial=0)) + 1
        if size * width > _LARGEST:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            size = int(code.max(initial=0)) + 1
        if size * width > _LARGEST:
            rank = np.unique(rank, return_inverse=True)[1].astype(np.int64)
            width = int(rank.max(initial=0)) + 1
        code = code * width + rank
        size *= width
    return code


def order(rows: pa.Table, names: Sequence[str]) -> IntVector:
    """Return the positions that sort `rows` by `names`, ties as they were."""
    keys = [ranks(rows, name) for name in names]
    return np.lexsort(keys[::-1]).astype(np.int64)


def newest(rows: pa.Table, *, key: Sequence[str], as_of: dt.datetime) -> IntVector:
    """Return the rows in force at an instant.

    Per key, that is the row with the latest ``known_at`` not after `as_of`, unless it
    is a retraction.

    Parameters
    ----------
    rows
        All vintages, in any order.
    key
        The columns that say what a row is a version of.
    as_of
        UTC, inclusive.

    Returns
    -------
    ndarray of shape (n_in_force,)
        Positions in `rows`, ascending.
    """
    known_at = integers(rows, "known_at")
    known = np.flatnonzero(known_at <= micros(as_of))
    code = codes(rows, key)[known]
    by_key = np.lexsort((known_at[known], code))
    sorted_code = code[by_key]
    is_last = np.ones(len(known), dtype=bool)
    is_last[:-1] = sorted_code[1:] != sorted_code[:-1]
    last = known[by_key[is_last]]
    return np.sort(last[~flags(rows, "retracted")[last]])


def repeated(code: IntVector) -> BoolVector:
    """Return where a code was seen in a row before."""
    by_code = np.argsort(code, kind="stable")
    again = np.zeros(len(code), dtype=bool)
    again[by_code[1:]] = code[by_code[1:]] == code[by_code[:-1]]
    return again


def digest(rows: pa.Table) -> str:
    """Return a digest of the values of `rows`, whatever their chunks or buffers."""
    state = hashlib.sha256(str(len(rows)).encode())
    for field in rows.schema:
        values = column(rows, field.name)
        state.update(f"|{field.name}:{field.type}|".encode())
        state.update(np.packbits(truth(pc.is_valid(values))).tobytes())
        if pa.types.is_string(values.type):
            filled = pc.fill_null(values, "")
            state.update(pc.binary_length(filled).to_numpy().tobytes())
            _, offsets, text = filled.buffers()
            ends = np.frombuffer(offsets, np.int32)
            first, last = ends[filled.offset], ends[filled.offset + len(filled)]
            if text is not None:
                state.update(memoryview(text)[first:last])
        elif pa.types.is_boolean(values.type):
            state.update(np.packbits(truth(values)).tobytes())
        else:
            if pa.types.is_date32(values.type):
                values = values.cast(pa.int32())
            elif pa.types.is_timestamp(values.type):
                values = values.cast(pa.int64())
            state.update(pc.fill_null(values, 0).to_numpy().tobytes())
    return state.hexdigest()
