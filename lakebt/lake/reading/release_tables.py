"""One release with its tables, each resolved to a snapshot and checked."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from pyiceberg.table.refs import SnapshotRefType

from lakebt.errors import BrokenReleaseError, LakeError
from lakebt.instants import EPOCH, TICK
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import is_following
from lakebt.lake.reading.bars import Bars
from lakebt.lake.reading.bases import bases_of
from lakebt.lake.reading.change_history import ChangeHistory
from lakebt.lake.reading.holdings import Reports
from lakebt.lake.reading.instrument_rows import instruments_of
from lakebt.lake.reading.release_changes import change_since
from lakebt.lake.storage.catalog import check_clock
from lakebt.lake.storage.predicates import Among
from lakebt.lake.storage.scan import Cache, scan
from lakebt.lake.storage.snapshots import only
from lakebt.lake.tables.arrow import encoded
from lakebt.lake.tables.rows import NEVER, first_known, integers, micros
from lakebt.lake.tables.schemas import (
    ETF_HOLDINGS,
    INDEX_CHANGES,
    INSTRUMENTS,
    LEDGER,
    PRICES,
    Kind,
)
from lakebt.lake.tables.specs import Specs, fact_tables

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

    from lakebt._typing import IntVector
    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage
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
        Those that have rows, without the history before and after the release.
    specs : Specs
        What they, and those without rows, were declared to be when it was checked.
    storage, cache
        Where they are read from, and what was read before.
    sessions : Sessions
    clock : callable
        Tells when something is run on it.
    """

    release: Release
    tables: Mapping[str, Table]
    specs: Specs
    storage: Storage
    cache: Cache
    sessions: Sessions
    clock: Callable[[], dt.datetime]

    @classmethod
    def check(
        cls,
        release: Release,
        tables: Mapping[str, Table],
        *,
        storage: Storage,
        cache: Cache,
        sessions: Sessions,
        clock: Callable[[], dt.datetime],
    ) -> Pinned:
        """Resolve a release, and check each table against the ledger.

        Raises
        ------
        BrokenReleaseError
            If a tag was moved, or a table or snapshot is gone.
        """
        following = is_following(tables, release.name)
        for pin in release.tables:
            table = tables.get(pin.table)
            problem = problem_of(release, table, pin.table, following=following)
            if problem is not None:
                raise BrokenReleaseError(release.name, pin.table, problem)
        return cls(
            release=release,
            tables={
                pin.table: only(tables[pin.table], pin.snapshot_id)
                for pin in release.tables
            },
            specs=Specs(tables, {p.table: p.snapshot_id for p in release.tables}),
            storage=storage,
            cache=cache,
            sessions=sessions,
            clock=clock,
        )

    @classmethod
    def again(
        cls,
        release: str,
        storage: Storage,
        cache: Cache,
        sessions: Sessions,
        clock: Callable[[], dt.datetime],
    ) -> Pinned:
        """Open a release once more, as a process does that was sent one.

        Raises
        ------
        BrokenReleaseError
            If it no longer is what the ledger says.
        ReleaseEndedError
            If the release has ended.
        UnknownNameError
            If there is none.
        """
        tables = storage.tables()
        return cls.check(
            read_ledger(storage, tables[LEDGER]).get(release),
            tables,
            storage=storage,
            cache=cache,
            sessions=sessions,
            clock=clock,
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as a name; the other process reads the tables again."""
        check_clock(self.clock)
        parts = self.storage, self.cache, self.sessions, self.clock
        return Pinned.again, (self.release.name, *parts)

    @property
    def whole(self) -> Pinned:
        """The release itself, where an audit reads an altered one."""
        return self

    @functools.cached_property
    def altered(self) -> Cache:
        """Its cached versions with altered later facts."""
        return Cache.in_memory()

    @property
    def bars_hold_known_by(self) -> int | None:
        """When the actions in its adjusted bars were known by; None for all there are.

        In microseconds since 1970, inclusive.
        """
        return None

    def scan(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        coded: tuple[str, ...] = (),
        where: BooleanExpression | None = None,
        among: Among | None = None,
    ) -> pa.Table:
        """Read columns of a table's snapshot.

        Raises
        ------
        BrokenReleaseError
            If a file is gone.
        LakeError
            If one cannot be read, or rows were erased since the release was opened.
        ReleaseEndedError
            If that is because the release ended.
        """
        pin = self.release.pin(table)
        schema = self.specs[table].arrow
        if pin is None:
            return encoded(schema.empty_table().select(columns), coded)
        try:
            rows = scan(
                self.tables[table],
                pin.snapshot_id,
                columns=columns,
                coded=coded,
                where=where,
                among=among,
                storage=self.storage,
                release=self.release.name,
                told=lambda: self.storage.told(self.tables[table], pin.files),
            )
        except (BrokenReleaseError, LakeError) as error:
            since = change_since(self.storage, self.release, table)
            if since is not None:
                raise since from error
            raise
        fields = [
            rows.schema.field(n) if n in coded else schema.field(n) for n in columns
        ]
        return rows.cast(pa.schema(fields))

    def kept(
        self,
        table: str,
        what: str,
        make: Callable[[], T],
        *,
        size: Callable[[T], int],
    ) -> T:
        """Return a value computed from a table's snapshot, cached."""
        pin = self.release.pin(table)
        # An erasure leaves a snapshot fewer rows, and its id.
        snapshot = None if pin is None else (pin.uuid, pin.snapshot_id, pin.rows)
        return self.cache.get((table, snapshot, what), make, size=size)

    def all_rows(self, table: str) -> pa.Table:
        """Return every row of a table, all vintages."""
        names = self.specs[table].names  # of one snapshot, more may be asked for later
        return self.kept(
            table,
            f"rows of {names}",
            lambda: self.scan(table, names),
            size=lambda rows: rows.nbytes,
        )

    def reports(self) -> Reports:
        """Return the holdings as reports."""
        names = self.release.pin(INSTRUMENTS.name)
        snapshot = None if names is None else (names.snapshot_id, names.rows)
        return self.kept(
            ETF_HOLDINGS.name,
            f"reports with {snapshot}",
            lambda: Reports(
                self.all_rows(ETF_HOLDINGS.name),
                lambda instant: instruments_of(self, EPOCH + instant * TICK),
            ),
            size=lambda reports: 4 * reports.rows.nbytes,
        )

    def history(self, index: str) -> ChangeHistory:
        """Return every vintage of every change of an index."""
        pins = map(self.release.pin, (ETF_HOLDINGS.name, INSTRUMENTS.name))
        snapshot = [None if p is None else (p.snapshot_id, p.rows) for p in pins]
        return self.kept(
            INDEX_CHANGES.name,
            f"history of {index} with {snapshot}",
            lambda: ChangeHistory(
                self.all_rows(INDEX_CHANGES.name),
                self.reports(),
                index=index,
                zone=self.sessions.zone,
            ),
            size=lambda history: 5000 * len(history),
        )

    def names(self, column: str, *, known_by: int) -> frozenset[str]:
        """Return every value that any row known has in a column of text.

        Parameters
        ----------
        column
        known_by
            Microseconds since 1970, inclusive.
        """
        names_there: set[str] = set()
        for table, spec in self.specs.items():
            if column in spec.names and spec.column(column).kind is Kind.TEXT:
                first = self.first_known(table, column)
                names_there |= {name for name, at in first.items() if at <= known_by}
        return frozenset(names_there)

    def first_known(self, table: str, name: str) -> dict[str, int]:
        """Return when each value of a column of text first was, in microseconds."""

        def first() -> dict[str, int]:
            rows = self.scan(table, (name, "known_at"), coded=(name,))
            values, at = first_known(rows, name)
            names = zip(values, at.tolist(), strict=True)
            return {value: known_at for value, known_at in names if known_at < NEVER}

        what = f"names in {name}"
        return self.kept(table, what, first, size=lambda names: 200 * len(names))

    def count(self, table: str, *, known_by: int) -> int:
        """Return how many rows of a table were known by then, all vintages."""

        def ordered() -> IntVector:
            return np.sort(integers(self.scan(table, ("known_at",)), "known_at"))

        known_at = self.kept(table, "known_at", ordered, size=lambda at: at.nbytes)
        return int(known_at.searchsorted(known_by, side="right"))

    def bars(self, symbols: Sequence[str] | None, first: tuple[str, ...]) -> Bars:
        """Return the bars of at least `symbols`, of all symbols if None."""
        pin = self.release.pin(PRICES.name)
        among: Among | None = None
        what = "bars"
        if pin is not None and pin.rows > WHOLE_ROWS and symbols is not None:
            wanted_symbols = tuple(sorted(set(symbols)))
            if wanted_symbols:
                among, what = (
                    Among("symbol", wanted_symbols),
                    f"bars of {wanted_symbols}",
                )

        def read(columns: tuple[str, ...]) -> pa.Table:
            coded = tuple(name for name in ("symbol", "basis") if name in columns)
            return self.scan(PRICES.name, columns, coded=coded, among=among)

        return self.kept(
            PRICES.name,
            what,
            lambda: Bars(read, first, self.sessions),
            size=lambda bars: bars.nbytes,
        )

    def basis(self, *, known_by: int) -> tuple[str, ...]:
        """Return the bases of the known prices, sorted."""
        pin, release = self.release.pin(PRICES.name), self.release
        # By the cutoff every row is known, so a single basis needs no instants.
        if pin and known_by >= micros(release.as_of) and self.whole is self:
            table, named = self.tables[PRICES.name], release.name
            bases = self.kept(
                PRICES.name,
                "bases",
                lambda: bases_of(table, pin, storage=self.storage, release=named),
                size=len,
            )
            if len(bases) == 1:
                return bases
        first = self.first_known(PRICES.name, "basis")
        return tuple(sorted(name for name, at in first.items() if at <= known_by))

    def provenance(self, instant: dt.datetime) -> dict[str, Any]:
        """Return exactly which data is read at an instant: see `View.provenance`."""
        release = self.release
        tables = fact_tables(pin.table for pin in release.tables)
        pins = {table: release.pin(table) for table in tables}
        return {
            "lake": self.storage.name,
            "release": release.name,
            "as_of": instant.isoformat(),
            "cutoff": release.as_of.isoformat(),
            "past_cutoff": instant > release.as_of,
            "snapshots": {
                n: None if p is None else p.snapshot_id for n, p in pins.items()
            },
            "digests": {n: None if p is None else p.digest for n, p in pins.items()},
            "basis": list(self.basis(known_by=micros(instant))),
            "redactions": [each.told() for each in release.redactions],
        }


def problem_of(
    release: Release, table: Table | None, name: str, *, following: bool
) -> str | None:
    """Return the problem of a table, None if it is as in the ledger.

    A table that may have yet to follow the ledger may lack the tag.
    """
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
        problem = None if following else "its tag is gone"
    elif tag.snapshot_ref_type is not SnapshotRefType.TAG:
        problem = "its tag was replaced by a branch"
    elif tag.snapshot_id != pin.snapshot_id:
        problem = (
            f"its tag was moved to snapshot {tag.snapshot_id}, the ledger says "
            f"{pin.snapshot_id}"
        )
    return problem
