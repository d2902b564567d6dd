"""A release to be, checked as far as it can be without the lake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.inputs.checks import check_text, is_text
from lakebt.instants import parse_instant
from lakebt.lake.committing.branches import ADOPTED, BASE
from lakebt.lake.committing.erasure_marks import REDACTION_LABEL
from lakebt.lake.committing.file_labels import FILE_LABEL
from lakebt.lake.committing.release_names import check_name
from lakebt.lake.publishing import texts
from lakebt.lake.publishing.audits.across import Fresh
from lakebt.lake.publishing.audits.audit_report import AuditReport, Count
from lakebt.lake.publishing.audits.finding import (
    MATTERS,
    Finding,
    Handed,
    in_order,
    unreadable,
)
from lakebt.lake.publishing.audits.midnight import audit_midnight
from lakebt.lake.publishing.audits.row_audits import audit_alone
from lakebt.lake.publishing.audits.schemas import audit_schema
from lakebt.lake.publishing.audits.user_audits import Rules, audit_own, rules
from lakebt.lake.publishing.new_rows import Lacking, Lacks, lacking_in
from lakebt.lake.publishing.normalisation import normalise
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.arrow import column, pc, take, truth
from lakebt.lake.tables.digests import digest
from lakebt.lake.tables.rows import order, plain
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    import datetime as dt

    from pyiceberg.table import Table

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.texts import Cleaned
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.lake.tables.specs import Specs
    from lakebt.sessions import Exchange


class Ready(Protocol):
    """One table's valid rows, wherever they are.

    Attributes
    ----------
    spec, digest
        The table, and what its rows hash to.
    count
        How many there are.
    earliest
        The first `known_at` of any of them.
    """

    @property
    def spec(self) -> TableSpec: ...  # noqa: D102 - see above
    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102
    @property
    def earliest(self) -> dt.datetime: ...  # noqa: D102

    def lacking(self, table: Table | None, *, storage: Storage) -> Lacks:
        """Return what a table in the lake has not got yet; read once for each head."""
        ...

    def fresh(self, lacking: Any, columns: tuple[str, ...]) -> Fresh:
        """Return columns of the rows that are lacking, in memory."""
        ...


@runtime_checkable
class Elsewhere(Protocol):
    """Rows handed over that are not in memory, and do not come there."""

    def ready(self, spec: TableSpec, *, as_of: dt.datetime, chosen: Rules) -> Ready:
        """Put the rows where they can be published from."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One table's valid rows, in the order of its files.

    Attributes
    ----------
    spec, rows, digest
        The table, its rows, and what they hash to.
    places
        Where each row was handed over, from 0.
    """

    spec: TableSpec
    rows: pa.Table
    digest: str
    places: IntVector
    _compared: dict[int | None, Lacking] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def earliest(self) -> dt.datetime:
        """The first `known_at` of any of them."""
        return plain(pc.min(column(self.rows, "known_at")).as_py())

    def lacking(self, table: Table | None, *, storage: Storage) -> Lacking:
        """Return what a table in the lake has not got yet; read once for each head."""
        head = None if table is None else head_of(table)
        if head not in self._compared:
            self._compared.clear()
            handed = Handed(spec=self.spec, rows=self.rows, places=self.places)
            self._compared[head] = lacking_in(handed, table=table, storage=storage)
        return self._compared[head]

    def fresh(self, lacking: Any, columns: tuple[str, ...]) -> Fresh:
        """Return columns of the rows that are lacking."""
        handed: Handed = lacking.handed
        return Fresh(rows=handed.rows.select(columns), places=handed.places)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A release to be: not yet compared with the lake.

    Attributes
    ----------
    name, as_of, note, labels, files, retain_days
        Of the release.
    tables
        Those whose rows are valid by themselves.
    rules
        What fails and what warns.
    report
        What the audits found that do not look at the lake.
    """

    name: str
    as_of: dt.datetime
    tables: Mapping[str, Ready]
    note: str
    labels: Mapping[str, str]
    files: tuple[Mapping[str, Any], ...]
    retain_days: int | None
    rules: Rules
    report: AuditReport

    @property
    def digest(self) -> str:
        """Of the tables and the cutoff; the same for rows in another order."""
        state = hashlib.sha256(self.as_of.isoformat().encode())
        for name in sorted(self.tables):
            state.update(f"|{name}:{self.tables[name].digest}".encode())
        return state.hexdigest()


def prepare(tables: object, **arguments: Any) -> Publication:
    """Check everything that can be checked without the lake.

    Parameters
    ----------
    tables, **arguments
        As `examine` takes them.

    Raises
    ------
    AuditError
        If rows break a rule of their table.
    InvalidArgumentError
        If the name, `as_of`, a label or `retain_days` cannot be used.
    InvalidDataError
        If an audit of the user's own cannot be run.
    LakeError
        If a table's declaration was damaged.
    UnknownNameError
        If there is no such table.
    """
    publication = examine(tables, **arguments)
    publication.report.check()
    return publication


