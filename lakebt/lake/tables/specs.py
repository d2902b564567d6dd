"""Which fact tables a lake has: the built-in ones, and those its users declared.

A declaration lives in the Iceberg table itself: its schema says the columns, and its
properties what a schema cannot, so that any process and any engine sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    StringType,
    TimestamptzType,
)

from lakebt.errors import LakeError, UnknownNameError
from lakebt.lake.tables.schemas import (
    FROM_THE_START,
    LATER,
    LEDGER,
    OURS,
    RELEASE,
    SPECS,
    TRIALS,
    Column,
    Kind,
    TableSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.types import NestedField


KEY = f"{OURS}key"
ORDER = f"{OURS}order"
KNOWN_AT = f"{OURS}known-at"

KEY_KINDS = (Kind.TEXT, Kind.DATE, Kind.INSTANT)
"""What a key may consist of. Not numbers: -0.0 equals 0.0 and NaN not itself, and what
two publishers computed is equal only by luck."""

_KINDS: dict[object, Kind] = {
    StringType: Kind.TEXT,
    DoubleType: Kind.NUMBER,
    DateType: Kind.DATE,
    TimestamptzType: Kind.INSTANT,
    BooleanType: Kind.FLAG,
}


class Specs(Mapping[str, TableSpec]):
    """The fact tables of a lake by name, the built-in ones first.

    A table that a user declared before there was a built-in one of its name stays what
    it was declared to be.

    Parameters
    ----------
    tables
        The lake's tables. One whose declaration cannot be read is not in the mapping,
        and is an error only when it is asked for by `of`.
    snapshots
        By table, the snapshot whose columns count; those added since come after them.
        By default the columns of today.

    Attributes
    ----------
    damaged : dict of str to str
        What is wrong, by table.
    """

    def __init__(
        self, tables: Mapping[str, Table], snapshots: Mapping[str, int] | None = None
    ) -> None:
        self._specs = dict(SPECS)
        self.damaged: dict[str, str] = {}
        for name in fact_tables(tables):
            if name in FROM_THE_START or (name in LATER and not is_own(tables[name])):
                continue
            table = tables[name]
            try:
                fields = _fields(table, (snapshots or {}).get(name))
                self._specs[name] = _declared(name, table.properties, fields)
            except ValueError as error:
                self.damaged[name] = str(error)

    def __getitem__(self, name: str) -> TableSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def same_as(self, other: Specs) -> bool:
        """Whether they say the same of every table."""
        return (self._specs, self.damaged) == (other._specs, other.damaged)

    def of(self, table: object) -> TableSpec:
        """Return the spec of a table that somebody asks for.

        Raises
        ------
        LakeError
            If it was declared, but its declaration was damaged since.
        UnknownNameError
            If there is no such table.
        """
        if isinstance(table, str) and table in self.damaged:
            msg = (
                f"table {table} cannot be used: {self.damaged[table]}. Something other "
                f"than lakebt changed it: undo that in the engine it was done with"
            )
            raise LakeError(msg)
        if not isinstance(table, str) or table not in self._specs:
            raise UnknownNameError("table", str(table), self._specs)
        return self._specs[table]


def fact_tables(names: Iterable[str]) -> tuple[str, ...]:
    """Return the tables every lake has, and others of `names`: built in, then sorted.

    Of the built-in tables that are made when they are first published, a lake has those
    among `names`.
    """
    there = set(names)
    later = (name for name in LATER if name in there)
    others = there.difference(SPECS, {LEDGER, TRIALS})
    return (*FROM_THE_START, *later, *sorted(others))


def is_own(table: Table) -> bool:
    """Whether a table was declared by a user."""
    return KEY in table.properties


def is_fact_table(name: str, table: Table) -> bool:
    """Whether a table of the namespace is the lake's, or somebody else's.

    One that lakebt wrote into stays the lake's when its properties are lost.
    """
    if name == TRIALS:
        return False
    is_marked = any(prop.startswith(OURS) for prop in table.properties)
    if name in FROM_THE_START or is_marked:
        return True
    head = table.metadata.current_snapshot()
    summary = None if head is None else head.summary
    return summary is not None and RELEASE in summary.additional_properties


def schema_of(table: Table, snapshot_id: int) -> Schema:
    """Return the schema a snapshot was written with."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None or snapshot.schema_id is None:
        return table.schema()
    return table.schemas()[snapshot.schema_id]


def _fields(table: Table, snapshot_id: int | None) -> list[tuple[NestedField, bool]]:
    """Return the columns that count, each with whether every row has a value."""
    today = table.schema()
    then = today if snapshot_id is None else schema_of(table, snapshot_id)
    since = [
        field
        for field in today.fields
        if field.field_id not in then.field_ids and field.name not in then.column_names
    ]
    return [*((f, f.required) for f in then.fields), *((f, False) for f in since)]


def _declared(
    name: str,
    properties: Mapping[str, str],
    fields: Iterable[tuple[NestedField, bool]],
) -> TableSpec:
    """Read a declaration back.

    Raises
    ------
    ValueError
        If it does not make sense.
    """
    source = properties.get(KNOWN_AT)
    columns = {f.name: _column(f, source, required=needed) for f, needed in fields}
    for added, kind in (("known_at", Kind.INSTANT), ("retracted", Kind.FLAG)):
        if added not in columns or columns[added].kind is not kind:
            msg = f"its column {added} is gone"
            raise ValueError(msg)
    if source is not None and source not in columns:
        msg = f"its property {KNOWN_AT} names {source!r}, which is no column of it"
        raise ValueError(msg)
    key = _names(properties, KEY, columns)
    order = _names(properties, ORDER, columns) if ORDER in properties else key
    if sorted(order) != sorted(key):
        msg = f"its property {ORDER} is {properties[ORDER]!r}, not its key in an order"
        raise ValueError(msg)
    return TableSpec(
        name=name,
        key=key,
        columns=tuple(columns.values()),
        order=(*order, "known_at"),
        known_at_from=source,
        is_declared=True,
    )


def _names(
    properties: Mapping[str, str], name: str, columns: Mapping[str, Column]
) -> tuple[str, ...]:
    """Return the columns of the key that a property lists.

    Raises
    ------
    ValueError
        If it is not there, or lists something else.
    """
    if name not in properties:
        msg = f"its property {name} is gone"
        raise ValueError(msg)
    names_there = tuple(properties[name].split(","))
    for column in names_there:
        if column not in columns or names_there.count(column) > 1:
            what = "is there twice" if column in columns else "is no column of it"
            msg = f"its property {name} is {properties[name]!r}, and {column!r} {what}"
            raise ValueError(msg)
        if columns[column].kind not in KEY_KINDS or not columns[column].required:
            msg = f"column {column} of its key holds {columns[column].kind.value} now"
            raise ValueError(msg)
    return names_there


def _column(field: NestedField, source: str | None, *, required: bool) -> Column:
    """Read a column back.

    Raises
    ------
    ValueError
        If lakebt has no word for what it holds.
    """
    kind = _KINDS.get(type(field.field_type))
    if kind is None:
        msg = f"its column {field.name} is {field.field_type}, which no fact can be"
        raise ValueError(msg)
    return Column(
        name=field.name,
        kind=kind,
        required=required,
        derived=field.name == "retracted"
        or (field.name == "known_at" and bool(source)),
        is_publication=field.name == source and kind is Kind.INSTANT,
    )
