"""Writing the manifests of a snapshot, which pyiceberg does but for five things.

It puts a page of documentation into the head of every manifest, which is most of it
where each day adds one; it compresses every entry by itself, though they are all alike;
it carries manifests along for ever where files are replaced; the names that it gives to
files say nothing of what is in them; and it works out for each how it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
)
from pyiceberg.table import Transaction
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertRefSnapshotId,
    SetSnapshotRefUpdate,
)
from pyiceberg.table.update.snapshot import _FastAppendFiles, _SnapshotProducer

from lakebt.lake.storage.avro_writer import (
    ListWriter,
    RecordFile,
    check_version,
    layout_of_entries,
)
from lakebt.lake.storage.fingerprint import OPEN, Addressed, is_local
from lakebt.lake.storage.scan_plan import manifests_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestFile, ManifestWriter
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import UpdatesAndRequirements


MOST_MANIFESTS = 8
"""How many manifests a table in a store may have before they become one."""


class _Unchanging(Transaction):
    """A transaction to which nothing is added, only asked what it would add.

    pyiceberg's own applies its updates to a deep copy whenever its metadata is looked
    at, some twenty times per append.
    """

    @property
    def table_metadata(self) -> TableMetadata:
        return self._table.metadata


class _OneBlock(RecordFile[ManifestEntry]):
    """Writes all entries as one block, whose paths are compressed against each other.

    What a fold replaces takes a third of the bytes, and is read in a third of the time.
    """

    def __enter__(self) -> Self:
        self._held: list[ManifestEntry] = []
        super().__enter__()
        return self

    def write_block(self, objects: list[ManifestEntry]) -> None:
        self._held.extend(objects)

    def __exit__(
        self,
        exctype: type[BaseException] | None,
        excinst: BaseException | None,
        exctb: TracebackType | None,
    ) -> None:
        try:
            if exctype is None:
                super().write_block(self._held)
        finally:
            super().__exit__(exctype, excinst, exctb)


class _LeanWriter(ManifestWriterV2):
    """Writes a manifest without documentation."""

    def new_writer(self) -> _OneBlock:
        partition = self._spec.partition_type(self._schema)
        return _OneBlock(self._output_file, layout_of_entries(partition), self._meta)


class _AddressedIO(PyArrowFileIO):
    """Names the files that it writes by their content."""

    def __init__(self, io: FileIO) -> None:
        super().__init__(io.properties)
        self._io = io
        self.written: list[str] = []

    def new_output(self, location: str) -> Any:
        return Addressed(self._io, location, self.written)

    def new_input(self, location: str) -> Any:
        return self._io.new_input(location)


class _Lean(_SnapshotProducer[Any]):
    def __init__(
        self,
        table: Table,
        operation: Operation,
        summary: Mapping[str, str],
        branch: str = MAIN_BRANCH,
    ) -> None:
        super().__init__(
            operation,
            _Unchanging(table),
            _AddressedIO(table.io),
            snapshot_properties=dict(summary),
            branch=branch,
        )
        # Names its files by their content. What is random in them no list and no
        # metadata can compress, so there is nothing else but the snapshot's number.
        name: Any = OPEN
        self.commit_uuid = name

    def new_manifest_writer(self, spec: PartitionSpec) -> ManifestWriter:
        return _LeanWriter(
            spec,
            self.schema(),
            self.new_manifest_output(),
            self._snapshot_id,
            self._compression,
        )

    def _manifests(self) -> list[ManifestFile]:
        """Write them one by one to a disk; only a store is worth the threads."""
        table = self._transaction._table  # noqa: SLF001
        if not is_local(self._io, table.metadata_location):
            return super()._manifests()
        deleted: dict[int, list[ManifestEntry]] = {}
        for entry in self._deleted_entries():
            deleted.setdefault(entry.data_file.spec_id, []).append(entry)
        written = []
        if self._added_data_files:
            with self.new_manifest_writer(table.spec()) as writer:
                for file in self._added_data_files:
                    writer.add(
                        ManifestEntry.from_args(
                            status=ManifestEntryStatus.ADDED,
                            snapshot_id=self.snapshot_id,
                            sequence_number=None,
                            file_sequence_number=None,
                            data_file=file,
                        )
                    )
            written.append(writer.to_manifest_file())
        for spec_id, entries in deleted.items():
            with self.new_manifest_writer(self.spec(spec_id)) as writer:
                for entry in entries:
                    writer.add_entry(entry)
            written.append(writer.to_manifest_file())
        return [*written, *self._existing_manifests()]

    def _commit(self) -> UpdatesAndRequirements:
        """Write the manifests, and return what makes the snapshot.

        Raises
        ------
        LakeError
            If somebody made the table one of a format version that is not written.
        """
        check_version(self._transaction._table)  # noqa: SLF001
        base, target = self._transaction.table_metadata, self._target_branch
        assert target is not None  # noqa: S101 - see `__init__`
        number = base.next_sequence_number()
        fields = {
            "snapshot-id": self.snapshot_id,
            "parent-snapshot-id": self._parent_snapshot_id,
            "manifest-list": self._write_list(self._manifests(), number),
            "sequence-number": number,
            "summary": self._summary(self.snapshot_properties),
            "schema-id": base.current_schema_id,
        }
        new_snapshot = Snapshot.model_validate(fields)  # pyiceberg tells it the time
        # No catalog takes one from before what there is: a clock may go back.
        at = max(new_snapshot.timestamp_ms, base.last_updated_ms)
        snapshot = new_snapshot.model_copy(update={"timestamp_ms": at})
        moved = {
            "ref-name": target,
            "snapshot-id": self.snapshot_id,
            "type": SnapshotRefType.BRANCH,
        }
        head = base.refs.get(target)
        there = {
            "ref": target,
            "snapshot-id": None if head is None else head.snapshot_id,
        }
        return (
            (
                AddSnapshotUpdate(snapshot=snapshot),
                SetSnapshotRefUpdate.model_validate(moved),
            ),
            (AssertRefSnapshotId.model_validate(there),),
        )

    def _write_list(self, manifests: list[ManifestFile], number: int) -> str:
        """Write the list of the manifests, and return where it is."""
        table: Table = self._transaction._table  # noqa: SLF001
        name = f"snap-{self.snapshot_id}-0-{self.commit_uuid}.avro"
        place = table.location_provider().new_metadata_location(name)
        with ListWriter(
            output_file=self._io.new_output(place),
            snapshot_id=self.snapshot_id,
            parent_snapshot_id=self._parent_snapshot_id,
            sequence_number=number,
            compression=self._compression,
        ) as writer:
            writer.add_manifests(manifests)
        return self.written[-1]  # which tells its content

    def _written_anew(self, entries: Iterable[ManifestEntry]) -> list[ManifestFile]:
        """Write files that are there already into one manifest for each layout."""
        by_spec: dict[int, list[ManifestEntry]] = {}
        for entry in entries:
            by_spec.setdefault(entry.data_file.spec_id, []).append(entry)
        written = []
        for spec_id, alike in by_spec.items():
            with self.new_manifest_writer(self.spec(spec_id)) as writer:
                for entry in alike:
                    writer.existing(entry)
            written.append(writer.to_manifest_file())
        return written

    @property
    def written(self) -> tuple[str, ...]:
        """The manifests and the list of them."""
        io: Any = self._io
        return tuple(io.written)

    @property
    def data_files(self) -> tuple[str, ...]:
        """The data files that are added."""
        return tuple(file.file_path for file in self._added_data_files)


class Append(_Lean, _FastAppendFiles):
    """Adds files to those at the head of a branch; a new one begins with nothing.

    Parameters
    ----------
    table, summary, branch
    joins
        Whether the manifests of a table in a store become one, where they are many: of
        each the next publisher asks for its size, and then for it.
    """

    def __init__(
        self,
        table: Table,
        summary: Mapping[str, str],
        branch: str = MAIN_BRANCH,
        *,
        joins: bool = False,
    ) -> None:
        super().__init__(table, Operation.APPEND, summary, branch)
        self._joins = joins

    def _existing_manifests(self) -> list[ManifestFile]:
        metadata, parent = self._transaction.table_metadata, self._parent_snapshot_id
        before = None if parent is None else metadata.snapshot_by_id(parent)
        if before is None:
            return []
        there = [
            manifest
            for manifest in manifests_in(self._io, before.manifest_list)
            if manifest.has_added_files() or manifest.has_existing_files()
        ]
        is_near = not self._joins or is_local(self._io, before.manifest_list)
        if is_near or len(there) < MOST_MANIFESTS:
            return there
        data = [each for each in there if each.content is ManifestContent.DATA]
        entries = [e for each in data for e in each.fetch_manifest_entry(self._io)]
        others = [each for each in there if each.content is not ManifestContent.DATA]
        return [*self._written_anew(entries), *others]


class Replace(_Lean):
    """Adds files, and replaces some of those at the head.

    What stays is written into one manifest, so that they do not grow in number. Of an
    overwrite by pyiceberg the manifest of what it deleted stays in every later one.

    Parameters
    ----------
    table, summary
    entries
        Of every live file at the head.
    replaced
        The paths of those that go.
    """

    def __init__(
        self,
        table: Table,
        summary: Mapping[str, str],
        *,
        entries: tuple[ManifestEntry, ...],
        replaced: frozenset[str],
    ) -> None:
        super().__init__(table, Operation.OVERWRITE, summary)
        self._going = [e for e in entries if e.data_file.file_path in replaced]
        self._staying = [e for e in entries if e.data_file.file_path not in replaced]
        for entry in self._going:
            self.delete_data_file(entry.data_file)

    def _deleted_entries(self) -> list[ManifestEntry]:
        return [
            ManifestEntry.from_args(
                status=ManifestEntryStatus.DELETED,
                snapshot_id=self.snapshot_id,
                sequence_number=entry.sequence_number,
                file_sequence_number=entry.file_sequence_number,
                data_file=entry.data_file,
            )
            for entry in self._going
        ]

    def _existing_manifests(self) -> list[ManifestFile]:
        return self._written_anew(self._staying)
