"""Rows of a release's tables, as known at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.expressions import AlwaysTrue, And

from lakebt.errors import UnknownNameError
from lakebt.inputs.checks import check_list, is_text
from lakebt.lake.reading.release_tables import WHOLE_ROWS
from lakebt.lake.reading.where import RowFilter
from lakebt.lake.storage.predicates import between, compared, is_in
from lakebt.lake.tables.arrow import decoded, keep, take
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.rows import newest
from lakebt.lake.tables.schemas import ETF_HOLDINGS, INDEX_CHANGES, PRICES, Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.lake.tables.schemas import TableSpec


FEW_ROWS = 200_000
"""Up to this many rows are read whole and kept, even if only some are wanted."""


def visible(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns of a table that a reader of its facts sees."""
    names = tuple(name for name in spec.names if name != "retracted")
    return (*names, "status") if spec is ETF_HOLDINGS else names


def chosen(spec: TableSpec, columns: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the wanted columns; all if none is named.

    Raises
    ------
    InvalidArgumentError
        If they are no list.
    UnknownNameError
        If there is no such column.
    """
    known = visible(spec)
    if columns is None or isinstance(columns, str):
        names = (columns,) if columns else known
    else:
        check_list("columns", columns)
        names = (*columns,)
    if not names:
        return known
    for name in names:
        if not is_text(name) or name not in known:
            raise UnknownNameError("column", str(name), known)
    return names


def vintages_of(
    pinned: Pinned,
    spec: TableSpec,
    where: BooleanExpression | None = None,
    *,
    columns: tuple[str, ...] | None = None,
    coded: tuple[str, ...] = (),
) -> pa.Table:
    """Return all vintages, at least of the rows that match.

    Parameters
    ----------
    pinned, spec
        The release, and which of its tables.
    where
        What is wanted. It must not tell the vintages of one key apart.
    columns, coded
        The columns wanted at least, and those that may be dictionaries; all, and none.
    """
    pin = pinned.release.pin(spec.name)
    if pin is None or pin.rows <= (WHOLE_ROWS if where is None else FEW_ROWS):
        return pinned.all_rows(spec.name)
    wanted = spec.names if columns is None else columns
    coded = tuple(name for name in coded if name in wanted)
    return pinned.scan(spec.name, wanted, coded=coded, where=where)


def in_force(
    pinned: Pinned,
    spec: TableSpec,
    instant: dt.datetime,
    where: BooleanExpression | None = None,
    *,
    columns: tuple[str, ...] | None = None,
) -> pa.Table:
    """Return the rows of a table in force at an instant, sorted.

    Parameters
    ----------
    pinned, spec, instant
        The release, which of its tables, and when.
    where
        What is wanted. Other rows may be there too.
    columns
        Which, in this order; all by default.
    """
    if spec is ETF_HOLDINGS:
        rows = pinned.reports().known(instant)
        return rows if columns is None else rows.select(columns)
    names = spec.names if columns is None else columns
    needed = tuple(dict.fromkeys((*names, *spec.key, "known_at", "retracted")))
    texts = tuple(name for name in spec.key if spec.column(name).kind is Kind.TEXT)
    rows = vintages_of(pinned, spec, where, columns=needed, coded=texts)
    rows = rows.combine_chunks()
    # Of each key one row is left, so `known_at`, the last to sort by, decides nothing.
    places = newest(rows, key=spec.order[:-1], as_of=instant)
    return decoded(take(rows.select(names), places))


def rows(
    known: Known,
    table: str,
    *,
    columns: Sequence[str] | None,
    where: Mapping[str, object] | None = None,
) -> pa.Table:
    """Return some columns of the rows in force that match: see `View.arrow`."""
    spec = known.specs.of(table)
    names = None if columns is None else chosen(spec, columns)
    if where is None:
        return in_force(known.pinned, spec, known.instant, columns=names)
    zone = known.pinned.sessions.zone
    wanted = RowFilter(where, spec=spec, known=visible(spec), zone=zone)
    wanted.check_names(known)
    needed = names and tuple(dict.fromkeys((*names, *wanted.columns)))
    matching = in_force(
        known.pinned, spec, known.instant, pushed(wanted, spec), columns=needed
    )
    kept = keep(matching, wanted.matches(matching))
    return kept if names is None else kept.select(list(names))


def read(
    known: Known,
    table: str,
    *,
    columns: Sequence[str] | None,
    where: Mapping[str, object] | None,
) -> pd.DataFrame:
    """Return some columns of the rows in force that match: see `View.read`."""
    names = chosen(known.specs.of(table), columns)
    return frame(rows(known, table, columns=names, where=where))


def symbols(known: Known, table: str | None, *, index: str | None) -> list[str]:
    """Return the symbols of the rows in force, sorted: see `View.symbols`."""
    where = None if index is None else {"index": index}
    of = table or (PRICES if index is None else INDEX_CHANGES).name
    in_force_rows = read(known, of, columns=["symbol"], where=where)
    return sorted(in_force_rows["symbol"].dropna().unique().tolist())


def equal(values: Mapping[str, Any]) -> BooleanExpression:
    """Return the filter that each column has a value: a text, a date or an instant."""
    within: BooleanExpression = AlwaysTrue()
    for name, value in values.items():
        within = And(within, between(name, _literal(value), _literal(value)))
    return within


def pushed(wanted: RowFilter, spec: TableSpec) -> BooleanExpression | None:
    """Return what files can be left out by: texts and days of the key; None if nothing.

    What is in the key is the same in all vintages, and its columns are in every schema
    the table ever had: a filter binds to the newest, whichever snapshot is read.
    """
    predicate: BooleanExpression = AlwaysTrue()
    for name in spec.key:
        kind = spec.column(name).kind
        if kind is Kind.TEXT and (texts := wanted.texts(name)):
            predicate = And(predicate, is_in(name, texts))
        if kind in {Kind.TEXT, Kind.DATE}:
            for op, limit in wanted.compared.get(name, ()):
                predicate = And(predicate, compared(name, op, _literal(limit)))
    return None if isinstance(predicate, AlwaysTrue) else predicate


def _literal(value: Any) -> str:
    """Return a text, a date or an instant as a filter of Iceberg has it."""
    return value if isinstance(value, str) else value.isoformat()
