"""One release with its tables, each resolved to a snapshot and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import BrokenReleaseError
from lakebt.lake.arrow import column, encoded, pc
from lakebt.lake.changes import ChangeHistory
from lakebt.lake.holdings import Reports
from lakebt.lake.panel import Bars
from lakebt.lake.scan import Cache, is_in, scan
from lakebt.lake.schemas import ETF_HOLDINGS, INDEX_CHANGES, PRICES, SPECS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

    from lakebt.lake.catalog import Storage
    from lakebt.lake.releases import Release
    from lakebt.sessions import Sessions

T = TypeVar("T")

WHOLE_ROWS = 2_000_000
"""Up to this many bars are read once and kept; of more, only the symbols asked for."""


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The tables of one release, each resolved to its snapshot and checked.

    Attributes
    ----------
    release : Release
    tables : mapping of str to pyiceberg.table.Table
        Those that have rows.
    storage, cache
        Where they are read from, and what was read before.
    sessions : Sessions
    """

    release: Release
    tables: Mapping[str, Table]
    storage: Storage
    cache: Cache
    sessions: Sessions

    @classmethod
    def check(
        cls,
        release: Release,
        tables: Mapping[str, Table],
        *,
        storage: Storage,
        cache: Cache,
        sessions: Sessions,
    ) -> Pinned:
        """Resolve a release, and check each table against the ledger.

        Raises
        ------
        BrokenReleaseError
            If a tag was moved, or a table or snapshot is gone.
        """
        for pin in release.tables:
            problem = _problem(release, tables.get(pin.table), pin.table)
            if problem is not None:
                raise BrokenReleaseError(release.name, pin.table, problem)
        return cls(
            release=release,
            tables={pin.table: tables[pin.table] for pin in release.tables},
            storage=storage,
            cache=cache,
            sessions=sessions,
        )

    def scan(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        coded: tuple[str, ...] = (),
        where: BooleanExpression | None = None,
    ) -> pa.Table:
        """Read columns of a table's snapshot."""
        pin = self.release.pin(table)
        if pin is None:
            return encoded(SPECS[table].arrow.empty_table().select(columns), coded)
        return scan(
            self.tables[table],
            pin.snapshot_id,
            columns=columns,
            coded=coded,
            where=where,
            storage=self.storage,
            release=self.release.name,
        )

    def kept(
        self,
        table: str,
        what: str,
        make: Callable[[], T],
        *,
        size: Callable[[T], int],
    ) -> T:
        """Return something made of a table's snapshot, made once."""
        pin = self.release.pin(table)
        snapshot = None if pin is None else (pin.uuid, pin.snapshot_id)
        return self.cache.get((table, snapshot, what), make, size=size)

    def all_rows(self, table: str) -> pa.Table:
        """Return every row of a table, all vintages."""
        return self.kept(
            table,
            "rows",
            lambda: self.scan(table, SPECS[table].names),
            size=lambda rows: rows.nbytes,
        )

    def reports(self) -> Reports:
        """Return the holdings as reports."""
        return self.kept(
            ETF_HOLDINGS.name,
            "reports",
            lambda: Reports(self.all_rows(ETF_HOLDINGS.name)),
            size=lambda reports: 4 * reports.rows.nbytes,
        )

    def history(self, index: str) -> ChangeHistory:
        """Return every vintage of every change of an index."""
        holdings = self.release.pin(ETF_HOLDINGS.name)
        snapshot = None if holdings is None else holdings.snapshot_id
        return self.kept(
            INDEX_CHANGES.name,
            f"history of {index} with {snapshot}",
            lambda: ChangeHistory(
                self.all_rows(INDEX_CHANGES.name), self.reports(), index=index
            ),
            size=lambda history: 1000 * len(history),
        )

    def names(self, column: str) -> frozenset[str]:
        """Return every value that any row of the release has in a column of text."""
        found: set[str] = set()
        for table, spec in SPECS.items():
            if column in spec.names:
                found |= self.kept(
                    table,
                    f"names in {column}",
                    partial(self._distinct, table, column),
                    size=lambda names: 100 * len(names),
                )
        return frozenset(found)

    def _distinct(self, table: str, name: str) -> set[str]:
        values = column(self.scan(table, (name,), coded=(name,)), name)
        return {value for value in pc.unique(values).to_pylist() if value is not None}

    def bars(self, symbols: Sequence[str] | None, first: tuple[str, ...]) -> Bars:
        """Return the bars of at least `symbols`, of all symbols if None."""
        pin = self.release.pin(PRICES.name)
        where: BooleanExpression | None = None
        what = "bars"
        if pin is not None and pin.rows > WHOLE_ROWS and symbols is not None:
            asked = tuple(sorted(set(symbols)))
            if asked:
                where, what = is_in("symbol", asked), f"bars of {asked}"

        def read(columns: tuple[str, ...]) -> pa.Table:
            coded = ("symbol",) if "symbol" in columns else ()
            return self.scan(PRICES.name, columns, coded=coded, where=where)

        return self.kept(
            PRICES.name,
            what,
            lambda: Bars(read, first, self.sessions),
            size=lambda bars: bars.nbytes,
        )

    def basis(self) -> tuple[str, ...]:
        """Return what the prices of the release are, sorted."""
        return tuple(sorted(self.names("basis")))


def _problem(release: Release, table: Table | None, name: str) -> str | None:
    """Say what is wrong with a table, None if it is as the ledger says."""
    pin = release.pin(name)
    problem = None
    if pin is None:
        pass
    elif table is None:
        problem = "the table is gone"
    elif str(table.metadata.table_uuid) != pin.uuid:
        problem = "the table was dropped and made again"
    elif table.metadata.snapshot_by_id(pin.snapshot_id) is None:
        problem = f"its snapshot {pin.snapshot_id} is gone"
    elif (tag := table.metadata.refs.get(release.name)) is None:
        problem = "its tag is gone"
    elif tag.snapshot_ref_type is not SnapshotRefType.TAG:
        problem = "its tag was replaced by a branch"
    elif tag.snapshot_id != pin.snapshot_id:
        problem = (
            f"its tag was moved to snapshot {tag.snapshot_id}, the ledger says "
            f"{pin.snapshot_id}"
        )
    return problem
