"""How a lake's catalog commits: chosen here, once, by what the catalog can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lakebt.lake.committing.sql import OneTransaction
from lakebt.lake.committing.stepwise import LedgerOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


class CommitProtocol(Protocol):
    """What a commit is, whatever the catalog. Each method raises `LostRaceError`."""

    @property
    def is_atomic(self) -> bool:
        """Whether several tables change at once, or else one after the other."""
        ...

    def tables(self) -> Mapping[str, Table]:
        """Return the tables as no unfinished commit leaves them."""
        ...

    def turn(
        self,
    ) -> AbstractContextManager[Callable[[Mapping[str, Staged], Release], None]]:
        """Yield the function that commits a release, while no one else can commit."""
        ...

    def change(self, stage: Callable[[Mapping[str, Table]], Sequence[Staged]]) -> None:
        """Change tables, in the order given where they cannot change at once."""
        ...

    def change_trials(
        self, stage: Callable[[], Staged | None]
    ) -> tuple[TableMetadata, TableMetadata] | None:
        """Change the table of trials; return its metadata before and after."""
        ...

    def create_table(
        self,
        name: str,
        schema: Schema,
        properties: dict[str, str],
        check: Callable[[Iterable[str]], None],
    ) -> None:
        """Create a table, if `check` allows it among the names there are."""
        ...


def of(storage: Storage) -> CommitProtocol:
    """Return how the catalog of a lake commits."""
    catalog = storage.sql
    return LedgerOrder(storage) if catalog is None else OneTransaction(storage, catalog)
