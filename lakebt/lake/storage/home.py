"""The place where a lake was written, which its metadata holds in absolute paths."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakebt.errors import LakeError
from lakebt.lake.storage.move_note import carry_out
from lakebt.lake.storage.table_loader import pointer
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog


def home_in(catalog: SqlCatalog) -> Path | None:
    """Return the directory that a lake was in when it was written; None if never."""
    location = pointer(catalog, (NAMESPACE,), LEDGER)
    if location is None:
        return None
    place = Path(urlsplit(location).path).resolve()
    return place.parents[min(4, len(place.parents) - 1)]


def check_place(catalog: SqlCatalog, root: Path, *, where: str) -> None:
    """Check that the lake was made where it lies: its metadata holds absolute paths.

    A copy would write among the files of the original, and delete its metadata.

    Raises
    ------
    LakeError
        If it was moved or copied.
    """
    if _is_here(home := home_in(catalog), root) or carry_out(catalog, root):
        return
    if not _is_here(home := home_in(catalog), root):  # others may have carried it out
        cure = shlex.join(["lakebt", "move", "--lake", str(root), "--from", str(home)])
        msg = (
            f"{where} was moved or copied from {home}, and its files are recorded "
            f"there: move it back, or make it a lake of this place: {cure}"
        )
        raise LakeError(msg)


def _is_here(home: Path | None, root: Path) -> bool:
    return home is None or home.is_relative_to(root.resolve())
