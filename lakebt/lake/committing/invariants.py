"""What must hold of the lake before a publication, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import ForeignCommitError, InvalidArgumentError, LakeError
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.release_names import branch_in, check_name
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import LEDGER
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


def check_refs(
    release: str, tables: Mapping[str, Table], *, branch: str | None
) -> None:
    """Check that no branch and no stray tag has the release's name.

    Raises
    ------
    InvalidArgumentError
        If one has, or the name is of another branch than that which it comes to.
    """
    if branch_in(release) != branch:
        place = "main" if branch is None else f"branch {branch!r}"
        msg = f"release name {release!r} is not one of {place}. Choose another"
        raise InvalidArgumentError(msg)
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


def check_heads(
    tables: Mapping[str, Table],
    last: Release | None,
    *,
    adopted: Mapping[str, int] | None = None,
) -> None:
    """Check that every table is as the ledger left it, or at the head to be adopted.

    Raises
    ------
    ForeignCommitError
        If one is not.
    LakeError
        If one is gone.
    """
    pinned = () if last is None else [pin.table for pin in last.tables]
    for name in fact_tables([*tables, *pinned]):
        pin = None if last is None else last.pin(name)
        if name not in tables:
            msg = f"table {name} is gone. Restore the lake from a backup"
            raise LakeError(msg)
        expected = None if pin is None else pin.snapshot_id
        expected = (adopted or {}).get(name, expected)
        head = head_of(tables[name])
        is_other = pin is not None and str(tables[name].metadata.table_uuid) != pin.uuid
        if head != expected or is_other:
            raise ForeignCommitError(name, expected, head)


def check_committed(release: Release, storage: Storage) -> None:
    """Read back the committed row and each tag.

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
