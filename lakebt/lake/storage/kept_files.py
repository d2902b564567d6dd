"""A cache of files with content-addressed names, which never change.

A file in an object store costs two requests, one for its size and one for its content.
A view always reads files on a disk again, because they may rot. A publisher reads the
same small files several times per release, so their decoded content is kept for it
after it was compared with their names.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

LIMIT_BYTES = 64 * 2**20
LARGEST_BYTES = 2**20
"""Of one file: a large one is read in parts."""


_ALL: weakref.WeakSet[Used[Any]] = weakref.WeakSet()


class Used(Generic[T]):
    """What was made of the files that were used last, up to a size.

    Threads share it.

    Parameters
    ----------
    limit
        Of all sizes.
    largest
        Of one that is kept.
    """

    def __init__(self, limit: int, *, largest: int) -> None:
        self._limit, self._largest, self._used = limit, largest, 0
        self._held: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        _ALL.add(self)

    def get(self, path: str) -> T | None:
        """Return what is kept of a file, None if nothing is."""
        with self._lock:
            entry = self._held.get(path)
            if entry is None:
                return None
            self._held.move_to_end(path)
            return entry[0]

    def keep_sized(self, path: str, made: T, size: int) -> None:
        """Cache the decoded content of a file, unless it is large."""
        if size > self._largest:
            return
        with self._lock:
            if path in self._held:
                return
            self._held[path] = made, size
            self._used += size
            while self._used > self._limit:
                _, (_, freed) = self._held.popitem(last=False)
                self._used -= freed

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._held.clear()
            self._used = 0


class Contents(Used[bytes]):
    """The contents that were used last, up to a size in bytes."""

    def __init__(
        self, limit: int = LIMIT_BYTES, *, largest: int = LARGEST_BYTES
    ) -> None:
        super().__init__(limit, largest=largest)

    def keep(self, path: str, content: bytes) -> None:
        """Keep what a file holds, unless it is large."""
        self.keep_sized(path, content, len(content))


CONTENTS = Contents()
"""Of all stores: equal names have equal contents."""


def forget() -> None:
    """Forget all that is kept of any file: what looks for damage reads anew."""
    for each in list(_ALL):
        each.clear()


_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusted() -> Iterator[None]:
    """Allow reads from the kept files, for publishing but not for views.

    A view must notice that a file is gone; a publication does not depend on it.
    """
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def is_trusted() -> bool:
    """Whether the caller publishes: see `trusted`."""
    return _TRUSTED.get()


def data_of(path: str) -> bytes | None:
    """Return what a data file holds, None if it has to be read."""
    return CONTENTS.get(path) if _TRUSTED.get() else None
