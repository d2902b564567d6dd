"""A publication as one request to a server of the lake, and the answer to it.

A head of JSON, which says how long it is, and the rows of each table as a stream of
Arrow. Nothing in it is compressed, so that what arrives is as large as what it becomes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import is_text
from lakebt.instants import parse_instant
from lakebt.lake.committing.ledger import Page
from lakebt.lake.publishing import arrow_stream
from lakebt.lake.publishing.publication import Prepared
from lakebt.lake.tables.arrow import take

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.publishing.publication import Publication


PATH = "lakebt/releases"
"""Of the request, after ``/v1/``."""

OFFERED = "lakebt.releases"
"""In the configuration that a server tells: that it takes such requests; the version of
their form."""

LARGEST = "lakebt.releases.bytes"
"""In the same place: how many bytes one may have."""

BRANCHES = "lakebt.branches"
"""In the same place: that it publishes onto branches, makes them and ends them; the
version of how it is asked to."""

VERSION = "1"

KIND = "application/vnd.lakebt.release"
ANSWER = "application/vnd.apache.arrow.stream"

_LENGTH = struct.Struct("<I")
_MOST_TABLES = 256
_ARGUMENTS = (
    *("release", "as_of", "note", "labels", "files", "retain_days"),
    *("fail_on", "warn_on"),
)
_IS_NEW = b"lakebt.is_new"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a publisher asks a server to publish.

    Attributes
    ----------
    tables
        The typed rows of each, as they were handed over.
    arguments
        Of `lakebt.lake.publishing.publication.examine`: what else the release is.
    now
        What the publisher's clock says.
    digest
        What the publication hashes to where it was made.
    told
        What the publisher was warned of.
    """

    tables: Mapping[str, pa.Table]
    arguments: Mapping[str, Any]
    now: dt.datetime
    digest: str
    told: frozenset[str]


def encoded(
    publication: Publication, *, now: dt.datetime, told: Iterable[str]
) -> bytes | None:
    """Return a publication as the body of a request; None if its rows are elsewhere."""
    streams, tables = [], []
    for name, prepared in publication.tables.items():
        if not isinstance(prepared, Prepared):
            return None
        rows = prepared.rows
        if (np.diff(prepared.places) != 1).any():
            rows = take(rows, np.argsort(prepared.places))
        streams.append(arrow_stream.written(rows))
        tables.append({"name": name, "bytes": len(streams[-1])})
    rules = publication.rules
    head = {
        "release": publication.name,
        "as_of": publication.as_of.isoformat(),
        "note": publication.note,
        "labels": dict(publication.labels),
        "files": [dict(file) for file in publication.files],
        "retain_days": publication.retain_days,
        "fail_on": sorted(rules.fail_on),
        "warn_on": sorted(rules.warn_on),
        "now": now.isoformat(),
        "digest": publication.digest,
        "told": sorted(told),
        "tables": tables,
    }
    head_bytes = json.dumps(head).encode()
    return b"".join([_LENGTH.pack(len(head_bytes)), head_bytes, *streams])


def decoded(body: bytes) -> Asked:
    """Return what the body of a request asks for.

    Raises
    ------
    InvalidArgumentError
        If it is not such a body.
    """
    try:
        return _parsed(memoryview(body))
    except InvalidArgumentError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError, struct.error) as error:
        msg = _unreadable(type(error).__name__)
        raise InvalidArgumentError(msg) from None


def _parsed(view: memoryview) -> Asked:
    (length,) = _LENGTH.unpack_from(view)
    place = _LENGTH.size + length
    head = json.loads(bytes(view[_LENGTH.size : place]))
    wanted = [(each["name"], each["bytes"]) for each in head["tables"]]
    _check(len(wanted) <= _MOST_TABLES, "it has too many tables")
    tables: dict[str, pa.Table] = {}
    for name, size in wanted:
        _check(is_text(name) and name not in tables, "a table is there twice")
        _check(type(size) is int and size >= 0, "a table has no size")
        tables[name] = _read(view[place : place + size])
        place += size
    _check(place == len(view), "it is longer or shorter than it says")
    digests = head["told"]
    _check(isinstance(digests, list) and all(map(is_text, digests)), "told is no list")
    for name in ("fail_on", "warn_on"):
        _check(isinstance(head[name], list), f"{name} is no list")
    return Asked(
        tables=tables,
        arguments={name: head[name] for name in _ARGUMENTS},
        now=parse_instant(head["now"], what="now"),
        digest=str(head["digest"]),
        told=frozenset(digests),
    )


def answered(row: pa.Table, *, is_new: bool) -> bytes:
    """Return the row of the ledger that a release has, as an answer."""
    marked = row.replace_schema_metadata({_IS_NEW: b"1" if is_new else b"0"})
    return arrow_stream.written(marked)


def release_in(answer: bytes) -> Release:
    """Return the release in an answer.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    row = _read(memoryview(answer))
    try:
        (release,) = Page(row)
    except (KeyError, TypeError, ValueError) as error:
        msg = _unreadable(type(error).__name__)
        raise InvalidArgumentError(msg) from None
    return replace(release, is_new=(row.schema.metadata or {}).get(_IS_NEW) == b"1")


def _read(content: memoryview) -> pa.Table:
    """Return the rows of a stream, every value of which makes sense.

    Raises
    ------
    InvalidArgumentError
        If it is cut, damaged or compressed.
    """
    try:
        return arrow_stream.read(content)
    except arrow_stream.CompressedError as error:
        raise InvalidArgumentError(_unreadable(str(error))) from None
    except (pa.ArrowException, OSError, struct.error) as error:
        msg = _unreadable(type(error).__name__)
        raise InvalidArgumentError(msg) from None


def _check(is_right: object, why: str) -> None:
    """Check one thing about a body.

    Raises
    ------
    InvalidArgumentError
        If it is wrong.
    """
    if not is_right:
        raise InvalidArgumentError(_unreadable(why))


def _unreadable(why: str) -> str:
    return f"the body is not a publication of lakebt's: {why}"
