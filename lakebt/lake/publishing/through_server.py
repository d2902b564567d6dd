"""Publishing by one request to a server that offers it; else None, and as ever.

The server audits beside the lake. If it finds something the rows are audited here, too,
so that errors and warnings are those of every other lake, and are told before anything
is written. Whatever else a server refuses is left to the way without it, whose errors
say what is wrong.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.publishing.release_request import (
    BRANCHES,
    KIND,
    LARGEST,
    OFFERED,
    PATH,
    VERSION,
    encoded,
    release_in,
)
from lakebt.lake.storage.repeated_request import answer_to

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.publishing.audits.comparison import Comparison
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.remote import PatientRestCatalog
    from lakebt.lake.storage.repeated_request import Answer


_AUDITS = 4
"""How often rows are audited here because the server found something new."""

DONE, AUDITED = 200, 422
"""Status of an answer: carried out; or findings that the user was not warned of."""

_MOVED = 412
_REFUSED = {401, 403}


class MovedOnError(Exception):
    """The lake's tables have changed since they were read."""


def is_offered(storage: Storage) -> bool:
    """Whether a lake's catalog takes a publication as one request."""
    return storage.catalog.properties.get(OFFERED) == VERSION


def is_offered_on_branches(storage: Storage) -> bool:
    """Whether it also takes those of branches, makes branches and ends them."""
    offered = storage.catalog.properties.get(BRANCHES)
    return is_offered(storage) and offered == VERSION


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
        If the lake cannot be read, the server takes nothing so large of a branch, or
        it went away and did not say whether it published.
    MovedOnError
        If the lake's tables are not what they were when they were read.
    """
    catalog = asked(storage)
    if catalog is None:
        return None
    limit = str(catalog.properties.get(LARGEST, "0"))
    limit_bytes = int(limit) if limit.isdecimal() else 0
    for _ in range(_AUDITS):
        body = encoded(publication, now=now(), told=check.warned)
        if body is None or len(body) > limit_bytes:
            _check_main(publication, body, limit_bytes, storage)
            return None
        what = f"release {publication.name!r}"
        answer = answer_to(
            catalog, PATH, body, kind=KIND, what=what, where=storage.where
        )
        if answer is not None and answer.status == _MOVED:
            raise MovedOnError
        if answer is not None and storage.branch is not None:
            check_allowed(answer, storage.where)
        if answer is None or answer.status != AUDITED:
            return _release(answer)
        before = check.warned
        check(*read_state(storage))
        if check.warned == before:
            return None
    return None


def _release(answer: Answer | None) -> Release | None:
    """Return the published release; None if there is none, or it is not known."""
    if answer is None or answer.status != DONE:
        return None
    with contextlib.suppress(InvalidArgumentError):  # cut on its way
        return release_in(answer.content)
    return None


def _check_main(
    publication: Publication, body: bytes | None, limit_bytes: int, storage: Storage
) -> None:
    """Check that what a server does not take is not of a branch: no other way is there.

    Raises
    ------
    LakeError
        If it is.
    """
    if storage.branch is None:
        return
    what = "has rows of Spark's" if body is None else f"has {len(body):,} bytes"
    msg = (
        f"release {publication.name!r} {what}, and onto a branch the server of "
        f"{storage.where} takes rows of pandas or Arrow, {limit_bytes:,} bytes at "
        f"once: publish it in parts, or where the lake lies"
    )
    raise LakeError(msg)


def check_allowed(answer: Answer, where: str) -> None:
    """Check that a server did not refuse the caller: branches have no other way.

    Raises
    ------
    LakeError
        If it did.
    """
    if answer.status not in _REFUSED:
        return
    why = "who asks may not do it"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        why = str(json.loads(answer.content)["error"]["message"])
    msg = f"{where} refuses it: {why}"
    raise LakeError(msg)


def asked(storage: Storage) -> PatientRestCatalog | None:
    """Return the catalog whose server publishes releases; None if it does not.

    On a branch it is one that takes those of branches.
    """
    offers = is_offered if storage.branch is None else is_offered_on_branches
    if not offers(storage):
        return None
    from lakebt.lake.storage.remote import PatientRestCatalog  # noqa: PLC0415 - requests

    catalog = storage.catalog
    return catalog if isinstance(catalog, PatientRestCatalog) else None
