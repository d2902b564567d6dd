"""The digests of releases, recomputed from the rows that their files hold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask

from lakebt.lake.committing.branches import BASE, main_ledger
from lakebt.lake.keeping import findings as cure
from lakebt.lake.keeping.findings import Finding
from lakebt.lake.publishing.publication import telling
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.fingerprint import verify
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.digests import digest
from lakebt.lake.tables.rows import order
from lakebt.lake.tables.schemas import LEDGER, TRIALS
from lakebt.lake.tables.specs import Specs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger, Release, TablePin
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


MOST_ROWS = 20_000_000
"""Rows of one release that are brought into memory; more are compared as files only."""


def changed(
    storage: Storage, tables: Mapping[str, Table], ledger: Ledger
) -> Iterator[Finding]:
    """Find living releases whose rows differ from those published.

    Of rows that were handed over although the lake had some of them, nothing can be
    recomputed: which ones is not known any more. Nor of a release that brought rows
    which were erased since.
    """
    specs, main = Specs(tables), main_ledger(storage)
    for name, table in tables.items():
        if name in {LEDGER, TRIALS}:
            continue
        before: TablePin | None = None
        sequence, lost_before = 0, 0
        for release in ledger.releases:
            # A copy of some releases has not all that a digest is made of.
            follows, sequence = release.sequence == sequence + 1, release.sequence
            pin = release.pin(name)
            if pin is None:
                continue
            if BASE in release.labels:  # upon which it was built, with what came before
                base = main.clash(release.labels[BASE])
                before, follows = None if base is None else base.pin(name), True
                lost_before = 0 if base is None else _lost(base, name)
            follows &= _lost(release, name) == lost_before
            lost_before = _lost(release, name)
            if follows and not release.is_ended and pin.published is not None:
                with translated(storage.where):
                    recomputed = _recomputed(
                        storage, table, specs.of(name), pin, before
                    )
                if recomputed not in {None, pin.digest}:
                    problem = "its rows are not those that were published"
                    ending = cure.drop(release.name, because=problem)
                    yield Finding(
                        code="release_changed",
                        table=name,
                        release=release.name,
                        problem=problem,
                        cure=f"{cure.BACKUP}, or end the release: {ending}",
                    )
            before = pin


def _lost(release: Release, table: str) -> int:
    """Return how many rows of a table were erased from a release."""
    return sum(mark.rows.get(table, 0) for mark in release.redactions)


def _recomputed(
    storage: Storage,
    table: Table,
    spec: TableSpec,
    pin: TablePin,
    before: TablePin | None,
) -> str | None:
    """Return the digest of all that was published; None if it cannot be recomputed."""
    added = pin.rows - (0 if before is None else before.rows)
    if added != pin.published or not 0 < added <= MOST_ROWS:
        return None
    digests = storage.told(table, pin.files)
    files = _added(table, pin.snapshot_id, added, digests)
    if files is None:
        return None
    verify(table.io, [file.file_path for file in files], digests)
    rows = _read(table, files, spec)
    content = digest(telling(take(rows, order(rows, spec.order)), spec))
    chain = f"{'' if before is None else before.digest}|{content}"
    return hashlib.sha256(chain.encode()).hexdigest()


def _added(
    table: Table, snapshot_id: int, count: int, told: Mapping[str, str]
) -> list[DataFile] | None:
    """Return the files of the rows that a snapshot brought; None if that is not clear.

    They come after those that a fold wrote for the same snapshot.
    """
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return None
    files: list[DataFile] = []
    for manifest in manifests_in(table.io, snapshot.manifest_list, told):
        if manifest.added_snapshot_id == snapshot_id and manifest.has_added_files():
            entries = manifest.fetch_manifest_entry(table.io)
            own = [e.data_file for e in entries if e.snapshot_id == snapshot_id]
            files += own if manifest.has_added_files() else []
    wanted: list[DataFile] = []
    while files and count > 0:
        wanted.append(files.pop())
        count -= wanted[-1].record_count
    return wanted if count == 0 else None


def _read(table: Table, files: Sequence[DataFile], spec: TableSpec) -> pa.Table:
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    rows = scan.to_table([FileScanTask(file) for file in files])
    return rows.select(spec.names).cast(spec.arrow)
