"""Checks the token and the size of every request, and writes the access log."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakebt.lake.publishing import release_request
from lakebt.lake.serving.errors import (
    RETRY_SECONDS,
    BadRequestError,
    BusyServerError,
    ContentTypeError,
    ForbiddenError,
    RefusedError,
    TooLargeError,
    TooSlowError,
    UnauthorizedError,
)
from lakebt.lake.serving.gate import ADMITTED, needed
from lakebt.lake.serving.metrics import Metrics

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, MutableMapping

    from lakebt.lake.serving.gate import Gate

    Message = MutableMapping[str, Any]


LARGEST_BYTES = 32 * 1024 * 1024
"""Of a body. A commit of a thousand snapshots has one."""

LARGEST_LOGIN_BYTES = 16 * 1024
"""Of the body of a request without a token, which asks for one."""

LARGEST_RELEASE_BYTES = 64 * 1024 * 1024
"""The largest body that publishes rows; larger ones are written by the client."""

HELD_BYTES = 2 * LARGEST_RELEASE_BYTES
"""Of all bodies at a time: what is more is refused before it is read."""

BODY_SECONDS = 60.0
"""How long a body may take to arrive."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
"""What bodies are: of requests, and of one that asks for a token."""

RELEASES = f"/v1/{release_request.PATH}"

OPEN_PATHS = frozenset({"/v1/oauth/tokens"})
"""Paths that a client without a token may ask for."""

