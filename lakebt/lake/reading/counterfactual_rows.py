"""Other facts in the place of those known after an instant.

What stands in a fact's place depends on the fact and the seed alone, so a fact is the
same however it is read: in a panel, in a table, through a filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from lakebt.lake.tables.arrow import column, keep, pc, truth
from lakebt.lake.tables.rows import flags, integers, micros
from lakebt.lake.tables.schemas import LATER, PRICES, Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from lakebt._typing import FloatVector
    from lakebt.lake.tables.arrow import Array
    from lakebt.lake.tables.schemas import Column, TableSpec


Hashes = npt.NDArray[np.uint64]
"""Shape (n_rows,)."""

_KEPT = ("known_at", "announced", "index", "basis")
"""Columns that stay: without them a fact would be of another time, or of none."""

_KEPT_LATER = ("symbol", "kind", "other", "currency")
"""And of actions and the like: what happens to a share is of its kind, and of two."""

_DAY = 86_400_000_000
_DROPPED = 0.15
"""Share of the later rows of a table that are removed, prices excepted."""


def removed(rows: pa.Table, *, after: dt.datetime) -> pa.Table:
    """Return the rows that were known by an instant."""
    return keep(rows, integers(rows, "known_at") <= micros(after))


def replaced(
    rows: pa.Table,
    *,
    spec: TableSpec,
    values: Mapping[str, Sequence[str]],
    after: dt.datetime,
    seed: int,
    is_mirrored: bool,
) -> pa.Table:
    """Return rows of which those known after an instant say something else.

    Parameters
    ----------
    rows
        With the key of the table, and `known_at`.
    spec
        Of the table.
    values
        What may stand in a column of text, sorted.
    after
        Rows known by then stay as they are.
    seed, is_mirrored
        What the others become is drawn from the seed; mirrored, what would be drawn
        high is drawn low.

    Returns
    -------
    pyarrow.Table
        Prices are multiplied, all four of a bar alike; other numbers too, and some
        change their sign. Dates move to later ones, texts become others that occur in
        the table, flags turn. Some rows are gone, but no bar. Empty stays empty.
    """
    late = integers(rows, "known_at") > micros(after)
    if not late.any():
        return rows
    draw = _Draw(
        _identities(rows, (*spec.key, "known_at")), seed=seed, is_mirrored=is_mirrored
    )
    kept = (*_KEPT, *(_KEPT_LATER if LATER.get(spec.name) is spec else ()))
    for place, field in enumerate(rows.schema):
        original = column(rows, field.name)
        stays = field.name in (*spec.key, *kept)
        if stays or original.null_count == len(original):
            continue
        if spec is PRICES and field.name == "retracted":
            continue
        other = _other(original, spec.column(field.name), spec, draw, values)
        chosen = pc.if_else(pa.array(late), other.cast(field.type), original)
        rows = rows.set_column(place, field, chosen)
    if spec is PRICES:
        return rows
    return keep(rows, ~late | (draw.share("row") >= _DROPPED))


class _Draw:
    """A number between 0 and 1 for every row, another for every name."""

    def __init__(self, identities: Hashes, *, seed: int, is_mirrored: bool) -> None:
        self._identities, self._seed = identities, seed
        self._is_mirrored = is_mirrored

    def share(self, name: str) -> FloatVector:
        drawn = _mixed(self._identities ^ np.uint64(_number(f"{name} {self._seed}")))
        number = drawn.astype(np.float64) / 2.0**64
        return 1.0 - number if self._is_mirrored else number


def share(text: str, *, mirrored: bool) -> float:
    """Return a number between 0 and 1 that a text stands for."""
    number = _number(text) / 2.0**64
    return 1.0 - number if mirrored else number


def _other(
    told: Array,
    what: Column,
    spec: TableSpec,
    draw: _Draw,
    values: Mapping[str, Sequence[str]],
) -> Any:
    """Return what stands in the place of a column."""
    if what.kind is Kind.NUMBER:
        is_signed = spec is not PRICES and LATER.get(spec.name) is not spec
        is_bar = spec is PRICES and what.name != "volume"
        return _numbers(told, what.name, draw, is_bar=is_bar, is_signed=is_signed)
    if what.kind is Kind.DATE:
        days = np.asarray(1 + 45 * draw.share(what.name), dtype=np.int32)
        return pc.add(told.cast(pa.int32()), pa.array(days))
    if what.kind is Kind.INSTANT:
        moved = np.asarray(1 + 45 * draw.share(what.name), dtype=np.int64) * _DAY
        return pc.add(told.cast(pa.int64()), pa.array(moved))
    if what.kind is Kind.FLAG:
        share = 0.1 if what.name == "retracted" else 0.5
        return pc.xor(told, pa.array(draw.share(what.name) < share))
    known = values[what.name]
    place = np.minimum((draw.share(what.name) * len(known)).astype(int), len(known) - 1)
    drawn = pc.take(pa.array(known, pa.string()), pa.array(place))
    return pc.if_else(pc.is_null(told), pa.scalar(None, pa.string()), drawn)


def _numbers(
    told: Array, name: str, draw: _Draw, *, is_bar: bool, is_signed: bool
) -> Any:
    around = 2.0 * draw.share("bar" if is_bar else name) - 1.0
    factor = np.exp(np.sign(around) * (0.05 + np.abs(around)))
    if is_signed:
        factor *= np.where(draw.share(f"sign of {name}") < 0.5, -1.0, 1.0)
    given = np.asarray(told.to_numpy(zero_copy_only=False), dtype=np.float64)
    numbers = np.where(given == 0.0, factor - 1.0, given * factor)
    return pa.array(numbers, mask=truth(pc.is_null(told)))


def _identities(rows: pa.Table, names: Sequence[str]) -> Hashes:
    """Return a number for each row, the same wherever the row is read."""
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for name in names:
        hashes = _mixed(hashes ^ _hashes(rows, name))
    return hashes


def _hashes(rows: pa.Table, name: str) -> Hashes:
    values = column(rows, name)
    if pa.types.is_dictionary(values.type) or pa.types.is_string(values.type):
        coded = values
        if not pa.types.is_dictionary(values.type):
            coded = values.dictionary_encode()
        each = [_number(text) for text in coded.dictionary.to_pylist()]
        table = np.array([*each, 0], dtype=np.uint64)  # the last is for null
        places = pc.fill_null(coded.indices.cast(pa.int64()), len(each))
        hashes: Hashes = table[places.to_numpy(zero_copy_only=False)]
        return hashes
    if pa.types.is_boolean(values.type):
        return flags(rows, name).astype(np.uint64)
    if pa.types.is_floating(values.type):
        numbers = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
        return numbers.view(np.uint64)
    return integers(rows, name).view(np.uint64)


def _number(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def _mixed(number: Hashes) -> Hashes:
    """Return numbers that look as if drawn, by the last step of splitmix64."""
    number = number + np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = number ^ (number >> np.uint64(31))
    return mixed
