"""One table's change that is not committed yet: before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from pyiceberg.table import StagedTable, Table
    from pyiceberg.table.metadata import TableMetadata


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A change to one table.

    Attributes
    ----------
    before : pyiceberg.table.Table or None
        None if it makes the table.
    after : pyiceberg.table.StagedTable
    """

    before: Table | None
    after: StagedTable

    @property
    def namespace(self) -> tuple[str, ...]:
        """The table's."""
        return tuple(self.after.name()[:-1])

    @property
    def name(self) -> str:
        """The table's, without its namespace."""
        return str(self.after.name()[-1])

    @property
    def is_in_lake(self) -> bool:
        """Whether it is in the namespace of the lake's own tables."""
        return self.namespace == (NAMESPACE,)

    @property
    def old(self) -> TableMetadata | None:
        """The metadata before."""
        return None if self.before is None else self.before.metadata

    @property
    def new(self) -> TableMetadata:
        """The metadata after."""
        return self.after.metadata

    @property
    def changes(self) -> bool:
        """Whether anything changes at all."""
        return self.new is not self.old
