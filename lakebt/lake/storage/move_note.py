"""The note that a lake has in its folder while that is moved: where to, and what then.

The folder is renamed in one step, and the catalog in it changes its paths in another.
If the process is killed in between, the next `open` carries out the second step.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lakebt.lake.storage.connections import TABLES
from lakebt.lake.storage.durability import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.catalog.sql import SqlCatalog


NOTE = "move.json"
"""What the note is called."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the metadata of a table is, and where it is to be."""

    catalog: str
    namespace: str
    table: str
    before: str
    after: str


def leave(root: Path, to: Path, pointers: Iterable[Pointer]) -> None:
    """Write the note, and flush it to the disk."""
    rows = [[p.catalog, p.namespace, p.table, p.before, p.after] for p in pointers]
    text = json.dumps({"to": str(to), "tables": rows})
    write_whole(root / NOTE, text.encode())


def point(connection: sa.Connection, pointers: Iterable[Pointer]) -> bool:
    """Point all tables at their new metadata; False if one is elsewhere by now."""
    for pointer in pointers:
        changed = connection.execute(
            sa.update(TABLES)
            .where(
                TABLES.c.catalog_name == pointer.catalog,
                TABLES.c.table_namespace == pointer.namespace,
                TABLES.c.table_name == pointer.table,
                TABLES.c.metadata_location == pointer.before,
            )
            .values(metadata_location=pointer.after, previous_metadata_location=None)
        )
        if changed.rowcount != 1:
            return False
    return True


def carry_out(catalog: SqlCatalog, root: Path) -> bool:
    """Do what the note in a folder says, if the folder was moved as it says.

    Raises
    ------
    OperationalError
        If the catalog cannot be written.
    """
    try:
        note = json.loads((root / NOTE).read_bytes())
        to, pointers = Path(note["to"]), [Pointer(*row) for row in note["tables"]]
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return False
    if to.resolve() != root.resolve():
        return False
    with catalog.engine.connect() as connection:
        if not point(connection, pointers):  # somebody did it, or published before
            connection.rollback()
            return False
        connection.commit()
    with contextlib.suppress(OSError):
        (root / NOTE).unlink()
    return True
