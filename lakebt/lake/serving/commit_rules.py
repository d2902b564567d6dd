"""Rules for all changes of one commit together, by the ledger as it would be.

A commit that adds a release to the ledger is completed here: the heads and tags of its
tables follow in the same transaction. Where a catalog changes one table at a time they
follow one after the other (`committing.stepwise`). Here they do not, so that publishers
without a server see the lake either before the release or after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table
from pyiceberg.table.update import SetSnapshotRefUpdate

from lakebt.errors import ForeignCommitError, LakeError
from lakebt.lake.committing.branches import ledgers
from lakebt.lake.committing.follow_up import following
from lakebt.lake.committing.foreign import is_ours
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import UNFINISHED, has_followed
from lakebt.lake.serving.branch_rules import check_branch
from lakebt.lake.serving.errors import ConflictError, ForbiddenError
from lakebt.lake.serving.ledger_rules import check_page, check_written_by_lakebt
from lakebt.lake.serving.pending_change import Pending
from lakebt.lake.serving.snapshot_rules import added, check_added, check_staging
from lakebt.lake.serving.table_rules import check_properties, check_table, columns
from lakebt.lake.serving.trial_rules import check_trials
from lakebt.lake.storage.metadata import next_version
from lakebt.lake.tables.schemas import (
    BUILT_IN,
    LATER,
    LEDGER,
    NAMESPACE,
    OURS,
    TRIALS,
)
from lakebt.lake.tables.specs import Specs
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyiceberg.table import StagedTable
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.serving.names import Warehouse
    from lakebt.lake.storage.catalog import Storage


class Guard:
    """Checks changes to the lake's own tables. Call it within the lake's turn only."""

    def __init__(self, storage: Storage, warehouse: Warehouse) -> None:
        self._storage, self._warehouse = storage, warehouse
        self._trials = Index()

    def protects(self, namespace: tuple[str, ...], name: str) -> bool:
        """Whether a table is the lake's, or needed by a release of it."""
        if namespace != (NAMESPACE,):
            return False
        tables, ledger = self._state()
        return _is_protected(name, tables, ledger)

    def check_stays(self, namespace: tuple[str, ...], name: str, *, what: str) -> None:
        """Check that a table may be dropped or renamed.

        Raises
        ------
        ForbiddenError
            If it is the lake's.
        """
        if not self.protects(namespace, name):
            return
        _, ledger = self._state()
        pins = [release.name for release in ledger.living if release.pin(name)]
        why = "lakebt writes it"
        if pins:
            others = f" and {len(pins) - 1} more" if len(pins) > 1 else ""
            why = (
                f"it is read by release {pins[-1]!r}{others}. A release ends by: "
                f"lakebt retain --drop {pins[-1]} --because TEXT"
            )
        msg = f"table {name} cannot be {what}: it is the lake's: {why}"
        raise ForbiddenError(msg)

    def judge(self, changes: Sequence[Pending]) -> list[Pending]:
        """Check changes of one commit, and complete them.

        Returns
        -------
        list of Pending
            Those, and the heads and tags that follow a new release.

        Raises
        ------
        ConflictError
            If a release would be added that its tables cannot follow.
        ForbiddenError
            If a release, or the lake, would be harmed.
        """
        lakes = [each for each in changes if each.is_in_lake and each.changes]
        if not lakes:
            return list(changes)
        tables, ledger = self._state()
        would = dict(tables) | {each.name: _table(each) for each in lakes}
        for each in lakes:
            if each.old is None:
                self._check_made(each)
            elif not _is_protected(each.name, tables, ledger):
                _check_undeclared(each)
            elif each.name == LEDGER:  # before it is read
                self._check_added(each.name, each.old, each.after)
        page = self._check_ledger(lakes, ledger, would)
        for each in lakes:
            if _is_protected(each.name, tables, ledger):
                self._check_changed(each, would, page)
        if len(page.releases) == len(ledger.releases):
            return list(changes)
        return [*changes, *self._following(page, would, lakes)]

    def _state(self) -> tuple[Mapping[str, Table], Ledger]:
        tables = self._storage.tables()
        return tables, read_ledger(self._storage, tables[LEDGER])

    @staticmethod
    def _check_made(change: Pending) -> None:
        """Check a table that is to be made among the lake's own.

        Raises
        ------
        ForbiddenError
            If it would pass for the table of trials, or for one of lakebt's own.
        """
        properties = change.new.properties
        declares = any(key.startswith(OURS) for key in properties)
        built_in = {TRIALS: TRIALS_SPEC, **(LATER if BUILT_IN in properties else {})}
        has = [column[1:] for column in columns(change.new.schema())]
        if change.name in built_in and (
            has != [c[1:] for c in columns(built_in[change.name].iceberg())]
            or change.new.snapshots
        ):
            msg = f"table {change.name} is made by lakebt, with the columns it gives it"
            raise ForbiddenError(msg)
        if change.name == TRIALS or declares:
            check_properties(change.name, properties)
        if declares and (damaged := Specs({change.name: _table(change)}).damaged):
            msg = (
                f"table {change.name} cannot be made: {damaged[change.name]}. A table "
                f"of the lake is made by lakebt declare"
            )
            raise ForbiddenError(msg)

    def _check_ledger(
        self, lakes: Iterable[Pending], ledger: Ledger, would: Mapping[str, Table]
    ) -> Ledger:
        """Return the ledger as it would be, checked."""
        for each in lakes:
            if (
                each.name == LEDGER
                and each.old is not None
                and check_written_by_lakebt(LEDGER, each.old, each.new)
            ):
                return check_page(would[LEDGER], ledger, tables=would)
        return ledger

    def _check_added(
        self, name: str, before: TableMetadata, after: StagedTable
    ) -> None:
        """Check what the snapshots reach that a commit adds."""
        check_added(
            name, before, after.metadata, io=after.io, warehouse=self._warehouse
        )

    def _check_changed(
        self, change: Pending, would: Mapping[str, Table], page: Ledger
    ) -> None:
        """Check what a commit makes of one of the lake's tables that is there."""
        if change.before is None or change.old is None:
            return
        name = change.name
        check_table(name, change.old, change.new, page)
        for _, own in ledgers(self._storage):
            check_branch(name, change.old, change.new, own)
        if name != LEDGER:
            self._check_added(name, change.old, change.after)
        if name == TRIALS and check_written_by_lakebt(name, change.old, change.new):
            check_trials(change.before, would[name], self._trials)
        if name not in {TRIALS, LEDGER}:
            check_staging(name, change.old, change.new, page)

    def _following(
        self, page: Ledger, would: Mapping[str, Table], lakes: Sequence[Pending]
    ) -> list[Pending]:
        """Return the changes by which heads and tags follow a new release.

        Raises
        ------
        ConflictError
            If a head or a tag is not as the release before left it.
        """
        last = page.releases[-1]
        taken = {each.name for each in lakes}
        follows = []
        for pin in last.tables:
            table = would[pin.table]
            if has_followed(table, pin, last.name):
                continue
            try:
                required, updates = following(table, page.releases)
            except (ForeignCommitError, LakeError) as error:
                raise ConflictError(str(error)) from None
            if pin.table in taken:
                msg = f"table {pin.table} is changed, and does not follow the ledger"
                raise ConflictError(msg)
            catalog: Any = self._storage.catalog
            after = next_version(catalog, table, required, updates)
            follows.append(Pending(before=table, after=after))
        return follows


