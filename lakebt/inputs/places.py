"""Places that people name: paths of this machine, and not URLs."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


_URL = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]+:)+)/")
"""A scheme of two letters or more: one letter is a drive of Windows. `Path` leaves one
slash of two."""

_CLASSES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Classes of Unicode that end lines or do nothing, and halves of characters."""


def scheme_of(path: str) -> str:
    """Return the scheme of a URL, "" for a path.

    Examples
    --------
    >>> scheme_of("s3://bucket/lake"), scheme_of("/data/lake"), scheme_of("C:/lake")
    ('s3', '', '')
    """
    match = _URL.match(path)
    return match.group(1).removesuffix(":") if match else ""


def check_is_path(path: str, *, what: str, cure: str) -> None:
    """Check that a text names a place on this machine.

    Parameters
    ----------
    path
        As given.
    what
        What it is the place of.
    cure
        What to do with a URL, without a full stop.

    Raises
    ------
    InvalidArgumentError
        If it is a URL, which is not shown: it may hold a password. Or if it holds a
        character that other programs read as the end of it.
    """
    if scheme := scheme_of(path):
        if scheme.casefold() == "file":
            cure = "write the path alone, as /data/lake"
        msg = f"{what} {scheme}://... is a URL, not a path: {cure}"
        raise InvalidArgumentError(msg)
    odd = [each for each in path if unicodedata.category(each) in _CLASSES]
    if odd:
        named = ", ".join(f"U+{ord(each):04X}" for each in sorted(set(odd)))
        msg = f"{what} {path!a} contains {named}, which nobody sees: take it out"
        raise InvalidArgumentError(msg)


def local_path(path: str | os.PathLike[str], *, what: str, cure: str) -> Path:
    """Return a place on this machine, with the home directory that ``~`` stands for.

    Parameters
    ----------
    path, what, cure
        As `check_is_path` takes them.

    Raises
    ------
    InvalidArgumentError
        If it is not a path, or names the home directory of an unknown user.
    """
    try:
        named = os.fspath(path)
    except TypeError:
        msg = f"{what} must be a path, was {path!r}"
        raise InvalidArgumentError(msg) from None
    check_is_path(named, what=what, cure=cure)
    try:
        return Path(named).expanduser()
    except RuntimeError:
        user = named.partition("/")[0]
        msg = f"{what} {named!a}: there is no home directory {user!a}: write it out"
        raise InvalidArgumentError(msg) from None


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Say in one line why a place cannot be written, and what to do.

    Parameters
    ----------
    place
        A file, or a folder for several.

    Raises
    ------
    InvalidArgumentError
        In the place of what the system says.

    Examples
    --------
    >>> with writing(Path("/no/such/folder/a.csv")):
    ...     Path("/no/such/folder/a.csv").write_text("a")
    Traceback (most recent call last):
    lakebt.errors.InvalidArgumentError: cannot write /no/such/folder/a.csv: ...
    """
    try:
        yield
    except OSError as error:
        is_full = error.errno in _FULL
        cure = "Make room, and do it again" if is_full else "Choose another place"
        msg = f"cannot write {place}: {error.strerror or error}. {cure}"
        raise InvalidArgumentError(msg) from None
