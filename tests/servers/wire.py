"""A wire between a client and a server: it counts requests, and it can be cut."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REQUEST = re.compile(rb"\b(GET|HEAD|PUT|POST|DELETE) (/\S*) HTTP/1\.1\r\n")
_RESET = struct.pack("ii", 1, 0)
"""Of a socket: when it is closed, the other end is told that it was cut."""


class Wire:
    """Passes on what is sent to a port of loopback, as long as it is whole.

    Attributes
    ----------
    address : str
        Where clients connect to.
    requests : list of (str, str)
        Method and path of each request that was sent, in order.
    cut_at : callable or None
        Given a request that was sent, and is not passed on yet, says whether the wire
        is cut now. It stays cut until `mend`.
    """

    def __init__(self, target: str, *, port: int = 0) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests: list[tuple[str, str]] = []
        self.cut_at: Callable[[str, str], bool] | None = None
        self._is_cut = False
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection, and let nobody connect."""
        with self._lock:
            self._is_cut = True
            for end in tuple(self._ends):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._ends.clear()

    def mend(self) -> Self:
        """Let everybody connect, and cut no more."""
        self.cut_at, self._is_cut = None, False
        return self

    def counted(self) -> dict[str, int]:
        """Return how many requests of each method there were since it was asked last.

        Of POST those that begin and that end an upload in parts are told apart.
        """
        found: dict[str, int] = {}
        for method, path in self.requests:
            kind = method
            if method == "POST" and path.endswith("?uploads"):
                kind = "POST (begin upload)"
            elif method == "POST" and "uploadId=" in path:
                kind = "POST (end upload)"
            found[kind] = found.get(kind, 0) + 1
        self.requests.clear()
        return found

    def close(self) -> None:
        """Cut it for good."""
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:  # closed
                return
            with self._lock:
                if self._is_cut:
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    near.close()
                    continue
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                # Before either is passed on: what one end sends may cut both.
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends |= {near, far}
            for end, other in ((near, far), (far, near)):
                pump = (end, other, end is near)
                threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                for found in _REQUEST.finditer(data) if asks else ():
                    method, path = (part.decode() for part in found.groups())
                    self.requests.append((method, path))
                    if self.cut_at is not None and self.cut_at(method, path):
                        self.cut()
                        return
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._ends.discard(end)


@contextlib.contextmanager
def wire(target: str) -> Iterator[Wire]:
    """Lay a wire to an address."""
    laid = Wire(target)
    try:
        yield laid
    finally:
        laid.close()
