"""Making a release of rows that another engine appended, if they are good.

Nothing is written but the tags and the ledger: the rows stay in the files in which that
engine put them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.io.pyarrow import ArrowScan

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError, listed
from lakebt.lake.committing.foreign import foreign
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.keeping import findings as cure
from lakebt.lake.publishing.publication import Prepared
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.reach import DATA, MANIFEST, MANIFEST_LIST, Walk
from lakebt.lake.storage.scan import read_rows
from lakebt.lake.storage.scan_plan import plan
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.digests import digest
from lakebt.lake.tables.rows import codes, order, repeated
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    from lakebt.lake.publishing.publication import Ready
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


class Appended:
    """What others appended to a table since the release before.

    Parameters
    ----------
    storage
    spec
        The table.

    Attributes
    ----------
    head : int
        The snapshot that they left at its head.
    rows : pyarrow.Table
        What they added, in the table's columns.

    Raises
    ------
    InvalidArgumentError
        If only lakebt wrote to it.
    LakeError
        If they did anything but append, or it cannot be read.
    """

    def __init__(self, storage: Storage, spec: TableSpec) -> None:
        self._storage, self._spec = storage, spec
        tables, ledger = read_state(storage)
        last = ledger.last
        self._pin = None if last is None else last.pin(spec.name)
        self._table = tables[spec.name]
        head = head_of(self._table)
        if head is None or (self._pin is not None and head == self._pin.snapshot_id):
            msg = f"table {spec.name} is as the ledger says: there is nothing to adopt"
            raise InvalidArgumentError(msg)
        self.head = head
        with translated(storage.where):
            self.rows = self._read(self._added_files())

    def _added_files(self) -> set[str]:
        """Return the files they added, having dropped or deleted from none."""
        table, metadata = self._table, self._table.metadata
        expected = None if self._pin is None else self._pin.snapshot_id
        if self._pin is not None and str(metadata.table_uuid) != self._pin.uuid:
            self._refuse("the table was dropped and made again")
        if not foreign(table, expected).only_appends:
            self._refuse(f"{foreign(table, expected)}, which is not only an append")
        walk = Walk(table.io)
        now = walk.reach([s for s in metadata.snapshots if s.snapshot_id == self.head])
        before = walk.reach(
            [s for s in metadata.snapshots if s.snapshot_id == expected]
        )
        if walk.unreadable:
            self._refuse("not all of its manifests can be read")
        inner = {MANIFEST_LIST, MANIFEST}
        new = {path: f for path, f in now.items() if f.kind not in inner}
        old = {path: f for path, f in before.items() if f.kind not in inner}
        if not set(old) <= set(new) or {f.kind for f in new.values()} - {DATA}:
            self._refuse("rows that were there were deleted or rewritten")
        if self._columns() != self._wanted_columns():
            self._refuse("its columns were changed")
        return set(new) - set(old)

    def _columns(self) -> list[tuple[str, str]]:
        schema = self._table.schema()
        return [(field.name, str(field.field_type)) for field in schema.fields]

    def _wanted_columns(self) -> list[tuple[str, str]]:
        schema = self._spec.iceberg()
        return [(field.name, str(field.field_type)) for field in schema.fields]

    def _refuse(self, why: str) -> None:
        msg = (
            f"{self._storage.where}: what others committed to table {self._spec.name} "
            f"cannot be adopted: {why}. Undo it: {self._undo}"
        )
        raise LakeError(msg)

    @property
    def _undo(self) -> str:
        """The command that takes back what others committed."""
        return located(cure.roll_back(self._spec.name), self._storage.address)

    def _read(self, files: set[str]) -> pa.Table:
        scan = self._table.scan(snapshot_id=self.head)
        tasks = [task for task in plan(scan) if task.file.file_path in files]
        rows = ArrowScan(
            self._table.metadata, self._table.io, scan.projection(), scan.row_filter
        ).to_table(tasks)
        return rows.select(self._spec.names).cast(self._spec.arrow)

    def check(self, prepared: Ready) -> None:
        """Check that the rows are such as `publish` would have written.

        Raises
        ------
        InvalidDataError
            If a value is written in another way, or a row is there already.
        """
        assert isinstance(prepared, Prepared)  # noqa: S101 - what was read is in memory
        name, spec = self._spec.name, self._spec
        in_order = take(self.rows, order(self.rows, spec.order))
        if digest(in_order) != digest(prepared.rows):
            problem = (
                "a value is there that lakebt writes in another way: NaN or blank text "
                f"instead of null. Roll it back: {self._undo}"
            )
            raise InvalidDataError(name, problem)
        if self._pin is None:
            return
        names = (*spec.key, "known_at")
        with translated(self._storage.where):
            present = read_rows(
                self._table.scan(
                    snapshot_id=self._pin.snapshot_id, selected_fields=names
                )
            )
        added = self.rows.select(names)
        both = pa.concat_tables([present.select(names).cast(added.schema), added])
        again = repeated(codes(both, names))
        if again.any():
            first = take(both, [int(again.argmax())]).to_pylist()[0]
            row = listed(f"{key} {value}" for key, value in first.items())
            count = int(again.sum())
            verb = "is" if count == 1 else "are"
            problem = (
                f"{count} of the rows that were appended {verb} in the lake already "
                f"(the first: {row}). Roll them back: {self._undo}"
            )
            raise InvalidDataError(name, problem)
