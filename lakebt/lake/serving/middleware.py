"""Checks the token and the size of every request, and writes the access log."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lakebt.lake.serving.errors import (
    BadRequestError,
    ForbiddenError,
    RefusedError,
    TooLargeError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, MutableMapping

    from lakebt.lake.serving.tokens import Token

    Message = MutableMapping[str, Any]


LARGEST_BYTES = 32 * 1024 * 1024
"""Of a body. A commit of a thousand snapshots has one."""

OPEN_PATHS = frozenset({"/v1/oauth/tokens"})
"""Paths that a client without a token may ask for."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_LONGEST_PATH = 300


def body_of(error: RefusedError) -> bytes:
    """Return an error in the JSON of the specification."""
    content = {"message": str(error), "type": error.kind, "code": error.status}
    return json.dumps({"error": content}).encode()


class Middleware:
    """Checks and logs requests before the application sees them.

    Parameters
    ----------
    inner
        The application.
    token
        None if every program of this machine may ask.
    clock
    log
        Takes a line, without its end.
    """

    def __init__(
        self,
        inner: Any,
        *,
        token: Token | None,
        clock: Callable[[], dt.datetime],
        log: Callable[[str], object],
    ) -> None:
        self._inner, self._token = inner, token
        self._clock, self._log = clock, log

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            try:
                self._check(scope)
            except RefusedError as error:
                await _answer(watched, error)
            else:
                await self._inner(scope, _limited(receive), watched)
        finally:
            self._log(self._line(scope, status, time.perf_counter() - begin))

    def _check(self, scope: Message) -> None:
        """Check the token, and the size of the body.

        Raises
        ------
        BadRequestError
            If the size of the body is not a number.
        ForbiddenError
            If a web page asks under another name of this machine.
        TooLargeError
            If the body is too large.
        UnauthorizedError
            If the token is missing or wrong.
        """
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        if self._token is None:
            host = headers.get(b"host", "").lower().rpartition(":")
            name = host[0] if host[1] and host[2].isdecimal() else "".join(host)
            if name.strip("[]") not in LOOPBACK:
                msg = (
                    "without a token only requests to localhost are answered: a page "
                    "in a browser must not reach the lake under another name"
                )
                raise ForbiddenError(msg)
        elif scope["path"] not in OPEN_PATHS:
            authorization = headers.get(b"authorization")
            if not self._token.allows(authorization):
                msg = (
                    "the token of this server is missing or wrong: give the client "
                    "its property token"
                )
                raise UnauthorizedError(msg)
        length = headers.get(b"content-length", "0")
        if not length.isdecimal():
            msg = "Content-Length is not a number"
            raise BadRequestError(msg)
        if int(length) > LARGEST_BYTES:
            msg = f"a body has at most {LARGEST_BYTES:,} bytes, this one has {length}"
            raise TooLargeError(msg)

    def _line(self, scope: Message, status: int, seconds: float) -> str:
        """Return what is logged: no query, no header, no body, and one line."""
        client = (scope.get("client") or ("-",))[0]
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.partition(b"?")[0][:_LONGEST_PATH].decode(
            "ascii", "backslashreplace"
        )
        plain = "".join(c if c.isprintable() else "?" for c in path)
        now = self._clock().isoformat(timespec="milliseconds")
        return (
            f"{now} {client} {scope['method']} {plain} {status} {1000 * seconds:.1f} ms"
        )


def _limited(receive: Any) -> Any:
    """Return what receives a body that ends when it gets too large."""
    n_bytes = 0

    async def limited() -> Message:
        nonlocal n_bytes
        message: Message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > LARGEST_BYTES:
            msg = f"a body has at most {LARGEST_BYTES:,} bytes"
            raise TooLargeError(msg)
        return message

    return limited


async def _answer(send: Any, error: RefusedError) -> None:
    body = body_of(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if isinstance(error, UnauthorizedError):
        headers.append((b"www-authenticate", b"Bearer"))
    await send(
        {"type": "http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": body})
