"""What a trial was run on, and by what code: part of its id."""

from __future__ import annotations

import functools
import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt import _version
from lakebt._version import __version__
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt.lake.reading.view import View


_TABLES = ("prices", "index_changes", "etf_holdings")
"""What a study reads."""

_LIBRARIES = ("numpy", "pandas", "pyarrow", "pyiceberg", "numba", "vectorbt")

_NOT_COMPUTING = ("cli", "demo", "report", "sources")
"""Packages that no number of a result comes from."""


@functools.cache
def code_version() -> str:
    """Return the version of the code that computes, its sources included.

    Examples
    --------
    >>> code_version().partition("+")[0] == __version__
    True
    """
    root = Path(_version.__file__).parent
    key = hashlib.blake2b(digest_size=4)
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] not in _NOT_COMPUTING:
            key.update(str(place).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}+{key.hexdigest()}"


@functools.cache
def environment(exchange: str) -> str:
    """Return, as JSON, what a number was computed with.

    The versions of Python and of the libraries, and whose sessions were counted.
    """
    libraries = {name: version(name) for name in _LIBRARIES}
    machine = platform.machine()
    python = platform.python_version()
    return canonical_json(
        {"python": python, "machine": machine, "exchange": exchange, **libraries}
    )


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a trial was run on, and by what.

    Attributes
    ----------
    release, as_of
        The view's.
    snapshots, digests
        Of the tables that are read, None for one without rows.
    exchange
        Whose sessions count.
    engine
    code
        See `code_version`.
    """

    release: str
    as_of: dt.datetime
    snapshots: Mapping[str, int | None]
    digests: Mapping[str, str | None]
    exchange: str
    engine: str
    code: str

    @classmethod
    def of(
        cls, view: View, *, engine: str, tables: tuple[str, ...] | None = _TABLES
    ) -> Origin:
        """Return the origin of what is run on `view`; of all `tables` if None."""
        told = view.provenance()
        names = tuple(told["snapshots"]) if tables is None else tables
        return cls(
            release=view.release,
            as_of=view.instant,
            snapshots={name: told["snapshots"].get(name) for name in names},
            digests={name: told["digests"].get(name) for name in names},
            exchange=view.sessions.exchange,
            engine=engine,
            code=code_version(),
        )

    @functools.cached_property
    def _key(self) -> str:
        return content_key(
            {
                "release": self.release,
                "as_of": self.as_of,
                "digests": self.digests,
                "exchange": self.exchange,
                "engine": self.engine,
                "code": self.code,
            }
        )

    def key(self, what: object) -> str:
        """Return the id of something that is run here."""
        return content_key({"what": what, "on": self._key})

    def result_id(self, arguments: Mapping[str, Any]) -> str:
        """Return the id of a study's result: of all its cells together."""
        return self.key({"study": arguments})

    def columns(self) -> dict[str, Any]:
        """Return what the ledger says of it."""
        return {
            "release": self.release,
            "as_of": self.as_of,
            "snapshots": canonical_json(self.snapshots),
            "code_version": self.code,
            "engine": self.engine,
            "environment": environment(self.exchange),
        }
