"""The audits of rows that Spark holds: the same code, each symbol's rows by themselves.

Whether rows are good depends on their own values, on the others of their key, and on
those of the same symbol (or fund) before and after them. So Spark brings each name's
rows together, beside those the lake has, and every executor looks at its names with the
audits that look at a publication in memory. It says only which names offend. Their rows
alone come to the driver, which looks again and tells what it finds. Index changes,
actions and identifiers are few, and two of them can be about one thing whatever their
keys are: the driver looks at them all, and at actions beside the bars of their symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt.lake.publishing.audits import bars
from lakebt.lake.publishing.audits import fund_reports as reports
from lakebt.lake.publishing.audits.comparison import beside
from lakebt.lake.publishing.audits.finding import Finding, Handed, in_order
from lakebt.lake.publishing.audits.neighbours import absent
from lakebt.lake.publishing.audits.row_audits import audit_alone
from lakebt.lake.publishing.audits.schemas import audit_schema
from lakebt.lake.publishing.new_rows import compare
from lakebt.lake.spark.reader import collected, fetched, newest
from lakebt.lake.tables.arrow import column, keep, take, truth
from lakebt.lake.tables.rows import integers, order
from lakebt.lake.tables.schemas import (
    CORPORATE_ACTIONS,
    ETF_HOLDINGS,
    INDEX_CHANGES,
    INSTRUMENTS,
    PRICES,
)
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame

    from lakebt.lake.publishing.audits.finding import Severity
    from lakebt.lake.tables.schemas import TableSpec


TOGETHER_ROWS = 500_000
"""About how many rows, new and the lake's, an executor audits at once."""

LOOKED_AT = 1_000
"""Offending names that are audited again, the first by name."""

_HELD = "__held"
_COVERAGE = {PRICES.name: bars.tell_coverage, ETF_HOLDINGS.name: reports.tell_coverage}


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What the audits need to know besides the rows; it goes to the executors.

    Attributes
    ----------
    spec
        The table.
    as_of
        The release's cutoff.
    exchange
        Whose sessions count.
    """

    spec: TableSpec
    as_of: dt.datetime
    exchange: str

    @property
    def name(self) -> str:
        """The column whose rows have to be together: a symbol, a fund."""
        return self.spec.key[0]

    def find(
        self, new: pa.Table, held: pa.Table, severity: Callable[[str], Severity]
    ) -> list[Finding]:
        """Return what is wrong with rows, beside those of the same names in the lake.

        Who is missing altogether is not looked for: that takes all names.
        """
        spec = self.spec
        rows = take(new, order(new, spec.order))
        handed = Handed(spec=spec, rows=rows, places=np.arange(len(rows)))
        exchange = Exchange(self.exchange)

        findings = [
            *audit_schema(handed),
            *audit_alone(handed, as_of=self.as_of, sessions=exchange),
        ]
        if not findings:
            lacking = compare(handed, held)
            findings += lacking.found
            findings += beside(
                lacking.handed,
                held=lambda columns, _: held.select(columns),
                as_of=self.as_of,
                severity=severity,
                sessions=exchange,
            )
        return in_order(each for each in findings if each.audit != "coverage")


def audit(
    looked: Looked,
    new: DataFrame,
    held: DataFrame,
    *,
    count: int,
    most_held: int,
    severity: Callable[[str], Severity],
) -> tuple[Finding, ...]:
    """Return what is wrong with rows that Spark holds.

    Parameters
    ----------
    looked
        What to look at.
    new
        Normalised rows.
    held
        Those of the lake that they can contradict, or are beside; all vintages.
    count
        How many new ones there are.
    most_held
        How many of the lake there are at most.
    severity
        Of an audit, by its name.
    """
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    if looked.spec in (INDEX_CHANGES, CORPORATE_ACTIONS, INSTRUMENTS):
        changes, known = _fetched(new, looked.spec), _fetched(held, looked.spec)
        return tuple(looked.find(changes, known, severity))
    name = f"`{looked.name}`"
    both = new.withColumn(
        _HELD,
        spark.lit(False),  # noqa: FBT003 - its only argument
    ).unionByName(
        held.withColumn(
            _HELD,
            spark.lit(True),  # noqa: FBT003
        )
    )
    rows = count + (held.count() if most_held > TOGETHER_ROWS else most_held)
    cores = new.sparkSession.sparkContext.defaultParallelism
    parts = max(cores, rows // TOGETHER_ROWS + 1)
    offend = both.repartition(parts, name).mapInArrow(
        _offending(looked), f"{name} string"
    )
    # All rows of a name are in one part, which tells it once.
    names = sorted(map(str, fetched(offend).column(0).to_pylist()))
    findings: list[Finding] = []
    if names:
        some = spark.col(name).isin(names[:LOOKED_AT])
        findings += looked.find(
            _fetched(new.where(some), looked.spec),
            _fetched(held.where(some), looked.spec),
            severity,
        )
    if looked.spec.name in _COVERAGE:
        findings += _coverage(looked, both, severity)
    return tuple(findings)


def _offending(looked: Looked) -> Callable[[Any], Iterator[pa.RecordBatch]]:
    """Return what gives the names whose rows offend, of those in a partition."""

    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        whole = list(batches)
        if not sum(map(len, whole)):
            return
        rows = pa.Table.from_batches(whole)
        is_held = truth(column(rows, _HELD))
        rows = collected(whole, looked.spec)
        new, held = keep(rows, ~is_held), keep(rows, is_held)
        names: set[str] = set()
        for finding in looked.find(new, held, lambda _: "warn") if len(new) else ():
            names.update(map(str, finding.rows[looked.name]))
        if names:
            yield pa.record_batch({looked.name: sorted(names)})

    return look


def _fetched(rows: DataFrame, spec: TableSpec) -> pa.Table:
    return fetched(rows).select(spec.names).cast(spec.arrow)


def _coverage(
    looked: Looked, both: DataFrame, severity: Callable[[str], Severity]
) -> Iterator[Finding]:
    """Find who of the lake's newest day is missing after it."""
    from pyspark.sql import functions as spark  # noqa: PLC0415 - an extra, and slow

    spec = looked.spec
    name, day = spec.key[:2]
    last = fetched(
        newest(both, spec, looked.as_of)
        .groupBy(f"`{name}`", _HELD)
        .agg(spark.max(f"`{day}`").alias(day))
    )
    coded = column(last, name).dictionary_encode()
    missing = absent(
        coded.dictionary.to_pylist(),
        coded.indices.to_numpy().astype(np.int64),
        integers(last, day),
        np.where(truth(column(last, _HELD)), -1, 0),
    )
    yield from _COVERAGE[spec.name](missing, severity("coverage"))