WHO = "lakebt.who"
"""In the scope of a request: the name of the token that it came with."""

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
    gate
        Checks tokens; None if every program on this machine may send requests.
    clock
    log
        Takes a line, without its end.
    metrics
        Counts requests.
    in_json
        Whether each line is an object of JSON.
    """

    def __init__(
        self,
        inner: Any,
        *,
        gate: Gate | None,
        clock: Callable[[], dt.datetime],
        log: Callable[[str], object],
        metrics: Metrics | None = None,
        in_json: bool = False,
    ) -> None:
        self._inner, self._gate = inner, gate
        self._clock, self._log, self._in_json = clock, log, in_json
        self._metrics = Metrics() if metrics is None else metrics
        self._held = [0]

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500
        self._metrics.begin()

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
                body = _Body(receive, largest=_largest(scope), held=self._held)
                try:
                    await self._inner(scope, body, watched)
                finally:
                    body.forget()
        finally:
            seconds = time.perf_counter() - begin
            route = str(getattr(scope.get("route"), "path", "other"))
            self._metrics.end(scope["method"], route, status, seconds)
            self._log(self._line(scope, status, seconds))

    def _check(self, scope: Message) -> None:
        """Check the token, and the size of the body.

        Raises
        ------
        BadRequestError
            If the size of the body is not a number.
        ContentTypeError
            If the body is not JSON.
        ForbiddenError
            If a web page asks, or somebody under another name of this machine; or the
            token lacks a scope.
        TooLargeError
            If the body is too large.
        UnauthorizedError
            If the token is missing, wrong or over.
        """
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        _check_origin(headers)
        ADMITTED.set(None)
        if self._gate is None:
            host = headers.get(b"host", "").lower().rpartition(":")
            name = host[0] if host[1] and host[2].isdecimal() else "".join(host)
            if name.strip("[]") not in LOOPBACK:
                msg = (
                    "without a token only requests to localhost are answered: a page "
                    "in a browser must not reach the lake under another name"
                )
                raise ForbiddenError(msg)
        elif scope["path"] not in OPEN_PATHS:
            wanted = needed(scope["method"], scope["path"])
            grant = self._gate.admit(headers.get(b"authorization"), scope=wanted)
            scope[WHO] = grant.name
            ADMITTED.set(grant)
        length = headers.get(b"content-length", "0")
        if not length.isdecimal():
            msg = "Content-Length is not a number"
            raise BadRequestError(msg)
        largest = _largest(scope)
        if int(length) > largest:
            msg = f"a body has at most {largest:,} bytes, this one has {length[:20]}"
            raise TooLargeError(msg)
        has_body = int(length) > 0 or b"transfer-encoding" in headers
        if has_body:
            _check_type(scope["path"], headers.get(b"content-type", ""))

    def _line(self, scope: Message, status: int, seconds: float) -> str:
        """Return what is logged: no query, no header, no body, and one line."""
        client = (scope.get("client") or ("-",))[0]
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.partition(b"?")[0][:_LONGEST_PATH].decode(
            "ascii", "backslashreplace"
        )
        plain = "".join(c if c.isprintable() else "?" for c in path)
        now = self._clock().isoformat(timespec="milliseconds")
        if self._in_json:
            entry = {
                "time": now,
                "client": client,
                "who": scope.get(WHO),
                "method": scope["method"],
                "path": plain,
                "status": status,
                "ms": round(1000 * seconds, 1),
            }
            return json.dumps(entry)
        return (
            f"{now} {client} {scope['method']} {plain} {status} {1000 * seconds:.1f} ms"
        )


def _largest(scope: Message) -> int:
    if scope["path"] == RELEASES:
        return LARGEST_RELEASE_BYTES
    return LARGEST_LOGIN_BYTES if scope["path"] in OPEN_PATHS else LARGEST_BYTES


def _check_origin(headers: Mapping[bytes, str]) -> None:
    """Check that no page of another server asks.

    Raises
    ------
    ForbiddenError
        If one does. Browsers say where a page is from; engines say nothing.
    """
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin).netloc != headers.get(b"host"):
        msg = f"a page of {origin[:100]!a} in a browser must not reach the lake"
        raise ForbiddenError(msg)


def _check_type(path: str, said: str) -> None:
    """Check that a body is what no page can send without being asked first.

    Raises
    ------
    ContentTypeError
        If it is not.
    """
    wanted = FORM if path in OPEN_PATHS else JSON
    if path == RELEASES:
        wanted = release_request.KIND
    kind = said.partition(";")[0].strip().lower()
    if kind != wanted:
        msg = f"the body must be {wanted}, and Content-Type says {kind[:100]!a}"
        raise ContentTypeError(msg)


class _Body:
    """Receives a body that ends when it gets too large, too slow, or one too many.

    Parameters
    ----------
    receive
    largest
        How many bytes it may have.
    held
        How many bytes all of them have now.
    """

    def __init__(self, receive: Any, *, largest: int, held: list[int]) -> None:
        self._receive, self._largest, self._held = receive, largest, held
        self._n_bytes, self._is_whole = 0, False
        self._until = time.monotonic() + BODY_SECONDS

    async def __call__(self) -> Message:
        """Receive the next part.

        Raises
        ------
        TooLargeError
            If there is more than may be.
        TooSlowError
            If it does not arrive.
        BusyServerError
            If others are being received.
        """
        message = await self._next()
        self._is_whole = not message.get("more_body", False)
        n_bytes = len(message.get("body", b""))
        self._n_bytes += n_bytes
        self._held[0] += n_bytes
        if self._n_bytes > self._largest:
            msg = f"a body has at most {self._largest:,} bytes"
            raise TooLargeError(msg)
        if self._held[0] > HELD_BYTES:
            msg = "the server receives as much as it can hold. Try again"
            raise BusyServerError(msg)
        return message

    async def _next(self) -> Message:
        """Receive a part of the body, or the end of the connection, without a timeout.

        Raises
        ------
        TooSlowError
            If it does not arrive.
        """
        if self._is_whole:
            end: Message = await self._receive()
            return end
        left = max(self._until - time.monotonic(), 0.0)
        try:
            part: Message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            msg = f"the body did not arrive within {BODY_SECONDS:g} s"
            raise TooSlowError(msg) from None
        return part

    def forget(self) -> None:
        """Count the body no longer."""
        self._held[0] -= self._n_bytes
        self._n_bytes = 0


async def _answer(send: Any, error: RefusedError) -> None:
    body = body_of(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if isinstance(error, UnauthorizedError):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, BusyServerError):
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    await send(
        {"type": "http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": body})
