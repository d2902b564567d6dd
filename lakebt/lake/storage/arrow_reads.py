"""Reading data files with Arrow alone, where that is what pyiceberg would read.

pyiceberg opens each file in a thread of its own, translates its schema, and rebuilds
every batch. Of files that hold just the columns asked for, as they were declared, and
of which no row was deleted since, nothing has to be translated or rebuilt.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.acero import Declaration, FilterNodeOptions, TableSourceNodeOptions
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.visitors import bind, extract_field_ids
from pyiceberg.io.pyarrow import (
    PyArrowFileIO,
    expression_to_pyarrow,
    pyarrow_to_schema,
    schema_to_pyarrow,
)
from pyiceberg.manifest import FileFormat
from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    LongType,
    StringType,
    TimestamptzType,
)
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt.lake.storage.failures import parsing
from lakebt.lake.storage.fingerprint import NOTHING, verify
from lakebt.lake.storage.kept_files import Used, is_trusted
from lakebt.lake.storage.parquet_files import (
    CHECKED,
    all_there,
    fragment,
    is_small,
    opened,
    schema_of,
    whole_of,
)
from lakebt.lake.storage.scan_plan import plan
from lakebt.lake.tables.arrow import INSTANT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import DataScan, FileScanTask, Table
    from pyiceberg.types import NestedField

    from lakebt.lake.storage.predicates import Among


_AS_WRITTEN: dict[object, pa.DataType] = {
    BooleanType: pa.bool_(),
    DateType: pa.date32(),
    DoubleType: pa.float64(),
    LongType: pa.int64(),
    StringType: pa.string(),
    TimestamptzType: INSTANT,
}
"""The one Arrow type of each Iceberg type that needs no conversion on the way."""

_FIELD_ID = b"PARQUET:field_id"

_FEW = 16
"""So many small files are decoded one by one sooner than planned for."""

_READ_AHEAD = 4
"""Batches that are decoded before they are filtered: with sixteen, as Arrow has it, a
table of twenty million rows held half a gigabyte more, and was read no faster."""


def compared(
    chosen: DataScan, told: Mapping[str, str] = NOTHING, only: int | None = None
) -> tuple[list[FileScanTask], bool]:
    """Return the files that a scan reads, and whether all are known to be unchanged.

    Parameters
    ----------
    chosen
    told
        The digests of files whose names do not tell them.
    only
        The one file that is read of them, by its place; all if None.

    Raises
    ------
    ChangedFileError
        If one is not what was written.
    FileNotFoundError
        If one is gone.
    """
    tasks = plan(chosen, told)
    if only is not None:
        tasks = tasks[only : only + 1]
    paths = [task.file.file_path for task in tasks]
    paths += [each.file_path for task in tasks for each in task.delete_files]
    return tasks, verify(chosen.io, paths, told)


def read_directly(
    chosen: DataScan,
    coded: Collection[str],
    among: Among | None = None,
    tasks: list[FileScanTask] | None = None,
) -> pa.Table | None:
    """Read what a scan selects with Arrow alone.

    Parameters
    ----------
    chosen
        Of one snapshot; of `among`, what lies within its range.
    coded
        Text columns to return as dictionaries.
    among
        The rows to return of what is selected.
    tasks
        The files it reads, if that is known.

    Returns
    -------
    pyarrow.Table or None
        The rows pyiceberg would return, in its order; columns in the order of the
        schema. None if that cannot be told without pyiceberg: a file has rows that were
        deleted since, is no Parquet file, lacks a column, or holds it as another type
        or under another name.

    Raises
    ------
    FileNotFoundError
        If a file is gone.
    """
    io, wanted = chosen.io, chosen.projection()
    if tasks is None:
        tasks, _ = compared(chosen)
    if not tasks and all(type(f.field_type) in _AS_WRITTEN for f in wanted.fields):
        return _arrow_schema(wanted.fields, coded).empty_table()
    whole = chosen.update(selected_fields=("*",)).projection()
    condition = None
    fields = {field.field_id: field for field in wanted.fields}
    if not isinstance(chosen.row_filter, AlwaysTrue):
        bound = bind(whole, chosen.row_filter, case_sensitive=True)
        condition = expression_to_pyarrow(bound, whole)
        fields |= {n: whole.find_field(n) for n in extract_field_ids(bound)}
    if among is not None:
        condition = (
            among.condition if condition is None else condition & among.condition
        )
        looked_at = whole.find_field(among.column)  # also where the range is empty
        fields[looked_at.field_id] = looked_at
    if not isinstance(io, PyArrowFileIO) or any(
        type(field.field_type) not in _AS_WRITTEN for field in fields.values()
    ):
        return None
    if any(
        t.delete_files or t.file.file_format is not FileFormat.PARQUET for t in tasks
    ):
        return None
    request = _Asked(
        fields=tuple(fields.values()),
        columns=list(wanted.column_names),
        coded=frozenset(coded),
        condition=condition,
    )
    may_keep = is_trusted() and not coded
    parts: list[pa.Table] = []
    for is_kept, some in itertools.groupby(
        tasks, lambda task: may_keep and is_small(task.file)
    ):
        read = request.of_kept if is_kept else request.of_files
        rows = read([task.file for task in some], io)
        if rows is None:
            return None
        parts.append(rows)
    return pa.concat_tables(parts)


_KEPT: Used[tuple[pa.Table, pa.Schema]] = Used(2**26, largest=2**22)
"""Small files that were compared with their names, as decoded, by bytes in memory."""

_LAYOUTS: WeakValueDictionary[bytes, pa.Schema] = WeakValueDictionary()
"""What those files say they hold, each once, as long as one of them is kept."""


@dataclass(frozen=True)
class _Asked:
    """A request to files: columns, and a condition on rows."""

    fields: tuple[NestedField, ...]
    columns: list[str]
    coded: frozenset[str]
    condition: Any

    def of_files(self, files: Sequence[DataFile], io: PyArrowFileIO) -> pa.Table | None:
        """Read it from where they lie; None if pyiceberg has to."""
        if len(files) <= _FEW and all(map(is_small, files)):
            near = [opened(file, io, self.coded) for file in files]
            if None not in near:
                return self._of_near(near)
        layout = ds.ParquetFileFormat(
            dictionary_columns=set(self.coded), default_fragment_scan_options=CHECKED
        )
        fragments = [fragment(file, layout, io) for file in files]
        with all_there(fragments):
            footers = ExecutorFactory.get_or_create().map(schema_of, fragments)
            if not all(_holds(footer, self.fields) for footer in footers):
                return None
            rows = ds.FileSystemDataset(fragments, schema=self._schema, format=layout)
            return rows.scanner(
                columns=self.columns,
                filter=self.condition,
                batch_readahead=_READ_AHEAD,
            ).to_table()

    def _of_near(self, files: Sequence[Any]) -> pa.Table | None:
        """Read it from small files that are open; None if pyiceberg has to."""
        if not all(_holds(file.schema_arrow, self.fields) for file in files):
            return None
        schema = self._schema
        tables = [file.read(schema.names, use_threads=False) for file in files]
        tables = [rows.select(schema.names).cast(schema) for rows in tables]
        return self._chosen(pa.concat_tables(tables))

    def of_kept(self, files: Sequence[DataFile], io: PyArrowFileIO) -> pa.Table | None:
        """Read it from what they were decoded to; None if pyiceberg has to."""
        schema = self._schema
        fitting: dict[int, pa.Schema] = {}  # held, so that no other has its number
        tables = []
        for file in files:
            rows, footer = _decoded(file, io)
            if id(footer) not in fitting:
                if not _holds(footer, self.fields):
                    return None
                fitting[id(footer)] = footer
            some = rows.select(schema.names)
            tables.append(some if some.schema.equals(schema) else some.cast(schema))
        return self._chosen(pa.concat_tables(tables).combine_chunks())

    def _chosen(self, rows: pa.Table) -> pa.Table:
        """Return what is asked of rows in memory, in their order."""
        if self.condition is not None:
            chosen = Declaration.from_sequence(
                [
                    Declaration("table_source", TableSourceNodeOptions(rows)),
                    Declaration("filter", FilterNodeOptions(self.condition)),
                ]
            )
            rows = chosen.to_table(use_threads=False)  # with them in any order
        return rows.select(self.columns)

    @property
    def _schema(self) -> pa.Schema:
        return _arrow_schema(self.fields, self.coded)


def _decoded(file: DataFile, io: PyArrowFileIO) -> tuple[pa.Table, pa.Schema]:
    """Return all that a file holds, in plain columns, and what it says it holds."""
    kept_rows = _KEPT.get(file.file_path)
    if kept_rows is None:
        with whole_of(file, io) as (footer, read):
            plain = pa.schema([(field.name, field.type) for field in footer])
            rows = read().cast(plain)
        footer = _LAYOUTS.setdefault(footer.serialize().to_pybytes(), footer)
        kept_rows = rows, footer
        _KEPT.keep_sized(file.file_path, kept_rows, rows.nbytes)
    return kept_rows


def read_one_file(table: Table) -> pa.Table | None:
    """Read all that a table holds, if that is one file just as it was declared.

    Parameters
    ----------
    table
        As the ledger is: written anew as a whole with every commit, nested columns too.

    Returns
    -------
    pyarrow.Table or None
        The rows pyiceberg would return; None if that cannot be told without it.

    Raises
    ------
    FileNotFoundError
        If a file is gone.
    """
    (tasks, is_known), io = compared(table.scan()), table.io
    if (
        len(tasks) != 1
        or tasks[0].delete_files
        or tasks[0].file.file_format is not FileFormat.PARQUET
        or not isinstance(io, PyArrowFileIO)
    ):
        return None
    with whole_of(tasks[0].file, io) as (footer, read):
        numbered = all(field.metadata for field in footer)
        if not numbered or _declared(footer.serialize().to_pybytes()) != table.schema():
            return None
        rows = read()
    if not is_known:
        validate(rows)
    return rows


def validate(rows: pa.Table) -> None:
    """Check that the data of an unknown file is valid, its texts included.

    Raises
    ------
    DamagedFileError, pyarrow.ArrowInvalid
        If it does not.
    """
    with parsing():
        rows.validate(full=True)


def arrow_type(field: NestedField) -> pa.DataType:
    """Return the type a column is read as."""
    arrow = _AS_WRITTEN.get(type(field.field_type))
    other: Any = schema_to_pyarrow(field.field_type)
    return other if arrow is None else arrow


@functools.lru_cache(maxsize=64)
def _declared(footer: bytes) -> Schema:
    """Return the columns that a file says it has, each of them numbered."""
    return pyarrow_to_schema(pa.ipc.read_schema(pa.py_buffer(footer)))


def _holds(footer: pa.Schema, fields: Iterable[NestedField]) -> bool:
    """Whether a file has all of some columns just as they were declared."""
    for field in fields:
        place = footer.get_field_index(field.name)
        if place < 0:  # it is not there, or twice
            return False
        column = footer.field(place)
        kind: Any = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        number = (column.metadata or {}).get(_FIELD_ID, b"")
        if kind != _AS_WRITTEN[type(field.field_type)] or number != b"%d" % (
            field.field_id
        ):
            return False
    return True


def _arrow_schema(fields: Iterable[NestedField], coded: Collection[str]) -> pa.Schema:
    return pa.schema([_arrow_field(field, coded) for field in fields])


def _arrow_field(field: NestedField, coded: Collection[str]) -> pa.Field[Any]:
    kind: Any = _AS_WRITTEN[type(field.field_type)]
    if field.name in coded:
        kind = pa.dictionary(pa.int32(), kind)
    return pa.field(field.name, kind)
