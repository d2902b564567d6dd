"""The strict commit where a catalog changes one table at a time: the ledger decides.

A SQL catalog swaps all pointers in one transaction (`commit.py`). Every other catalog
promises only that one table changes at once, and only if it is as required. So a
release comes about in an order in which each step is such a change:

1. **Stage.** Each table's new snapshot is added to it, held by a tag of its own,
   ``lakebt-staged-<sequence>-<snapshot id>``. Head and release's tag stay as they are.
2. **Decide.** The ledger's head moves to the page with the new row, if it is where it
   was when everything was checked. In the same change the tag ``lakebt-unfinished`` is
   set on that page, if it is not there. **From here on the release exists**: its row
   says which snapshots it pins, and all of them are in their tables.
3. **Follow.** Each table's head and the release's tag move to what the row says, if
   they are where the row before it left them, and its staging tag goes. When all have
   followed, ``lakebt-unfinished`` goes.

Whoever finds ``lakebt-unfinished`` finishes step 3, at once: what is to be done follows
from the ledger alone, each part of it requires what it starts from, and doing it beside
its publisher does no harm. So nobody has to know whether that publisher lives, nobody
waits for a dead one, and no clock is asked. A publisher who dies before step 2 has
changed nothing anybody reads. One who is slow, and was overtaken, cannot decide any
more: the ledger's head is not where he saw it. What he staged then is *abandoned*: its
sequence is taken, and it is removed with the next step 3, or by himself. Its data files
stay, for he may live, and use them again; they are litter, which `lakebt doctor` finds.

Why not the other way round (mark the intent in the ledger, change the tables, then
decide): heads would be ahead of the ledger, and to undo that one must guess that its
publisher is dead. Here heads are never ahead, and nothing that was visible is undone.

Readers ask the ledger, and read by snapshot id. Between steps 2 and 3 the tag of the
newest release may be missing on a table; `unfinished.is_following` tells them that it
is on its way. Other engines see each table's old head, then its new one.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertTableUUID,
    RemoveSnapshotRefUpdate,
    SetSnapshotRefUpdate,
)

from lakebt.errors import ForeignCommitError, LakeError
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import (
    UNFINISHED,
    abandoned_in,
    has_followed,
    removal,
    staging_tag,
)
from lakebt.lake.committing.stage import discard
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.remote_failures import is_silent
from lakebt.lake.storage.snapshots import at_ref, head_of
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


ROUNDS = 40
"""How often to look again at a lake that others are changing."""


class UncertainError(LostRaceError):
    """Another commit was made; ours may have been, too."""


class LedgerOrder:
    """Commits one table after the other: see the module."""

    is_atomic = False

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def tables(self) -> Mapping[str, Table]:
        """Return the tables while nobody is changing them, finishing what others left.

        Raises
        ------
        LostRaceError
            If others keep changing them.
        """
        for _ in range(ROUNDS):
            tables = self._storage.tables()
            seen = tables[LEDGER]
            with translated(self._storage.where):
                if UNFINISHED in seen.metadata.refs:
                    _pause()  # its publisher is most likely at it
                    finish(self._storage)
                elif _ledger(self._storage).metadata_location == seen.metadata_location:
                    return tables
        msg = "others keep publishing"
        raise LostRaceError(msg)

    @contextmanager
    def turn(self) -> Iterator[Callable[[Mapping[str, Staged], Release], None]]:
        """Give what commits; nobody waits for anybody."""
        with translated(self._storage.where):
            yield self._commit

    def change(self, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]) -> None:
        """Change one table after the other.

        What is staged must do no harm if only the first part of it happens.

        Raises
        ------
        LostRaceError
            If somebody else came first somewhere.
        """
        for change in stage(self.tables()):
            try:
                self._storage.catalog.commit_table(
                    change.base, change.requirements, change.updates
                )
            except CommitFailedException as error:
                raise LostRaceError(str(error)) from None

    def change_trials(
        self, stage: Callable[[], Staged | None]
    ) -> tuple[TableMetadata, TableMetadata] | None:
        """Change the table of trials, and return it before and after.

        Raises
        ------
        LakeError
            If the catalog did not say what became of it.
        LostRaceError
            If somebody else came first.
        UncertainError
            If somebody else came, most likely first.
        """
        change = stage()
        if change is None:
            return None
        storage, base = self._storage, change.base
        try:
            after = storage.catalog.commit_table(
                base, change.requirements, change.updates
            )
        except CommitFailedException as error:
            discard([change])
            raise LostRaceError(str(error)) from None
        except Exception as error:
            now = storage.trials()
            if now is not None and now.metadata.snapshot_by_id(change.snapshot_id):
                return base.metadata, now.metadata
            if now is not None and now.metadata_location != base.metadata_location:
                raise UncertainError(str(error)) from error
            msg = (
                f"{storage.where} did not say whether the trials were recorded "
                f"({type(error).__name__}). Record them again: what is there is not "
                f"recorded twice"
            )
            raise LakeError(msg) from error
        return base.metadata, after.metadata

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
            If somebody made one of that name meanwhile.
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
        LakeError
            If the catalog fails in between; it says what is the case then.
        LostRaceError
            If somebody else came first; nothing anybody reads has changed.
        """
        added = [
            change
            for name, change in changes.items()
            if name != LEDGER and _adds_snapshot(change)
        ]
        try:
            for change in added:
                self._stage(change, release)
        except BaseException as error:
            if not is_silent(error):
                self._withdraw(added, release)
            raise
        try:
            self._decide(changes[LEDGER], release)
        except LostRaceError:
            self._withdraw(added, release)
            raise
        try:
            with translated(self._storage.where):
                finish(self._storage)
        except (LakeError, LostRaceError) as error:
            msg = (
                f"release {release.name!r} is published and can be read, but not all "
                f"heads and tags have followed it ({error}). The next publish does that"
            )
            raise LakeError(msg) from None

    def _stage(self, change: Staged, release: Release) -> None:
        updates = [u for u in change.updates if not isinstance(u, SetSnapshotRefUpdate)]
        ref = staging_tag(release, change.snapshot_id)
        _commit(
            self._storage,
            change.base,
            change.requirements,
            (*updates, set_ref(ref, change.snapshot_id)),
        )

    def _decide(self, change: Staged, release: Release) -> None:
        """Move the ledger's head: the one change that makes a release.

        Raises
        ------
        LakeError
            If the catalog does not say what became of it.
        LostRaceError
            If it did not happen, and will not.
        """
        # On a ledger without pages this cannot be stated everywhere, and is true.
        is_first = not change.base.metadata.snapshots
        required = () if is_first else (at_ref(UNFINISHED, None),)
        try:
            self._storage.catalog.commit_table(
                change.base,
                (*change.requirements, *required),
                (*change.updates, set_ref(UNFINISHED, change.snapshot_id)),
            )
        except CommitFailedException as error:
            raise LostRaceError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - it may have happened all the same
            self._find_out(change, release, error)

    def _find_out(self, change: Staged, release: Release, error: Exception) -> None:
        """Ask the ledger what became of a decision whose answer was lost.

        Raises
        ------
        LakeError
            If it cannot tell, or the decision may still arrive.
        LostRaceError
            If somebody else came first.
        """
        msg = (
            f"{self._storage.where} did not say whether release {release.name!r} was "
            f"committed ({type(error).__name__}). Publish it again: what is there is "
            f"not published twice"
        )
        try:
            table = _ledger(self._storage)
            is_there = read_ledger(self._storage, table).clash(release.name) == release
        except Exception:  # noqa: BLE001 - whatever fails, nothing is known
            raise LakeError(msg) from error
        if is_there:
            return
        if head_of(table) != head_of(change.base):
            raise LostRaceError from None
        raise LakeError(msg) from error

    def _withdraw(self, changes: Iterable[Staged], release: Release) -> None:
        """Remove what was staged in vain. What stays is removed by others, later."""
        with suppress(Exception):  # who does not answer is not asked for the rest
            for change in changes:
                ref = staging_tag(release, change.snapshot_id)
                with suppress(LostRaceError):
                    _commit(
                        self._storage,
                        change.base,
                        [at_ref(ref, change.snapshot_id)],
                        removal(ref, change.snapshot_id),
                    )


