"""A lake without a subject, written beside the lake as it is."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.table.snapshots import Summary

from lakebt.lake.committing.ledger import ledger_rows, page_of
from lakebt.lake.erasure.certificate import ErasedFile
from lakebt.lake.erasure.held_rows import TableFiles
from lakebt.lake.erasure.subject import file_rows
from lakebt.lake.erasure.substitution import Own, Words
from lakebt.lake.erasure.table_rewrite import NewFile, TableRewrite
from lakebt.lake.keeping.reachable_files import metadata_files
from lakebt.lake.storage.code import ignored_properties
from lakebt.lake.storage.datafiles import (
    group_rows_of,
    packed,
    statistics,
    write_files,
)
from lakebt.lake.storage.durability import sync
from lakebt.lake.storage.erasure_note import ERASURES
from lakebt.lake.storage.fingerprint import NOTHING, OPEN, named
from lakebt.lake.storage.metadata import packed as packed_metadata
from lakebt.lake.storage.move_note import Pointer
from lakebt.lake.storage.reach import Walk, unneeded
from lakebt.lake.storage.snapshots import delete_quietly, only
from lakebt.lake.tables.arrow import column, keep
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, OURS, PROPERTIES, TRIALS
from lakebt.lake.tables.trials import (
    IDS,
    JSON,
    OPEN_KEYS,
    OWN_KEYS,
    OWN_TEXTS,
    TRIALS_SPEC,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.erasure.held_rows import Search


_AS_THEY_ARE = frozenset({*IDS, "kind", "release", "snapshots"})
"""Columns of trials that hold names and numbers of lakebt's own."""

_OWN = Own(keys=OWN_KEYS, texts=OWN_TEXTS, open_below=OPEN_KEYS)
"""What of the others is lakebt's own."""


