"""Rows as integers: codes of keys, orders, and the newest vintage of each key."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakebt.instants import EPOCH, TICK
from lakebt.lake.tables.arrow import column, pc, truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.lake.tables.arrow import BoolVector


Codes: TypeAlias = npt.NDArray[Any]
"""Shape (n_rows,), int32 or int64: half the memory is twice the speed."""

_LARGEST, _SMALL = 2**62, 2**31 - 1
_GAPS, _FEW = 4, 1_000_000
"""Codes are spread over at most this many cells per row, and this many besides."""


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


def ranks(rows: pa.Table, name: str) -> tuple[Codes, int]:
    """Return integers that sort and compare as a column does, and their number.

    Null is 0, and what is there counts from 1.
    """
    values = column(rows, name)
    is_number = pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type)
    if is_number and len(values) and not values.null_count:
        numbers = values.cast(pa.int64() if values.type.bit_width == 64 else pa.int32())
        numbers = numbers.to_numpy()
        least = int(numbers.min())
        width = int(numbers.max()) - least + 2
        return numbers - numbers.dtype.type(least - 1), width
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    by_value = pc.sort_indices(values.dictionary).to_numpy()
    rank = np.zeros(len(by_value) + 1, dtype=np.int32)  # the last is for null
    rank[by_value] = np.arange(1, len(by_value) + 1)
    places = values.indices
    if places.null_count:
        places = pc.fill_null(places.cast(pa.int64()), -1)
    return rank[places.to_numpy()], len(rank)


def codes(rows: pa.Table, names: Sequence[str]) -> IntVector:
    """Return one integer per row, equal where all the columns `names` are."""
    return _codes(rows, names)[0].astype(np.int64, copy=False)


def _codes(rows: pa.Table, names: Sequence[str]) -> tuple[Codes, int]:
    """Return codes that sort as the columns do, and what they are all less than."""
    code, size = ranks(rows, names[0])
    for name in names[1:]:
        rank, width = ranks(rows, name)
        if size * width > _LARGEST:
            code, size = _dense(code)
        if size * width > _LARGEST:
            rank, width = _dense(rank)
        size *= width
        code = code.astype(np.int32 if size <= _SMALL else np.int64) * width + rank
    return code, size


def _dense(code: Codes) -> tuple[Codes, int]:
    """Return the same codes without gaps between them, and their number."""
    distinct, dense = np.unique(code, return_inverse=True)
    return dense, len(distinct)


def order(rows: pa.Table, names: Sequence[str]) -> IntVector:
    """Return the positions that sort `rows` by `names`, ties as they were."""
    keys = [ranks(rows, name)[0] for name in names]
    return np.lexsort(keys[::-1]).astype(np.int64)


def newest(rows: pa.Table, *, key: Sequence[str], as_of: dt.datetime) -> IntVector:
    """Return the rows in force at an instant.

    Per key, that is the row with the latest ``known_at`` not after `as_of`, the last of
    several, unless it is a retraction.

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
        Positions in `rows`, sorted by the columns of `key` in the order given, null
        first.
    """
    known_at, by = integers(rows, "known_at"), micros(as_of)
    code, size = _codes(rows, key)
    if known_at.max(initial=by) == by:
        place = _last_of_each(code, size, known_at)
    else:
        known = np.flatnonzero(known_at <= by)
        place = known[_last_of_each(code[known], size, known_at[known])]
    retracted = flags(rows, "retracted")
    return place[~retracted[place]] if retracted.any() else place


def _last_of_each(code: Codes, size: int, known_at: IntVector) -> IntVector:
    """Return, by code, the row of each that was known last; of equals the last."""
    count = len(code)
    if size > _GAPS * count + _FEW:
        code, size = _dense(code)
    code = code.astype(np.intp, copy=False)  # what NumPy indexes with, else each time
    own = np.arange(count, dtype=np.int32 if count <= _SMALL else np.int64)
    place: Codes = np.full(size, -1, dtype=own.dtype)
    place[code] = own  # of assignments to one cell the last one stands
    again = np.flatnonzero(place[code] != own)
    if len(again):  # only the few codes that come twice have to be sorted
        is_rival = np.zeros(size, dtype=bool)
        is_rival[code[again]] = True
        rivals = np.flatnonzero(is_rival[code])
        rivals = rivals[np.argsort(known_at[rivals], kind="stable")]
        place[code[rivals]] = rivals
    return place[place >= 0]


def repeated(code: IntVector) -> BoolVector:
    """Return where a code was seen in a row before."""
    by_code = np.argsort(code, kind="stable")
    again = np.zeros(len(code), dtype=bool)
    again[by_code[1:]] = code[by_code[1:]] == code[by_code[:-1]]
    return again


NEVER = 2**63 - 1
"""The instant of what was never known."""


def first_known(rows: pa.Table, name: str) -> tuple[list[str], IntVector]:
    """Return the values of a dictionary column, and when each first was known.

    Taken some rows at a time: of all at once the numbers alone would be gigabytes.
    """
    values: list[str] = []
    at = np.zeros(0, dtype=np.int64)
    for batch in rows.to_batches(max_chunksize=1_000_000):
        some = pa.Table.from_batches([batch])
        coded = column(some, name)
        if not values:  # one for all of them
            values = coded.dictionary.to_pylist()
            at = np.full(len(values), NEVER)
        there = coded.is_valid().to_numpy(zero_copy_only=False)
        code = coded.indices.to_numpy(zero_copy_only=False)[there].astype(np.intp)
        np.minimum.at(at, code, integers(some, "known_at")[there])
    return values, at
