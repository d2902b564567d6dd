"""The releases of main and of every branch, by name, and which came before which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.committing.branches import ADOPTED, BASE, ledgers
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.release_names import branch_in

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.storage.catalog import Storage


class Releases:
    """All releases of a lake, ended or not, at one instant.

    Parameters
    ----------
    storage
        Of main or of a branch.
    table
        Of the ledger, as main has it.
    """

    def __init__(self, storage: Storage, table: Table) -> None:
        main = read_ledger(storage.on(None), table)
        self._ledgers: dict[str | None, Ledger] = {None: main}
        self._ledgers |= {there.branch: own for there, own in ledgers(storage, table)}
        self._places = {
            name: (branch, place)
            for branch, ledger in self._ledgers.items()
            for place, name in enumerate(ledger.releases.names)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, the last of each branch first."""
        return tuple(reversed(self._places))

    def get(self, name: str) -> Release | None:
        """Return a release; None if there never was one of that name."""
        if name not in self._places:
            return None
        branch, place = self._places[name]
        return self._ledgers[branch].releases[place]

    def behind(self, release: Release) -> list[Release]:
        """Return the releases whose rows a release may hold, including itself.

        Of a branch these are its own, and those of main up to what it stands on.
        """
        branch = branch_in(release.name)
        own = [
            earlier
            for earlier in self._ledgers[branch].releases
            if earlier.sequence <= release.sequence
        ]
        if branch is None:
            return own
        bases = [each.labels[BASE] for each in own if BASE in each.labels]
        base = self.get(bases[-1]) if bases else None
        own_releases = [each for each in own if BASE not in each.labels]
        return [*(self.behind(base) if base is not None else []), *own_releases]

    def adopted(self, release: Release) -> list[Release]:
        """Return the releases of the branch that a release of main was made of."""
        last = self.get(release.labels.get(ADOPTED, ""))
        if last is None:
            return []
        branch = branch_in(last.name)
        return [each for each in self.behind(last) if branch_in(each.name) == branch]
