"""The files of one state of a lake, written to another place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRef
from pyiceberg.table.update import update_table_metadata
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt._messages import as_words
from lakebt.errors import LakeError
from lakebt.lake.committing.ledger import ledger_rows, page_of
from lakebt.lake.committing.recovery import STAGED, UNFINISHED
from lakebt.lake.committing.stage import stage_rewrite
from lakebt.lake.keeping.copy_places import Place, catalog_of
from lakebt.lake.storage import directory, erasure_files
from lakebt.lake.storage.erasure_files import certificate_name
from lakebt.lake.storage.failures import ChangedFileError, translated
from lakebt.lake.storage.fingerprint import digest_at, digest_in, listed_at
from lakebt.lake.storage.metadata import packed
from lakebt.lake.storage.relocation import Relocation, brought, within
from lakebt.lake.tables.schemas import FROM_THE_START, LEDGER, NAMESPACE, OURS, TRIALS
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What was copied.

    Attributes
    ----------
    place : str
        Where to.
    releases : tuple of str
        Those that can be read there.
    n_files, n_bytes : int
        What was written.
    n_kept : int
        Files that were there already.
    """

    place: str
    releases: tuple[str, ...]
    n_files: int
    n_bytes: int
    n_kept: int

    @as_words
    def __str__(self) -> str:
        summary = (
            f"{count(len(self.releases), 'release')}: {count(self.n_files, 'file')}"
        )
        kept = f"; {count(self.n_kept, 'file')} were there" if self.n_kept else ""
        return f"{summary} with {self.n_bytes:,} bytes are in {self.place}{kept}"


class GoneError(Exception):
    """A file of the source is not there: retired since the ledger was read, or lost."""

    def __init__(self, path: str) -> None:
        name = path.rsplit("/", maxsplit=1)[-1]
        super().__init__(f"has lost the file {name}. Restore it from a backup")


