"""The directory of an embedded lake, and the check that it was not moved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa
from pyiceberg.catalog.sql import IcebergTables
from sqlalchemy.orm import Session

from lakebt.errors import LakeError
from lakebt.lake.tables.schemas import LEDGER, NAMESPACE

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog


DATABASE = "catalog.db"
WAREHOUSE = "warehouse"


def check_directory(root: Path, *, create: bool, where: str) -> None:
    """Check that there is a lake, or make the directory for one.

    Raises
    ------
    LakeError
        If there is none, or it cannot be made.
    """
    if root.exists() and not root.is_dir():
        msg = f"{where} is a file: pass the directory of a lake"
        raise LakeError(msg)
    if (root / DATABASE).is_dir():
        msg = f"{where} is not a lake: its {DATABASE} is a directory"
        raise LakeError(msg)
    if (root / DATABASE).exists():
        return
    if not create:
        what = "is not a lake" if root.exists() else "does not exist"
        msg = f"{where} {what}: publish into it first, or check the path"
        raise LakeError(msg)
    try:
        (root / WAREHOUSE).mkdir(parents=True, exist_ok=True)
        (root / DATABASE).touch()
    except OSError as error:
        msg = f"{where} cannot be made: {error.strerror}. Choose a writable directory"
        raise LakeError(msg) from None


def check_place(catalog: SqlCatalog, root: Path, *, where: str) -> None:
    """Check that the lake was made where it lies: its metadata holds absolute paths.

    A copy would write among the files of the original, and delete its metadata.

    Raises
    ------
    LakeError
        If it was moved or copied.
    """
    statement = sa.select(IcebergTables.metadata_location).where(
        IcebergTables.table_namespace == NAMESPACE, IcebergTables.table_name == LEDGER
    )
    with Session(catalog.engine) as session:
        location = session.scalar(statement)
    if location is None:
        return
    place = Path(urlsplit(location).path).resolve()
    if not place.is_relative_to(root.resolve()):
        home = place.parents[min(4, len(place.parents) - 1)]
        msg = (
            f"{where} was moved or copied from {home}, and its files are recorded "
            f"there: move it back, or publish into a new lake"
        )
        raise LakeError(msg)
