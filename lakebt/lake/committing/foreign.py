"""What others committed to a table on top of what the ledger says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.snapshots import Operation, ancestors_of

from lakebt._messages import as_words
from lakebt.lake.tables.schemas import OURS
from lakebt.values.text import count

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Commits that are not the ledger's.

    Attributes
    ----------
    snapshots : tuple of Snapshot
        Newest first.
    is_on_top : bool
        Whether they were built on what the ledger says.
    """

    snapshots: tuple[Snapshot, ...]
    is_on_top: bool

    @property
    def only_appends(self) -> bool:
        """Whether they say that they added rows and did nothing else."""
        return self.is_on_top and all(
            snapshot.summary is not None
            and snapshot.summary.operation is Operation.APPEND
            for snapshot in self.snapshots
        )

    @as_words
    def __str__(self) -> str:
        if not self.is_on_top:
            return "its head is not built on what the ledger says"
        commits = count(len(self.snapshots), "foreign commit")
        added = sum(_number(snapshot, "added-records") for snapshot in self.snapshots)
        deleted = sum(
            _number(snapshot, "deleted-records") for snapshot in self.snapshots
        )
        return (
            f"{commits} by {writer(self.snapshots[0])} added {added:,} and deleted "
            f"{deleted:,} rows"
        )


def foreign(table: Table, expected: int | None) -> Foreign:
    """Return the commits to the main branch of a table since `expected`."""
    since: list[Snapshot] = []
    for snapshot in ancestors_of(table.metadata.current_snapshot(), table.metadata):
        if snapshot.snapshot_id == expected:
            return Foreign(snapshots=tuple(since), is_on_top=True)
        since.append(snapshot)
    return Foreign(snapshots=tuple(since), is_on_top=expected is None)


def last_of_ours(table: Table) -> Snapshot | None:
    """Return the last snapshot of the main branch that lakebt made, None if none."""
    history = ancestors_of(table.metadata.current_snapshot(), table.metadata)
    return next(filter(is_ours, history), None)


def is_ours(snapshot: Snapshot) -> bool:
    """Whether a snapshot says that lakebt made it."""
    return any(key.startswith(OURS) for key in _summary(snapshot))


def is_whole_page(snapshot: Snapshot) -> bool:
    """Whether lakebt wrote a snapshot, and added every file that it has.

    So is each page of the ledger. Nothing in it is of another page, and no file of
    another page is in it: files are written once, under names of their own.
    """
    summary = _summary(snapshot)
    n_files = summary.get("total-data-files")
    return (
        is_ours(snapshot)
        and n_files is not None
        and n_files == summary.get("added-data-files")
        and summary.get("total-delete-files", "0") == "0"
    )


def writer(snapshot: Snapshot) -> str:
    """Return which program made a snapshot, as far as it says so."""
    summary = _summary(snapshot)
    engine = summary.get("engine-name")
    if engine is None:
        return summary.get("iceberg-version", "a program that does not say its name")
    app = summary.get("app-id") or summary.get("spark.app.id")
    program = f"{engine} {summary.get('engine-version', '')}".strip()
    return f"{program} ({app})" if app else program


def _summary(snapshot: Snapshot) -> dict[str, str]:
    return {} if snapshot.summary is None else snapshot.summary.additional_properties


def _number(snapshot: Snapshot, name: str) -> int:
    number = _summary(snapshot).get(name, "0")
    return int(number) if number.isdigit() else 0
