"""Choosing how the prices of a lake lie in its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table.update import SetPropertiesUpdate

from lakebt.inputs.checks import one_of
from lakebt.lake.keeping.maintenance import in_turn, staged
from lakebt.lake.storage.clustering import CHOICES, CLUSTERED_BY
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


def cluster(storage: Storage, by: str) -> None:
    """Have prices that are written from now on clustered by a column.

    Raises
    ------
    ConflictError
        If somebody else kept coming first.
    LakeError
        If the lake cannot be written.
    UnknownNameError
        If they cannot be clustered by that.
    """
    one_of(by, CHOICES, what="column to cluster prices by")

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        prices = tables[PRICES.name]
        if prices.metadata.properties.get(CLUSTERED_BY, CHOICES[0]) == by:
            return []
        update = SetPropertiesUpdate(updates={CLUSTERED_BY: by})
        return [staged(prices, [update], head=head_of(prices))]

    in_turn(storage, stage)
