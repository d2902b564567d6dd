"""Rules for branches of the lake, which no commit of a client changes.

What is published onto one, and what ends it, is done by the server itself: see
`branch_writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.table_rules import check_releases
from lakebt.lake.storage.branch_refs import IN_PUBLISHING

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Ledger


INSTEAD = (
    "A branch is written by lakebt, each time by one request: Lake.publish, branch, "
    "rebase, adopt and drop_branch, or lakebt publish and lakebt branch, of this "
    "server's version; lakebt branch --roll-back, where the lake itself lies"
)


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
    inner = tuple(f"{branch}.{beginning}" for beginning in IN_PUBLISHING)
    for ref in sorted(before.refs.keys() | after.refs.keys()):
        is_its_own = ref == branch or ref.startswith(inner)
        if is_its_own and before.refs.get(ref) != after.refs.get(ref):
            msg = (
                f"branch {branch} of table {name} is the lake's, and {ref!r} is not "
                f"moved by a commit. {INSTEAD}"
            )
            raise ForbiddenError(msg)
    check_releases(name, before, after, ledger)