def examine(
    tables: object,
    *,
    release: str,
    as_of: object,
    note: str = "",
    labels: object = None,
    files: object = (),
    retain_days: object = None,
    audits: object = None,
    fail_on: object = (),
    warn_on: object = (),
    specs: Specs,
    now: dt.datetime,
    sessions: Exchange,
) -> Publication:
    """Find everything that can be found without the lake.

    Returns
    -------
    Publication
        With the tables that no audit of ours fails; its report has the others too.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used.
    InvalidDataError
        If an audit of the user's own cannot be run.
    LakeError
        If a table's declaration was damaged.
    UnknownNameError
        If there is no such table.
    """
    check_name(release)
    cutoff = parse_instant(as_of, what="as_of")
    if cutoff > now:
        msg = (
            f"as_of {cutoff.isoformat()} lies ahead of the clock, which says "
            f"{now.isoformat()}: nothing can be known of then yet"
        )
        raise InvalidArgumentError(msg)
    check_text("note", note)
    days = _checked_days(retain_days)
    named = _checked_labels(labels)
    if not isinstance(tables, Mapping) or not tables:
        msg = f"tables must map table names to frames, was {_shown(tables)}"
        raise InvalidArgumentError(msg)
    chosen = rules(audits, fail_on=fail_on, warn_on=warn_on, specs=specs)
    wanted = [(specs.of(name), data) for name, data in tables.items()]
    prepared: dict[str, Ready] = {}
    counts: list[Count] = []
    findings: list[Finding] = []
    for spec, data in wanted:
        # A frame may have a column of any name, so that it would pass for anything.
        if not isinstance(data, (pa.Table, pd.DataFrame)) and isinstance(
            data, Elsewhere
        ):
            there = data.ready(spec, as_of=cutoff, chosen=chosen)
            counts.append(Count(table=spec.name, rows=there.count, new=None))
            prepared[spec.name] = there
            continue
        rows, problems = _audited(
            data, spec, as_of=cutoff, sessions=sessions, chosen=chosen
        )
        findings += problems
        counts.append(
            Count(table=spec.name, rows=None if rows is None else len(rows), new=None)
        )
        if rows is not None and not any(each.audit in MATTERS for each in problems):
            prepared[spec.name] = _sorted(rows, spec)
    return Publication(
        name=release,
        as_of=cutoff,
        tables=prepared,
        note=note,
        labels=named,
        files=_checked_files(files),
        retain_days=days,
        rules=chosen,
        report=AuditReport(
            release=release, as_of=cutoff, counts=tuple(counts), found=tuple(findings)
        ),
    )


def _audited(
    data: object,
    spec: TableSpec,
    *,
    as_of: dt.datetime,
    sessions: Exchange,
    chosen: Rules,
) -> tuple[pa.Table | None, list[Finding]]:
    """Return typed rows, None if they cannot be read, and what is wrong with them."""
    own_findings: list[Cleaned] = []
    try:
        rows = normalise(data, spec=spec, sessions=sessions, told=own_findings)
    except InvalidDataError as error:
        return None, [unreadable(spec, error.problem)]
    handed = Handed(spec=spec, rows=rows, places=np.arange(len(rows)))
    findings = list(audit_schema(handed))
    # Keys and clocks are compared where there are any.
    whole = np.ones(len(rows), dtype=bool)
    for each in spec.columns:
        values = column(rows, each.name)
        if each.required and values.null_count:
            whole &= truth(values.is_valid())
    known = handed if whole.all() else handed.at(np.flatnonzero(whole))
    findings += audit_alone(known, as_of=as_of, sessions=sessions)
    if not findings:
        findings += audit_own(handed, chosen)
    findings += texts.findings(texts.changed(handed, own_findings), chosen.severity)
    findings += audit_midnight(
        data, handed, sessions=sessions, severity=chosen.severity("midnight")
    )
    return rows, in_order(findings)


def _sorted(rows: pa.Table, spec: TableSpec) -> Prepared:
    by_key = order(rows, spec.order)
    if (np.diff(by_key) != 1).any():
        rows = take(rows, by_key)
    content_digest = digest(telling(rows, spec))
    return Prepared(spec=spec, rows=rows, digest=content_digest, places=by_key)


def telling(rows: pa.Table, spec: TableSpec) -> pa.Table:
    """Return the columns that tell content apart.

    One that a declared table was given later, and that is empty, is not among them: the
    same rows are the same release before it and after.
    """
    if not spec.is_declared:
        return rows
    empty = [n for n in spec.names if column(rows, n).null_count == len(rows)]
    return rows.drop_columns(empty)


_MOST_DAYS = 100_000
"""How long a release may be kept that ends at all: some 270 years."""


def _checked_days(days: object) -> int | None:
    if days is None or (
        isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= _MOST_DAYS
    ):
        return days
    rule = f"retain_days must be a whole number from 1 to {_MOST_DAYS:,}"
    msg = f"{rule}, or left out for ever, was {days!r}"
    raise InvalidArgumentError(msg)


def _checked_files(files: object) -> tuple[Mapping[str, Any], ...]:
    """Return what the rows were read from.

    Raises
    ------
    InvalidArgumentError
        If it is no list of mappings of plain values.
    """
    try:
        plain_files = tuple(json.loads(canonical_json(dict(each))) for each in files)  # type: ignore[attr-defined]  # so it is checked
    except (TypeError, ValueError, InvalidArgumentError) as error:
        msg = (
            f"files must be a list of mappings of plain values, was {files!r}: {error}"
        )
        raise InvalidArgumentError(msg) from None
    return plain_files


def _checked_labels(labels: object) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        msg = f"labels must map text to text, was {_shown(labels)}"
        raise InvalidArgumentError(msg)
    for key, value in labels.items():
        if not (is_text(key) and is_text(value)):
            msg = f"labels must map text to text, was {key!r}: {value!r}"
            raise InvalidArgumentError(msg)
        is_ours = key.startswith((FILE_LABEL, REDACTION_LABEL))
        if is_ours or key in {BASE, ADOPTED}:
            msg = f"a label {key!r} is lakebt's own: rename it"
            raise InvalidArgumentError(msg)
    return dict(labels)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__
