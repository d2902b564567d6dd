"""Pages of the ledger with columns that it lacks, and what a release says of files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyiceberg.table import Table, Transaction
from pyiceberg.table.update import update_table_metadata
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import StringType, TimestamptzType

from lakebt.lake.committing.ledger import ledger_rows
from lakebt.lake.committing.stage import Staged, stage_rewrite
from lakebt.lake.storage.fingerprint import digest_at, digest_in, write_listed
from lakebt.lake.storage.scan_plan import reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.table.update import TableRequirement, TableUpdate

    from lakebt.lake.committing.ledger import Release


FILES = "tables.element.files"
"""The column that says what is known of a release's files."""

_ENDING = (("ended_at", TimestamptzType()), ("ended_because", StringType()))
"""Columns of the ledger that those lack which were made before releases ended."""


def lacks_columns(table: Table) -> bool:
    """Whether the ledger was made before it had the columns of today."""
    names = {field.name for field in table.schema().fields}
    return not (says_files(table) and names.issuperset(name for name, _ in _ENDING))


def says_files(table: Table) -> bool:
    """Whether the ledger has a column for what is known of files."""
    return FILES in table.schema().column_names


def stage_ledger(
    table: Table, releases: Iterable[Release], *, summary: Mapping[str, str]
) -> Staged:
    """Stage the ledger anew, with columns it may lack from before there were these."""
    updates, requirements = _missing_columns(table)
    wider = table
    if updates:
        wider = Table(
            identifier=table.name(),
            metadata=update_table_metadata(table.metadata, updates),
            metadata_location=table.metadata_location,
            io=table.io,
            catalog=table.catalog,
        )
    change = stage_rewrite(wider, ledger_rows(releases, wider), summary=summary)
    return replace(
        change,
        base=table,
        requirements=(*requirements, *change.requirements),
        updates=(*updates, *change.updates),
    )


def _missing_columns(
    table: Table,
) -> tuple[tuple[TableUpdate, ...], tuple[TableRequirement, ...]]:
    names = {field.name for field in table.schema().fields}
    change = UpdateSchema(Transaction(table))
    for name, kind in _ENDING:
        if name not in names:
            change.add_column(name, kind)
    if not says_files(table):
        change.add_column(("tables", "files"), StringType())
    return change._commit()  # noqa: SLF001


def list_others(table: Table, manifest_list: str, told: Mapping[str, str]) -> str:
    """Return what a release says of the files of a snapshot: see `TablePin.files`.

    Parameters
    ----------
    table
    manifest_list
        Of the snapshot.
    told
        The digests of those that are known.
    """
    return list_all(table, reached(table.io, manifest_list, told), told)


def list_all(table: Table, paths: Iterable[str], told: Mapping[str, str]) -> str:
    """Return what a release says of some files: see `TablePin.files`."""
    others = [path for path in paths if not digest_in(path)]
    if not others:
        return ""
    digests = {path: told.get(path) or digest_at(table.io, path) for path in others}
    return write_listed(table, digests)
