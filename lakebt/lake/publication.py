"""What shall become a release, checked as far as it can be without the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.instants import parse_instant
from lakebt.lake.arrow import take
from lakebt.lake.audits import audit
from lakebt.lake.normalise import normalise
from lakebt.lake.releases import check_name
from lakebt.lake.rows import digest, order
from lakebt.lake.schemas import SPECS, TableSpec

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    import pyarrow as pa

    from lakebt.sessions import Sessions


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One table's valid rows, in the order of its files."""

    spec: TableSpec
    rows: pa.Table
    digest: str


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A release to be: valid by itself, not yet compared with the lake."""

    name: str
    as_of: dt.datetime
    tables: Mapping[str, Prepared]
    note: str
    labels: Mapping[str, str]
    retain_days: int | None

    @property
    def digest(self) -> str:
        """Of the tables and the cutoff; the same for rows in another order."""
        state = hashlib.sha256(self.as_of.isoformat().encode())
        for name in sorted(self.tables):
            state.update(f"|{name}:{self.tables[name].digest}".encode())
        return state.hexdigest()


def prepare(
    tables: object,
    *,
    release: str,
    as_of: object,
    note: str,
    labels: object,
    retain_days: object,
    now: dt.datetime,
    sessions: Callable[[], Sessions],
) -> Publication:
    """Check everything that can be checked without the lake.

    Raises
    ------
    InvalidArgumentError
        If the name, `as_of`, a label or `retain_days` cannot be used.
    InvalidDataError
        If rows break a rule of their table.
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
    if not isinstance(note, str):
        msg = f"note must be text, was {note!r}"
        raise InvalidArgumentError(msg)
    days = _checked_days(retain_days)
    texts = _checked_labels(labels)
    if not isinstance(tables, Mapping) or not tables:
        msg = f"tables must map table names to frames, was {_shown(tables)}"
        raise InvalidArgumentError(msg)
    for name in tables:
        if name not in SPECS:
            raise UnknownNameError("table", str(name), SPECS)
    return Publication(
        name=release,
        as_of=cutoff,
        tables={
            name: _prepare(data, SPECS[name], as_of=cutoff, sessions=sessions)
            for name, data in tables.items()
        },
        note=note,
        labels=texts,
        retain_days=days,
    )


def _prepare(
    data: object,
    spec: TableSpec,
    *,
    as_of: dt.datetime,
    sessions: Callable[[], Sessions],
) -> Prepared:
    rows = normalise(data, spec=spec, sessions=sessions)
    audit(rows, spec=spec, as_of=as_of, sessions=sessions)
    by_key = order(rows, spec.order)
    if (np.diff(by_key) != 1).any():
        rows = take(rows, by_key)
    return Prepared(spec=spec, rows=rows, digest=digest(rows))


def _checked_days(days: object) -> int | None:
    if days is None or (
        isinstance(days, int) and not isinstance(days, bool) and days >= 1
    ):
        return days
    msg = f"retain_days must be a whole number of at least 1, was {days!r}"
    raise InvalidArgumentError(msg)


def _checked_labels(labels: object) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        msg = f"labels must map text to text, was {_shown(labels)}"
        raise InvalidArgumentError(msg)
    for key, value in labels.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            msg = f"labels must map text to text, was {key!r}: {value!r}"
            raise InvalidArgumentError(msg)
    return dict(labels)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__
