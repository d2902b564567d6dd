"""Where the demo writes. It deletes only what a demo made."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import LakebtError, LakeError
from lakebt.lake.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


MARKER = ".made-by-lakebt-demo"
"""A file in each lake that a demo made."""

GENERATOR = b'<meta name="generator" content="lakebt">'
"""A line in every report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What a demo leaves behind."""

    out: Path

    @property
    def lake(self) -> Path:
        """The directory of its lake."""
        return self.out / "lake"

    @property
    def report(self) -> Path:
        """Its report."""
        return self.out / "report.html"

    def clear(self, *, releases: Collection[str]) -> None:
        """Make room for a new lake, where there is none or an earlier demo's.

        Parameters
        ----------
        releases
            Those that demos publish. A lake that holds others is somebody's.

        Raises
        ------
        LakeError
            If there is something that no demo made, or the folder cannot be written.
        """
        try:
            if self.report.exists() and not self._is_our_report(releases):
                raise LakeError(_refusal(self.report, "was not made by a demo"))
            if self.lake.exists() or self.lake.is_symlink():
                self._check_is_ours(releases)
                shutil.rmtree(self.lake)
            self.lake.mkdir(parents=True)
            # First of all, so that a demo that is stopped half way can be run again.
            (self.lake / MARKER).touch()
        except OSError as error:
            why = (error.strerror or "it failed").lower()
            msg = f"the demo cannot write {self.lake} ({why}): choose another --out"
            raise LakeError(msg) from None

    def _is_our_report(self, releases: Collection[str]) -> bool:
        """Whether the report is one on what a demo published."""
        page = self.report.read_bytes()
        return GENERATOR in page and any(name.encode() in page for name in releases)

    def _check_is_ours(self, releases: Collection[str]) -> None:
        """Refuse a lake that no demo made, or that somebody published into since.

        Raises
        ------
        LakeError
            With the cure.
        """
        if self.lake.is_symlink() or not (self.lake / MARKER).is_file():
            raise LakeError(_refusal(self.lake, "was not made by a demo"))
        for name in self._published():
            if name not in releases:
                why = f"holds the release {name!r}, which no demo published"
                raise LakeError(_refusal(self.lake, why))

    def _published(self) -> list[str]:
        """Return the releases in the lake; none if it was never finished."""
        try:
            return list(Lake.open(self.lake, create=False).releases()["name"])
        except LakebtError:
            return []


def _refusal(path: Path, why: str) -> str:
    return f"{path} {why}, so it stays as it is: choose another folder with --out"
