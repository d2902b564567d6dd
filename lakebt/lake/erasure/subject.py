"""What is to be erased: the rows of a table that match a filter, in any file of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import PYARROW_PARQUET_FIELD_ID_KEY as FIELD_ID

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.reading.where import RowFilter
from lakebt.lake.storage.failures import parsing
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from pyiceberg.schema import Schema

    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.lake.tables.schemas import TableSpec


class Subject:
    """The rows of one table that are to go, all vintages, those retracted too.

    Parameters
    ----------
    spec
        The table.
    where
        As `View.read` takes it.
    zone
        Where the exchange is.

    Raises
    ------
    InvalidArgumentError
        If the filter is empty: all of a table is not a subject.
    UnknownNameError
        If there is no such column.
    """

    def __init__(
        self, spec: TableSpec, where: Mapping[str, Any] | None, zone: dt.tzinfo
    ) -> None:
        self.spec = spec
        self._filter = RowFilter(where, spec=spec, known=spec.names, zone=zone)
        if not self._filter.columns:
            msg = (
                f"where must say which rows of {spec.name} go, by column, as "
                f"{{'{spec.key[0]}': ...}}; was {where!r}"
            )
            raise InvalidArgumentError(msg)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the filter looks at."""
        return self._filter.columns

    @property
    def texts(self) -> frozenset[str]:
        """The texts that the filter asks for by name, but for words of lakebt's own."""
        named = text_columns(self.spec)
        return frozenset(
            value
            for column in self.columns
            if column in named
            for value in self._filter.wanted.get(column, ())
            if isinstance(value, str)
        )

    def matches(self, rows: pa.Table, schema: Schema) -> BoolVector:
        """Return which rows of a file go."""
        return self._filter.matches(declared(rows, schema, self.spec, self.columns))


def text_columns(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns of free text: not those of a few words, such as ``side``."""
    return tuple(
        column.name
        for column in spec.columns
        if column.kind is Kind.TEXT and not column.choices
    )


def file_rows(
    content: Any, schema: Schema, columns: Iterable[str] | None = None
) -> pa.Table:
    """Return what a data file holds, as it holds it, each column with its number.

    Parameters
    ----------
    content
        Of the file.
    schema
        Of its table.
    columns
        Only these of the table's; all that the file has by default.

    Raises
    ------
    DamagedFileError
        If it is no Parquet file.
    LakeError
        If a column is none of the table's.
    """
    with parsing():
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        there = file.schema_arrow
        wanted = None
        if columns is not None:
            fields = (_field(there, schema, name) for name in columns)
            wanted = [field.name for field in fields if field is not None]
        rows = file.read(columns=wanted)
    return rows.cast(pa.schema([_numbered(field, schema) for field in rows.schema]))


def declared(
    rows: pa.Table, schema: Schema, spec: TableSpec, columns: Iterable[str]
) -> pa.Table:
    """Return columns of a file as they were declared; null where it has none."""
    matched, fields = [], []
    for name in columns:
        kind = spec.arrow.field(name).type
        field = _field(rows.schema, schema, name)
        if field is None:
            nothing: Any = pa.nulls(len(rows), kind)
            matched.append(pa.chunked_array([nothing], kind))
        else:
            matched.append(rows.column(field.name).cast(kind))
        fields.append(pa.field(name, kind))
    return pa.table(matched, schema=pa.schema(fields))


def _field(there: pa.Schema, schema: Schema, name: str) -> pa.Field[Any] | None:
    """Return the column of a file that is one of the table's; None if it lacks it."""
    number = b"%d" % schema.find_field(name).field_id
    for field in there:
        if (field.metadata or {}).get(FIELD_ID) == number:
            return field
    place = there.get_field_index(name)
    is_numbered = place >= 0 and FIELD_ID in (there.field(place).metadata or {})
    return None if place < 0 or is_numbered else there.field(place)


def _numbered(field: pa.Field[Any], schema: Schema) -> pa.Field[Any]:
    """Return a column with its number.

    Raises
    ------
    LakeError
        If it has none, and the table no column of its name.
    """
    if FIELD_ID in (field.metadata or {}):
        return field
    if field.name not in {known.name for known in schema.fields}:
        msg = f"a file has a column {field.name!r} that its table has not"
        raise LakeError(msg)
    number = b"%d" % schema.find_field(field.name).field_id
    return field.with_metadata({FIELD_ID: number})
