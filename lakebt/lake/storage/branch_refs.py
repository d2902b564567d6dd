"""A branch of the lake as if it were main: refs swapped, there and back.

Whatever reads or commits a lake reads and moves ``main``, and sets tags. On a branch
each table is shown with the names of its refs swapped, and what is committed is swapped
back. A swap loses no ref, so that whatever counts what is still needed counts all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRef, SnapshotRefType
from pyiceberg.table.update import AssertRefSnapshotId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate


IN_PUBLISHING = ("lakebt-staged-", "lakebt-unfinished")
"""How the tags begin that a publisher sets and removes: each branch has its own."""


def swapped(ref: str, branch: str) -> str:
    """Return what a ref of a table is called on a branch; of that, what it was.

    Examples
    --------
    >>> swapped("main", "clean"), swapped("clean", "clean"), swapped("R1", "clean")
    ('clean', 'main', 'R1')
    >>> swapped("lakebt-unfinished", "clean")
    'clean.lakebt-unfinished'
    >>> swapped("clean.lakebt-unfinished", "clean")
    'lakebt-unfinished'
    """
    others = {MAIN_BRANCH: branch, branch: MAIN_BRANCH}
    if ref in others:
        return others[ref]
    if ref.startswith(IN_PUBLISHING):
        return f"{branch}.{ref}"
    inner = ref.removeprefix(f"{branch}.")
    return inner if inner != ref and inner.startswith(IN_PUBLISHING) else ref


class FirstOfBranch(AssertRefSnapshotId):
    """Require that a branch is not there, of a table without any snapshot too.

    pyiceberg refuses every branch but main of such a table. What is sent to a server is
    the same.
    """

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]  # pyiceberg's
        """Check it as the catalog does."""
        if base_metadata is None or base_metadata.snapshots or self.snapshot_id:
            super().validate(base_metadata)


class OnBranch(Table):
    """A table whose main is a branch, or is built upon something else.

    Attributes
    ----------
    whole : pyiceberg.table.Table
        As the catalog has it.
    branch : str or None
        None for main itself.
    head : int or None
        Where the branch really is, and must be when something is committed.
    """

    def __init__(
        self, table: Table, *, branch: str | None, onto: tuple[int | None] | None = None
    ) -> None:
        metadata = table.metadata
        refs = dict(metadata.refs)
        if branch is not None:
            refs = {swapped(ref, branch): to for ref, to in refs.items()}
        head = refs.get(MAIN_BRANCH)
        self.whole, self.branch = table, branch
        self.head = None if head is None else head.snapshot_id
        if onto is not None:
            refs.pop(MAIN_BRANCH, None)
            if onto[0] is not None:
                told_ref = {"snapshot-id": onto[0], "type": SnapshotRefType.BRANCH}
                refs[MAIN_BRANCH] = SnapshotRef.model_validate(told_ref)
        shown = refs.get(MAIN_BRANCH)
        updates = {
            "refs": refs,
            "current_snapshot_id": None if shown is None else shown.snapshot_id,
        }
        super().__init__(
            table.name(),
            metadata.model_copy(update=updates),
            table.metadata_location,
            table.io,
            table.catalog,
        )

    def outside(
        self, requirements: Iterable[TableRequirement], updates: Iterable[TableUpdate]
    ) -> tuple[tuple[TableRequirement, ...], tuple[TableUpdate, ...]]:
        """Return what is to be committed as the catalog has to be told it."""
        required = []
        for requirement in requirements:
            if (
                isinstance(requirement, AssertRefSnapshotId)
                and requirement.ref == MAIN_BRANCH
            ):
                at_head = {"ref": MAIN_BRANCH, "snapshot-id": self.head}
                requirement = FirstOfBranch.model_validate(at_head)  # noqa: PLW2901
            required.append(self._renamed(requirement, "ref"))
        return tuple(required), tuple(self._renamed(u, "ref_name") for u in updates)

    def _renamed(self, told: Any, field: str) -> Any:
        ref = getattr(told, field, None)
        if ref is None or self.branch is None:
            return told
        return told.model_copy(update={field: swapped(ref, self.branch)})


def on_branch(table: Table, branch: str | None) -> Table:
    """Return a table as a branch has it; for None as it is."""
    return table if branch is None else OnBranch(table, branch=branch)


def as_main_has(table: Table) -> Table:
    """Return a table that is shown as of a branch, or built upon another, as main."""
    return table.whole if isinstance(table, OnBranch) else table


def built_upon(table: Table, snapshot_id: int | None) -> OnBranch:
    """Return a table as if its head were another: a commit moves the head from there.

    The commit still requires that the real head has not moved.
    """
    return OnBranch(as_main_has(table), branch=_branch_of(table), onto=(snapshot_id,))


def as_it_was(table: Table) -> Table:
    """Return a table that may be built upon something else as it was found."""
    return on_branch(as_main_has(table), _branch_of(table))


def _branch_of(table: Table) -> str | None:
    return table.branch if isinstance(table, OnBranch) else None


def commit_table(
    table: Table,
    requirements: Iterable[TableRequirement],
    updates: Iterable[TableUpdate],
) -> TableMetadata:
    """Change one table as `changed` does, and return its metadata."""
    return changed(table, requirements, updates).metadata


def changed(
    table: Table,
    requirements: Iterable[TableRequirement],
    updates: Iterable[TableUpdate],
) -> Table:
    """Change one table as its catalog does, and return what it is then.

    A table that was built upon something else is returned as it really is.

    Parameters
    ----------
    table
        As it was found, on a branch or not.
    requirements, updates
        As that has them.

    Raises
    ------
    Exception
        Whatever the catalog raises.
    """
    change = tuple(requirements), tuple(updates)
    if isinstance(table, OnBranch):
        change = table.outside(*change)
    response = table.catalog.commit_table(as_main_has(table), *change)
    place = response.metadata_location
    after = Table(table.name(), response.metadata, place, table.io, table.catalog)
    return on_branch(after, _branch_of(table))
