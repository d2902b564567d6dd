"""What publishing would do, without writing anything."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from lakebt.errors import LakebtError
from lakebt.lake.committing.branches import check_open
from lakebt.lake.committing.invariants import check_heads, check_refs
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.publishing.audits.across import COLUMNS, Fresh, audit_across
from lakebt.lake.publishing.audits.audit_report import Count
from lakebt.lake.publishing.audits.comparison import Comparison, beside
from lakebt.lake.publishing.audits.finding import Handed
from lakebt.lake.publishing.new_rows import Lacking
from lakebt.lake.publishing.publication import Prepared
from lakebt.lake.publishing.publish import find_held
from lakebt.lake.tables.schemas import LEDGER, SPECS

if TYPE_CHECKING:
    import pyarrow as pa

    from lakebt.lake.publishing.audits.audit_report import AuditReport
    from lakebt.lake.publishing.audits.finding import Finding
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage
    from lakebt.sessions import Exchange


def foreseen(
    publication: Publication, *, storage: Storage, sessions: Exchange
) -> AuditReport:
    """Return what the audits find, and whether it would be published.

    Parameters
    ----------
    publication
        As `lakebt.lake.publishing.publication.examine` returns it.
    storage
        The lake, of which nothing is changed.
    sessions
        Gives the exchange's calendar.
    """
    tables = storage.tables()
    ledger = read_ledger(storage, tables[LEDGER])
    comparison = Comparison(publication, storage=storage, sessions=sessions)
    report = publication.report
    try:
        if not report.failures and find_held(publication, ledger) is not None:
            return dataclasses.replace(comparison.report(tables, ledger), exists=True)
        check_open(storage, ledger)
        check_heads(tables, ledger.last)
        check_refs(publication.name, tables, branch=storage.branch)
        return comparison.report(tables, ledger)
    except LakebtError as error:
        return dataclasses.replace(report, refused=str(error))


def foreseen_first(publication: Publication, *, sessions: Exchange) -> AuditReport:
    """Return what the audits find where there is no lake yet.

    Parameters
    ----------
    publication
        As `lakebt.lake.publishing.publication.examine` returns it.
    sessions
        Gives the exchange's calendar.
    """
    report = publication.report
    findings: list[Finding] = []
    fresh: dict[str, Fresh] = {}
    for prepared in publication.tables.values():
        assert isinstance(prepared, Prepared)  # noqa: S101 - Spark needs a lake
        new = Handed(spec=prepared.spec, rows=prepared.rows, places=prepared.places)
        fresh |= {
            name: prepared.fresh(Lacking(handed=new), COLUMNS[name])
            for name in (prepared.spec.name,)
            if name in COLUMNS
        }
        findings += beside(
            new,
            held=functools.partial(_nothing, prepared.rows),
            as_of=publication.as_of,
            severity=publication.rules.severity,
            sessions=sessions,
        )
    findings[:] = audit_across(
        findings,
        fresh,
        lambda name, columns, _: SPECS[name].arrow.empty_table().select(columns),
        as_of=publication.as_of,
        severity=publication.rules.severity,
    )
    counts = tuple(
        Count(
            table=each.table,
            rows=each.rows,
            new=each.rows if each.table in publication.tables else None,
        )
        for each in report.counts
    )
    return dataclasses.replace(report, counts=counts, found=(*report.found, *findings))


def _nothing(like: pa.Table, columns: tuple[str, ...], _where: object) -> pa.Table:
    return like.select(columns).slice(0, 0)
