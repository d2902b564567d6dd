"""The audits of rows that Spark holds: the same code, each symbol's rows by themselves.

Whether rows are good depends on their own values, on the others of their key, and on
those of the same symbol (or fund) before and after them. So Spark brings each name's
rows together, beside those the lake has, and every executor looks at its names with the
audits that look at a publication in memory. It says only which names offend, when each
was last seen, and how many rows the lake has already. The rows of names that offend
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
from lakebt.lake.spark.reader import collected, fetched
from lakebt.lake.tables.arrow import column, keep, pc, take, truth
from lakebt.lake.tables.rows import integers, newest, order
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
_COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "name": (pa.string(), "string"),
    "offends": (pa.bool_(), "boolean"),
    "held": (pa.bool_(), "boolean"),
    "day": (pa.date32(), "date"),
    "again": (pa.int64(), "bigint"),
}
"""What executors tell: its type in Arrow, and in Spark."""
_LINE = pa.schema([(name, kind) for name, (kind, _) in _COLUMNS.items()])
_TOLD = ", ".join(f"{name} {kind}" for name, (_, kind) in _COLUMNS.items())
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
        """The column by which rows are grouped: a symbol, a fund."""
        return self.spec.key[0]

    def find(
        self, new: pa.Table, held: pa.Table, severity: Callable[[str], Severity]
    ) -> Audited:
        """Return what is wrong with rows, beside those of the same names in the lake.

        Names that are missing altogether are not found here: that needs all names.
        """
        spec = self.spec
        rows = take(new, order(new, spec.order))
        handed = Handed(spec=spec, rows=rows, places=np.arange(len(rows)))
        exchange = Exchange(self.exchange)

        findings = [
            *audit_schema(handed),
            *audit_alone(handed, as_of=self.as_of, sessions=exchange),
        ]
        lacking = compare(handed, held)
        if not findings:
            findings += lacking.found
            findings += beside(
                lacking.handed,
                held=lambda columns, _: held.select(columns),
                as_of=self.as_of,
                severity=severity,
                sessions=exchange,
            )
        ordered = in_order(each for each in findings if each.audit != "coverage")
        return Audited(found=tuple(ordered), n_again=len(rows) - lacking.count)


@dataclass(frozen=True, kw_only=True)
class Audited:
    """What the audits found.

    Attributes
    ----------
    found
        What is wrong.
    n_again
        How many of the new rows, by key and `known_at`, the lake has already.
    """

    found: tuple[Finding, ...]
    n_again: int


def audit(
    looked: Looked,
    new: DataFrame,
    held: DataFrame,
    *,
    count: int,
    most_held: int,
    severity: Callable[[str], Severity],
) -> Audited:
    """Return what is wrong with rows that Spark holds, and how many the lake has.

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
        return looked.find(changes, known, severity)
    name = f"`{looked.name}`"
    both = new.selectExpr("*", f"false AS {_HELD}").union(
        held.selectExpr("*", f"true AS {_HELD}")
    )
    rows = count + (held.count() if most_held > TOGETHER_ROWS else most_held)
    cores = new.sparkSession.sparkContext.defaultParallelism
    parts = max(cores, rows // TOGETHER_ROWS + 1)
    by_name = both.repartition(parts, name).mapInArrow(_looking(looked), _TOLD)
    # All rows of a name are in one part, which tells it once.
    rows_by_name = fetched(by_name)
    names = sorted(
        map(
            str,
            keep(rows_by_name, truth(column(rows_by_name, "offends")))[
                "name"
            ].to_pylist(),
        )
    )
    findings: list[Finding] = []
    if names:
        some = spark.col(name).isin(names[:LOOKED_AT])
        findings += looked.find(
            _fetched(new.where(some), looked.spec),
            _fetched(held.where(some), looked.spec),
            severity,
        ).found
    if looked.spec.name in _COVERAGE:
        findings += _coverage(looked, rows_by_name, severity)
    n_again = pc.sum(rows_by_name["again"]).as_py() or 0
    return Audited(found=tuple(findings), n_again=n_again)


def _looking(looked: Looked) -> Callable[[Any], Iterator[pa.RecordBatch]]:
    """Return what tells of the rows in a partition what `_TOLD` has columns for.

    That is a line for each name that offends, one for each name of the new rows and of
    the lake's with its last day, and one with how many rows the lake has already.
    """

    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        whole = list(batches)
        if not sum(map(len, whole)):
            return
        rows = pa.Table.from_batches(whole)
        is_held = truth(column(rows, _HELD))
        rows = collected(whole, looked.spec)
        new, held = keep(rows, ~is_held), keep(rows, is_held)
        if len(new):
            audited = looked.find(new, held, lambda _: "warn")
            names = {
                str(name)
                for finding in audited.found
                for name in finding.rows[looked.name]
            }
            yield _line(name=sorted(names), offends=[True] * len(names))
            yield _line(again=[audited.n_again])
        if looked.spec.name in _COVERAGE:
            yield _line(**_last_seen(looked, new, held))

    return look


def _line(**columns: Any) -> pa.RecordBatch:
    """Return lines of what executors tell; what is not given is empty."""
    count = len(next(iter(columns.values())))
    given = {field.name: columns.get(field.name, [None] * count) for field in _LINE}
    return pa.record_batch(given, schema=_LINE)


def _last_seen(looked: Looked, new: pa.Table, held: pa.Table) -> dict[str, Any]:
    """Return the last day in force of each name, of new rows and of the lake's.

    A row that the lake has already is the lake's.
    """
    name, day = looked.spec.key[:2]
    rows = pa.concat_tables([new, held])  # of equals the last is in force
    place = newest(rows, key=looked.spec.key, as_of=looked.as_of)
    seen = take(rows, place).select([name, day])
    seen = seen.append_column("held", pa.array(place >= len(new)))
    last = seen.group_by([name, "held"]).aggregate([(day, "max")])
    return {
        "name": column(last, name),
        "held": column(last, "held"),
        "day": column(last, f"{day}_max"),
    }


def _fetched(rows: DataFrame, spec: TableSpec) -> pa.Table:
    return fetched(rows).select(spec.names).cast(spec.arrow)


def _coverage(
    looked: Looked, told: pa.Table, severity: Callable[[str], Severity]
) -> Iterator[Finding]:
    """Find the names of the lake's newest day that are missing after it."""
    last = keep(told, truth(told["day"].is_valid()))
    coded = column(last, "name").dictionary_encode()
    missing = absent(
        coded.dictionary.to_pylist(),
        coded.indices.to_numpy().astype(np.int64),
        integers(last, "day"),
        np.where(truth(column(last, "held")), -1, 0),
    )
    yield from _COVERAGE[looked.spec.name](missing, severity("coverage"))
