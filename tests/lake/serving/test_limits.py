"""What a client may hold, how long it may take, and what no page may do."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from lakebt.lake.serving import middleware, patience, server
from lakebt.lake.serving.errors import (
    BusyServerError,
    RefusedError,
    TooLargeError,
    TooSlowError,
)
from lakebt.lake.serving.middleware import Middleware
from tests.lake.frames import clock
from tests.lake.serving.conftest import error

if TYPE_CHECKING:
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

HEAD = b"GET /v1/config HTTP/1.1\r\nHost: localhost\r\n"


def connect(house: House) -> socket.socket:
    place = urlsplit(house.address)
    return socket.create_connection((place.hostname, place.port or 0), timeout=10)


@pytest.mark.parametrize("begun", [b"", b"GET /v1/con", HEAD])
def test_who_does_not_finish_asking_is_hung_up_on(
    house: House, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.2)
    with connect(house) as client:
        client.sendall(begun)
        begin = time.monotonic()
        assert client.recv(1000) == b""
    assert time.monotonic() - begin < 5


def test_who_asks_slowly_is_answered_and_may_ask_again_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.5)
    with connect(house) as client:
        client.sendall(HEAD)
        time.sleep(0.1)
        client.sendall(b"\r\n")
        assert status_of(client) == 200
        time.sleep(0.8)
        client.sendall(HEAD + b"\r\n")
        assert status_of(client) == 200


def status_of(client: socket.socket) -> int:
    """Read a whole answer, which may come in parts."""
    answer = http.client.HTTPResponse(client)
    answer.begin()
    answer.read()
    return answer.status


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "file://"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_page_in_a_browser_reaches_the_lake(
    house: House, origin: str, method: str
) -> None:
    """Its requests come from this machine, and say localhost, too."""
    answer = house.ask(method, "namespaces", headers={"Origin": origin})

    assert error(answer)[0] == 403
    assert "in a browser must not reach the lake" in error(answer)[2]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""],
)
def test_a_body_that_any_page_can_send_is_refused(house: House, kind: str) -> None:
    body = b'{"namespace": ["mine"]}'
    headers = {"Content-Type": kind}

    answer = house.ask("POST", "namespaces", data=body, headers=headers)

    assert error(answer)[0] == 415
    assert "the body must be application/json" in error(answer)[2]
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert (
        house.ask("POST", "namespaces", data=body, headers=headers).status_code == 200
    )


def test_a_body_without_a_token_is_small(house: House) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    large = b"x" * (middleware.LARGEST_LOGIN_BYTES + 1)

    answer = house.ask("POST", "oauth/tokens", data=large, headers=headers)

    assert error(answer)[0] == 413


class Client:
    """Sends a body in parts, straight into the middleware."""

    def __init__(self, parts: list[bytes], *, pause: float = 0.0) -> None:
        self.parts, self.pause = parts, pause

    async def __call__(self) -> dict[str, Any]:
        await asyncio.sleep(self.pause)
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}


def refusals(*clients: Client) -> list[type[RefusedError] | None]:
    """Let clients send at once, and return what the application is told."""
    told: list[type[RefusedError] | None] = []

    async def inner(_: Any, receive: Any, __: Any) -> None:
        try:
            while (await receive())["more_body"]:
                pass
            await asyncio.sleep(0.05)  # it is held while it is worked on
        except RefusedError as refused:
            told.append(type(refused))
        else:
            told.append(None)

    async def send(_: Any) -> None:
        pass

    made = Middleware(inner, gate=None, clock=clock, log=lambda _: None)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/namespaces",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }

    async def run() -> None:
        await asyncio.gather(*(made(scope, client, send) for client in clients))

    asyncio.run(run())
    return told


def test_bodies_are_bounded_each_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "LARGEST_BYTES", 100)
    monkeypatch.setattr(middleware, "HELD_BYTES", 200)

    assert refusals(Client([b"x" * 100])) == [None]
    assert refusals(Client([b"x" * 60, b"x" * 60])) == [TooLargeError]
    many = refusals(*(Client([b"x" * 90]) for _ in range(5)))
    assert many.count(None) == 2
    assert many.count(BusyServerError) == 3
    assert refusals(*(Client([b"x" * 90]) for _ in range(2))) == [None, None]


def test_a_body_that_does_not_arrive_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.2)

    assert refusals(Client([b"x"] * 9, pause=0.1)) == [TooSlowError]
    assert refusals(Client([b"x"], pause=0.05)) == [None]


def test_websockets_which_nothing_here_speaks_are_not_even_imported() -> None:
    config = server.server(lambda: None).config
    config.load()

    assert config.ws_protocol_class is None