def finish(storage: Storage) -> None:
    """Let every table follow the ledger, if one has not.

    Raises
    ------
    ForeignCommitError
        If a table was written by something other than lakebt.
    LakeError
        If a tag of the release's name is in the way.
    LostRaceError
        If others keep changing the tables.
    """
    for _ in range(ROUNDS):
        tables = storage.tables()
        ref = tables[LEDGER].metadata.refs.get(UNFINISHED)
        if ref is None:
            return
        releases = read_ledger(storage, tables[LEDGER]).releases
        last, before = releases[-1], releases[-2] if len(releases) > 1 else None
        try:
            for name in fact_tables(tables):
                _follow(storage, tables[name], last, before)
            _commit(
                storage,
                tables[LEDGER],
                [at_ref(UNFINISHED, ref.snapshot_id)],
                [RemoveSnapshotRefUpdate.model_validate({"ref-name": UNFINISHED})],
            )
        except LostRaceError:
            _pause()
        except (ForeignCommitError, LakeError):
            # Read before others finished, and went on.
            if _ledger(storage).metadata.refs.get(UNFINISHED) == ref:
                raise
        else:
            return
    msg = "others keep changing the tables"
    raise LostRaceError(msg)


def _follow(
    storage: Storage, table: Table, release: Release, before: Release | None
) -> None:
    """Move a table's head and the release's tag to what the ledger says.

    Raises
    ------
    ForeignCommitError, LakeError
        As `following`.
    """
    required, updates = following(table, release, before)
    if updates:
        _commit(storage, table, required, updates)


