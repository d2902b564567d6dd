"""The part of `lake.doctor()` that looks at one table by itself, without the ledger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH

from lakebt.errors import LakeError, listed
from lakebt.lake.keeping import findings as cure
from lakebt.lake.keeping.findings import Finding
from lakebt.lake.keeping.settings import (
    ages,
    all_properties,
    lost_settings,
    strange_settings,
    wrong_settings,
)
from lakebt.lake.tables.schemas import LEDGER, SPECS, TRIALS
from lakebt.lake.tables.specs import Specs, is_own
from lakebt.lake.tables.trials import TRIALS_SPEC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table


LAST_SEQUENCE = 2**62
"""A larger sequence number was made up: Iceberg counts commits, and ends at 2**63."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_by_itself(name: str, table: Table) -> Iterator[Finding]:
    """Find what is wrong with the settings, the names and the columns of a table."""
    yield from _settings(name, table)
    yield from _names(name, table)
    yield from _numbers(name, table)
    yield from _schema(name, table)


def _settings(name: str, table: Table) -> Iterator[Finding]:
    """Find properties by which others expire, or metadata grows without end."""
    metadata = table.metadata
    properties = all_properties(table)
    wrong = [f"{key} {properties.get(key, 'not set')}" for key in wrong_settings(table)]
    main = metadata.refs.get(MAIN_BRANCH)
    if main is not None and ages(main):
        wrong.append(f"its main branch {ages(main)}")
    if wrong:
        yield Finding(
            code="external_expiry",
            table=name,
            problem=f"other engines may expire its snapshots: {listed(wrong)}",
            cure=cure.RESTORE,
        )
    if strange := strange_settings(table):
        yield Finding(
            code="strange_settings",
            table=name,
            problem=f"it has properties that no table of a lake may have, and that "
            f"lakebt does not read: {listed(strange, is_quoted=True)}",
            cure=cure.RESTORE,
        )
    if lost := lost_settings(table):
        yield Finding(
            code="settings_lost",
            table=name,
            problem=f"its old metadata files are never deleted: {listed(lost)}",
            cure=cure.RESTORE,
        )
    if metadata.format_version != 2:
        yield Finding(
            code="format_version",
            table=name,
            problem=f"it has format version {metadata.format_version}, lakebt writes 2",
            cure=f"{cure.BACKUP}: a table cannot be made older",
        )


def _numbers(name: str, table: Table) -> Iterator[Finding]:
    """Find a sequence number that leaves no later ones."""
    last = getattr(table.metadata, "last_sequence_number", 0)
    if last > LAST_SEQUENCE:
        yield Finding(
            code="sequence_spent",
            table=name,
            problem=f"another program committed with the sequence number {last}: there "
            f"are no more for those who commit after it, and engines cannot read it",
            cure=f"{cure.BACKUP} of before that commit",
        )


def _names(name: str, table: Table) -> Iterator[Finding]:
    """Find names that another engine cannot read, or takes for one another."""
    columns = [field.name for field in table.schema().fields]
    odd = [column for column in columns if not _NAME.match(column)]
    tags = [ref for ref in table.metadata.refs if ref.isdigit()]
    problems = [
        *(f"tag {tag} is all digits: Spark takes it for a snapshot id" for tag in tags),
        *(f"tags {both} differ in case only" for both in _twins(table.metadata.refs)),
        *([] if _NAME.match(name) else [f"the table's name {name!r} needs quoting"]),
        *(f"column {column!r} needs quoting" for column in odd),
        *(f"columns {both} differ in case only" for both in _twins(columns)),
    ]
    for problem in problems:
        yield Finding(
            code="unreadable_name",
            table=name,
            problem=problem,
            cure="rename or remove it in the engine that made it",
        )


def _twins(names: Iterable[str]) -> list[str]:
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(name.lower(), []).append(name)
    return [" and ".join(each) for each in by_folded.values() if len(each) > 1]


def _schema(name: str, table: Table) -> Iterator[Finding]:
    """Find columns that are not those lakebt writes and reads."""
    problem = ""
    if (name in SPECS and not is_own(table)) or name == TRIALS:
        spec = SPECS.get(name, TRIALS_SPEC)
        wanted = {f.name: str(f.field_type) for f in spec.iceberg().fields}
        has = {f.name: str(f.field_type) for f in table.schema().fields}
        wrong = sorted(k for k in wanted | has if wanted.get(k) != has.get(k))
        if wrong:
            problem = f"its columns were changed: {listed(wrong)}"
    elif name != LEDGER:
        try:
            Specs({name: table}).of(name)
        except LakeError as error:
            problem = str(error).split(". Something other")[0]
            problem = problem.removeprefix(f"table {name} ")
    if problem:
        yield Finding(
            code="table_damaged",
            table=name,
            problem=problem,
            cure="undo that in the engine it was done with",
        )
