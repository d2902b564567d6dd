"""Rules for branches of the lake: served to readers, and left as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.table_rules import check_releases

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Ledger


def check_branch(
    name: str, before: TableMetadata, after: TableMetadata, ledger: Ledger
) -> None:
    """Check that a branch of the lake, its tags and its snapshots stay.

    Parameters
    ----------
    name, before, after
        A table of facts, as it is and as it would be.
    ledger
        The branch's own.

    Raises
    ------
    ForbiddenError
        If they do not.
    """
    branch = None if ledger.newest is None else branch_in(ledger.newest.name)
    if branch is None:
        return
    if before.refs.get(branch) != after.refs.get(branch):
        msg = (
            f"branch {branch} of table {name} is the lake's: it is published into, and "
            f"dropped, where the lake lies"
        )
        raise ForbiddenError(msg)
    check_releases(name, before, after, ledger)