def following(
    table: Table, release: Release, before: Release | None
) -> tuple[list[TableRequirement], list[TableUpdate]]:
    """Return what makes a table follow the ledger, and what that requires.

    Raises
    ------
    ForeignCommitError
        If its head is neither where the release pins it nor where it was before.
    LakeError
        If another tag has the release's name.
    """
    name, metadata = table.name()[-1], table.metadata
    pin = release.pin(name)
    required: list[TableRequirement] = []
    updates: list[TableUpdate] = []
    if pin is not None and not has_followed(table, pin, release.name):
        head = head_of(table)
        earlier = None if before is None else before.pin(name)
        was = None if earlier is None else earlier.snapshot_id
        if head not in {was, pin.snapshot_id}:
            raise ForeignCommitError(name, pin.snapshot_id, head)
        tag = metadata.refs.get(release.name)
        if tag is not None and tag.snapshot_id != pin.snapshot_id:
            msg = (
                f"release {release.name!r} cannot be finished: table {name} has "
                f"another tag of that name. Remove that tag and publish again"
            )
            raise LakeError(msg)
        required.append(at_ref(MAIN_BRANCH, head))
        if tag is None:
            required.append(at_ref(release.name, None))
            updates.append(set_ref(release.name, pin.snapshot_id))
        if head != pin.snapshot_id:
            updates.append(set_ref(MAIN_BRANCH, pin.snapshot_id))
    if (
        pin is not None
        and (ref := staging_tag(release, pin.snapshot_id)) in metadata.refs
    ):
        updates.append(RemoveSnapshotRefUpdate.model_validate({"ref-name": ref}))
    for ref in abandoned_in(table, release):
        snapshot_id = metadata.refs[ref].snapshot_id
        required.append(at_ref(ref, snapshot_id))
        updates.extend(removal(ref, snapshot_id))
    return required, updates


def _commit(
    storage: Storage,
    table: Table,
    required: Iterable[TableRequirement],
    updates: Iterable[TableUpdate],
) -> None:
    """Change one table.

    Raises
    ------
    LostRaceError
        If it is not as required, or was changed meanwhile.
    """
    is_it = AssertTableUUID(uuid=table.metadata.table_uuid)
    try:
        storage.catalog.commit_table(table, (is_it, *required), tuple(updates))
    except CommitFailedException as error:
        raise LostRaceError(str(error)) from None
    except Exception as error:
        # A snapshot staged beside ours has taken its sequence number, for one.
        now = storage.catalog.load_table(table.name())
        if now.metadata_location != table.metadata_location:
            raise LostRaceError(str(error)) from None
        raise


def _adds_snapshot(change: Staged) -> bool:
    return any(isinstance(update, AddSnapshotUpdate) for update in change.updates)


def set_ref(ref: str, snapshot_id: int) -> SetSnapshotRefUpdate:
    """Set the branch ``main``, or else a tag, on a snapshot."""
    kind = SnapshotRefType.BRANCH if ref == MAIN_BRANCH else SnapshotRefType.TAG
    return SetSnapshotRefUpdate.model_validate(
        {"ref-name": ref, "snapshot-id": snapshot_id, "type": kind}
    )


def _ledger(storage: Storage) -> Table:
    return storage.catalog.load_table((NAMESPACE, LEDGER))


def _pause() -> None:
    time.sleep((50 + secrets.randbelow(100)) / 1000)
