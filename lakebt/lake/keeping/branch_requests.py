"""What is done with a branch, as one request to a server of the lake.

The server does it where the lake lies. What it refuses is tried here, too, as in any
catalog: so errors are those of every other lake, and nothing but a branch's own commit
is refused there, which names the way.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa

from lakebt.errors import InvalidArgumentError
from lakebt.instants import parse_instant
from lakebt.lake.committing.ledger import Page, ledger_rows
from lakebt.lake.keeping.retention import Retention
from lakebt.lake.publishing import arrow_stream
from lakebt.lake.publishing.release_request import release_in
from lakebt.lake.publishing.through_server import (
    AUDITED,
    DONE,
    asked,
    check_allowed,
    is_offered_on_branches,
)
from lakebt.lake.storage.repeated_request import answer_to

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


PATH = "lakebt/branches"
"""Of the requests, after ``/v1/``; then come the branch and what is done with it."""

MAKE, REBASE, ADOPT, DROP = "make", "rebase", "adopt", "drop"

KIND = "application/json"

_COUNTS = ("n_snapshots", "n_files", "n_bytes")

_AUDITS = 4
"""How often facts are audited here because the server found something new."""


def made(
    storage: Storage, name: str, *, at: str, now: Callable[[], dt.datetime]
) -> bool:
    """Have a server make a branch; whether it did.

    Raises
    ------
    ConflictError, LakeError
        If the server is busy, went away, or refuses the caller.
    """
    return _done(storage, name, MAKE, {"at": at}, now=now) is not None


def released(
    storage: Storage,
    name: str,
    deed: str,
    arguments: Mapping[str, Any],
    *,
    now: Callable[[], dt.datetime],
    warned: Callable[[], tuple[str, ...]],
) -> Release | None:
    """Have a server rebase or adopt a branch, and return the release that is made.

    Parameters
    ----------
    storage, name, deed, arguments
    now
        Tells the present instant, for `committed_at`.
    warned
        Audits in this process, and returns the findings that were warned of. It is
        called if the server has findings that the user has not seen.

    Returns
    -------
    Release or None
        None if the server offers it not, or said no.

    Raises
    ------
    LakebtError
        Whatever an audit raises; as `made`.
    """
    findings: tuple[str, ...] = ()
    for _ in range(_AUDITS):
        wanted = {**arguments, "told": sorted(findings)}
        status, content = _sent(storage, name, deed, wanted, now=now)
        if status == DONE:
            return _release(content)
        if status != AUDITED:
            return None
        before, findings = findings, warned()
        if findings == before:
            return None
    return None


def dropped(
    storage: Storage, name: str, *, because: object, now: Callable[[], dt.datetime]
) -> Retention | None:
    """Have a server drop a branch, and return what went; None if it did not.

    Raises
    ------
    ConflictError, LakeError
        As `made`.
    """
    content = _done(storage, name, DROP, {"because": because}, now=now)
    if content is None:
        return None
    try:
        rows = arrow_stream.read(memoryview(content))
        metadata = rows.schema.metadata or {}
        counts: dict[str, Any] = {
            name: int(metadata[name.encode()]) for name in _COUNTS
        }
        return Retention(ended=tuple(Page(rows)), **counts)
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException, struct.error):
        return None


def told_of(gone: Retention, table: Table) -> bytes:
    """Return what went with a branch, as an answer.

    Parameters
    ----------
    gone
    table
        Of the ledger.
    """
    rows = ledger_rows(gone.ended, table)
    counts = {name: str(getattr(gone, name)) for name in _COUNTS}
    return arrow_stream.written(rows.replace_schema_metadata(counts))


def _release(content: bytes) -> Release | None:
    try:
        return release_in(content)
    except InvalidArgumentError:  # cut on its way
        return None


def _done(
    storage: Storage, name: str, deed: str, arguments: Mapping[str, Any], **told: Any
) -> bytes | None:
    status, content = _sent(storage, name, deed, arguments, **told)
    return content if status == DONE else None


def _sent(
    storage: Storage,
    name: object,
    deed: str,
    arguments: Mapping[str, Any],
    *,
    now: Callable[[], dt.datetime],
) -> tuple[int, bytes]:
    """Return the status of an answer and what it says; 0 if there is none."""
    if not isinstance(name, str) or not is_offered_on_branches(storage):
        return 0, b""
    catalog = asked(storage)
    try:
        body = json.dumps({**arguments, "now": now().isoformat()}).encode()
    except (TypeError, ValueError):  # the local method raises the better error
        return 0, b""
    if catalog is None:
        return 0, b""
    answer = answer_to(
        catalog,
        f"{PATH}/{quote(name, safe='')}/{deed}",
        body,
        kind=KIND,
        what=f"branch {name!r}",
        where=storage.where,
    )
    if answer is None:
        return 0, b""
    check_allowed(answer, storage.where)
    return answer.status, answer.content


def instant(given: object) -> object:
    """Return an instant as a request has it; what is none as it was given."""
    try:
        return None if given is None else parse_instant(given, what="as_of").isoformat()
    except InvalidArgumentError:
        return given
