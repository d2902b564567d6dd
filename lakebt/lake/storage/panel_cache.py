"""Panels kept on disk, to be mapped into memory by any process that asks again.

A file is believed only if it is whole: it says itself which panel it is, and carries a
checksum of all it holds. What cannot be read or written is as if it were not there. The
files may be deleted at any time; a process that has one mapped keeps it until it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
import stat
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lakebt._typing import FloatPanel


FORMAT = 1
"""Goes up when a panel of the same key comes to hold something else."""

DEFAULT_BYTES = 2 * 2**30
LEAST_BYTES = 256 * 2**10
"""A smaller panel is not worth a file."""

_REMEMBERED = 4096
"""How many panels are known to be whole without looking again."""

_MAGIC = b"lakebtP\n"
_HEAD = struct.Struct("<8s16sQ")  # magic, checksum of what follows it, length of header
_LONGEST_HEADER = 2**26
"""In bytes. What says that it has a longer one is no panel."""

_SUMMED = 24
_ALIGNED = 64
_OURS = re.compile(r"[0-9a-f]{32}\.panel|\.[a-z0-9_]+\.part")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, struct.error)


@dataclass(frozen=True, slots=True)
class Kept:
    """A panel as it was kept.

    Attributes
    ----------
    values
        Shape (n_sessions, n_symbols). A copy: writing into it changes neither the file
        nor what others read.
    about
        What was kept with it.
    """

    values: FloatPanel
    about: Mapping[str, Any]


class DiskCache:
    """The panels used last, in one directory, up to a size in bytes.

    Parameters
    ----------
    folder
        Where they are; None keeps nothing. Made when it is missing. One that belongs to
        somebody else, or that others may write to, is not used.
    limit
        In bytes. Those not opened for longest go first.
    """

    def __init__(self, folder: Path | None, limit: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._verified: dict[str, tuple[int, ...]] = {}

    @property
    def folder(self) -> Path | None:
        """Where panels are kept; None if none are."""
        return self._folder

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> DiskCache:
        """Return the cache where the environment says.

        In ``LAKEBT_CACHE``, else in ``lakebt`` of ``XDG_CACHE_HOME`` or ``~/.cache``;
        none if ``LAKEBT_CACHE`` is ``off``. Of ``LAKEBT_CACHE_BYTES``, else 2 GiB.

        Raises
        ------
        InvalidArgumentError
            If ``LAKEBT_CACHE_BYTES`` is not a number of bytes.
        """
        size = environment.get("LAKEBT_CACHE_BYTES") or str(DEFAULT_BYTES)
        if not (size.isascii() and size.isdigit()):
            msg = f"LAKEBT_CACHE_BYTES must be a whole number of bytes, was {size!r}"
            raise InvalidArgumentError(msg)
        return cls(_folder(environment), int(size))

    def load(self, key: Mapping[str, object]) -> Kept | None:
        """Return the panel cached under `key`, None if there is no valid one."""
        folder = self._usable(make=False)
        if folder is None:
            return None
        name, text = _named(key)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(folder / name, flags)
        except OSError:
            return None
        try:
            return self._believed(file, name, text)
        except _UNREADABLE:
            return None
        finally:
            os.close(file)

    def _believed(self, file: int, name: str, text: str) -> Kept | None:
        status = os.fstat(file)
        is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if not is_own or status.st_mode & _OTHERS_MAY_WRITE:
            return None
        mapped = mmap.mmap(file, status.st_size, access=mmap.ACCESS_COPY)
        magic, checksum, length = _HEAD.unpack_from(mapped)
        if magic != _MAGIC:
            return None
        if self._verified.get(name) != _identity(status):
            with memoryview(mapped) as whole, whole[_SUMMED:] as summed:
                if xxhash.xxh3_128_digest(summed) != checksum:
                    return None
            if name not in self._verified:
                # Once per process: two that did so each time would verify each time.
                with contextlib.suppress(OSError):
                    os.utime(file)
                if len(self._verified) >= _REMEMBERED:
                    self._verified.clear()
            self._verified[name] = _identity(os.fstat(file))
        header = json.loads(mapped[_HEAD.size : _HEAD.size + length])
        rows, columns = header["shape"]
        start = _aligned(_HEAD.size + length)
        if header["key"] != text or status.st_size != start + 8 * rows * columns:
            return None
        values = np.frombuffer(mapped, "<f8", count=rows * columns, offset=start)
        return Kept(values.reshape(rows, columns), header["about"])

    def keep(
        self, key: Mapping[str, object], values: FloatPanel, about: Mapping[str, Any]
    ) -> None:
        """Keep a panel under `key`, if it is worth it and there is room.

        Parameters
        ----------
        key, about
            What JSON can write. Never a path.
        values
            Shape (n_sessions, n_symbols).
        """
        if not LEAST_BYTES <= values.nbytes <= self._limit:
            return
        folder = self._usable(make=True)
        if folder is None:
            return
        name, text = _named(key)
        header = json.dumps({"key": text, "shape": values.shape, "about": about})
        written = header.encode().ljust(_aligned(_HEAD.size + len(header)) - _HEAD.size)
        length = struct.pack("<Q", len(header))
        summed = xxhash.xxh3_128(length + written)
        data = np.ascontiguousarray(values, dtype="<f8")
        summed.update(data.data)
        part = ""
        try:
            file, part = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
            with open(file, "wb") as target:  # noqa: PTH123 - a descriptor
                target.write(_MAGIC + summed.digest() + length + written)
                target.write(data.data)
            os.replace(part, folder / name)  # noqa: PTH105 - as the rest here
            _make_room(folder, self._limit)
        except OSError:
            if part:
                with contextlib.suppress(OSError):
                    os.unlink(part)  # noqa: PTH108

    def forget(self, tables: Iterable[str]) -> int:
        """Delete the panels that are made of some tables, and return how many.

        Parameters
        ----------
        tables
            Their uuids, which the key of a panel holds.
        """
        folder, count = self._usable(make=False), 0
        uuids = [uuid.encode() for uuid in tables]
        if folder is None:
            return 0
        for place in folder.iterdir():
            if not _OURS.fullmatch(place.name):
                continue
            with contextlib.suppress(*_UNREADABLE):
                with place.open("rb") as file:
                    _, _, length = _HEAD.unpack(file.read(_HEAD.size))
                    header = file.read(min(length, _LONGEST_HEADER))
                if any(uuid in header for uuid in uuids):
                    place.unlink()
                    count += 1
        return count

    def _usable(self, *, make: bool) -> Path | None:
        """Return the directory if there is one that no other user may write to."""
        if self._folder is None:
            return None
        try:
            if make:
                self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder.mkdir(mode=0o700, exist_ok=True)
            status = self._folder.stat()
        except OSError:
            return None
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        return (
            None if not is_own or status.st_mode & _OTHERS_MAY_WRITE else self._folder
        )


def _folder(environment: Mapping[str, str]) -> Path | None:
    own = environment.get("LAKEBT_CACHE")
    if own and own.lower() == "off":
        return None
    if own:
        return Path(own) / "panels"
    root = environment.get("XDG_CACHE_HOME", "")
    if not Path(root).is_absolute():  # by the XDG specification
        home = environment.get("HOME")
        if not home:
            return None
        root = str(Path(home) / ".cache")
    return Path(root) / "lakebt" / "panels"


def _named(key: Mapping[str, object]) -> tuple[str, str]:
    """Return the name of the file of a key, which holds no word of it, and its text."""
    text = json.dumps([FORMAT, key], sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.panel", text


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file does."""
    return (
        *(found.st_dev, found.st_ino, found.st_size),
        *(found.st_mtime_ns, found.st_ctime_ns),
    )


def _make_room(folder: Path, limit: int) -> None:
    """Delete the files not opened for longest, those left by the killed among them."""
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name):
                with contextlib.suppress(
                    FileNotFoundError
                ):  # another process was first
                    about = entry.stat(follow_symlinks=False)
                    files.append((about.st_mtime_ns, about.st_size, entry.path))
    used = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if used <= limit:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108
        used -= size
