"""Choosing how the prices of a lake lie in its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.update import SetPropertiesUpdate

from lakebt._messages import as_words
from lakebt.errors import LakeError
from lakebt.inputs.checks import one_of
from lakebt.lake.keeping.maintenance import in_turn, staged
from lakebt.lake.publishing.release_request import OFFERED
from lakebt.lake.storage.clustering import CHOICES, CLUSTERED_BY
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """How prices lay in new files, and how they lie from now on, or would.

    Attributes
    ----------
    before, after : {"session", "symbol"}
    is_dry_run : bool
    """

    before: str
    after: str
    is_dry_run: bool

    @as_words
    def __str__(self) -> str:
        if self.before == self.after:
            return f"New files of prices lie by {self.after}: there was nothing to do."
        would = "would lie" if self.is_dry_run else "lie"
        return (
            f"New files of prices {would} by {self.after}. Those that are there stay "
            f"by {self.before} until they are folded."
        )


def cluster(storage: Storage, by: str, *, dry_run: bool = False) -> Clustering:
    """Have prices that are written from now on clustered by a column.

    Raises
    ------
    ConflictError
        If somebody else kept coming first.
    LakeError
        If the lake cannot be written, or is served by lakebt.
    UnknownNameError
        If they cannot be clustered by that.
    """
    one_of(by, CHOICES, what="column to cluster prices by")
    before = _said_by(storage.tables())
    if before != by and not dry_run:
        if OFFERED in storage.catalog.properties:
            msg = (
                f"{storage.where}: its server lets nobody say how files lie: run "
                f"`lakebt cluster {by}` where the lake lies"
            )
            raise LakeError(msg)

        def stage(tables: Mapping[str, Table]) -> list[Staged]:
            if _said_by(tables) == by:
                return []
            prices = tables[PRICES.name]
            update = SetPropertiesUpdate(updates={CLUSTERED_BY: by})
            return [staged(prices, [update], head=head_of(prices))]

        in_turn(storage, stage)
    return Clustering(before=before, after=by, is_dry_run=dry_run)


def _said_by(tables: Mapping[str, Table]) -> str:
    """Return what new files of prices are clustered by."""
    properties = tables[PRICES.name].metadata.properties
    return properties.get(CLUSTERED_BY, CHOICES[0])
