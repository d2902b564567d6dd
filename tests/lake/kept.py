"""Lakes that earlier versions made, kept as they were written: at `/lake`."""

from __future__ import annotations

import tarfile
from pathlib import Path

from tests.lake.other_engines import Clock

LAKES = Path(__file__).resolve().parents[1] / "lakes"

HOME = "/lake"
"""Where each of them was made."""

NAMES = ("layout-1", "layout-2")

DIGESTS = {
    "R1": "8773a498c2fdfb799d49dd48f99f93149c12863bd1fc1ec312af150a4738635d",
    "R2": "6b7dc0f3288b35c682e352b863c7f3101c13d1f8f4569d6168c0032124b76a5a",
    "R4": "96201cf1dd6ad97fa8dbab498c6f9500628da8713934d21a889e79e1fa2fa9c4",
}
"""Of the releases of each, which all hold the same."""


def unpacked(name: str, folder: Path) -> Path:
    """Put a kept lake into a folder, and return where it is. It has yet to settle."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(LAKES / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "lake"


def clock() -> Clock:
    """Return a clock that says a day after the last of them was written."""
    now = Clock()
    now.pass_by(days=3)
    return now
