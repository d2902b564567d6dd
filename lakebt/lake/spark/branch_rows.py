"""Rows on a branch that Spark wrote: compared with the lake, and ready to be committed.

Comparing them takes Spark as long as it takes to read them, so it is done before the
publisher has its turn, and never within it. What others publish until then is seldom of
the same rows. That is found out from theirs alone, in memory. If it is, the turn is
given up, and Spark looks again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from lakebt.lake.publishing import texts
from lakebt.lake.publishing.audits import bars
from lakebt.lake.publishing.audits import fund_reports as reports
from lakebt.lake.publishing.audits.across import Fresh
from lakebt.lake.publishing.audits.finding import Handed, in_order
from lakebt.lake.publishing.audits.midnight import midnights, tell_midnight
from lakebt.lake.spark.audits import LOOKED_AT, audit
from lakebt.lake.spark.concurrent_rows import added, have_none_of
from lakebt.lake.spark.reader import fetched, session_of, snapshot
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.arrow import pc
from lakebt.lake.tables.digests import digest_of
from lakebt.lake.tables.rows import plain
from lakebt.lake.tables.schemas import ETF_HOLDINGS, PRICES, Kind
from lakebt.sessions import Exchange, Sessions

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyspark.sql import DataFrame

    from lakebt.lake.committing.staging_branch import StagingBranch
    from lakebt.lake.publishing.audits.finding import Finding
    from lakebt.lake.publishing.audits.user_audits import Rules
    from lakebt.lake.publishing.texts import Changed
    from lakebt.lake.spark.audits import Looked
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.digests import Chunks
    from lakebt.lake.tables.schemas import TableSpec


class Source(Protocol):
    """What writes rows onto branches, and deletes files that no commit took."""

    def write(self, rows: DataFrame, spec: TableSpec) -> StagingBranch:
        """Write rows onto a new branch of their table."""
        ...

    def used(self, branch: StagingBranch) -> list[DataFile]:
        """Return a branch's files to be committed."""
        ...

    def unused(self, branch: StagingBranch) -> None:
        """Take a branch's files back."""
        ...


