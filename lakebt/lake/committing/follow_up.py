"""Following the ledger: heads and tags moved to what its newest release says.

This is the last step of `lakebt.lake.committing.stepwise`. The work follows from the
ledger alone, so any process may do it, whether or not the publisher still runs.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
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
from lakebt.lake.storage.branch_refs import changed
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.snapshots import at_ref, head_of
from lakebt.lake.tables.schemas import LEDGER
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyiceberg.table import Table
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


ROUNDS = 40
"""How often to look again at a lake that others are changing."""


def finish(storage: Storage, left: Mapping[str, Table] | None = None) -> None:
    """Let every table follow the ledger, if one has not.

    Parameters
    ----------
    storage
    left
        The ledger and each table that its newest release pins, as its publisher left
        them: then these are not read again. Each change requires that its table is
        still so, and where one is not, all are read.

    Raises
    ------
    ForeignCommitError
        If a table was written by something other than lakebt.
    LakeError
        If a tag of the release's name is in the way.
    LostRaceError
        If others keep changing the tables.
    """
    for number in range(ROUNDS):
        tables = storage.tables() if number or left is None else left
        ref = tables[LEDGER].metadata.refs.get(UNFINISHED)
        if ref is None:
            return
        releases = read_ledger(storage, tables[LEDGER]).releases
        try:
            for name in filter(tables.__contains__, fact_tables(tables)):
                _follow(storage, tables[name], releases)
            commit_one(
                storage,
                tables[LEDGER],
                [at_ref(UNFINISHED, ref.snapshot_id)],
                [RemoveSnapshotRefUpdate.model_validate({"ref-name": UNFINISHED})],
            )
        except LostRaceError:
            pause()
        except (ForeignCommitError, LakeError):
            # This ledger was read before others finished this release and made more.
            if ledger_table(storage).metadata.refs.get(UNFINISHED) == ref:
                raise
        else:
            return
    msg = "others keep changing the tables"
    raise LostRaceError(msg)


def _follow(storage: Storage, table: Table, releases: Sequence[Release]) -> None:
    """Move a table's head and the release's tag to what the ledger says.

    Raises
    ------
    ForeignCommitError, LakeError
        As `following`.
    """
    required, updates = following(table, releases)
    if updates:
        commit_one(storage, table, required, updates)


def following(
    table: Table, releases: Sequence[Release]
) -> tuple[list[TableRequirement], list[TableUpdate]]:
    """Return what makes a table follow the ledger, and what that requires.

    Parameters
    ----------
    table
    releases
        All of the ledger, by sequence; the last is followed.

    Raises
    ------
    ForeignCommitError
        If its head is neither where the release pins it nor where it was before.
    LakeError
        If another tag has the release's name.
    """
    name, metadata = table.name()[-1], table.metadata
    release, before = releases[-1], releases[-2] if len(releases) > 1 else None
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
    if abandoned := abandoned_in(table, release):
        required += [at_ref(ref, metadata.refs[ref].snapshot_id) for ref in abandoned]
        updates += removal(table, abandoned, releases)
    return required, updates


def commit_one(
    storage: Storage,
    table: Table,
    required: Iterable[TableRequirement],
    updates: Iterable[TableUpdate],
) -> Table:
    """Change one table, and return what it is then.

    Raises
    ------
    LostRaceError
        If it is not as required, or was changed meanwhile.
    """
    same_table = AssertTableUUID(uuid=table.metadata.table_uuid)
    try:
        return changed(table, (same_table, *required), updates)
    except CommitFailedException as error:
        raise LostRaceError(str(error)) from None
    except Exception as error:
        # For example, another staged snapshot has taken its sequence number.
        now = storage.table(table.name()[-1])
        if now.metadata_location != table.metadata_location:
            raise LostRaceError(str(error)) from None
        raise


def set_ref(ref: str, snapshot_id: int) -> SetSnapshotRefUpdate:
    """Set the branch ``main``, or else a tag, on a snapshot."""
    kind = SnapshotRefType.BRANCH if ref == MAIN_BRANCH else SnapshotRefType.TAG
    return SetSnapshotRefUpdate.model_validate(
        {"ref-name": ref, "snapshot-id": snapshot_id, "type": kind}
    )


def ledger_table(storage: Storage) -> Table:
    """Return the ledger's table as it is now."""
    return storage.ledger()


def pause() -> None:
    """Wait a little for the publisher that probably does it already."""
    time.sleep((50 + secrets.randbelow(100)) / 1000)
