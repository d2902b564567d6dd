"""The ledger: which release pins which snapshot of which table.

A release exists when its row is here. Order is `sequence`, never a clock.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import pandas as pd
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema

from lakebt._messages import as_words, printable
from lakebt.errors import LakeError, ReleaseEndedError, UnknownNameError
from lakebt.inputs.checks import is_text
from lakebt.lake.committing.erasure_marks import (
    Redaction,
    labels_and_redactions,
    redaction_labels,
)
from lakebt.lake.committing.file_labels import file_labels, labels_and_files
from lakebt.lake.storage.arrow_reads import read_one_file
from lakebt.lake.storage.failures import parsing, translated
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.rows import plain
from lakebt.lake.tables.schemas import LEDGER
from lakebt.values.text import count, html_repr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.table import Table
    from pyiceberg.types import NestedField

    from lakebt.lake.storage.catalog import Storage


_LOOKS = 20
"""How often to read again while others publish in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePin:
    """The part of a release that pins one table.

    Attributes
    ----------
    table : str
        Its name.
    uuid : str
        The table's identity: a table that is dropped and made again has another one.
    snapshot_id, schema_id : int
        Iceberg's, of the table's state in the release.
    rows : int
        Rows of the whole table, all vintages.
    published : int or None
        Rows published with this release; None if it published none into this table.
    digest : str
        The digest of everything ever published into the table, in order.
    earliest : datetime
        The earliest `known_at` in the table.
    files : str or None
        The list of digests of those files whose names do not contain them; empty if all
        names do. None if some are unknown, as in releases from before digests.
    """

    table: str
    uuid: str
    snapshot_id: int
    schema_id: int
    rows: int
    published: int | None
    digest: str
    earliest: dt.datetime
    files: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A write-once name for one state of the whole lake.

    Attributes
    ----------
    name : str
        Used once, whatever its case.
    sequence : int
        Its place in the ledger, from 1.
    as_of : datetime
        The knowledge cutoff, UTC: every fact in it was known by then.
    committed_at : datetime
        When it was committed, by the publisher's clock; `retain_days` count from it.
    digest : str
        The digest of the tables published with it and of `as_of`.
    tables : tuple of TablePin
        Every table that has rows, whether or not this release published into it.
    note, labels, files
        Given by its publisher: a text, texts by name, and the files that its rows were
        read from.
    retain_days : int or None
        After this many days it ends.
    ended_at : datetime or None
        When it ended; None while it can be read. This row then stays as its tombstone.
    ended_because : str
        Why it ended.
    redactions : tuple of Redaction
        The erasures from it, oldest first; empty if it is as it was published.
    is_new : bool
        Whether this call of `Lake.publish` or `Lake.adopt` made it; False if it was
        there already. It does not count in comparisons.
    """

    name: str
    sequence: int
    as_of: dt.datetime
    committed_at: dt.datetime
    digest: str
    tables: tuple[TablePin, ...]
    note: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Mapping[str, Any], ...] = ()
    retain_days: int | None = None
    ended_at: dt.datetime | None = None
    ended_because: str = ""
    redactions: tuple[Redaction, ...] = ()
    is_new: bool = field(default=False, compare=False, repr=False)

    @as_words
    def __repr__(self) -> str:
        rows = ", ".join(f"{pin.table} {count(pin.rows, 'row')}" for pin in self.tables)
        labels = ", ".join(f"{name} {text}" for name, text in self.labels.items())
        erased = (f"redacted: {redaction}" for redaction in self.redactions)
        lines = "".join(f"\n  {t}" for t in (self.note, labels, *erased) if t)
        return f"Release({self.name!r}, as of {self.as_of.isoformat()}: {rows}){lines}"

    _repr_html_ = html_repr

    @property
    def is_ended(self) -> bool:
        """Whether only its tombstone is left."""
        return self.ended_at is not None

    @property
    def is_redacted(self) -> bool:
        """Whether rows were erased from it since it was published."""
        return bool(self.redactions)

    @property
    def ends(self) -> dt.datetime | None:
        """When it is due to end; None if it is kept until someone drops it."""
        if self.retain_days is None:
            return None
        return self.committed_at + dt.timedelta(days=self.retain_days)

    def pin(self, table: str) -> TablePin | None:
        """Return the release's pin of `table`; None if the table had no rows yet."""
        return next((pin for pin in self.tables if pin.table == table), None)

    @property
    def published(self) -> tuple[str, ...]:
        """The tables published with it."""
        return tuple(pin.table for pin in self.tables if pin.published is not None)

    @property
    def rows(self) -> int:
        """The rows published with it."""
        return sum(pin.published or 0 for pin in self.tables)

    @property
    def earliest(self) -> dt.datetime:
        """The earliest `known_at` of any fact in it."""
        return min(pin.earliest for pin in self.tables)


