"""Where the bytes of a lake lie: its folder, or its tables' in a store, and panels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.lake.erasure.proof_content import files_in
from lakebt.lake.storage.panel_cache import DiskCache
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, TRIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.erasure.proof_content import Content
    from lakebt.lake.storage.catalog import Storage


_HEAD = 64 * 2**10


def contents_of(
    storage: Storage, *, environment: Mapping[str, str] | None = None
) -> Iterator[Content]:
    """Give every file of a lake, and every panel of its tables on this machine.

    Parameters
    ----------
    storage
    environment
        Says where panels are kept; that of the process by default.

    Raises
    ------
    LakeError
        If its tables cannot be loaded.
    """
    tables = dict(storage.tables())
    if (trials := storage.trials()) is not None:
        tables[TRIALS] = trials
    folders: list[tuple[pafs.FileSystem, str]] = []
    if (root := storage.address.get("path")) is not None:
        folders.append((pafs.LocalFileSystem(), str(Path(root).resolve())))
    folders += [_folder(table, _home(table)) for table in _first(tables)]
    # Whatever was told to lie elsewhere.
    folders += [_folder(table, table.location()) for table in tables.values()]
    seen: list[tuple[str, str]] = []
    for system, folder in folders:
        if any(_is_within(folder, system, *each) for each in seen):
            continue
        called = "" if not seen else f"{folder}/"
        seen.append((system.type_name, folder))
        yield from files_in(system, folder, called=called)
    uuids = {str(table.metadata.table_uuid).encode() for table in tables.values()}
    yield from _panels(os.environ if environment is None else environment, uuids)


def _first(tables: Mapping[str, Table]) -> Iterable[Table]:
    return [tables[LEDGER]] if LEDGER in tables else []


def _home(table: Table) -> str:
    """Return the folder of all tables, where a table lies in one that is called so."""
    above, _, _ = table.location().rstrip("/").rpartition("/")
    return above if above.endswith(f"/{NAMESPACE}") else table.location()


def _folder(table: Table, location: str) -> tuple[pafs.FileSystem, str]:
    io = table.io
    files = io if isinstance(io, PyArrowFileIO) else PyArrowFileIO(io.properties)
    scheme, netloc, path = PyArrowFileIO.parse_location(location, files.properties)
    system = files.fs_by_scheme(scheme, netloc)
    if isinstance(system, pafs.LocalFileSystem):
        path = str(Path(path).resolve())
    return system, path.rstrip("/")


def _is_within(folder: str, system: pafs.FileSystem, kind: str, other: str) -> bool:
    is_below = folder == other or folder.startswith(f"{other}/")
    return is_below and system.type_name == kind


def _panels(environment: Mapping[str, str], uuids: set[bytes]) -> Iterator[Content]:
    folder = DiskCache.of(environment).folder
    if folder is None or not folder.is_dir():
        return
    for content in files_in(pafs.LocalFileSystem(), str(folder), called="panels/"):
        head = content.at(0, _HEAD)
        if any(uuid in head for uuid in uuids):
            yield content
        else:
            content.close()