class Copying:
    """One attempt to copy one state of a lake."""

    def __init__(
        self,
        storage: Storage,
        target: Place,
        there: Mapping[str, int],
        step: Step | None,
    ) -> None:
        self._storage, self._target, self._there = storage, target, dict(there)
        self._step = step or (lambda _done, _of: None)
        self._done, self._total = 0, 0
        self._wanted: set[str] = set()
        self.n_files = self.n_bytes = 0

    def run(
        self,
        tables: Mapping[str, Table],
        ledger: Ledger,
        every: Ledger,
        chosen: Sequence[Release] | None,
        *,
        trials: bool,
    ) -> Copy:
        """Copy it.

        Parameters
        ----------
        tables, ledger
            As they were at one instant.
        every
            The releases of main and of all branches.
        chosen
            Those that are copied; None: all.
        trials
        """
        if directory.DATABASE not in self._there:
            uuid = str(tables[LEDGER].metadata.table_uuid)
            marker = json.dumps({"lake": uuid}).encode()
            self._target.write(directory.UNFINISHED, marker)
        kept = chosen if chosen is not None else ledger.living
        kept = sorted(kept, key=lambda release: release.sequence)
        sources = dict(tables)
        trials_table = self._storage.trials() if trials else None
        if trials_table is not None:
            sources[TRIALS] = trials_table
        made: dict[str, TableMetadata] = {}
        states = {
            name: self._state(table, ledger, kept, chosen)
            for name, table in sources.items()
        }
        self._total = sum(len(s[1]) for s in states.values() if s is not None)
        # The ledger and the trials first: what they lose is deleted soonest.
        names = sorted(states, key=lambda name: (name not in {LEDGER, TRIALS}, name))
        for name in names:
            if (state := states[name]) is not None:
                told = kept if chosen is not None else every.living
                made[name] = self._table(sources[name], *state, told)
        if chosen is not None:
            made[LEDGER] = self._ledger(tables[LEDGER], made[LEDGER], kept)
        return self._finish(made, ledger, kept, chosen)

    def _state(
        self,
        table: Table,
        ledger: Ledger,
        kept: Sequence[Release],
        chosen: Sequence[Release] | None,
    ) -> tuple[TableMetadata, set[int]] | None:
        """Return a table with the branches and tags it is to have, and its snapshots.

        None if it is left out.

        Raises
        ------
        LakeError
            If a snapshot of a release is gone.
        """
        name, metadata = table.name()[-1], table.metadata
        refs = {
            ref: to
            for ref, to in metadata.refs.items()
            if not ref.startswith(STAGED) and ref != UNFINISHED
        }
        if name == LEDGER and chosen is not None:
            refs = {}
        elif name not in {LEDGER, TRIALS}:
            pins = {r.name: p for r in kept if (p := r.pin(name)) is not None}
            last = ledger.last if chosen is None else (kept[-1] if kept else None)
            head = None if last is None else last.pin(name)
            if chosen is not None and not pins and name not in FROM_THE_START:
                return None
            refs = {} if chosen is not None else refs
            refs |= {each: _ref(pin.snapshot_id, "tag") for each, pin in pins.items()}
            refs.pop(MAIN_BRANCH, None)
            if head is not None:
                refs[MAIN_BRANCH] = _ref(head.snapshot_id, "branch")
        ids = {to.snapshot_id for to in refs.values()}
        if lost := ids - {snapshot.snapshot_id for snapshot in metadata.snapshots}:
            msg = (
                f"{self._storage.where}: table {name} lacks the snapshot {min(lost)} "
                f"of a release. `lake.doctor()` says which"
            )
            raise LakeError(msg)
        main = refs.get(MAIN_BRANCH)
        updates = {
            "refs": refs,
            "current_snapshot_id": None if main is None else main.snapshot_id,
        }
        return metadata.model_copy(update=updates), ids

    def _table(
        self,
        table: Table,
        metadata: TableMetadata,
        ids: set[int],
        kept: Sequence[Release],
    ) -> TableMetadata:
        name, io = table.name()[-1], table.io
        location = f"{self._target.url}/{directory.WAREHOUSE}/{NAMESPACE}/{name}"
        lists = {p.files for r in kept if (p := r.pin(name)) is not None and p.files}
        digests: dict[str, str] = {}

        def read(path: str) -> bytes:
            try:
                with io.new_input(path).open() as stream:
                    return stream.read()
            except FileNotFoundError:
                raise GoneError(path) from None

        for listed in sorted(lists):
            try:
                digests |= self._storage.told(table, listed)
            except FileNotFoundError:
                raise GoneError(listed) from None
            self._put(f"{location}/metadata/{listed}", read(listed_at(table, listed)))

        def anew(path: str) -> str:
            rest = within(path, metadata.location)
            return brought(path, location) if rest is None else f"{location}{rest}"

        relocation = Relocation(
            read=read,
            put=self._put,
            anew=anew,
            location=location,
            where=f"table {name}",
            told=digests,
            is_listed=bool(digests),
        )
        made = relocation.metadata(metadata, only=ids, step=self._tell)
        files = list(relocation.data.values())
        self._total += len(files)

        def copy(number: int) -> None:
            path = files[number].path
            known = digest_in(path) or digests.get(path)
            self._copy(io, path, anew(path), files[number].n_bytes, known)

        for _ in ExecutorFactory.get_or_create().map(copy, range(len(files))):
            self._tell()
        return made

    def _ledger(
        self, table: Table, empty: TableMetadata, kept: Sequence[Release]
    ) -> TableMetadata:
        """Return the ledger with one page, of some releases."""
        place, _ = packed(empty, 0)
        io = self._target.io
        fresh = Table(table.name(), empty, place, io, table.catalog)
        summary = {f"{OURS}exported": str(len(kept))}
        rows = ledger_rows(kept, fresh)
        with translated(self._target.where):
            change = stage_rewrite(fresh, rows, summary=summary)
        for path in change.written:
            self._wanted.add(self._name(path))
            self.n_files += 1
        return update_table_metadata(empty, change.updates)

    def _finish(
        self,
        made: Mapping[str, TableMetadata],
        ledger: Ledger,
        kept: Sequence[Release],
        chosen: Sequence[Release] | None,
    ) -> Copy:
        """Check the copy, and make it a lake.

        Raises
        ------
        ChangedFileError
            If its ledger does not say what this one does.
        """
        target, locations = self._target, {}
        for name, metadata in made.items():
            locations[name], content = self._packed(metadata)
            self._put(locations[name], content)
        place, io = locations[LEDGER], target.io
        catalog: Any = None
        table = Table((NAMESPACE, LEDGER), made[LEDGER], place, io, catalog)
        wanted = kept if chosen is not None else list(ledger.releases)
        if list(page_of(table).releases) != list(wanted):
            raise ChangedFileError(place)
        self._certificates(kept, is_whole=chosen is None)
        warehouse = f"{target.url}/{directory.WAREHOUSE}"
        content = catalog_of(locations, warehouse)
        self._wanted.add(directory.DATABASE)
        if not self._has(directory.DATABASE, content):
            target.write_last(directory.DATABASE, content)
            self.n_files += 1
            self.n_bytes += len(content)
        for name in self._there.keys() - self._wanted:
            if name.startswith(f"{directory.WAREHOUSE}/"):
                target.delete(name)
        target.delete(directory.UNFINISHED)
        return Copy(
            place=str(target.root or target.url),
            releases=tuple(release.name for release in kept),
            n_files=self.n_files,
            n_bytes=self.n_bytes,
            n_kept=len(self._wanted) - self.n_files,
        )

    def _certificates(self, kept: Sequence[Release], *, is_whole: bool) -> None:
        """Copy what says why rows are missing: all, or what some releases name.

        No certificate there names releases that are left out: it may be for their name.
        """
        names = {release.name for release in kept}
        named = {mark.certificate for each in kept for mark in each.redactions}
        # Where a lake that is opened there looks for them.
        on_disk = self._target.root is not None
        folder = "" if on_disk else f"{directory.WAREHOUSE}/{NAMESPACE}/"
        for certificate in self._storage.erasures.certificates():
            if not is_whole and certificate["id"] not in named:
                continue
            name = f"{folder}{certificate_name(certificate['id'])}"
            copied = (
                certificate
                if is_whole
                else erasure_files.of_releases(certificate, names)
            )
            content = erasure_files.packed(copied)
            self._wanted.add(name)
            if not self._has(name, content):
                self._target.write(name, content)
                self.n_files += 1
                self.n_bytes += len(content)

    def _packed(self, metadata: TableMetadata) -> tuple[str, bytes]:
        """Return where metadata goes, and what: where it is already, if it is there."""
        location, content = packed(metadata, 0)
        digest, _, _ = self._name(location).rsplit("-", maxsplit=2)
        for name in self._there:
            if name.startswith(f"{digest}-") and self._has(name, content):
                return f"{self._target.url}/{name}", content
        return location, content

    def _has(self, name: str, content: bytes) -> bool:
        is_long = self._there.get(name) == len(content)
        return is_long and self._target.read(name) == content

    def _tell(self) -> None:
        self._done += 1
        self._step(self._done, max(self._done, self._total))

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self._target.url}/")

    def _put(self, path: str, content: bytes) -> None:
        """Write a file that is named by its content, if it is not there."""
        name = self._name(path)
        self._wanted.add(name)
        if self._there.get(name) != len(content):
            self._target.write(name, content)
            self.n_files += 1
            self.n_bytes += len(content)

    def _copy(
        self, io: Any, path: str, to: str, n_bytes: int | None, known: str | None
    ) -> None:
        """Copy a file, if it is not there, and compare what is there with its digest.

        Raises
        ------
        ChangedFileError
            If it is not what was written.
        GoneError
            If it is gone.
        """
        name = self._name(to)
        self._wanted.add(name)
        if known is not None and self._there.get(name) == n_bytes:
            return
        try:
            wanted = known or digest_at(io, path)
            size = self._copied(io, path, name)
        except FileNotFoundError:
            raise GoneError(path) from None
        self.n_files += 1
        self.n_bytes += size
        with translated(self._target.where):
            digest = digest_at(self._target.io, to)
        if digest != wanted:
            self._target.delete(name)
            raise ChangedFileError(path)

    def _copied(self, io: Any, path: str, name: str) -> int:
        scheme, _, inner = PyArrowFileIO.parse_location(path, io.properties)
        if self._target.root is not None and scheme == "file":
            return self._target.take(Path(inner), name)
        with io.new_input(path).open() as stream:
            content = stream.read()
        self._target.write(name, content)
        return len(content)


def _ref(snapshot_id: int, kind: str) -> SnapshotRef:
    return SnapshotRef.model_validate({"snapshot-id": snapshot_id, "type": kind})
