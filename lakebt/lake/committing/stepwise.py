"""The strict commit where a catalog changes one table at a time: the ledger decides.

A SQL catalog swaps all pointers in one transaction (`lakebt.lake.committing.sql`).
Every other one only promises that one table changes at once, and only if it is as
required. A release is published in three steps, each of which is such a change:

1. **Stage.** Each table's new snapshot is added to it, held by a tag of its own,
   ``lakebt-staged-<sequence>-<snapshot id>``. Head and release's tag stay as they are.
2. **Decide.** The ledger's head moves to the page with the new row, if it is where it
   was when everything was checked. In the same change the tag ``lakebt-unfinished`` is
   set on that page, if it is not there. **From here on the release exists**: its row
   says which snapshots it pins, and all of them are in their tables.
3. **Follow.** Each table's head and the release's tag move to what the row says, if
   they are where the row before it left them, and its staging tag goes. When all have
   followed, ``lakebt-unfinished`` goes (`lakebt.lake.committing.follow_up`).

Any process that finds ``lakebt-unfinished`` finishes step 3 at once. The work follows
from the ledger alone, each part requires the state it starts from, and doing it twice
does no harm. So no process waits for a dead publisher, and no clock is read.

A publisher that dies before step 2 has changed nothing that readers see. A publisher
that is slow, and was overtaken, can no longer commit: the ledger head has moved. Its
staged snapshots are abandoned and removed by the next publisher; its data files stay,
for it may still run and stage them again, until `lakebt doctor` finds them.

Why not the other way round (mark the intent in the ledger, change the tables, then
decide): heads would be ahead of the ledger, and to undo that one must guess that their
publisher is dead. Here heads are never ahead, and nothing that was visible is undone.

Readers read the ledger, and then by snapshot id. Between steps 2 and 3 the tag of the
newest release may be missing on a table; `recovery.is_following` tells them that it is
on its way. Other engines see each table's old head, then its new one.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pyiceberg.exceptions import (
    CommitFailedException,
    ForbiddenError,
    TableAlreadyExistsError,
)
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetSnapshotRefUpdate,
)

from lakebt.errors import LakeError
from lakebt.lake.committing import follow_up
from lakebt.lake.committing.follow_up import (
    commit_one,
    finish,
    ledger_table,
    pause,
    set_ref,
)
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import UNFINISHED, staging_tag
from lakebt.lake.committing.stage import check_there, discard
from lakebt.lake.storage.branch_refs import as_it_was, changed, commit_table
from lakebt.lake.storage.failures import LostRaceError, is_failure, translated
from lakebt.lake.storage.remote_failures import is_silent
from lakebt.lake.storage.snapshots import at_ref, head_of
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


class UncertainError(LostRaceError):
    """Another commit was made; ours may have been, too."""


class LedgerOrder:
    """Commits one table after the other: see the module."""

    is_atomic = False

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._seen: Mapping[str, Table] | None = None
        self._has_turn = False

    def tables(self) -> Mapping[str, Table]:
        """Return the tables in a settled state, after finishing interrupted commits.

        In a turn they are those seen before it, unless the ledger has moved: whatever
        else has is found by what a commit requires, and the next attempt reads all.

        Raises
        ------
        LostRaceError
            If others keep changing them.
        """
        for _ in range(follow_up.ROUNDS):
            seen, self._seen = self._seen if self._has_turn else None, None
            tables = self._storage.tables() if seen is None else seen
            ledger = tables[LEDGER]
            with translated(self._storage.where):
                if UNFINISHED in ledger.metadata.refs:
                    pause()  # its publisher is most likely at it
                    finish(self._storage)
                    continue
                now = ledger_table(self._storage)
                if now.metadata_location == ledger.metadata_location:
                    self._seen = tables
                    return tables
        msg = "others keep publishing"
        raise LostRaceError(msg)

    @contextmanager
    def turn(self) -> Iterator[Callable[[Mapping[str, Staged], Release], None]]:
        """Yield the function that commits; there is no lock to wait for."""
        self._has_turn = True
        try:
            with translated(self._storage.where):
                yield self._commit
        finally:
            self._has_turn = False

    def change(self, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]) -> None:
        """Change one table after the other.

        What is staged must do no harm if only the first part of it happens.

        Raises
        ------
        LostRaceError
            If another writer came first in one of the tables.
        """
        for change in stage(self.tables()):
            try:
                commit_table(change.base, change.requirements, change.updates)
            except CommitFailedException as error:
                raise LostRaceError(str(error)) from None

    def change_trials(
        self, stage: Callable[[], Staged | None]
    ) -> tuple[TableMetadata, TableMetadata] | None:
        """Change the table of trials, and return it before and after.

        Raises
        ------
        ForbiddenError
            If the catalog refuses it.
        LakeError
            If the catalog did not say whether it was committed.
        LostRaceError
            If another writer came first.
        UncertainError
            If another writer committed, and probably came first.
        """
        change = stage()
        if change is None:
            return None
        storage, base = self._storage, change.base
        try:
            after = commit_table(base, change.requirements, change.updates)
        except CommitFailedException as error:
            discard([change])
            raise LostRaceError(str(error)) from None
        except ForbiddenError:
            discard([change])
            raise
        except Exception as error:  # noqa: BLE001 - it may have happened all the same
            now = storage.trials()
            if now is not None and now.metadata.snapshot_by_id(change.snapshot_id):
                return base.metadata, now.metadata
            if now is not None and now.metadata_location != base.metadata_location:
                raise UncertainError(str(error)) from _fault(error)
            msg = (
                f"{storage.where} did not say whether the trials were recorded "
                f"({type(error).__name__}). Record them again: what is there is not "
                f"recorded twice"
            )
            raise LakeError(msg) from _fault(error)
        return base.metadata, after

    def create_table(
        self,
        name: str,
        schema: Schema,
        properties: dict[str, str],
        check: Callable[[Iterable[str]], None],
    ) -> None:
        """Create a table.

        Raises
        ------
        LostRaceError
            If another writer made a table of that name meanwhile.
        """
        catalog = self._storage.catalog
        check(there[-1] for there in catalog.list_tables(NAMESPACE))
        try:
            catalog.create_table((NAMESPACE, name), schema, properties=properties)
        except TableAlreadyExistsError as error:
            raise LostRaceError(str(error)) from None

    def _commit(self, changes: Mapping[str, Staged], release: Release) -> None:
        """Stage, decide and follow.

        Raises
        ------
        ForbiddenError
            If the catalog refuses it.
        LakeError
            If the catalog fails in between; the message says what state the lake is in.
        LostRaceError
            If another writer came first; nothing that readers see has changed.
        """
        added = [
            change
            for name, change in changes.items()
            if name != LEDGER and _adds_snapshot(change)
        ]
        for change in changes.values():
            check_there(change)
        left = {name: as_it_was(change.base) for name, change in changes.items()}
        # Tables first: the ledger may only name snapshots that are in their tables.
        try:
            for change in added:
                table = self._stage(change, release)
                left[table.name()[-1]] = table
        except BaseException as error:
            if not is_silent(error):
                self._withdraw(added, release)
            raise
        try:
            decided = self._decide(changes[LEDGER], release)
        except (LostRaceError, ForbiddenError):
            self._withdraw(added, release)
            raise
        if decided is not None:
            if UNFINISHED not in decided.metadata.refs:
                return  # a lakebt server has moved heads and tags, too
            left[LEDGER] = decided
        try:
            with translated(self._storage.where):
                finish(self._storage, None if decided is None else left)
        except (LakeError, LostRaceError) as error:
            msg = (
                f"release {release.name!r} is published and can be read, but not all "
                f"heads and tags have followed it ({error}). The next publish does that"
            )
            raise LakeError(msg) from None

    def _stage(self, change: Staged, release: Release) -> Table:
        updates = [u for u in change.updates if not isinstance(u, SetSnapshotRefUpdate)]
        ref = staging_tag(release, change.snapshot_id)
        return commit_one(
            self._storage,
            change.base,
            change.requirements,
            (*updates, set_ref(ref, change.snapshot_id)),
        )

    def _decide(self, change: Staged, release: Release) -> Table | None:
        """Move the ledger's head: the one change that makes a release.

        Returns
        -------
        pyiceberg.table.Table or None
            The ledger after the commit; None if the catalog's answer was lost.

        Raises
        ------
        ForbiddenError
            If the catalog refuses it.
        LakeError
            If the catalog does not say whether it was committed.
        LostRaceError
            If it was not committed, and will not be.
        """
        # An empty ledger cannot have the tag, and not every catalog can check that a
        # ref is missing from a table without snapshots.
        is_first = not change.base.metadata.snapshots
        required = () if is_first else (at_ref(UNFINISHED, None),)
        try:
            answer = changed(
                change.base,
                (*change.requirements, *required),
                (*change.updates, set_ref(UNFINISHED, change.snapshot_id)),
            )
        except CommitFailedException as error:
            raise LostRaceError(str(error)) from None
        except ForbiddenError:  # nothing has happened
            raise
        except Exception as error:  # noqa: BLE001 - it may have happened all the same
            self._find_out(change, release, error)
            return None
        return answer

    def _find_out(self, change: Staged, release: Release, error: Exception) -> None:
        """Read from the ledger whether a commit happened whose answer was lost.

        Raises
        ------
        LakeError
            If it cannot be read, or the commit may still arrive.
        LostRaceError
            If another writer came first.
        """
        msg = (
            f"{self._storage.where} did not say whether release {release.name!r} was "
            f"committed ({type(error).__name__}). Publish it again: what is there is "
            f"not published twice"
        )
        try:
            table = ledger_table(self._storage)
            is_there = read_ledger(self._storage, table).clash(release.name) == release
        except Exception:  # noqa: BLE001 - whatever fails, nothing is known
            raise LakeError(msg) from _fault(error)
        if is_there:
            return
        if head_of(table) != head_of(change.base):
            raise LostRaceError from None
        raise LakeError(msg) from _fault(error)

    def _withdraw(self, changes: Iterable[Staged], release: Release) -> None:
        """Remove snapshots staged in vain. The next publisher removes leftovers."""
        with suppress(Exception):  # after one failure the rest is not tried
            for change in changes:
                ref = staging_tag(release, change.snapshot_id)
                gone = {"snapshot-ids": [change.snapshot_id]}
                with suppress(LostRaceError):
                    commit_one(
                        self._storage,
                        change.base,
                        [at_ref(ref, change.snapshot_id)],
                        [
                            RemoveSnapshotRefUpdate.model_validate({"ref-name": ref}),
                            RemoveSnapshotsUpdate.model_validate(gone),
                        ],
                    )


def _fault(error: Exception) -> Exception | None:
    """Return an error that storage did not raise, to be shown as a cause; else None."""
    return None if is_failure(error) else error


def _adds_snapshot(change: Staged) -> bool:
    return any(isinstance(update, AddSnapshotUpdate) for update in change.updates)
