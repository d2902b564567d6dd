"""The note that a lake has while something is erased from it.

It lists the files to delete once the tables point at the new files. It never says what
was erased. The next `open` finishes the work: it goes on if the tables point at the new
files, and deletes the new files if they do not.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.utils.concurrent import ExecutorFactory
from sqlalchemy.exc import DBAPIError

from lakebt.lake.storage import failures
from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.erasure_files import note_name
from lakebt.lake.storage.metadata import read
from lakebt.lake.storage.panel_cache import DiskCache
from lakebt.lake.storage.relocation import within
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.io import FileIO

    from lakebt.lake.storage.erasure_files import ErasureFiles


ERASURES = f"{OURS}erasures"
"""The ledger's property that lists the ids of what was erased: then it is done."""

_HERE = "./"
"""How a path begins that is one below the folder of the lake, wherever that lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be done once, or unless, the tables point at what is left.

    Attributes
    ----------
    id : str
        Of the erasure.
    written : tuple of str
        Files of no use unless the tables point at them.
    doomed : tuple of str
        Files that go once they do.
    tables : tuple of str
        The uuids of the tables, whose panels go that were kept on this machine.
    certificate : mapping
        What is known of it before it is proved.
    n_beyond : int
        Files of a note that was read, which lie in no place that was to be looked in.
    """

    id: str
    written: tuple[str, ...]
    doomed: tuple[str, ...]
    tables: tuple[str, ...]
    certificate: Mapping[str, Any]
    n_beyond: int = 0


def leave(files: ErasureFiles, note: Note) -> None:
    """Write a note, and flush it to the disk.

    Paths are those below the lake's folder: it may be copied with the note in it.
    """
    home = f"{files.url}/"

    def inner(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            f"{_HERE}{path.removeprefix(home)}" if path.startswith(home) else path
            for path in paths
        )

    relative = replace(note, written=inner(note.written), doomed=inner(note.doomed))
    record = asdict(relative)
    del record["n_beyond"]
    files.write(note_name(note.id), record)


def note_in(
    files: ErasureFiles, name: str, *, places: Iterable[str] = ()
) -> Note | None:
    """Return a note with the paths that are right where it lies; None if it is none.

    Only files of the lake's own folder are named, and of some places: to open a lake
    that came from somebody else deletes no file beside it, whatever its note says.

    Parameters
    ----------
    files
    name
        Of the note.
    places
        Folders of tables that lie elsewhere, from a trusted source: the configuration
        of a catalog, or the person who erases.
    """
    n_beyond, elsewhere = 0, tuple(places)
    try:
        record = files.read(name)

        def here(paths: Iterable[str]) -> tuple[str, ...]:
            nonlocal n_beyond
            known = []
            for path in paths:
                is_inner = path.startswith(_HERE)
                whole = f"{files.url}/{path.removeprefix(_HERE)}" if is_inner else path
                folders = (files.url,) if is_inner else elsewhere
                if any(within(whole, folder) is not None for folder in folders):
                    known.append(whole)
                else:
                    n_beyond += not is_inner
            return tuple(known)

        note = Note(
            id=record["id"],
            written=here(record["written"]),
            doomed=here(record["doomed"]),
            tables=tuple(record["tables"]),
            certificate=record["certificate"],
        )
        note = replace(note, n_beyond=n_beyond)
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return None
    about = note.certificate
    is_own = isinstance(about, dict) and about.get("id") == note.id
    return note if name == note_name(note.id) and is_own else None


def settle(
    catalog: SqlCatalog, files: ErasureFiles, *, places: Iterable[str] = ()
) -> None:
    """Finish or undo an erasure whose process was killed.

    Where nothing can be written, nothing happens: the lake is whole either way. A note
    stays that names files which lie in none of the places: see `note_in`.
    """
    elsewhere = tuple(places)
    with _whole_either_way():
        for name in files.notes():
            with _whole_either_way():
                _settle(catalog, files, name, elsewhere)


@contextlib.contextmanager
def _whole_either_way() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not (isinstance(error, sqlite3.Error) or failures.is_failure(error)):
            raise


def _settle(
    catalog: SqlCatalog, files: ErasureFiles, name: str, places: tuple[str, ...]
) -> None:
    if (note := note_in(files, name, places=places)) is None:
        return
    if is_done(catalog, files.io, note.id):
        is_certified = files.certificate(note.id) is not None
        if note.n_beyond and is_certified:
            return  # it was done here before
        finish(catalog, files.io, note)
        if not is_certified:
            files.certify(note.certificate)
    else:
        remove(files.io, note.written)
        compact(catalog)  # and what is left of a journal
    if not note.n_beyond:
        files.remove(name)


def is_done(catalog: SqlCatalog, io: FileIO, erasure: str) -> bool:
    """Return whether the lake says that something was erased.

    It waits for a process that is just writing this.
    """
    its = (
        TABLES.c.catalog_name == catalog.name,
        TABLES.c.table_namespace == NAMESPACE,
        TABLES.c.table_name == LEDGER,
    )
    # What takes the lock and changes nothing, as a publisher's turn begins.
    lock = sa.update(TABLES).where(*its)
    lock = lock.values(metadata_location=TABLES.c.metadata_location)
    with catalog.engine.connect() as connection:
        connection.execute(lock)
        connection.rollback()
        location = connection.scalar(sa.select(TABLES.c.metadata_location).where(*its))
    if location is None:
        return False
    erasures = read(io, location).properties.get(ERASURES, "")
    return erasure in erasures.split(",")


def finish(catalog: SqlCatalog, io: FileIO, note: Note) -> None:
    """Delete what held the rows, now that nothing names it.

    Raises
    ------
    OSError
        If a file cannot be deleted.
    """
    remove(io, note.doomed)
    DiskCache.of(os.environ).forget(note.tables)
    compact(catalog)


def remove(io: FileIO, paths: Iterable[str]) -> None:
    """Delete files, and on a disk the folders that are empty then.

    Raises
    ------
    OSError
        If one cannot be deleted.
    """
    paths = list(paths)

    def delete(path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            io.delete(path)

    list(ExecutorFactory.get_or_create().map(delete, paths))
    folders = set()
    for path in paths:
        scheme, _, inner = PyArrowFileIO.parse_location(path, io.properties)
        if scheme == "file":
            folders.add(Path(inner).parent)
    for folder in folders:
        while folder.name not in {"data", "metadata"} and folder.parent != folder:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent  # noqa: PLW2901 - upwards


def compact(catalog: SqlCatalog) -> bool:
    """Write the catalog's table anew, without what is free; False if it is busy."""
    engine = catalog.engine
    if engine.dialect.name != "sqlite":
        vacuum = sa.text(f"vacuum {TABLES.name}")
        try:
            with engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(vacuum)
        except DBAPIError:
            return False
        return True
    database = sqlite3.connect(
        str(engine.url.database), timeout=failures.LOCK_SECONDS, isolation_level=None
    )
    with contextlib.closing(database):
        try:
            database.execute("pragma secure_delete = on")
            database.execute("vacuum")
            database.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.OperationalError:
            return False
    return True