class Draft:
    """New files of a lake, and what is to point at them.

    Parameters
    ----------
    catalog
        The name that its rows in the database have.
    tables
        All tables of the lake, the ledger and trials among them, as main has them.
    words
        What no text may hold any more.

    Attributes
    ----------
    pointers : list of Pointer
        Where the metadata of each table that changes is, and is to be.
    doomed : list of str
        Files that nothing names, once that is so.
    written : list of str
    before, after : list of ErasedFile
    metadata : dict of str to TableMetadata
        Of the tables that change.
    """

    def __init__(self, catalog: str, tables: Mapping[str, Table], words: Words) -> None:
        self._catalog, self._tables, self._words = catalog, tables, words
        self.pointers: list[Pointer] = []
        self.doomed: list[str] = []
        self.written: list[str] = []
        self.before: list[ErasedFile] = []
        self.after: list[ErasedFile] = []
        self.metadata: dict[str, TableMetadata] = {}

    def facts(self, search: Search, told: Mapping[str, str]) -> None:
        """Write the table of a subject without its rows.

        Parameters
        ----------
        search
        told
            The digests of files whose names do not tell them.
        """
        table, files = search.files.table, search.files
        replacements = {path: self._without(search, path) for path in search.held}
        rewrite = self._rewrite(table, replacements, files.data, told)
        snapshots = [rewrite.snapshot(each) for each in table.metadata.snapshots]
        self._point(table, table.metadata, snapshots, old=files.reached)

    def trials(self, table: Table) -> None:
        """Write the table of trials without the values."""
        files = TableFiles(table, NOTHING)
        replacements: dict[str, NewFile | None] = {}
        for path in files.data:
            content = files.content(path)
            rows = file_rows(content, table.schema())
            now = _scrubbed(rows, self._words)
            if now is not None:
                replacements[path] = self._data_file(
                    table, now, path, TRIALS_SPEC.order
                )
        rewrite = self._rewrite(table, replacements, files.data, NOTHING)
        snapshots = [rewrite.snapshot(each) for each in table.metadata.snapshots]
        self._point(table, table.metadata, snapshots, old=files.reached)

    def ledger(
        self,
        wider: Table,
        edit: Callable[[Release, dict[str, Release]], Release],
        erasure: str,
    ) -> None:
        """Write the pages of the ledger that a branch or tag names, and those only.

        Parameters
        ----------
        wider
            The ledger's table with the columns that it needs.
        edit
            Returns what a release says now, given those before it on its page.
        erasure
            Its id.
        """
        table = self._tables[LEDGER]
        files = TableFiles(table, NOTHING)
        heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
        replacements: dict[str, NewFile | None] = {}
        for snapshot_id in sorted(heads):
            first, *rest = files.by_snapshot[snapshot_id]
            if first in replacements:
                continue
            done: dict[str, Release] = {}
            for release in page_of(only(table, snapshot_id)).releases:
                done[release.name] = edit(release, done)
            (new,) = write_files(wider, ledger_rows(done.values(), wider))
            self.written.append(new.file_path)
            about = {name: getattr(new, name) for name in _ABOUT}
            replacements[first] = NewFile(
                path=new.file_path,
                n_bytes=new.file_size_in_bytes,
                n_rows=new.record_count,
                about=about,
            )
            replacements |= dict.fromkeys(rest)
        rewrite = self._rewrite(table, replacements, (), NOTHING)
        schema_id = wider.metadata.current_schema_id
        snapshots = [
            rewrite.snapshot(each).model_copy(update={"schema_id": schema_id})
            for each in table.metadata.snapshots
            if each.snapshot_id in heads
        ]
        erasures = wider.metadata.properties.get(ERASURES)
        ids = ",".join([*([erasures] if erasures else []), erasure])
        properties = {**wider.metadata.properties, ERASURES: ids}
        metadata = wider.metadata.model_copy(update={"properties": properties})
        self._point(table, metadata, snapshots, old=files.reached)

    def others(self, done: Collection[str]) -> None:
        """Write the metadata of tables in whose notes a value stands."""
        for name, table in self._tables.items():
            if name not in done:
                self._point(table, table.metadata, table.metadata.snapshots, old=())

    def _rewrite(
        self,
        table: Table,
        made: Mapping[str, NewFile | None],
        live: Collection[str],
        told: Mapping[str, str],
    ) -> TableRewrite:
        return TableRewrite(
            table.metadata,
            files=made,
            live=frozenset(live),
            read=lambda path: _content(table, path),
            put=self._put,
            where=f"table {table.name()[-1]}",
            told=told,
        )

    def _without(self, search: Search, path: str) -> NewFile | None:
        """Write a data file without the rows that go; None if none would be left."""
        table, subject = search.files.table, search.subject
        content = search.files.content(path)
        rows = file_rows(content, table.schema())
        matching = search.held[path]
        self.before.append(self._told(table, path, content, matching.n_rows))
        left = keep(rows, ~subject.matches(rows, table.schema()))
        if not len(left):
            return None
        order, group_rows = subject.spec.order, group_rows_of(content)
        return self._data_file(table, left, path, order, group_rows=group_rows)

    def _data_file(
        self,
        table: Table,
        rows: pa.Table,
        path: str,
        sorted_by: Iterable[str],
        *,
        group_rows: int | None = None,
    ) -> NewFile:
        there = set(rows.column_names)
        order = [name for name in sorted_by if name in there]
        content, footer = packed(rows, order, group_rows=group_rows)
        folder = path.rsplit("/", maxsplit=1)[0]
        open_name = f"{folder}/{secrets.token_hex(8)}-{OPEN}.parquet"
        place, whole = named(open_name, content), content.to_pybytes()
        self._put(place, whole)
        if table.name()[-1] != TRIALS:
            self.after.append(self._told(table, place, whole, len(rows)))
        about = statistics(footer, pyarrow_to_schema(rows.schema), order)
        return NewFile(path=place, n_bytes=len(whole), n_rows=len(rows), about=about)

    def _told(self, table: Table, path: str, content: bytes, n_rows: int) -> ErasedFile:
        inner = path.removeprefix(f"{table.location()}/")
        return ErasedFile(
            path=self._words.without(f"{table.name()[-1]}/{inner}"),
            sha256=hashlib.sha256(content).hexdigest(),
            n_bytes=len(content),
            n_rows=n_rows,
        )

    def _point(
        self,
        table: Table,
        metadata: TableMetadata,
        snapshots: Iterable[Snapshot],
        *,
        old: Iterable[str],
    ) -> None:
        """Write the metadata of a table, if it is another one, and say what goes."""
        before = table.metadata
        kept = [self._noted(each) for each in snapshots]
        # Those of other programs too, which lakebt itself does not read.
        there = {**metadata.properties, **ignored_properties(table)}
        properties = {
            key: text if _is_own(key) else self._words.without(text)
            for key, text in there.items()
            if _is_own(key) or not self._words.stand_in(key)
        }
        schemas = [_documented(each, self._words) for each in metadata.schemas]
        is_same = (
            kept == before.snapshots
            and properties == {**before.properties, **ignored_properties(table)}
            and _docs(schemas) == _docs(before.schemas)
        )
        if is_same:
            return
        ids = {each.snapshot_id for each in kept}
        log = [entry for entry in before.snapshot_log if entry.snapshot_id in ids]
        while log and log[-1].snapshot_id != before.current_snapshot_id:
            log.pop()
        updates: dict[str, Any] = {
            "snapshots": kept,
            "snapshot_log": log,
            "metadata_log": [],
            "properties": properties,
            "schemas": schemas,
        }
        if old:  # sketches of values, made of rows that go: engines make them anew
            updates |= {"statistics": [], "partition_statistics": []}
        new = metadata.model_copy(update=updates)
        version = MetastoreCatalog._parse_metadata_version(table.metadata_location)  # noqa: SLF001
        location, content = packed_metadata(new, max(version, 0) + 1)
        self._put(location, content)
        name = table.name()[-1]
        self.metadata[name] = new
        self.pointers.append(
            Pointer(self._catalog, NAMESPACE, name, table.metadata_location, location)
        )
        stays = [*Walk(table.io).reach(kept), location]
        stays += [each.statistics_path for each in new.statistics]
        stays += [each.statistics_path for each in new.partition_statistics]
        going = [*old, *metadata_files(table)]
        self.doomed += unneeded(going, stays, folder=before.location)

    def _noted(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot in whose notes no value stands."""
        if snapshot.summary is None:
            return snapshot
        properties = snapshot.summary.additional_properties
        now = {
            key: text
            if key.startswith(OURS) or (text.isdigit() and _COUNT.fullmatch(key))
            else self._words.without(text)
            for key, text in properties.items()
        }
        if now == properties:
            return snapshot
        summary = Summary(snapshot.summary.operation, **now)
        return snapshot.model_copy(update={"summary": summary})

    def _put(self, path: str, content: bytes) -> None:
        self.written.append(path)
        io = next(iter(self._tables.values())).io
        with io.new_output(path).create(overwrite=True) as stream:
            stream.write(content)

    def have(self) -> None:
        """Have all that was written on the disk."""
        sync(next(iter(self._tables.values())).io, *self.written)

    def undo(self) -> None:
        """Delete all that was written."""
        delete_quietly(next(iter(self._tables.values())).io, self.written)


_ABOUT = (
    *("column_sizes", "value_counts", "null_value_counts", "nan_value_counts"),
    *("lower_bounds", "upper_bounds", "split_offsets"),
)


def _is_own(key: str) -> bool:
    """Whether a property of a table is lakebt's own, without texts of users."""
    return key.startswith(OURS) or key in PROPERTIES


_COUNT = re.compile(r"(added|changed|deleted|removed|total)-[a-z-]+")
"""How the keys of Iceberg's counts in a snapshot's summary are called."""


def _documented(schema: Schema, words: Words) -> Schema:
    """Return a schema in whose words about columns no value stands."""
    docs = [field.doc and words.without(field.doc) for field in schema.fields]
    if docs == [field.doc for field in schema.fields]:
        return schema
    fields = [
        field.model_copy(update={"doc": doc})
        for field, doc in zip(schema.fields, docs, strict=True)
    ]
    return schema.model_copy(update={"fields": tuple(fields)})


def _docs(schemas: Iterable[Schema]) -> list[list[str | None]]:
    return [[field.doc for field in schema.fields] for schema in schemas]


def _content(table: Table, path: str) -> bytes:
    with table.io.new_input(path).open() as stream:
        content: bytes = stream.read()
    return content


def _scrubbed(rows: pa.Table, words: Words) -> pa.Table | None:
    """Return trials without the values; None if they have none."""
    changed = False
    for place, field in enumerate(rows.schema):
        if field.name in _AS_THEY_ARE or not pa.types.is_string(field.type):
            continue
        coded = column(rows, field.name).dictionary_encode()
        values = coded.dictionary.to_pylist()
        now = [
            words.in_json(text, own=_OWN)
            if field.name in JSON
            else words.deeply(text, own=_OWN, below=field.name)
            for text in values
        ]
        if now != values:
            changed = True
            texts: Any = pa.array(now, pa.string()).take(coded.indices)
            rows = rows.set_column(place, field, texts)
    return rows if changed else None
