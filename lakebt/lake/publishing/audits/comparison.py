"""A publication beside the lake: the audits that need more than its own rows."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, TypeAlias

from lakebt._messages import outside
from lakebt.errors import AuditWarning
from lakebt.lake.publishing.audits import action_chains, bars, index_changes
from lakebt.lake.publishing.audits import fund_reports as reports
from lakebt.lake.publishing.audits.across import COLUMNS, Fresh, audit_across
from lakebt.lake.publishing.audits.action_terms import audit_ratios
from lakebt.lake.publishing.audits.audit_report import AuditReport, Count
from lakebt.lake.publishing.audits.structure import check_structure
from lakebt.lake.storage.scan import scan
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import (
    CORPORATE_ACTIONS,
    ETF_HOLDINGS,
    INDEX_CHANGES,
    INSTRUMENTS,
    PRICES,
    SPECS,
)
from lakebt.lake.tables.specs import is_own

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.publishing.audits.finding import Finding, Handed, Severity
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.sessions import Exchange

    Held: TypeAlias = Callable[[tuple[str, ...], BooleanExpression], pa.Table]


class Comparison:
    """Compares a publication with the lake, each time its tables have moved.

    Parameters
    ----------
    publication
        Valid by itself.
    storage
        The lake.
    sessions
        Gives the exchange's calendar.
    first
        What the audits found beside a lake that has no rows, if they were run.

    Attributes
    ----------
    warned : tuple of str
        The messages of the warnings that were told last.
    """

    def __init__(
        self,
        publication: Publication,
        *,
        storage: Storage,
        sessions: Exchange,
        first: AuditReport | None = None,
    ) -> None:
        self._publication, self._storage = publication, storage
        self._sessions, self._first = sessions, first
        self._seen: Mapping[str, int | None] | None = None
        self._told = ""
        self.warned: tuple[str, ...] = ()

    def __call__(self, tables: Mapping[str, Table], ledger: Ledger) -> None:
        """Check that nothing fails, and warn of the rest, before anything is written.

        Raises
        ------
        AuditError
            If an audit fails.
        AuditWarning
            If warnings are errors, in the place of a warning.
        LakeError
            If a table has no longer the columns it should have.
        """
        heads = {name: _head(tables, name) for name in self._publication.tables}
        if heads == self._seen:
            return
        report = self.report(tables, ledger)
        report.check()
        if report.warnings and str(report) != self._told:
            warnings.warn(AuditWarning(report), stacklevel=outside())
        self._seen, self._told = heads, str(report)
        self.warned = tuple(finding.message for finding in report.warnings)

    def report(self, tables: Mapping[str, Table], ledger: Ledger) -> AuditReport:
        """Return all findings of the audits, beside the lake's `tables`.

        Raises
        ------
        LakeError
            If a table has no longer the columns it should have.
        """
        if self._first is not None and self._has_no_rows(tables):
            return self._first
        alone = self._publication.report
        release = "" if ledger.last is None else ledger.last.name
        findings: list[Finding] = []
        new: dict[str, int] = {}
        fresh: dict[str, Fresh] = {}
        for name, prepared in self._publication.tables.items():
            table = tables.get(name)  # a built-in one may have yet to be made
            if table is not None:
                check_structure(prepared.spec, table)
            lacking = prepared.lacking(table, storage=self._storage)
            new[name] = lacking.count
            findings += lacking.found
            if prepared.spec is SPECS.get(name) and name in COLUMNS and lacking.count:
                fresh[name] = prepared.fresh(lacking, COLUMNS[name])
            if lacking.handed is not None:
                findings += beside(
                    lacking.handed,
                    held=self._held(table, release, prepared.spec),
                    as_of=self._publication.as_of,
                    severity=self._publication.rules.severity,
                    sessions=self._sessions,
                )
        findings[:] = audit_across(
            findings,
            fresh,
            lambda name, columns, where: self._held(
                _built_in(tables, name), release, SPECS[name]
            )(columns, where),
            as_of=self._publication.as_of,
            severity=self._publication.rules.severity,
        )
        counts = [
            Count(table=c.table, rows=c.rows, new=new.get(c.table))
            for c in alone.counts
        ]
        return dataclasses.replace(
            alone, counts=tuple(counts), found=(*alone.found, *findings)
        )

    def _has_no_rows(self, tables: Mapping[str, Table]) -> bool:
        """Whether none of the tables has a row, and all have the columns they should.

        Raises
        ------
        LakeError
            If a table has no longer the columns it should have.
        """
        for name, prepared in self._publication.tables.items():
            if name in tables:
                check_structure(prepared.spec, tables[name])
        return all(_head(tables, name) is None for name in self._publication.tables)

    def _held(self, table: Table | None, release: str, spec: TableSpec) -> Held:
        """Return what reads the vintages that a table of the lake holds."""

        def held(columns: tuple[str, ...], where: BooleanExpression) -> pa.Table:
            like = spec.arrow.empty_table().select(columns)
            head = None if table is None else head_of(table)
            if table is None or head is None:
                return like
            rows = scan(
                table,
                head,
                columns=columns,
                where=where,
                storage=self._storage,
                release=release,
            )
            return rows.cast(like.schema)

        return held


def beside(
    new: Handed,
    *,
    held: Held,
    as_of: dt.datetime,
    severity: Callable[[str], Severity],
    sessions: Exchange,
) -> Iterator[Finding]:
    """Give findings about new rows of one table, beside those there are.

    Parameters
    ----------
    new
        Rows that the lake lacks.
    held
        Reads some columns of those that it has.
    as_of
        The release's cutoff.
    severity
        Of an audit, by its name.
    sessions
        Gives the exchange's calendar.
    """
    if len(new.rows) == 0:
        return
    if new.spec is PRICES:
        calendar = sessions()
        yield from bars.audit_bars(
            held(bars.COLUMNS, bars.reach(new.rows, calendar)),
            new,
            as_of=as_of,
            sessions=calendar,
            severity=severity,
        )
    elif new.spec is ETF_HOLDINGS:
        yield from reports.audit_reports(
            held(reports.COLUMNS, reports.reach(new.rows)),
            new,
            as_of=as_of,
            severity=severity,
        )
    elif new.spec is INDEX_CHANGES:
        yield from index_changes.audit_changes(
            held(index_changes.COLUMNS, index_changes.reach(new.rows)),
            new,
            as_of=as_of,
            zone=sessions.zone,
            severity=severity,
        )
    elif new.spec is CORPORATE_ACTIONS:
        yield from audit_ratios(new, severity)
    elif new.spec is INSTRUMENTS:
        yield from action_chains.audit_instruments(held, new, as_of=as_of)


def _built_in(tables: Mapping[str, Table], name: str) -> Table | None:
    """Return a built-in table, None if the lake lacks it or a user declared it."""
    table = tables.get(name)
    return None if table is None or is_own(table) else table


def _head(tables: Mapping[str, Table], name: str) -> int | None:
    """Return the head of a table, None if it has no rows or has yet to be made."""
    return head_of(tables[name]) if name in tables else None
