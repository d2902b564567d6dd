"""The strict commit where the catalog is SQL: everything in one transaction of it.

`lakebt.lake.committing.ledger_order` has the same face, for every other catalog.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lakebt.lake.committing import commit as committing
from lakebt.lake.committing.unfinished import abandoned_in, removal
from lakebt.lake.storage.catalog import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import StagedTable, Table
    from pyiceberg.table.update import TableUpdate

    from lakebt.lake.committing.commit import Staged
    from lakebt.lake.committing.releases import Release
    from lakebt.lake.storage.catalog import Storage


def tidied(change: Staged, release: Release) -> Staged:
    """Return a change that also removes what others staged for a sequence now taken.

    Only those stage who publish through `lakebt serve`, and died, or were overtaken.
    """
    updates: list[TableUpdate] = []
    for ref in abandoned_in(change.base, release):
        snapshot_id = change.base.metadata.refs[ref].snapshot_id
        updates += removal(ref, snapshot_id)
    return replace(change, updates=(*change.updates, *updates))


class OneTransaction:
    """Publishes in one SQL transaction."""

    def __init__(self, storage: Storage, catalog: SqlCatalog) -> None:
        self._storage, self._catalog = storage, catalog

    def tables(self) -> Mapping[str, Table]:
        """Return the tables, all read at one instant."""
        return self._storage.tables()

    @contextmanager
    def turn(self) -> Iterator[Callable[[Mapping[str, Staged], Release], None]]:
        """Wait for the turn, and give what commits; it takes effect at the end."""
        applied: list[tuple[Table, StagedTable]] = []
        catalog = self._catalog
        with translated(self._storage.where), committing.turn(catalog) as session:

            def commit(changes: Mapping[str, Staged], release: Release) -> None:
                staged = [tidied(change, release) for change in changes.values()]
                applied.extend(committing.commit(session, catalog, staged))

            self._storage.is_held = True
            try:
                yield commit
            finally:
                self._storage.is_held = False
        committing.tidy(catalog, applied)
