"""The vintages of one fact that were known by an instant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, UnknownNameError, listed
from lakebt.inputs.checks import is_text
from lakebt.instants import parse_date, parse_instant
from lakebt.lake.reading.in_force import equal, vintages_of
from lakebt.lake.tables.arrow import column, keep, pc, same, take, truth
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.rows import flags, integers
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.tables.arrow import Array, BoolVector
    from lakebt.lake.tables.schemas import Column, TableSpec


_LISTED = 500
"""Up to this many keys the nearest to an unknown one is looked for."""


def vintages(known: Known, table: str, key: object) -> pd.DataFrame:
    """Return each vintage known of a key: see `View.vintages`.

    Raises
    ------
    UnknownNameError
        If no row known has the key; never for a decision.
    """
    spec = known.specs.of(table)
    wanted = _values(key, spec)
    rows = _of_key(known, spec, wanted)
    if not len(rows) and not known.for_decision:
        keys = known.only(known.pinned.scan(table, (*spec.key, "known_at")))
        kind, key_text = f"key of {table}", _text(wanted)
        raise UnknownNameError(kind, key_text, _nearest(keys, wanted, key_text))
    rows = take(rows, np.argsort(integers(rows, "known_at"), kind="stable"))
    return _told(rows, spec)


def _of_key(known: Known, spec: TableSpec, wanted: Mapping[str, Any]) -> pa.Table:
    """Return every vintage known of a key."""
    rows = known.only(vintages_of(known.pinned, spec, equal(wanted)))
    is_of_key = np.ones(len(rows), dtype=bool)
    for name, value in wanted.items():
        is_of_key &= truth(pc.equal(column(rows, name), value))
    return keep(rows, is_of_key)


def _values(key: object, spec: TableSpec) -> dict[str, Any]:
    """Return the value of each column of a key.

    Raises
    ------
    InvalidArgumentError
        If `key` does not give all of them, and nothing else, in their kinds.
    """
    if isinstance(key, Mapping):
        given = dict(key)
    else:
        parts = key if isinstance(key, (tuple, list)) else (key,)
        given = dict(zip(spec.key, parts, strict=False))
        if len(parts) != len(spec.key):
            given = {}
    if set(given) != set(spec.key):
        shape = spec.key[0] if len(spec.key) == 1 else f"({', '.join(spec.key)})"
        msg = f"the key of {spec.name} is {shape}, and was asked for as {key!r}"
        raise InvalidArgumentError(msg)
    return {name: _value(given[name], spec.column(name)) for name in spec.key}


def _value(value: object, column: Column) -> Any:
    """Return one value of a key in its column's kind.

    Raises
    ------
    InvalidArgumentError
        If it is of another.
    """
    what = f"key {column.name}:"
    if column.kind is Kind.DATE:
        return parse_date(value, what=what)
    if column.kind is Kind.INSTANT:
        return parse_instant(value, what=what)
    if not is_text(value):
        msg = f"{what} {value!r} is not {column.kind.value}"
        raise InvalidArgumentError(msg)
    return str(value)


def _told(rows: pa.Table, spec: TableSpec) -> pd.DataFrame:
    """Return vintages, by `known_at`, and what became of them."""
    table_frame = frame(rows)
    shows = np.zeros(len(rows), dtype=bool)
    shows[-1:] = ~flags(rows, "retracted")[-1:]
    table_frame["in_force"] = shows
    compare = [n for n in spec.names if n not in spec.key and n != "known_at"]
    differs = {name: _differs(rows, name) for name in compare}
    table_frame["changed"] = pd.Series(
        [
            tuple(name for name in compare if differs[name][number])
            for number in range(len(rows))
        ],
        dtype=object,
    )
    return table_frame


def _differs(rows: pa.Table, name: str) -> BoolVector:
    """Return where a column differs from the row before; never in the first row."""
    values = column(rows, name)
    differs = np.zeros(len(rows), dtype=bool)
    differs[1:] = ~same(values[1:], values[:-1])
    return differs


def _text(values: Mapping[str, Any]) -> str:
    text = listed(values.values())
    return text if len(values) == 1 else f"({text})"


def _nearest(rows: pa.Table, wanted: Mapping[str, Any], asked: str) -> list[str]:
    """Return keys like the one asked for, nearest first."""
    for name, value in wanted.items():
        values = column(rows, name)
        alike = keep(rows, truth(pc.is_in(values, _near(values, value))))
        rows = alike if len(alike) else rows
    keys = rows.select(list(wanted)).group_by(list(wanted)).aggregate([])
    texts = [_text(key) for key in keys.slice(0, _LISTED).to_pylist()]
    return difflib.get_close_matches(asked, texts, n=12, cutoff=0.0)


def _near(values: Array, value: Any) -> Array:
    """Return a value if it is there; else some that are like it."""
    distinct = pc.unique(values)
    if pc.is_in(pa.scalar(value, distinct.type), distinct).as_py():
        return pa.array([value], distinct.type)
    if isinstance(value, str):
        plain = {text.casefold(): text for text in distinct.to_pylist()}
        close = difflib.get_close_matches(value.casefold(), plain, n=12)
        return pa.array([plain[text] for text in close], distinct.type)
    order = sorted(distinct.to_pylist(), key=lambda other: abs(other - value))
    return pa.array(order[:12], distinct.type)
