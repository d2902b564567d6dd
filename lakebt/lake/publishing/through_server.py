"""Publishing by one request to a server that offers it; else None, and as ever.

The server audits beside the lake. If it finds something the rows are audited here, too,
so that errors and warnings are those of every other lake, and are told before anything
is written. Whatever else a server refuses is left to the way without it, whose errors
say what is wrong.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING

from lakebt.errors import ConflictError, InvalidArgumentError
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.publishing.release_request import (
    KEY,
    KIND,
    LARGEST,
    OFFERED,
    PATH,
    VERSION,
    encoded,
    release_in,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.publishing.audits.comparison import Comparison
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.remote import Answer, PatientRestCatalog


PATIENCE_SECONDS = 120.0
"""How long a publisher asks again while too many others publish."""

_SENDINGS = 3
"""How often a request is sent whose answer is lost. It publishes once all the same."""

_AUDITS = 4
"""How often rows are audited here because the server found something new."""

_DONE, _MOVED, _AUDITED, _BUSY = 200, 412, 422, 503


class MovedOnError(Exception):
    """The lake's tables are not what they were when they were read."""


def is_offered(storage: Storage) -> bool:
    """Whether a lake's catalog takes a publication as one request."""
    return storage.catalog.properties.get(OFFERED) == VERSION


def publish_through(
    publication: Publication,
    *,
    storage: Storage,
    now: Callable[[], dt.datetime],
    check: Comparison,
) -> Release | None:
    """Publish by one request.

    Parameters
    ----------
    publication
    storage
    now
        Tells the present instant, for `committed_at`.
    check
        Compares the publication with the lake.

    Returns
    -------
    Release or None
        None if it has to be published in another way: the catalog does not take it, or
        said no.

    Raises
    ------
    AuditError
        If an audit fails.
    ConflictError
        If too many publish.
    LakeError
        If the lake cannot be read.
    MovedOnError
        If the lake's tables are not what they were when they were read.
    """
    catalog = _asked(storage)
    if catalog is None:
        return None
    limit = str(catalog.properties.get(LARGEST, "0"))
    for _ in range(_AUDITS):
        body = encoded(publication, now=now(), told=check.warned)
        if body is None or not limit.isdecimal() or len(body) > int(limit):
            return None
        answer = _sent(catalog, body, publication.name, storage.where)
        if answer is not None and answer.status == _MOVED:
            raise MovedOnError
        if answer is None or answer.status != _AUDITED:
            return _release(answer)
        before = check.warned
        check(*read_state(storage))
        if check.warned == before:
            return None
    return None


def _release(answer: Answer | None) -> Release | None:
    """Return what was published; None if nothing was, or nobody can tell."""
    if answer is None or answer.status != _DONE:
        return None
    with contextlib.suppress(InvalidArgumentError):  # cut on its way
        return release_in(answer.content)
    return None


def _asked(storage: Storage) -> PatientRestCatalog | None:
    if not is_offered(storage):
        return None
    from lakebt.lake.storage.remote import PatientRestCatalog  # noqa: PLC0415 - requests

    catalog = storage.catalog
    return catalog if isinstance(catalog, PatientRestCatalog) else None


def _sent(
    catalog: PatientRestCatalog, body: bytes, release: str, where: str
) -> Answer | None:
    """Send a request until it is answered; None if nobody answers.

    Raises
    ------
    ConflictError
        If the server is busy for longer than anybody waits.
    """
    headers = {"Content-Type": KIND, KEY: secrets.token_hex(16)}
    until = time.monotonic() + PATIENCE_SECONDS
    n_lost = 0
    while True:
        try:
            answer = catalog.post(PATH, body, headers)
        except OSError:  # of which those of requests are
            n_lost += 1
            if n_lost == _SENDINGS:
                return None
            continue
        if answer.status != _BUSY or answer.retry_seconds is None:
            return answer
        if time.monotonic() > until:
            msg = (
                f"release {release!r}: too many publish into {where}, for "
                f"{PATIENCE_SECONDS:g} s. Nothing was published; publish it again"
            )
            raise ConflictError(msg)
        # Not all at once: who was sent away together would come together.
        time.sleep(answer.retry_seconds * (0.5 + secrets.randbelow(1000) / 1000))