class Page(Sequence[Release]):
    """The rows of the ledger by sequence; each becomes a `Release` when it is read.

    Attributes
    ----------
    rows : pyarrow.Table
    names : list of str
    """

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows.sort_by("sequence")
        self.names = [str(name) for name in self.rows.column("name").to_pylist()]
        self._made: dict[int, Release] = {}

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> Release: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Release, ...]: ...

    def __getitem__(self, place: int | slice) -> Release | tuple[Release, ...]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(*place.indices(len(self))))
        number = range(len(self))[place]
        if number not in self._made:
            self._made[number] = _release(self.rows.slice(number, 1).to_pylist()[0])
        return self._made[number]

    def __iter__(self) -> Iterator[Release]:
        if len(self._made) < len(self):  # all at once takes a tenth of one by one
            releases = map(_release, self.rows.to_pylist())
            self._made = dict(enumerate(releases)) | self._made
        return (self._made[number] for number in range(len(self)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """All releases of a lake by sequence, including ended ones."""

    releases: Page

    @property
    def last(self) -> Release | None:
        """The last by sequence, ended or not: the tables' heads are as it left them."""
        return self.releases[-1] if self.releases else None

    @property
    def newest(self) -> Release | None:
        """The newest by sequence that can be read."""
        return next((r for r in reversed(self.releases) if not r.is_ended), None)

    @property
    def living(self) -> tuple[Release, ...]:
        """Those that can be read."""
        return tuple(r for r in self.releases if not r.is_ended)

    def get(self, name: object) -> Release:
        """Return the release called exactly `name`.

        Raises
        ------
        ReleaseEndedError
            If the release has ended.
        UnknownNameError
            If there is none.
        """
        if is_text(name) and name in self.releases.names:
            release = self.releases[self.releases.names.index(name)]
            if release.ended_at is not None:
                why = printable(release.ended_because)
                raise ReleaseEndedError(name, release.ended_at, why)
            return release
        names = [release.name for release in reversed(self.living)]
        raise UnknownNameError("release", str(name), names)

    def clash(self, name: str) -> Release | None:
        """Return the release with this name in any case of letters, ended or not."""
        folded = [lowered.lower() for lowered in self.releases.names]
        lowered = name.lower()
        return self.releases[folded.index(lowered)] if lowered in folded else None

    def with_release(self, release: Release, table: Table) -> pa.Table:
        """Return the rows of the ledger's table with `release` as the last one."""
        added = ledger_rows([release], table)
        return pa.concat_tables([self.releases.rows.cast(added.schema), added])


def as_frame(releases: Iterable[Release], *, ended: bool = False) -> pd.DataFrame:
    """Return releases as rows; with `ended`, when and why each ended too."""
    listed = list(releases)
    instants = pd.DatetimeTZDtype("us", "UTC")

    def texts(values: Iterable[str]) -> pd.Series:
        return pd.Series(list(values), dtype="str")

    def times(values: Iterable[dt.datetime | None]) -> pd.Series:
        return pd.Series(list(values), dtype=instants)

    def things(values: Iterable[object]) -> pd.Series:
        return pd.Series(list(values), dtype=object)

    columns = {
        "name": texts(r.name for r in listed),
        "sequence": pd.Series([r.sequence for r in listed], dtype="int64"),
        "as_of": times(r.as_of for r in listed),
        "committed_at": times(r.committed_at for r in listed),
        "tables": things(list(r.published) for r in listed),
        "rows": pd.Series([r.rows for r in listed], dtype="int64"),
        "note": texts(r.note for r in listed),
        "labels": things(dict(r.labels) for r in listed),
        "files": things([dict(file) for file in r.files] for r in listed),
        "redactions": things([each.told() for each in r.redactions] for r in listed),
    }
    if ended:
        columns["ended_at"] = times(r.ended_at for r in listed)
        columns["ended_because"] = texts(r.ended_because for r in listed)
    return pd.DataFrame(columns)


def read_ledger(storage: Storage, table: Table) -> Ledger:
    """Read the ledger from the head of its table; at once if it has not moved.

    Raises
    ------
    LakeError
        If it cannot be read.
    """
    location, ledger = storage.memory.get(LEDGER, (None, None))
    if location != table.metadata_location:
        with translated(storage.where):
            try:
                ledger = page_of(table)
            except FileNotFoundError:
                # Ten commits may lie between reading the metadata and its file.
                table = storage.tables()[LEDGER]
                ledger = page_of(table)
        storage.memory[LEDGER] = (table.metadata_location, ledger)
    assert isinstance(ledger, Ledger)  # noqa: S101 - just read, or kept
    return ledger


def page_of(table: Table) -> Ledger:
    """Read the ledger at the head of its table, whether or not that is committed."""
    if head_of(table) is None:
        return Ledger(Page(_columns(table.schema().fields).empty_table()))
    rows = read_one_file(table)
    if rows is None:
        with parsing():
            rows = table.scan().to_arrow()
    return Ledger(Page(rows))


def read_state(storage: Storage) -> tuple[Mapping[str, Table], Ledger]:
    """Return the lake's tables, and the ledger of the same instant.

    Raises
    ------
    LakeError
        If they cannot be read.
    """
    for _ in range(_LOOKS):
        tables = storage.tables()
        ledger = read_ledger(storage, tables[LEDGER])
        if storage.memory[LEDGER][0] == tables[LEDGER].metadata_location:
            return tables, ledger
    msg = f"{storage.where} changes faster than it can be read. Try again"
    raise LakeError(msg)


def ledger_rows(releases: Iterable[Release], table: Table) -> pa.Table:
    """Return `releases` as rows of the ledger's table."""
    schema = _columns(table.schema().fields)
    return pa.Table.from_pylist([_row(release) for release in releases], schema=schema)


@functools.lru_cache(maxsize=16)
def _columns(fields: tuple[NestedField, ...]) -> pa.Schema:
    """Return the ledger's columns, as its rows have them in memory."""
    return schema_to_pyarrow(Schema(*fields), include_field_ids=False)


def _release(row: dict[str, Any]) -> Release:
    pins = tuple(
        TablePin(**{**pin, "earliest": plain(pin["earliest"])}) for pin in row["tables"]
    )
    labels, redactions = labels_and_redactions(dict(row["labels"]))
    return Release(
        **{
            **row,
            "as_of": plain(row["as_of"]),
            "committed_at": plain(row["committed_at"]),
            "tables": pins,
            **labels_and_files(labels),
            "redactions": redactions,
            # Ledgers from before releases could end have no such columns.
            "ended_at": plain(ended) if (ended := row.get("ended_at")) else None,
            "ended_because": row.get("ended_because") or "",
        }
    )


def _row(release: Release) -> dict[str, Any]:
    names = (
        *("name", "sequence", "as_of", "committed_at", "digest"),
        *("note", "retain_days", "ended_at", "ended_because"),
    )
    return {
        **{name: getattr(release, name) for name in names},
        "labels": [
            *release.labels.items(),
            *file_labels(release.files),
            *redaction_labels(release.redactions),
        ],
        "tables": [
            {name: getattr(pin, name) for name in TablePin.__dataclass_fields__}
            for pin in release.tables
        ],
    }
