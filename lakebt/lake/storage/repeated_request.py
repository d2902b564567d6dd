"""A request that is sent until it is answered, and carried out once all the same."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lakebt.errors import ConflictError, LakeError

if TYPE_CHECKING:
    from collections.abc import Mapping


KEY = "Idempotency-Key"
"""The header that tells a request that is repeated from another one."""

PATIENCE_SECONDS = 120.0
"""How long a server is asked again while too many others write."""

ABSENCE_SECONDS = 20.0
"""How long a server may be away, as it is while it is started again."""

_SENDINGS = 3
"""How often a request is sent whose answer is lost."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 2.0

_BUSY = 503


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a catalog answers to a request that is not Iceberg's.

    Attributes
    ----------
    status : int
    content : bytes
    retry_seconds : int or None
        When to come again, if it says so.
    """

    status: int
    content: bytes
    retry_seconds: int | None


class Catalog(Protocol):
    """What a request is sent by: see `PatientRestCatalog`."""

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it once."""
        ...


class UnreachedError(OSError):
    """No server took the request: it was not carried out."""


def answer_to(
    catalog: Catalog,
    path: str,
    body: bytes,
    *,
    kind: str,
    what: str,
    where: str,
) -> Answer | None:
    """Send a request until it is answered.

    Parameters
    ----------
    catalog, path, body
    kind
        What the body is.
    what, where
        What is asked for, and of which lake, in errors.

    Returns
    -------
    Answer or None
        None if no server answers: the caller then uses another way.

    Raises
    ------
    ConflictError
        If the server is busy for longer than the timeout.
    LakeError
        If the server took the request and went away.
    """
    headers = {"Content-Type": kind, KEY: secrets.token_hex(16)}
    begin = time.monotonic()
    away_since: float | None = None
    n_lost, wait = 0, _FIRST_WAIT_SECONDS
    while True:
        try:
            answer = catalog.post(path, body, headers)
        except UnreachedError:
            now = time.monotonic()
            away_since = now if away_since is None else away_since
            if now - away_since > ABSENCE_SECONDS:
                if n_lost:
                    raise LakeError(_unknown(what, where)) from None
                return None
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            continue
        except OSError:  # of which those of requests are
            n_lost += 1
            if n_lost == _SENDINGS:
                return None
            continue
        away_since, wait = None, _FIRST_WAIT_SECONDS
        if answer.status != _BUSY or answer.retry_seconds is None:
            return answer
        if time.monotonic() - begin > PATIENCE_SECONDS:
            msg = (
                f"{what}: too many publish into {where}, for {PATIENCE_SECONDS:g} s. "
                f"Nothing was published; publish it again"
            )
            raise ConflictError(msg)
        # With jitter: clients that were refused together would return together.
        time.sleep(answer.retry_seconds * (0.5 + secrets.randbelow(1000) / 1000))


def _unknown(what: str, where: str) -> str:
    return (
        f"{what}: the server of {where} took it and went away before it answered, so "
        f"whether it is there is not known. Ask again once the server is back: what is "
        f"there already is not made twice"
    )
