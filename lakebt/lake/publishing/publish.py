"""The only write: one commit for all tables, their tags and the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lakebt.errors import ConflictError, ReleaseExistsError, SettingsWarning, listed
from lakebt.lake.committing import pages, protocol, stage
from lakebt.lake.committing.branches import check_open
from lakebt.lake.committing.fold import Folds
from lakebt.lake.committing.invariants import check_committed, check_heads, check_refs
from lakebt.lake.committing.ledger import Ledger, Release, TablePin, read_ledger
from lakebt.lake.committing.new_table import make_built_in
from lakebt.lake.committing.retry import again
from lakebt.lake.storage.branch_refs import built_upon
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.fingerprint import digest_at, digest_in
from lakebt.lake.storage.kept_files import trusted
from lakebt.lake.storage.snapshots import head_of, manifest_list_of
from lakebt.lake.tables.schemas import LEDGER, RELEASE
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    import datetime as dt

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.committing.fold import Rewriter
    from lakebt.lake.publishing.new_rows import Lacks
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage


Check = Callable[[Mapping[str, "Table"], Ledger], None]


def publish(
    publication: Publication,
    *,
    storage: Storage,
    now: Callable[[], dt.datetime],
    check: Check,
    rewriter: Rewriter | None = None,
    adopted: Mapping[str, int] | None = None,
    onto: Release | None = None,
) -> Release:
    """Commit a publication, or find that it was committed before.

    Parameters
    ----------
    publication : Publication
    storage : Storage
    now : callable
        Tells the present instant, for `committed_at`.
    check : callable
        Given the tables and the ledger, raises if the publication may not be added to
        them. Called before anything is written, and again when others published
        meanwhile.
    rewriter : Rewriter, optional
        Writes what is folded; this process by default.
    adopted : mapping of str to int, optional
        By table, the head that others made, whose added rows are just those of the
        publication: it is tagged, and nothing is written.
    onto : Release, optional
        What every table is built upon, instead of its head: a release of main, onto
        which a branch goes.

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
        If the catalog cannot be written.
    ReleaseExistsError
        If the name holds other content.
    """
    writer = _Writer(
        publication,
        storage,
        check=check,
        folds=Folds(rewriter),
        adopted=adopted or {},
        onto=onto,
    )

    def exhausted(attempts: int) -> ConflictError:
        return ConflictError(
            f"release {publication.name!r}: somebody else wrote first {attempts} "
            f"times. Nothing was published; publish it again"
        )

    try:
        with trusted():
            return again(
                lambda: writer.publish(committed_at=now()),
                where=storage.where,
                exhausted=exhausted,
                has_moved=writer.has_moved,
            )
    finally:
        writer.withdraw()


def find_held(publication: Publication, ledger: Ledger) -> Release | None:
    """Return the same release if it is there already.

    Raises
    ------
    ReleaseExistsError
        If the name, but for case, holds something else.
    """
    clash = ledger.clash(publication.name)
    if clash is None:
        return None
    if clash.is_ended:
        why = "would take its name"
    elif clash.name != publication.name:
        why = "differs from it in case only"
    elif clash.as_of != publication.as_of:
        why = (
            f"comes with another as_of, {publication.as_of.isoformat()} instead of "
            f"{clash.as_of.isoformat()}"
        )
    elif set(clash.published) != set(publication.tables):
        why = (
            f"comes with other tables, {listed(sorted(publication.tables))} instead "
            f"of {listed(sorted(clash.published))}"
        )
    elif clash.redactions:
        mark = clash.redactions[-1]
        erased = f"erased on {mark.erased_at:%Y-%m-%d} (certificate {mark.certificate})"
        why = f"comes with other rows, as some of its own were {erased}"
        if clash.digest == publication.digest:
            why = f"would bring back what was {erased}"
    elif clash.digest != publication.digest:
        why = "comes with other rows"
    else:
        return clash
    raise ReleaseExistsError(publication.name, clash.name, why, clash.ended_at)


class _Writer:
    """Writes data files once, however often the commit has to be tried."""

    def __init__(
        self,
        publication: Publication,
        storage: Storage,
        *,
        check: Check,
        folds: Folds,
        adopted: Mapping[str, int],
        onto: Release | None,
    ) -> None:
        self.adopted, self.onto = adopted, onto
        self.publication, self.storage = publication, storage
        self.protocol, self.check = protocol.of(storage), check
        self._checked: dict[str, str | None] | None = None
        self._fresh: dict[str, tuple[str | None, Lacks]] = {}
        self._written: dict[str, tuple[Table, Lacks, list[DataFile]]] = {}
        self._folds = folds
        self._digests: dict[str, str] = {}
        self._may_be_visible = False
        self._seen = ""

    def publish(self, *, committed_at: dt.datetime) -> Release:
        """Write files, then wait for the turn, look again, and commit.

        Raises
        ------
        LostRaceError
            If a writer that does not take the lock came first; nothing has changed.
        SettingsWarning
            If properties are dropped that others gave a table, and warnings are errors.
        """
        existing = self._look(*self._state())
        if existing is not None:
            return existing
        changes: dict[str, stage.Staged] = {}
        try:
            with self.protocol.turn() as commit:
                tables, ledger = self._state()
                existing = self._look(tables, ledger)
                if existing is not None:
                    return existing
                with translated(self.storage.where):
                    release = self._stage_all(changes, tables, ledger, committed_at)
                # From here the commit may be made and its answer lost: only a race that
                # is known to be lost makes the files ours to delete again.
                self._may_be_visible = True
                commit(changes, release)
        except (LostRaceError, SettingsWarning):
            self._may_be_visible = False
            stage.discard(changes.values())
            raise
        check_committed(release, self.storage)
        return release

    def has_moved(self) -> bool:
        """Whether somebody published since this attempt looked."""
        return self.storage.tables()[LEDGER].metadata_location != self._seen

    def _state(self) -> tuple[Mapping[str, Table], Ledger]:
        """Return the lake as it is, its tables and the ledger of the same instant.

        Raises
        ------
        LostRaceError
            If the ledger has moved so far since that only a later one can be read.
        """
        tables = self.protocol.tables()
        self._seen = tables[LEDGER].metadata_location
        ledger = read_ledger(self.storage, tables[LEDGER])
        if self.storage.memory[LEDGER][0] != self._seen:
            msg = "the ledger has moved on"
            raise LostRaceError(msg)
        if self.onto is not None:
            check_heads(tables, ledger.last)
            tables = moved(tables, self.onto)
        return tables, ledger

    def _look(self, tables: Mapping[str, Table], ledger: Ledger) -> Release | None:
        """Compare with the lake, and write the rows it lacks; or find the release."""
        existing = find_held(self.publication, ledger)
        if existing is not None:
            return existing
        check_open(self.storage, ledger)
        if self.onto is None:
            check_heads(tables, ledger.last, adopted=self.adopted)
        check_refs(self.publication.name, tables, branch=self.storage.branch)
        heads = {name: manifest_list_of(table) for name, table in tables.items()}
        # Audits take long, and a turn keeps others waiting: only if a head has moved.
        if heads != self._checked:
            self.check(tables, ledger)
            self._checked = heads
        if not set(self.publication.tables) <= set(tables):
            make_built_in(self.storage, self.publication.tables)
            return self._look(*self._state())
        for name, prepared in self.publication.tables.items():
            table = tables[name]
            if name not in self._fresh or self._fresh[name][0] != heads[name]:
                lacking = prepared.lacking(table, storage=self.storage)
                self._fresh[name] = (heads[name], lacking)
        with translated(self.storage.where):
            for name, (_, lacking) in self._fresh.items():
                self._write(tables[name], name, lacking)
                if name in self._written:
                    last = self.onto or ledger.last
                    pin = None if last is None else last.pin(name)
                    digests = None if pin is None else pin.files
                    self._folds.prepare(
                        tables[name],
                        self.publication.tables[name].spec,
                        adding=len(self._written[name][2]),
                        told=self.storage.told(tables[name], digests),
                    )
        return None

    def _write(self, table: Table, name: str, lacking: Lacks) -> None:
        """Write rows, unless an earlier attempt wrote just these."""
        if name in self._written:
            before, new_rows, files = self._written[name]
            if lacking.same_as(new_rows):
                return
            new_rows.forget(before, files)
            del self._written[name]
        if lacking.count:
            files = lacking.write(table)
            self._written[name] = table, lacking, files
            # Not in the turn, in which others wait: they may be large.
            others = [f.file_path for f in files if not digest_in(f.file_path)]
            self._digests |= {path: digest_at(table.io, path) for path in others}

    def _stage_all(
        self,
        changes: dict[str, stage.Staged],
        tables: Mapping[str, Table],
        ledger: Ledger,
        committed_at: dt.datetime,
    ) -> Release:
        """Stage every table and the ledger into `changes`."""
        for name in fact_tables(tables):
            if name in self._fresh or head_of(tables[name]) is not None:
                changes[name] = self._stage(name, tables[name])
        release = self._release(changes, ledger.last, committed_at)
        table = tables[LEDGER]
        if pages.says_files(table):
            page = ledger.with_release(release, table)
            changes[LEDGER] = stage.stage_rewrite(table, page, summary=self._summary)
        else:
            releases = (*ledger.releases, release)
            changes[LEDGER] = pages.stage_ledger(table, releases, summary=self._summary)
        return release

    def _files(
        self, name: str, change: stage.Staged, before: TablePin | None
    ) -> str | None:
        """Return what the release says of a table's files: see `TablePin.files`."""
        paths = "" if before is None else before.files
        is_foreign = name in self.adopted or not all(map(digest_in, change.data_files))
        if paths is None or not is_foreign:
            return paths
        digests = {**self.storage.told(change.base, paths), **self._digests}
        return pages.list_others(change.base, change.manifest_list, digests)

    @property
    def _summary(self) -> dict[str, str]:
        return {RELEASE: self.publication.name}

    def _stage(self, name: str, table: Table) -> stage.Staged:
        tag = self.publication.name
        if name not in self._fresh or self._fresh[name][1].count == 0:
            staged = stage.stage_tag(table, tag=tag)
            return staged if self.onto is None else stage.with_head(staged)
        files = self._written[name][2]
        return stage.stage_append(
            table, files, tag=tag, summary=self._summary, fold=self._folds.of(name)
        )

    def _release(
        self,
        changes: Mapping[str, stage.Staged],
        last: Release | None,
        committed_at: dt.datetime,
    ) -> Release:
        pins = []
        for name, change in changes.items():
            upon = self.onto or last
            before = None if upon is None else upon.pin(name)
            prepared = self.publication.tables.get(name)
            metadata = change.base.metadata
            digest = "" if before is None else before.digest
            earliest = [] if before is None else [before.earliest]
            if prepared is not None:
                content = f"{digest}|{prepared.digest}"
                digest = hashlib.sha256(content.encode()).hexdigest()
                earliest.append(prepared.earliest)
            added = self._fresh[name][1].count if name in self._fresh else 0
            if prepared is not None and name in self.adopted:
                added = prepared.count
            pins.append(
                TablePin(
                    table=name,
                    uuid=str(metadata.table_uuid),
                    snapshot_id=change.snapshot_id,
                    schema_id=metadata.current_schema_id,
                    rows=added + (0 if before is None else before.rows),
                    published=None if prepared is None else prepared.count,
                    digest=digest,
                    earliest=min(earliest),
                    files=self._files(name, change, before),
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
            files=self.publication.files,
            retain_days=self.publication.retain_days,
            is_new=True,
        )

    def withdraw(self) -> None:
        """Delete data files, unless a snapshot might refer to them."""
        if not self._may_be_visible:
            are_gone = all(
                lacking.forget(table, files)
                for table, lacking, files in self._written.values()
            )
            self._written.clear()
            if are_gone:
                self._folds.withdraw()


def moved(tables: Mapping[str, Table], onto: Release) -> Mapping[str, Table]:
    """Return the tables of facts as if their heads were where a release pins them."""
    facts = set(fact_tables(tables))
    pins = {name: onto.pin(name) for name in facts}
    return {
        name: built_upon(
            table, None if (pin := pins[name]) is None else pin.snapshot_id
        )
        if name in facts
        else table
        for name, table in tables.items()
    }