@dataclass(frozen=True, kw_only=True)
class SparkReady:
    """One table's rows on a branch: see `lakebt.lake.publishing.publication.Ready`.

    Attributes
    ----------
    spec, branch
        The table, and where the rows lie.
    source
        What they were written from.
    looked, chosen
        What the audits need to know, and which of them fail.
    given
        The columns that were handed over, and whether each was of texts.
    changed
        What executors changed of texts.
    """

    spec: TableSpec
    branch: StagingBranch
    source: Source
    looked: Looked
    chosen: Rules
    given: Mapping[str, bool]
    changed: Mapping[str, Changed]
    _compared: dict[int | None, SparkLacking] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.branch.count

    def _chunks(self, name: str) -> Chunks:
        return partial(self.branch.chunks, self.spec.arrow.field(name))

    @cached_property
    def earliest(self) -> dt.datetime:
        """The first `known_at` of any of them."""
        return plain(min(pc.min(part).as_py() for part in self._chunks("known_at")()))

    @cached_property
    def digest(self) -> str:
        """What the rows hash to: the same as if they were published from memory."""
        names = list(self.spec.names)
        if self.spec.is_declared:
            names = [name for name in names if not self._is_empty(name)]
        fields = (self.spec.arrow.field(name) for name in names)
        return digest_of(self.count, ((f, self._chunks(f.name)) for f in fields))

    def fresh(self, lacking: Any, columns: tuple[str, ...]) -> Fresh:  # noqa: ARG002
        """Return columns of all rows, for audits on the driver."""
        fields = [self.spec.arrow.field(name) for name in columns]
        chunks = [list(self._chunks(name)()) for name in columns]
        rows = pa.table(
            [
                pa.chunked_array(parts, f.type)
                for parts, f in zip(chunks, fields, strict=True)
            ],
            schema=pa.schema(fields),
        )
        return Fresh(rows=rows, places=np.arange(len(rows)))

    def _is_empty(self, name: str) -> bool:
        return all(part.null_count == len(part) for part in self._chunks(name)())

    def lacking(self, table: Table | None, *, storage: Storage) -> SparkLacking:
        """Return what a table in the lake has not got yet; looked at once per head.

        Raises
        ------
        LostRaceError
            If Spark has to look, and its publisher has its turn.
        """
        assert table is not None  # noqa: S101 - it was made for the branch
        head = head_of(table)
        if head not in self._compared:
            seen = dict(self._compared)
            lacking = self._unchanged(table, seen, storage)
            if lacking is None and storage.is_held:
                msg = f"others published rows of {self.spec.name} that are beside these"
                raise LostRaceError(msg)
            if lacking is None:
                lacking = self._compare(table, storage, list(seen.values()))
            self._compared.clear()
            self._compared[head] = lacking
        return self._compared[head]

    def _unchanged(
        self, table: Table, seen: dict[int | None, SparkLacking], storage: Storage
    ) -> SparkLacking | None:
        """Return what was found at an earlier head, if it is no other at this one.

        What audits warn of may be: it is told as it was when Spark looked.
        """
        if self.chosen.fail_on:
            return None
        spec = self.spec
        for head, lacking in seen.items():
            with translated(storage.where):
                rows = added(table, spec, since=head)
                if rows is not None and have_none_of(lacking.branch, rows, spec):
                    return lacking
        return None

    def _compare(
        self, table: Table, storage: Storage, earlier: list[SparkLacking]
    ) -> SparkLacking:
        spec, head = self.spec, head_of(table)
        with translated(storage.where):
            session = session_of(storage)
            new = snapshot(storage, spec, self.branch.snapshot_id, session)
            lake_rows = self._beside(snapshot(storage, spec, head, session))
            audited = audit(
                self.looked,
                new,
                lake_rows,
                count=self.count,
                most_held=_rows_of(table),
                severity=self.chosen.severity,
            )
            findings = [
                *audited.found,
                *self._at_midnight(new),
                *texts.findings(self.changed, self.chosen.severity),
            ]
        n_again = audited.n_again
        branch = self.branch
        is_good = not any(each.severity == "fail" for each in findings)
        if is_good and 0 < n_again < self.count:
            # Rows are only ever added to a table, so as many again are the same ones.
            same = [each.branch for each in earlier if each.n_again == n_again]
            names = [*spec.key, "known_at"]
            there = lake_rows.select(*(f"`{name}`" for name in names))
            lacking = new.join(there, names, "left_anti")
            branch = same[0] if same else self.source.write(lacking, spec)
        return SparkLacking(
            source=self.source,
            branch=branch,
            found=tuple(in_order(findings)),
            n_again=n_again,
            count=self.count - n_again,
        )

    def _at_midnight(self, new: DataFrame) -> Iterator[Finding]:
        """Give the columns of instants that are all at midnight, with some rows."""
        exchange = Exchange(self.looked.exchange)
        for column in self.spec.columns:
            if column.kind is not Kind.INSTANT or column.name not in self.given:
                continue
            where = midnights(self._chunks(column.name)(), zone=exchange.zone)
            if where is None:
                continue
            rows = fetched(new.where(f"`{column.name}` is not null").limit(LOOKED_AT))
            some = rows.select(self.spec.names).cast(self.spec.arrow)
            yield from tell_midnight(
                Handed(spec=self.spec, rows=some, places=np.arange(len(some))),
                column,
                where,
                sessions=exchange,
                severity=self.chosen.severity("midnight"),
                is_text=self.given[column.name],
            )

    def _beside(self, held: DataFrame) -> DataFrame:
        """Return the lake's rows that the new ones can contradict, or are beside."""
        if self.spec not in (PRICES, ETF_HOLDINGS):
            return held
        from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

        day = self.spec.key[1]
        low, high = self._days(day)
        return held.where(
            spark.col(f"`{day}`").between(spark.lit(low), spark.lit(high))
        )

    def _days(self, day: str) -> tuple[dt.date, dt.date]:
        ends = [pc.min_max(part).as_py() for part in self._chunks(day)()]
        first = min(each["min"] for each in ends)
        last = max(each["max"] for each in ends)
        if self.spec is PRICES:
            calendar = Sessions.of(self.looked.exchange)
            return bars.days_beside(first, last, sessions=calendar)
        return reports.days_beside(first, last)


def _rows_of(table: Table) -> int:
    """Return how many rows, of all vintages, the head of a table has at most."""
    head = table.metadata.current_snapshot()
    if head is None:
        return 0
    total = None if head.summary is None else head.summary["total-records"]
    return sys.maxsize if total is None else int(total)


@dataclass(frozen=True, kw_only=True)
class SparkLacking:
    """What a table lacks of a branch: see `lakebt.lake.publishing.new_rows.Lacks`.

    Attributes
    ----------
    source, branch
        Where its rows lie.
    found
        What all the audits found.
    count
        How many rows are lacking.
    n_again
        How many of those handed over the lake has already.
    handed
        None: they were compared where they lie.
    """

    source: Source
    branch: StagingBranch
    found: tuple[Finding, ...]
    count: int
    n_again: int
    handed: Handed | None = None

    def same_as(self, other: Any) -> bool:
        """Whether the other, of an earlier comparison, has just these rows."""
        same: bool = self.branch is other.branch
        return same

    def write(self, table: Table) -> list[DataFile]:  # noqa: ARG002 - as in `Lacks`
        """Return the files that Spark wrote."""
        return self.source.used(self.branch)

    def forget(self, table: Table, files: list[DataFile]) -> bool:  # noqa: ARG002
        """Take the files back: no snapshot of a release refers to them."""
        self.source.unused(self.branch)
        return True
