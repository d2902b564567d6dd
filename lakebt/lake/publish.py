"""The only write: one commit for all tables, their tags and the ledger."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import (
    ConflictError,
    ForeignCommitError,
    InvalidArgumentError,
    LakeError,
    ReleaseExistsError,
)
from lakebt.lake import commit as committing
from lakebt.lake.arrow import column, pc
from lakebt.lake.catalog import LostRaceError, locked, translated
from lakebt.lake.commit import BusyError, head_of
from lakebt.lake.fresh import not_there_yet
from lakebt.lake.releases import (
    Ledger,
    Release,
    TablePin,
    check_name,
    ledger_rows,
    read_ledger,
)
from lakebt.lake.rows import plain
from lakebt.lake.schemas import LEDGER, SPECS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.catalog import Storage
    from lakebt.lake.publication import Publication

ATTEMPTS = 40
"""How often a publisher looks again after another one came first."""


def publish(
    publication: Publication, *, storage: Storage, now: Callable[[], dt.datetime]
) -> Release:
    """Commit a publication, or find that it was committed before.

    Raises
    ------
    ConflictError
        If other publishers kept coming first.
    ForeignCommitError
        If a table was written by something other than lakebt.
    InvalidArgumentError
        If a branch or a stray tag has the release's name.
    InvalidDataError
        If a row contradicts one already there.
    LakeError
        If the catalog cannot commit several tables at once, or cannot be written.
    ReleaseExistsError
        If the name holds other content.
    """
    if not isinstance(storage.catalog, SqlCatalog):
        msg = (
            f"{storage.where} is not a SQL catalog, and cannot commit several tables "
            f"in one transaction. Publish through a SQL catalog; reading works here"
        )
        raise LakeError(msg)
    writer = _Writer(publication, storage, storage.catalog)
    try:
        for attempt in range(ATTEMPTS):
            try:
                release = writer.publish(committed_at=now())
            except BusyError:
                writer.check_progress()
            except LostRaceError:
                pause_ms = min(20 * (attempt + 1), 400)
                time.sleep((pause_ms + secrets.randbelow(pause_ms)) / 1000)
            else:
                return release
    finally:
        writer.withdraw()
    msg = (
        f"release {publication.name!r}: somebody else wrote first {ATTEMPTS} times. "
        f"Nothing was published; publish it again"
    )
    raise ConflictError(msg)


def _held(publication: Publication, ledger: Ledger) -> Release | None:
    """Return the same release if it is there already.

    Raises
    ------
    ReleaseExistsError
        If the name, but for case, holds something else.
    """
    clash = ledger.clash(publication.name)
    if clash is None:
        return None
    if clash.name != publication.name:
        why = "differs from it in case only"
    elif clash.as_of != publication.as_of:
        why = (
            f"comes with another as_of, {publication.as_of.isoformat()} instead of "
            f"{clash.as_of.isoformat()}"
        )
    elif set(clash.published) != set(publication.tables):
        why = (
            f"comes with other tables, {', '.join(sorted(publication.tables))} instead "
            f"of {', '.join(sorted(clash.published))}"
        )
    elif clash.digest != publication.digest:
        why = "comes with other rows"
    else:
        return clash
    raise ReleaseExistsError(publication.name, clash.name, why)


class _Writer:
    """Writes data files once, however often the commit has to be tried."""

    def __init__(
        self, publication: Publication, storage: Storage, catalog: SqlCatalog
    ) -> None:
        self.publication, self.storage, self.catalog = publication, storage, catalog
        self._fresh: dict[str, tuple[int | None, pa.Table]] = {}
        self._written: dict[str, tuple[Table, int, list[DataFile]]] = {}
        self._may_be_visible = False
        self._seen = ""

    def publish(self, *, committed_at: dt.datetime) -> Release:
        """Write files, then wait for the turn, look again, and commit.

        Raises
        ------
        LostRaceError
            If somebody who does not wait came first; nothing has changed.
        """
        held = self._look(*self._state())
        if held is not None:
            return held
        with translated(self.storage.where), committing.turn(self.catalog) as session:
            tables, ledger = self._state()
            held = self._look(tables, ledger)
            if held is not None:
                return held
            changes: dict[str, committing.Staged] = {}
            try:
                release = self._stage_all(changes, tables, ledger, committed_at)
                self._may_be_visible = True
                applied = committing.commit(
                    session, self.catalog, list(changes.values())
                )
            except LostRaceError:
                self._may_be_visible = False
                committing.discard(changes.values())
                raise
        committing.tidy(self.catalog, applied)
        _check_committed(release, self.storage)
        return release

    def check_progress(self) -> None:
        """Check that those who held the catalog meanwhile got something done.

        Raises
        ------
        LakeError
            If the ledger has not moved.
        """
        tables = self.storage.tables()
        if tables[LEDGER].metadata_location == self._seen:
            msg = f"{self.storage.where} {locked()}"
            raise LakeError(msg)

    def _state(self) -> tuple[Mapping[str, Table], Ledger]:
        tables = self.storage.tables()
        self._seen = tables[LEDGER].metadata_location
        return tables, read_ledger(self.storage, tables[LEDGER])

    def _look(self, tables: Mapping[str, Table], ledger: Ledger) -> Release | None:
        """Compare with the lake, and write the rows it lacks; or find the release."""
        held = _held(self.publication, ledger)
        if held is not None:
            return held
        _check_heads(tables, ledger.last)
        _check_refs(self.publication.name, tables)
        for name, prepared in self.publication.tables.items():
            table = tables[name]
            if name not in self._fresh or self._fresh[name][0] != head_of(table):
                rows = not_there_yet(
                    prepared.rows, prepared.spec, table=table, storage=self.storage
                )
                self._fresh[name] = (head_of(table), rows)
        with translated(self.storage.where):
            for name, (_, rows) in self._fresh.items():
                held_files = self._written.get(name)
                if len(rows) and (held_files is None or held_files[1] != len(rows)):
                    files = committing.write_files(tables[name], rows)
                    self._written[name] = (tables[name], len(rows), files)
        return None

    def _stage_all(
        self,
        changes: dict[str, committing.Staged],
        tables: Mapping[str, Table],
        ledger: Ledger,
        committed_at: dt.datetime,
    ) -> Release:
        """Stage every table and the ledger into `changes`."""
        for name in SPECS:
            if name in self._fresh or head_of(tables[name]) is not None:
                changes[name] = self._stage(name, tables[name])
        release = self._release(changes, ledger.last, committed_at)
        page = ledger_rows((*ledger.releases, release), tables[LEDGER])
        changes[LEDGER] = committing.stage_rewrite(
            tables[LEDGER], page, summary=self._summary
        )
        return release

    @property
    def _summary(self) -> dict[str, str]:
        return {"lakebt.release": self.publication.name}

    def _stage(self, name: str, table: Table) -> committing.Staged:
        tag = self.publication.name
        if name not in self._fresh or len(self._fresh[name][1]) == 0:
            return committing.stage_tag(table, tag=tag)
        files = self._written[name][2]
        return committing.stage_append(table, files, tag=tag, summary=self._summary)

    def _release(
        self,
        changes: Mapping[str, committing.Staged],
        last: Release | None,
        committed_at: dt.datetime,
    ) -> Release:
        pins = []
        for name, change in changes.items():
            before = None if last is None else last.pin(name)
            prepared = self.publication.tables.get(name)
            metadata = change.base.metadata
            digest = "" if before is None else before.digest
            earliest = [] if before is None else [before.earliest]
            if prepared is not None:
                content = f"{digest}|{prepared.digest}"
                digest = hashlib.sha256(content.encode()).hexdigest()
                known_at = column(prepared.rows, "known_at")
                earliest.append(plain(pc.min(known_at).as_py()))
            added = len(self._fresh[name][1]) if name in self._fresh else 0
            pins.append(
                TablePin(
                    table=name,
                    uuid=str(metadata.table_uuid),
                    snapshot_id=change.snapshot_id,
                    schema_id=metadata.current_schema_id,
                    rows=added + (0 if before is None else before.rows),
                    published=None if prepared is None else len(prepared.rows),
                    digest=digest,
                    earliest=min(earliest),
                )
            )
        return Release(
            name=self.publication.name,
            sequence=1 if last is None else last.sequence + 1,
            as_of=self.publication.as_of,
            committed_at=committed_at,
            digest=self.publication.digest,
            tables=tuple(pins),
            note=self.publication.note,
            labels=self.publication.labels,
            retain_days=self.publication.retain_days,
        )

    def withdraw(self) -> None:
        """Delete data files, unless a snapshot might refer to them."""
        if not self._may_be_visible:
            for table, _, files in self._written.values():
                paths = [file.file_path for file in files]
                committing.delete_quietly(table.io, paths)
            self._written.clear()


def _check_refs(release: str, tables: Mapping[str, Table]) -> None:
    """Check that no branch and no stray tag has the release's name.

    Raises
    ------
    InvalidArgumentError
        If one has.
    """
    for name, table in tables.items():
        refs = table.metadata.refs.items()
        check_name(
            release,
            branches=[
                ref
                for ref, to in refs
                if to.snapshot_ref_type is SnapshotRefType.BRANCH
            ],
        )
        if release in table.metadata.refs:
            msg = (
                f"release name {release!r} is taken: table {name} has a tag of that "
                f"name which is no release. Choose another, or remove the tag"
            )
            raise InvalidArgumentError(msg)


def _check_heads(tables: Mapping[str, Table], last: Release | None) -> None:
    """Check that every table is as the ledger left it.

    Raises
    ------
    ForeignCommitError
        If one is not.
    LakeError
        If one is gone.
    """
    for name in SPECS:
        pin = None if last is None else last.pin(name)
        if name not in tables:
            msg = f"table {name} is gone. Restore the lake from a backup"
            raise LakeError(msg)
        expected = None if pin is None else pin.snapshot_id
        found = head_of(tables[name])
        is_other = pin is not None and str(tables[name].metadata.table_uuid) != pin.uuid
        if found != expected or is_other:
            raise ForeignCommitError(name, expected, found)


def _check_committed(release: Release, storage: Storage) -> None:
    """Read back what was committed: the row, and each tag.

    Raises
    ------
    LakeError
        If the lake does not say what was committed.
    """
    tables = storage.tables()
    written = read_ledger(storage, tables[LEDGER]).clash(release.name)
    tags = {
        pin.table: tables[pin.table].metadata.refs.get(release.name)
        for pin in release.tables
    }
    is_tagged = all(
        (tag := tags[pin.table]) is not None and tag.snapshot_id == pin.snapshot_id
        for pin in release.tables
    )
    if written != release or not is_tagged:
        msg = (
            f"release {release.name!r} was committed, but {storage.where} does not say "
            f"so. Something else writes to its catalog: stop it and look at the ledger"
        )
        raise LakeError(msg)
