"""The files of a folder or a bucket, and their bytes, no more than are looked at."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFile

if TYPE_CHECKING:
    from collections.abc import Iterator


SMALL = 32 * 2**20
"""A file of at most so many bytes is read in one request."""

WINDOW = 8 * 2**20
"""Of a larger one so many are looked at together."""


BETWEEN = b"\xff\xfe\xff\xff"
"""What parts texts that do not stand beside each other: no text has it."""

_MAGIC = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Some bytes of a file.

    Attributes
    ----------
    where : str
        What they are, in words.
    data : bytes
    is_noise : bool
        Whether they are compressed, or numbers.
    is_cells : bool
        Whether they are what rows hold.
    start, end : int or None
        Between these a value begins that counts; the rest is what stands beside it.
    """

    where: str
    data: bytes
    is_noise: bool = False
    is_cells: bool = False
    start: int = 0
    end: int | None = None


class Content:
    """The bytes of a file, of which no more are held than are looked at.

    Attributes
    ----------
    path : str
        As it is told: below its place.
    size : int
    local : pathlib.Path or None
        Where it lies, if on a disk.
    """

    def __init__(
        self,
        path: str,
        size: int,
        *,
        system: pafs.FileSystem,
        inner: str,
        local: Path | None = None,
    ) -> None:
        self.path, self.size, self.local = path, size, local
        self._system, self._inner = system, inner
        self._file: Any = None
        self._held: bytes | None = None

    def at(self, start: int, n_bytes: int) -> bytes:
        """Return some bytes, fewer at the end.

        Raises
        ------
        OSError
            If they cannot be read.
        """
        if self._held is None and self.size <= SMALL:
            with self._system.open_input_file(self._inner) as stream:
                self._held = stream.read()
            self.size = len(self._held)
        if self._held is not None:
            return self._held[start : start + n_bytes]
        if self._file is None:
            self._file = self._system.open_input_file(self._inner)
        there = max(0, min(n_bytes, self.size - start))
        read: bytes = self._file.read_at(there, start)
        return read

    @property
    def magic(self) -> bytes:
        """How it begins."""
        return self.at(0, _MAGIC)

    def input(self) -> PyArrowFile:
        """Return it as pyiceberg reads it."""
        return PyArrowFile(self._inner, self._inner, self._system)

    def stream(self) -> Any:
        """Return it as a file of Arrow's."""
        if self.size <= SMALL:
            return pa.BufferReader(self.at(0, self.size))
        return self._system.open_input_file(self._inner)

    def windows(
        self, where: str, *, beside: int, is_noise: bool = False
    ) -> Iterator[Region]:
        """Give all of it, in pieces that a text of `beside` bytes does not straddle."""
        start, size = 0, max(WINDOW, 4 * beside)
        if self.size <= SMALL:
            data = self.at(0, self.size)
            yield Region(where=where, data=data, is_noise=is_noise)
            return
        while start < self.size:
            data = self.at(max(0, start - beside), size + beside)
            before = start - max(0, start - beside)
            is_last = start - before + len(data) >= self.size
            end = len(data) if is_last else len(data) - beside
            yield Region(
                where=where, data=data, is_noise=is_noise, start=before, end=end
            )
            if is_last:
                return
            start += end - before

    def close(self) -> None:
        """Let go of it."""
        self._held = None
        if self._file is not None:
            self._file.close()


def files_in(
    system: pafs.FileSystem, folder: str, *, called: str = ""
) -> Iterator[Content]:
    """Give every file of a folder, of a disk or of a store, hidden ones too.

    On a disk no link is followed.
    """
    if isinstance(system, pafs.LocalFileSystem):
        for inner, _, names in os.walk(folder):
            for name in sorted(names):
                whole = Path(inner) / name
                with contextlib.suppress(FileNotFoundError):
                    status = whole.lstat()
                    if stat.S_ISREG(status.st_mode):
                        yield Content(
                            f"{called}{whole.relative_to(folder).as_posix()}",
                            status.st_size,
                            system=system,
                            inner=str(whole),
                            local=whole,
                        )
        return
    selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
    for info in system.get_file_info(selector):
        if info.type is pafs.FileType.File:
            inside = info.path.removeprefix(f"{folder}/")
            yield Content(
                f"{called}{inside}", info.size, system=system, inner=info.path
            )
