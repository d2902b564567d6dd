"""What a shell completes: the names of releases, tables, indices and formats.

A key was pressed and somebody waits, so what the catalog and a table's metadata say is
read from there, without the lake's own code, which takes a second to load. No server is
asked: of a lake in a catalog nothing is completed. Whatever goes wrong completes
nothing: a shell has no place for an error, nor for a warning.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lakebt.cli.lake_place import lake_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CATALOG = "catalog.db"
LEDGER = "releases"
FROM_THE_START = ("etf_holdings", "index_changes", "prices")
LATER = ("borrow", "corporate_actions", "instruments")


def releases(ctx: Any, incomplete: str) -> list[str]:
    """Return releases of the lake that is named, else of the usual one."""
    return _starting(_refs(ctx, "tag"), incomplete)


def named(ctx: Any, incomplete: str) -> list[str]:
    """Return its releases and its branches."""
    names = _refs(ctx, "tag") | _refs(ctx, "branch") - {"main"}
    return _starting(names, incomplete)


def _refs(ctx: Any, kind: str) -> set[str]:
    names: set[str] = set()
    with contextlib.suppress(Exception):
        for location in _tables(ctx).values():
            with contextlib.suppress(OSError, ValueError):
                refs = json.loads(gzip.decompress(location.read_bytes()))["refs"]
                names |= {name for name, ref in refs.items() if ref["type"] == kind}
    return names


def tables(ctx: Any, incomplete: str) -> list[str]:
    """Return tables of the lake, and those that every lake may have."""
    names = {*FROM_THE_START, *LATER}
    with contextlib.suppress(Exception):
        names |= _tables(ctx).keys()
    return _starting(names - {LEDGER, "trials"}, incomplete)


def published(ctx: Any, incomplete: str) -> list[str]:
    """Return tables with the ``=`` that a file comes after; a path is the shell's."""
    if "=" in incomplete:
        return []
    return [f"{name}=" for name in tables(ctx, incomplete)]


def clusterings(incomplete: str) -> list[str]:
    """Return what prices may be clustered by."""
    return _starting({"session", "symbol"}, incomplete)


def indices(ctx: Any, incomplete: str) -> list[str]:
    """Return the indices of a release, if one is named: that takes a second."""
    names: set[str] = set()
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        release = ctx.params.get("release")
        # Not opened if it is not there, or if somebody holds its lock.
        if release is not None and _tables(ctx):
            from lakebt.lake.lake import Lake

            view = Lake.open(_place(ctx), create=False).at(release)
            rows = view.read("index_changes", columns=["index"])
            names = set(rows["index"])
    return _starting(names, incomplete)


def formats(incomplete: str) -> list[str]:
    """Return the formats of files."""
    from lakebt.sources.formats import FORMATS

    table, equals, name = incomplete.rpartition("=")
    return [f"{table}{equals}{each}" for each in _starting(FORMATS, name)]


def _place(ctx: Any) -> Path:
    return lake_path(ctx.params.get("lake")).expanduser()


def _tables(ctx: Any) -> dict[str, Path]:
    """Return where the metadata of each table of a lake is; none of one in a catalog.

    That may be far away, and the lake of the usual place is another one.
    """
    return {} if ctx.params.get("catalog") else _locations(_place(ctx))


def _locations(place: Path) -> dict[str, Path]:
    """Return where the metadata of each table of a lake is, also of one that moved."""
    catalog = place / CATALOG
    if not catalog.is_file():
        return {}
    address = f"{catalog.absolute().as_uri()}?mode=ro"
    with contextlib.closing(
        sqlite3.connect(address, uri=True, timeout=0.2)
    ) as connection:
        rows = connection.execute(
            "select table_name, metadata_location from iceberg_tables"
        )
        files = {str(name): _file(str(location)) for name, location in rows}
    return {
        name: path if path.exists() else place.joinpath(*path.parts[-5:])
        for name, path in files.items()
    }


def _file(location: str) -> Path:
    from pathlib import Path

    return Path(unquote(urlsplit(location).path))


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
