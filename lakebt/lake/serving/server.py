"""Runs the server until a signal, and ends it without losing a request."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.serving.patience import PatientProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


PATIENCE_SECONDS = 60
"""How long running requests may take after the signal."""


MOST_CONNECTIONS = 1024
"""Of clients at a time; more are told to come again."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a host.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; a port of 0 is any that is free.

    Raises
    ------
    InvalidArgumentError
        If there is no such port.
    LakeError
        If one cannot listen there.
    """
    if not 0 <= port <= 65_535:
        msg = f"--port must be between 0 and 65535, was {port}"
        raise InvalidArgumentError(msg)
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listening = socket.create_server(
            (host, port), family=addresses[0][0], backlog=512
        )
        # Headers and body are two packets. Asyncio sees to it only for sockets that say
        # which protocol they speak; without it each answer waits 40 ms for a receipt.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        msg = (
            f"cannot listen on {host} port {port}: {error.strerror}. Choose another by "
            f"--port, or end what listens there"
        )
        raise LakeError(msg) from None
    return listening


def address(listening: socket.socket) -> str:
    """Return the URL of a server."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Any) -> uvicorn.Server:
    """Return what serves an application, quietly."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=PATIENCE_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return uvicorn.Server(config)


def run(app: Any, listening: socket.socket, *, ready: Callable[[], object]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what runs.

    Parameters
    ----------
    app
    listening
    ready
        Called before the first request is answered.
    """
    with _quiet_signals(), listening:
        ready()
        server(app).run(sockets=[listening])


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let the signals that end the server end nothing else: it raises them again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    both = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda *_: None) for each in both}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
