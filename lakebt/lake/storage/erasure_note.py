"""The note that a lake has in its folder while something is erased from it.

It says what has to be done once the tables point at what is left: which files go. It
never says what was erased. Whoever opens the lake next does what is left to do: it goes
on if the tables point at the new files, and takes those away if they do not.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.lake.storage import failures
from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.directory import DATABASE
from lakebt.lake.storage.durability import write_whole
from lakebt.lake.storage.metadata import read
from lakebt.lake.storage.panel_cache import DiskCache
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE, OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyiceberg.catalog.sql import SqlCatalog


ERASURES = f"{OURS}erasures"
"""The ledger's property that lists the ids of what was erased: then it is done."""

CERTIFICATES = "erasures"
"""The folder of a lake that has the certificates."""

_NOTE = re.compile(r"erasure-[0-9a-f]{16}\.json")


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
    """

    id: str
    written: tuple[str, ...]
    doomed: tuple[str, ...]
    tables: tuple[str, ...]
    certificate: Mapping[str, Any]


def notes_in(root: Path) -> list[Path]:
    """Return the notes in the folder of a lake."""
    with os.scandir(root) as entries:
        return sorted(Path(e.path) for e in entries if _NOTE.fullmatch(e.name))


def place_of(root: Path, erasure: str) -> Path:
    """Return where the note of an erasure lies."""
    return root / f"erasure-{erasure}.json"


def leave(root: Path, note: Note) -> None:
    """Write a note, and have it on the disk."""
    write_whole(place_of(root, note.id), json.dumps(asdict(note)).encode())


def settle(catalog: SqlCatalog, root: Path) -> None:
    """Finish, or take back, what was being erased when somebody was killed.

    Where the folder cannot be written, nothing happens: the lake is whole either way.
    """
    for place in notes_in(root):
        try:
            said = json.loads(place.read_bytes())
            note = Note(
                id=said["id"],
                written=tuple(said["written"]),
                doomed=tuple(said["doomed"]),
                tables=tuple(said["tables"]),
                certificate=said["certificate"],
            )
        except (FileNotFoundError, ValueError, LookupError, TypeError):
            continue
        try:
            if is_done(catalog, root, note.id):
                finish(root, note)
                if not certificate_at(root, note.id).exists():
                    certify(root, note.id, note.certificate)
            else:
                remove(note.written)
            place.unlink(missing_ok=True)
        except Exception as error:
            if not (isinstance(error, sqlite3.Error) or failures.is_failure(error)):
                raise


def is_done(catalog: SqlCatalog, root: Path, erasure: str) -> bool:
    """Return whether the lake says that something was erased.

    Waits for whoever is just about to say so.
    """
    database = sqlite3.connect(
        root / DATABASE, timeout=failures.LOCK_SECONDS, isolation_level=None
    )
    with contextlib.closing(database):
        database.execute("begin immediate")
        database.execute("rollback")
    statement = sa.select(TABLES.c.metadata_location).where(
        TABLES.c.table_namespace == NAMESPACE, TABLES.c.table_name == LEDGER
    )
    with catalog.engine.connect() as connection:
        location = connection.scalar(statement)
    if location is None:
        return False
    properties = read(PyArrowFileIO({}), location).properties
    return erasure in properties.get(ERASURES, "").split(",")


def finish(root: Path, note: Note) -> None:
    """Delete what held the rows, now that nothing names it.

    Raises
    ------
    OSError
        If a file cannot be deleted.
    """
    remove(note.doomed)
    DiskCache.of(os.environ).forget(note.tables)
    compact(root)


def remove(paths: Iterable[str]) -> None:
    """Delete files, and the folders that are empty then.

    Raises
    ------
    OSError
        If one cannot be deleted.
    """
    folders = set()
    for path in paths:
        place = Path(PyArrowFileIO.parse_location(path, {})[2])
        with contextlib.suppress(FileNotFoundError):
            place.unlink()
        folders.add(place.parent)
    for folder in folders:
        while folder.name not in {"data", "metadata"} and folder.parent != folder:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent  # noqa: PLW2901 - upwards


def compact(root: Path) -> bool:
    """Write the database anew, without the pages that are free; False if it is busy."""
    database = sqlite3.connect(
        root / DATABASE, timeout=failures.LOCK_SECONDS, isolation_level=None
    )
    with contextlib.closing(database):
        try:
            database.execute("pragma secure_delete = on")
            database.execute("vacuum")
            database.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.OperationalError:
            return False
    return True


def certificate_at(root: Path, erasure: str) -> Path:
    """Return where a certificate lies."""
    return root / CERTIFICATES / f"{erasure}.json"


def certify(root: Path, erasure: str, certificate: Mapping[str, Any]) -> None:
    """Write a certificate, and have it on the disk.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    place = certificate_at(root, erasure)
    place.parent.mkdir(exist_ok=True)
    text = json.dumps(certificate, ensure_ascii=False, indent=1)
    write_whole(place, text.encode())


def certify_anew(root: Path, change: Callable[[Any], Any]) -> None:
    """Write certificates anew of which `change` makes others: a reason may say much.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    for said in certificates(root):
        if (now := change(said)) != said:
            certify(root, said["id"], now)


def certificates(root: Path) -> list[dict[str, Any]]:
    """Return the certificates of a lake, the first first."""
    found: list[tuple[str, int, dict[str, Any]]] = []
    for place in (root / CERTIFICATES).glob("*.json"):
        with contextlib.suppress(ValueError, OSError):
            said = json.loads(place.read_bytes())
            if isinstance(said, dict):
                written = place.stat().st_mtime_ns
                found.append((str(said.get("at")), written, said))
    return [said for _, _, said in sorted(found, key=lambda each: each[:2])]
