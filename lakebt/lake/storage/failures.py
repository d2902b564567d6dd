"""Errors of catalogs and files in one line: what failed, where, and the cure."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import re
import struct
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyiceberg.exceptions
from pydantic_core import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from lakebt.errors import LakebtError, LakeError
from lakebt.lake.storage.directory import DATABASE
from lakebt.lake.storage.redaction import redacted
from lakebt.lake.storage.remote_failures import refused

if TYPE_CHECKING:
    from collections.abc import Iterator


LOCK_SECONDS = 30.0
"""How long a writer waits for another one's transaction on the same catalog."""

ICEBERG = tuple(
    error
    for error in vars(pyiceberg.exceptions).values()
    if isinstance(error, type) and issubclass(error, Exception)
)


class LostRaceError(Exception):
    """Another commit came first. Nothing was changed; look again and retry."""


class BusyError(LostRaceError):
    """Another program held the catalog's lock for longer than the timeout."""


class DamagedFileError(Exception):
    """A parser could not read a file of the lake; the cause is the parser's error."""


class ChangedFileError(DamagedFileError):
    """A file of the lake does not have its written content.

    Parameters
    ----------
    path
    """

    def __init__(self, path: str) -> None:
        self.name = path.rsplit("/", maxsplit=1)[-1]
        super().__init__(
            f"the file {self.name} was changed since it was written, or is another one"
        )


_STORAGE = (
    *(OSError, SQLAlchemyError, pa.ArrowException, *ICEBERG),
    *(EOFError, zlib.error, ValidationError, DamagedFileError),
)

_CLIENTS = frozenset(
    {"boto3", "botocore", "google", "hive_metastore", "py4j", "pyspark", "thrift"}
)
"""Packages that talk to a catalog or a store, whose errors have no base in common."""

_OF_PARSERS = (
    *(ValueError, LookupError, ArithmeticError, AssertionError, NotImplementedError),
    *(SystemError,),  # of compiled code that was given a length below zero
    struct.error,
)

_FULL = (
    "disk is full",  # SQLite's
    *(os.strerror(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)),
)

_READ_ONLY = ("readonly", os.strerror(errno.EROFS))

_PARSERS = frozenset({"pyiceberg", "pydantic", "pydantic_core", "json"})


def is_failure(error: BaseException) -> bool:
    """Return whether storage raised an error: a catalog, a store, a file or a parser.

    A closed list. Everything else is a fault of lakebt's, and is never told as damage
    of a lake, which would send people to a backup for a mistake of ours.
    """
    package = type(error).__module__.partition(".")[0]
    return isinstance(error, _STORAGE) or package in _CLIENTS


@contextlib.contextmanager
def parsing() -> Iterator[None]:
    """Tell a file that a parser cannot read from a fault of lakebt's.

    Only the call of the parser belongs into it.

    Raises
    ------
    DamagedFileError
        From what the parser raised.
    """
    try:
        yield
    except Exception as error:
        if is_failure(error) or not _is_of_parser(error):
            raise
        raise DamagedFileError(str(error)) from error


def _is_of_parser(error: Exception) -> bool:
    """Return whether a parser raised an error.

    In a damaged file it meets values of any type, so a `TypeError` counts if the call
    that failed was made within the parser. One of a call of ours does not.
    """
    if isinstance(error, LakebtError):
        return False
    if isinstance(error, _OF_PARSERS):
        return True
    if not isinstance(error, TypeError | AttributeError):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in _PARSERS


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what storage raises into one clear line. Everything else passes as it is.

    Raises
    ------
    LakeError
        If a catalog, a store, a file or a parser raised: see `is_failure`.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, LakebtError | LostRaceError) or not is_failure(error):
            raise
        msg = f"{where} {explain(error)}"
        # Without its cause, whose text may hold a password.
        raise LakeError(msg) from None


def explain(error: Exception) -> str:
    """Say in one line what is wrong with storage that raised `error`, and the cure."""
    if isinstance(error, DamagedFileError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if (remote := refused(error)) is not None:
        return redacted(remote)
    text = first_line(error)
    restore = "Restore it from a backup"
    if isinstance(error, ChangedFileError):
        is_metadata = error.name.endswith(".metadata.json")
        what = "corrupt metadata" if is_metadata else "damaged"
        return f"has a {what} file: {text} {restore}"
    is_known = isinstance(error, (SQLAlchemyError, OSError, *ICEBERG))
    explained = (
        (isinstance(error, FileNotFoundError), f"has lost {lost(error)}. {restore}"),
        (
            isinstance(error, PermissionError) or _says(text, _READ_ONLY),
            f"is not writable: {text} Check the permissions of its directory",
        ),
        (has_no_room(error), f"has no room left: {text} Make some, and do it again"),
        (
            "disk I/O error" in text,  # SQLite's, when it may not delete its journal
            f"cannot be written: {text} Check its directory's permissions and its disk",
        ),
        ("database is locked" in text, locked()),
        (
            "unable to open database file" in text,
            (
                f"cannot be opened: its {DATABASE} is gone, or may not be read. If it "
                f"was moved, open it there"
            ),
        ),
        ("no such table" in text, f"is not a lake: its {DATABASE} is empty. {restore}"),
        (
            "not a database" in text or "malformed" in text,
            f"has a corrupt {DATABASE}: {text} {restore}",
        ),
        (
            isinstance(error, (gzip.BadGzipFile, zlib.error))
            or "end-of-stream marker" in text  # a gzipped file that was cut
            or "validation error" in text,
            f"has a corrupt metadata file. {restore}",
        ),
        (is_known, f"cannot be used: {text}"),
    )
    damaged = f"has a damaged file: {text} {restore}"
    return next((words for applies, words in explained if applies), damaged)


def has_no_room(error: BaseException) -> bool:
    """Return whether a disk was full, or what somebody may have of it."""
    return _says(str(error), _FULL)


def _says(text: str, words: tuple[str, ...]) -> bool:
    # By its words: pyarrow and SQLite pass on no number of the system's.
    return any(each in text for each in words)


def lost(error: FileNotFoundError | Exception) -> str:
    """Say which file is gone, without the path that leads there."""
    match = re.search(r"[^/'\"]+\.(json|avro|parquet|db)\b(?!/)", str(error))
    return f"the file {match.group()}" if match else "a file"


def locked() -> str:
    """Return the words for a lock that was not released in time."""
    return (
        f"is locked: another program holds its catalog for more than "
        f"{LOCK_SECONDS:g} s. Close it and try again"
    )


def first_line(error: BaseException) -> str:
    """Return the first line of a foreign error, without class, links or passwords."""
    original = getattr(error, "orig", None)
    text = str(original if original is not None else error).strip()
    first = redacted(text.splitlines()[0]) if text else type(error).__name__
    return first if first.endswith(".") else f"{first}."
