"""Access control: tokens with scopes, a single one or those of a file."""

from __future__ import annotations

import hmac
import math
import re
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from lakebt.errors import InvalidArgumentError
from lakebt.lake.serving import token_file
from lakebt.lake.serving.errors import ForbiddenError, UnauthorizedError
from lakebt.lake.serving.token_file import Grant, digest_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lakebt.lake.serving.tokens import Token


_REPORTS = re.compile(r"/v1/namespaces/[^/]+/tables/[^/]+/metrics")
_ADMINISTERS = re.compile(
    r"/v1/namespaces/[^/]+/(register|properties)|/v1/lakebt/branches/.+/drop"
)
_RENAME = "/v1/tables/rename"


class Grants(Protocol):
    """Where the tokens of a server are."""

    def __call__(self) -> Sequence[Grant]:
        """Return those that there are now."""
        ...


class OneToken:
    """The one token of a server, which may do everything for as long as it runs."""

    def __init__(self, token: Token) -> None:
        digest = digest_of(token.text)
        self._grants = (Grant(name="-", scope="admin", expires=None, digest=digest),)

    def __call__(self) -> Sequence[Grant]:
        """Return it."""
        return self._grants


class TokenFile:
    """The tokens of a file, read again when it changes.

    If the file cannot be read, or other users can read it, all requests are refused: a
    token that was removed from it must stop working.

    Parameters
    ----------
    file
    log
        Called with a line that says why all requests are refused.

    Raises
    ------
    InvalidArgumentError
        If it cannot be read at first.
    """

    def __init__(self, file: Path, *, log: Callable[[str], object]) -> None:
        self._file, self._log = file, log
        self._lock = threading.Lock()
        self._grants = token_file.read(file, what="--tokens")
        self._state = self._seen()

    def __call__(self) -> Sequence[Grant]:
        """Return those that the file has now."""
        with self._lock:
            state = self._seen()
            if state != self._state:
                try:
                    self._grants = token_file.read(self._file, what="--tokens")
                except InvalidArgumentError as error:
                    self._grants = ()
                    self._log(f"nobody is let in: {error}")
                self._state = state
            return self._grants

    def _seen(self) -> tuple[int, ...]:
        try:
            status = self._file.stat()
        except OSError:
            return ()
        times = status.st_mtime_ns, status.st_ctime_ns
        return status.st_ino, status.st_size, status.st_mode, *times


class Gate:
    """Admits requests with a token, within the token's scopes.

    Parameters
    ----------
    grants
    now
        Tells the instant by which tokens expire.
    """

    def __init__(self, grants: Grants, *, now: Callable[[], dt.datetime]) -> None:
        self._grants, self._now = grants, now

    def admit(self, authorization: str | None, *, scope: str) -> Grant:
        """Return what the token of a header ``Authorization`` grants.

        Raises
        ------
        ForbiddenError
            If it may not do that.
        UnauthorizedError
            If it is missing, wrong or over.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        grant = self.find(secret.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            msg = (
                "the token of this server is missing or wrong: give the client its "
                "property token"
            )
            raise UnauthorizedError(msg)
        if grant.has_expired(self._now()):
            msg = f"the token expired at {grant.expires}: ask for another one"
            raise UnauthorizedError(msg)
        if not grant.may(scope):
            msg = (
                f"the token {grant.name!r} has the scope {grant.scope}, and this needs "
                f"the scope {scope}"
            )
            raise ForbiddenError(msg)
        return grant

    def find(self, secret: str) -> Grant | None:
        """Return what a token grants, over or not; None if there is no such token."""
        digest = digest_of(secret).encode()
        # All are compared, each in constant time.
        grants = [
            grant
            for grant in self._grants()
            if hmac.compare_digest(grant.digest.encode(), digest)
        ]
        return grants[0] if grants and secret else None

    def seconds_left(self, secret: str) -> float:
        """Return how long a token lasts: 0 if there is no such token."""
        grant = self.find(secret)
        if grant is None:
            return 0.0
        if grant.expires is None:
            return math.inf
        return (grant.expires - self._now()).total_seconds()


def gate_of(
    token: Token | TokenFile | None, *, now: Callable[[], dt.datetime]
) -> Gate | None:
    """Return the gate for a token or a file of them; None if none is needed."""
    if token is None:
        return None
    return Gate(token if isinstance(token, TokenFile) else OneToken(token), now=now)


ADMITTED: ContextVar[Grant | None] = ContextVar("admitted", default=None)
"""The grant of the current request, in any thread; None if no token is needed."""


def needed(method: str, path: str) -> str:
    """Return the scope that a request needs."""
    if method in {"GET", "HEAD"} or _REPORTS.fullmatch(path):
        return "read"
    if method == "DELETE" or path == _RENAME or _ADMINISTERS.fullmatch(path):
        return "admin"
    return "publish"


def check_scope(scope: str, *, what: str) -> None:
    """Check the caller's right to do something that the path does not show.

    Raises
    ------
    ForbiddenError
        If they may not.
    """
    grant = ADMITTED.get()
    if grant is not None and not grant.may(scope):
        msg = (
            f"the token {grant.name!r} has the scope {grant.scope}, and {what} needs "
            f"the scope {scope}"
        )
        raise ForbiddenError(msg)
