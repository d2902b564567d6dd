"""The directory of an embedded lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import LakeError

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "catalog.db"
WAREHOUSE = "warehouse"

UNFINISHED = "unfinished-copy.json"
"""A file that is there while a lake is copied to a place."""


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
    if (root / UNFINISHED).exists():
        msg = f"{where} is an unfinished copy: copy it again, or delete the folder"
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