def without_mark(
    namespace: tuple[str, ...], name: str, updates: Sequence[TableUpdate]
) -> list[TableUpdate]:
    """Return updates without the mark of an unfinished release."""
    if (*namespace, name) != (NAMESPACE, LEDGER):
        return list(updates)
    return [
        update
        for update in updates
        if not (
            isinstance(update, SetSnapshotRefUpdate) and update.ref_name == UNFINISHED
        )
    ]


def _is_protected(name: str, tables: Mapping[str, Table], ledger: Ledger) -> bool:
    if name in tables or name == TRIALS:
        return True
    return any(release.pin(name) is not None for release in ledger.living)


def _check_undeclared(change: Pending) -> None:
    """Check that a table beside the lake's own does not become one of them.

    Raises
    ------
    ForbiddenError
        If it would.
    """
    assert change.old is not None  # noqa: S101 - the caller asked
    for snapshot in added(change.old, change.new):
        if is_ours(snapshot):
            msg = (
                f"a snapshot of table {change.name} cannot say that lakebt made it: "
                f"{change.name} is not one of the lake's tables"
            )
            raise ForbiddenError(msg)
    for key in change.new.properties.keys() - change.old.properties.keys():
        if key.startswith(OURS):
            msg = (
                f"table {change.name} cannot be given {key}: a table of the lake is "
                f"made by lakebt declare"
            )
            raise ForbiddenError(msg)


def _table(change: Pending) -> Table:
    """Return a table as it would be."""
    after = change.after
    return Table(
        identifier=after.name(),
        metadata=after.metadata,
        metadata_location=after.metadata_location,
        io=after.io,
        catalog=after.catalog,
    )
