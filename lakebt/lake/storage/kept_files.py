"""Contents of files in a store, kept: a name that tells a content never changes it.

A file costs two requests, one for its size and one for it. Those on a disk cost none,
and are read each time: they may rot.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 64 * 2**20
LARGEST_BYTES = 2**20
"""Of one file: a large one is read in parts."""


class Contents:
    """The contents that were used last, up to a size in bytes. Threads share it."""

    def __init__(
        self, limit: int = LIMIT_BYTES, *, largest: int = LARGEST_BYTES
    ) -> None:
        self._limit, self._largest, self._used = limit, largest, 0
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> bytes | None:
        """Return what a file holds, None if it is not kept."""
        with self._lock:
            content = self._held.get(path)
            if content is not None:
                self._held.move_to_end(path)
            return content

    def keep(self, path: str, content: bytes) -> None:
        """Keep what a file holds, unless it is large."""
        if len(content) > self._largest:
            return
        with self._lock:
            if path in self._held:
                return
            self._held[path] = content
            self._used += len(content)
            while self._used > self._limit:
                _, oldest = self._held.popitem(last=False)
                self._used -= len(oldest)

    def clear(self) -> None:
        """Forget all: what looks for damage reads anew."""
        with self._lock:
            self._held.clear()
            self._used = 0


CONTENTS = Contents()
"""Of all stores: equal names have equal contents."""

_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusted() -> Iterator[None]:
    """Let data be read of what is kept: by who publishes, and not by who views.

    A view says that a file is gone; what is published does not depend on that.
    """
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def data_of(path: str) -> bytes | None:
    """Return what a data file holds, None if it has to be read."""
    return CONTENTS.get(path) if _TRUSTED.get() else None
