"""Files as they are stored: alone or in a folder, packed or not, of limited size."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.inputs.places import check_is_path

if TYPE_CHECKING:
    from collections.abc import Callable


MOST_BYTES = 2**31
"""How large a file may be unpacked: 2 GiB. A packed one of a few kB can hold more."""

_CHUNK = 2**20

KNOWN = (".csv", ".parquet", ".xlsx", ".xlsm", ".xml")
"""How files begin their names' ends that lakebt reads."""

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def _gzip(source: Any) -> Any:
    return gzip.GzipFile(fileobj=source)


def _zst(source: Any) -> Any:
    return pa.CompressedInputStream(source, "zstd")


_MAGIC: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
    b"\x28\xb5\x2f\xfd": ("zstd", _zst),
}
_ZIP = b"PK\x03\x04"

_FAILURES = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)
_ZIP_FAILURES = (*_FAILURES, zipfile.BadZipFile, RuntimeError, NotImplementedError)


def kind_of(path: Path) -> str:
    """Return a file's type by the end of its name, without that of its packing.

    Examples
    --------
    >>> kind_of(Path("bars.csv.gz")), kind_of(Path("primary_doc.XML"))
    ('.csv', '.xml')
    """
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in _PACKED else suffix


def files_of(path: Path, *, table: str, also: tuple[str, ...] = ()) -> list[Path]:
    """Return the files that a path means: itself, a folder's, or those of a pattern.

    Parameters
    ----------
    path
        Files of a folder are those in it, in the order of their names, without hidden
        ones. A pattern is as the shell has it: ``bars/*.csv``.
    table
        Where their rows go, for errors.
    also
        Ends of names beside `KNOWN` that a folder may hold.

    Raises
    ------
    InvalidArgumentError
        If it is a URL.
    InvalidDataError
        If there is no file, or a folder holds something else.
    """
    check_is_path(str(path), what="file", cure="fetch the file, and name the copy")
    if path.is_dir():
        files = sorted(
            each for each in path.iterdir() if not each.name.startswith((".", "_"))
        )
        for each in files:
            if each.is_dir() or kind_of(each) not in (*KNOWN, *also):
                what = "a folder" if each.is_dir() else "neither .csv nor .parquet"
                problem = (
                    f"folder {path} holds {each.name!r}, which is {what}: name the "
                    f"files that are meant, as '{path}/*.csv'."
                )
                raise InvalidDataError(table, problem)
        if not files:
            raise InvalidDataError(table, f"folder {path} is empty: check the path.")
        return files
    if not path.exists() and glob.has_magic(str(path)):
        files = sorted(Path(each) for each in glob.glob(str(path), recursive=True))  # noqa: PTH207 - of any root
        if not files:
            problem = f"no file is like {path}: check the pattern."
            raise InvalidDataError(table, problem)
        return files
    return [path]


def read_bytes(path: Path, *, table: str) -> tuple[bytes | None, str]:
    """Return the content of a file, unpacked, and how it was packed.

    Parameters
    ----------
    path
        A file. What it is is told by its first bytes, and not by its name.
    table
        Where its rows go, for errors.

    Returns
    -------
    tuple of bytes or None and str
        None and "" if it is not packed.

    Raises
    ------
    InvalidDataError
        If it is damaged, an archive of several files, or too large.
    OSError
        If it cannot be read at all.
    """
    with path.open("rb") as source:
        first = source.read(6)
        source.seek(0)
        if first.startswith(_ZIP):
            try:
                return _of_archive(source, path, table), "zip"
            except _ZIP_FAILURES as error:
                raise InvalidDataError(table, _damage(path, "zip", error)) from None
        for magic, (name, opened) in _MAGIC.items():
            if first.startswith(magic):
                try:
                    with opened(source) as stream:
                        return _limited(stream, path, table), name
                except _FAILURES as error:
                    raise InvalidDataError(table, _damage(path, name, error)) from None
    return None, ""


def is_packed(first: bytes) -> bool:
    """Whether a file is packed, by its first bytes."""
    return first.startswith((_ZIP, *_MAGIC))


def _of_archive(source: IO[bytes], path: Path, table: str) -> bytes:
    """Return the one file in an archive.

    Raises
    ------
    InvalidDataError
        If there is none, or several.
    """
    with zipfile.ZipFile(source) as archive:
        inside = [
            each
            for each in archive.infolist()
            if not each.is_dir() and not each.filename.startswith("__MACOSX/")
        ]
        if len(inside) != 1:
            problem = (
                f"file {path} is an archive of {len(inside)} files: unpack it, and "
                f"name the file that is meant."
            )
            raise InvalidDataError(table, problem)
        with archive.open(inside[0]) as stream:
            return _limited(stream, path, table)


def _limited(stream: Any, path: Path, table: str) -> bytes:
    """Return all that a stream gives, if that is not too much.

    Raises
    ------
    InvalidDataError
        If it is.
    """
    buffer = io.BytesIO()
    while part := stream.read(_CHUNK):
        buffer.write(part)
        check_size(buffer.tell(), path, table)
    return buffer.getvalue()


def check_size(size: int, path: Path, table: str) -> None:
    """Check the unpacked size of a file.

    Raises
    ------
    InvalidDataError
        If it is too large.
    """
    if size > MOST_BYTES:
        problem = (
            f"file {path} holds more than {MOST_BYTES:,} bytes when it is "
            f"unpacked: unpack it yourself, and publish it in parts."
        )
        raise InvalidDataError(table, problem)


def _damage(path: Path, how: str, error: Exception) -> str:
    why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"file {path} cannot be unpacked as {how}: {why[:200]}. Fetch it again."


def check_option(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    """Check an option of how files are read.

    Raises
    ------
    InvalidArgumentError
        If it is none of those there are.
    """
    if value is not None and value not in allowed:
        shown = ", ".join(map(repr, allowed))
        msg = f"{name} must be one of {shown}, was {value!r}"
        raise InvalidArgumentError(msg)
