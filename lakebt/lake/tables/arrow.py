"""Arrow's arrays and kernels under names the type checker can follow.

What a column holds is known when it is read, not when it is checked; the stubs ask for
it in every signature, so arrays and kernels are `Any` here, and only here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

Array: TypeAlias = Any
"""A `pyarrow.Array`."""

BoolVector: TypeAlias = npt.NDArray[np.bool_]
"""Shape (n_rows,)."""

pc: Any = compute

INSTANT = pa.timestamp("us", tz="UTC")


def one_chunk(column: Any) -> Array:
    """Return a chunked column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    whole: Any = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of none, or of too many bytes for one
        return (
            pa.concat_arrays(whole.chunks) if whole.num_chunks else pc.take(whole, [])
        )
    return whole


def column(rows: pa.Table, name: str) -> Array:
    """Return a column of `rows` as one array."""
    return one_chunk(rows.column(name))


def keep(rows: pa.Table, wanted: BoolVector) -> pa.Table:
    """Return the rows where `wanted` is true."""
    if wanted.all():
        return rows
    mask: Any = pa.array(wanted)
    return rows.filter(mask)


def take(rows: pa.Table, places: Any) -> pa.Table:
    """Return the rows at `places`, in that order."""
    at = np.asarray(places)
    if len(at) == len(rows) and np.array_equal(at, np.arange(len(at))):
        return rows
    return rows.take(at.astype(np.int64, copy=False))


def encoded(rows: pa.Table, names: tuple[str, ...]) -> pa.Table:
    """Return `rows` with some columns as dictionaries."""
    for name in names:
        place = rows.schema.get_field_index(name)
        coded: Any = column(rows, name).dictionary_encode()
        rows = rows.set_column(place, name, coded)
    return rows


def decoded(rows: pa.Table) -> pa.Table:
    """Return `rows` without dictionaries."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            plain: Any = column(rows, field.name).dictionary_decode()
            rows = rows.set_column(place, field.name, plain)
    return rows


def truth(mask: Any) -> BoolVector:
    """Return an Arrow mask as NumPy's, null as false."""
    filled = pc.fill_null(mask, False)  # noqa: FBT003 - the kernel's own order
    return np.asarray(one_chunk(filled).to_numpy(zero_copy_only=False), dtype=bool)


def same(left: Array, right: Array) -> BoolVector:
    """Return where two arrays hold the same value; null is the same as null."""
    both_empty = pc.and_(pc.is_null(left), pc.is_null(right))
    return truth(pc.equal(left, right)) | truth(both_empty)
