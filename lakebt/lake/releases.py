"""The ledger: which release pins which snapshot of which table.

A release exists when its row is here. Order is `sequence`, never a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.lake.catalog import translated
from lakebt.lake.rows import plain
from lakebt.lake.schemas import LEDGER

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.catalog import Storage

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePin:
    """What a release says about one table.

    Attributes
    ----------
    table : str
    uuid : str
        The table's identity: a table dropped and made again has another.
    snapshot_id, schema_id : int
    rows : int
        Rows of the whole table, all vintages.
    published : int or None
        Rows handed over with this release; None if the table was carried along.
    digest : str
        Of all that was ever published into the table, in order.
    earliest : datetime
        The earliest `known_at` in the table.
    """

    table: str
    uuid: str
    snapshot_id: int
    schema_id: int
    rows: int
    published: int | None
    digest: str
    earliest: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A write-once name for one state of the whole lake.

    Attributes
    ----------
    name : str
    sequence : int
        Its place in the ledger, from 1.
    as_of : datetime
        The knowledge cutoff, UTC: no fact published with it was known later.
    committed_at : datetime
        By the clock of the publisher; nothing is computed from it.
    digest : str
        Of the tables published with it and of `as_of`.
    tables : tuple of TablePin
        Every table that has rows, those published with the release and the rest.
    note : str
    labels : mapping of str to str
    retain_days : int or None
    """

    name: str
    sequence: int
    as_of: dt.datetime
    committed_at: dt.datetime
    digest: str
    tables: tuple[TablePin, ...]
    note: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    retain_days: int | None = None

    def pin(self, table: str) -> TablePin | None:
        """Return what the release says about `table`, None if it had no rows yet."""
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


@dataclass(frozen=True, slots=True)
class Ledger:
    """All releases of a lake, by sequence."""

    releases: tuple[Release, ...]

    @property
    def last(self) -> Release | None:
        """The newest by sequence."""
        return self.releases[-1] if self.releases else None

    def get(self, name: str) -> Release:
        """Return the release called exactly `name`.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        for release in self.releases:
            if release.name == name:
                return release
        names = [release.name for release in reversed(self.releases)]
        raise UnknownNameError("release", str(name), names)

    def clash(self, name: str) -> Release | None:
        """Return the release whose name is `name` but for case."""
        folded = name.lower()
        return next((r for r in self.releases if r.name.lower() == folded), None)


def check_name(name: object, *, branches: Iterable[str] = ()) -> None:
    """Check that a release may be called `name`.

    Raises
    ------
    InvalidArgumentError
        If it breaks the grammar, or is reserved.
    """
    if not (isinstance(name, str) and _NAME.match(name)):
        msg = (
            f"release name {name!r} cannot be used: start with a letter, then at most "
            f"63 letters, digits, - or _, as in Q3_2022"
        )
        raise InvalidArgumentError(msg)
    folded = name.lower()
    if (
        folded == "main"
        or folded.startswith("lakebt-")
        or folded in {branch.lower() for branch in branches}
    ):
        msg = (
            f"release name {name!r} is reserved: a tag of that name would replace a "
            f"branch. Choose another"
        )
        raise InvalidArgumentError(msg)


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
            rows = table.scan().to_arrow().to_pylist()
        ledger = Ledger(tuple(sorted(map(_release, rows), key=lambda r: r.sequence)))
        storage.memory[LEDGER] = (table.metadata_location, ledger)
    assert isinstance(ledger, Ledger)  # noqa: S101 - just read, or kept
    return ledger


def ledger_rows(releases: Iterable[Release], table: Table) -> pa.Table:
    """Return `releases` as rows of the ledger's table."""
    schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
    return pa.Table.from_pylist([_row(release) for release in releases], schema=schema)


def _release(row: dict[str, Any]) -> Release:
    pins = tuple(
        TablePin(**{**pin, "earliest": plain(pin["earliest"])}) for pin in row["tables"]
    )
    return Release(
        **{
            **row,
            "as_of": plain(row["as_of"]),
            "committed_at": plain(row["committed_at"]),
            "tables": pins,
            "labels": dict(row["labels"]),
        }
    )


def _row(release: Release) -> dict[str, Any]:
    names = (
        "name",
        "sequence",
        "as_of",
        "committed_at",
        "digest",
        "note",
        "retain_days",
    )
    return {
        **{name: getattr(release, name) for name in names},
        "labels": list(release.labels.items()),
        "tables": [
            {name: getattr(pin, name) for name in TablePin.__dataclass_fields__}
            for pin in release.tables
        ],
    }
