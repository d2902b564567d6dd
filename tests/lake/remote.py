"""Catalogs that are not a SQLite file, configured as pyiceberg has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.utils.config import Config
from sqlalchemy.pool import NullPool

from lakebt.lake import Lake
from lakebt.lake.storage.catalog import open_catalog
from tests.lake.crash import COLUMNS, expected, found_in
from tests.lake.frames import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


def unpooled(catalog: SqlCatalog) -> SqlCatalog:
    """Keep a catalog from leaving its connections open."""
    catalog.engine.dispose()
    catalog.engine = sa.create_engine(catalog.engine.url, poolclass=NullPool)
    return catalog


@dataclass(frozen=True)
class Remote:
    """A lake in the catalog ``prod``, in this process and those it starts.

    Attributes
    ----------
    folder
        Where its files lie.
    is_ours
        Whether `lakebt serve` serves it.
    """

    folder: Path
    is_ours: bool = False

    def configure(self, monkeypatch: pytest.MonkeyPatch, **properties: str) -> None:
        """Set what pyiceberg reads once, when it is imported."""
        monkeypatch.setenv("PYICEBERG_HOME", str(self.folder))
        for name, value in properties.items():
            written = name.upper().replace(".", "__").replace("-", "_")
            monkeypatch.setenv(f"PYICEBERG_CATALOG__PROD__{written}", value)
        monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())

    def open(self, *, create: bool = False) -> Lake:
        """Open the lake as a new process would."""
        return Lake.open(catalog="prod", create=create, clock=clock)

    def storage(self) -> Storage:
        """Open what lies below a lake, to get in its way."""
        return open_catalog("prod", create=False)

    def lake(self, storage: Storage) -> Lake:
        """Open the lake that lies in `storage`."""
        return Lake(storage, exchange="XNYS", clock=clock)

    def catalog(self) -> Catalog:
        """Open the catalog as any other program does."""
        made = load_catalog("prod")
        return unpooled(made) if isinstance(made, SqlCatalog) else made

    def table(self, name: str) -> Table:
        """Load a table as any other program does."""
        return self.catalog().load_table(("quant", name))

    def check_whole(self, numbers: Sequence[int]) -> None:
        """Check that just these releases are there, in order, tagged, pinned and right.

        Parameters
        ----------
        numbers
            Of the releases, as `tests.lake.crash` numbers them: 1, 2, ...
        """
        lake = self.open()
        names = [f"R{number}" for number in numbers]
        releases = lake.releases()
        assert list(releases["name"]) == names
        assert list(releases["sequence"]) == list(range(1, len(names) + 1))
        views = [lake.at(name) for name in names]
        pinned = [view.provenance()["snapshots"] for view in views]
        catalog = self.catalog()
        for table in COLUMNS:
            metadata = catalog.load_table(("quant", table)).metadata
            tags = {ref: to.snapshot_id for ref, to in metadata.refs.items()}
            head = tags.pop("main", None)
            assert tags == {
                name: pins[table] for name, pins in zip(names, pinned, strict=True)
            }
            assert head == (pinned[-1][table] if pinned else None)
        ledger = catalog.load_table(("quant", "releases"))
        assert set(ledger.metadata.refs) <= {"main"}
        for number, view in zip(numbers, views, strict=True):
            assert found_in(view) == expected(number)
