"""Checks of the names and locations that clients give.

A name becomes part of a path and of a SQL key. At a location the server, or an engine
that trusts a table's metadata, will read, write and delete.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from lakebt.lake.serving.errors import BadRequestError, ForbiddenError
from lakebt.lake.tables.schemas import NAMESPACE

SEPARATOR = "\x1f"
"""Stands between the levels of a namespace in a path."""

_NAME = re.compile(
    r"[^\x00-\x20\x7f-\xa0/\\?#%.:*\"<>|\ud800-\udfff][^/\\?#%.:*\"<>|]*"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_LONGEST_NAME, _LONGEST_NAMESPACE = 200, 250  # a file's name and a key have 255 bytes

Namespace = tuple[str, ...]


def check_name(name: str, *, what: str) -> str:
    """Return a name that may be part of a path.

    Raises
    ------
    BadRequestError
        If it may not.
    """
    if (
        not _NAME.fullmatch(name)
        or _CONTROL.search(name)
        or name != name.strip()
        or len(name.encode()) > _LONGEST_NAME
    ):
        msg = (
            f"{what} {name[:80]!a} cannot be used: at most {_LONGEST_NAME} bytes, "
            f"without dots, slashes, control characters and any of ? # % : * < > |"
        )
        raise BadRequestError(msg)
    return name


def check_namespace(parts: tuple[str, ...] | list[str]) -> Namespace:
    """Return a namespace of names that may be part of a path.

    Raises
    ------
    BadRequestError
        If one may not, there is no name, or it differs from the lake's in case only.
    """
    if not parts:
        msg = "a namespace has at least one name"
        raise BadRequestError(msg)
    checked = tuple(check_name(part, what="namespace") for part in parts)
    if len(".".join(checked).encode()) > _LONGEST_NAMESPACE:
        msg = f"namespace {'.'.join(checked)[:80]!a}... is too long"
        raise BadRequestError(msg)
    top = checked[0]
    if top != NAMESPACE and top.casefold() == NAMESPACE:
        msg = f"namespace {top!r} differs from the lake's own in case only"
        raise BadRequestError(msg)
    return checked


def namespace_of(text: str) -> Namespace:
    """Return the namespace of a path."""
    return check_namespace(text.split(SEPARATOR))


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The folder of all tables; no client reaches beyond it.

    Attributes
    ----------
    address : str
        As a file URL, without a slash at its end.
    """

    address: str

    def home(self, namespace: Namespace, name: str) -> str:
        """Return the default location of a table."""
        return f"{self.address}/{'.'.join(namespace)}/{name}"

    def is_lakes(self, location: str) -> bool:
        """Whether a location, as `home` gives it, is in the lake's own folder."""
        return location.startswith(f"{self.address}/{NAMESPACE}/")

    def check(self, location: str, *, what: str) -> None:
        """Check that a location is in the warehouse, and not in the lake's own folder.

        Raises
        ------
        BadRequestError
            If it is not a file URL with a single meaning.
        ForbiddenError
            If it is elsewhere.
        """
        if self._inside(location, what=what).parts[0].casefold() == NAMESPACE:
            msg = (
                f"{what} {location!a} is in the folder of the lake's own tables, whose "
                f"files releases need. Choose another"
            )
            raise ForbiddenError(msg)

    def check_in_table(self, location: str, table: str, *, what: str) -> None:
        """Check that a file that a table's metadata names is among the table's own.

        Raises
        ------
        ForbiddenError
            If it is not.
        """
        file = self._inside(location, what=what)
        if not file.is_relative_to(self._inside(table, what="the table's location")):
            msg = f"{what} {location!a} is not in the folder of its table, {table}"
            raise ForbiddenError(msg)

    def _inside(self, location: str, *, what: str) -> PurePosixPath:
        """Return the path of a location below the warehouse, links resolved.

        Raises
        ------
        BadRequestError
            If it is not clear where that is.
        ForbiddenError
            If it is outside.
        """
        is_clear = not set("?#%[]\\") & set(location) and not _CONTROL.search(location)
        parts = urlsplit(location if is_clear else "")
        if (
            not is_clear
            or parts.scheme not in {"", "file"}
            or parts.netloc
            or not parts.path.startswith("/")
            or ".." in PurePosixPath(parts.path).parts
        ):
            msg = f"{what} {location[:200]!a} is not a plain file URL: file:///folder"
            raise BadRequestError(msg)
        root = Path(os.path.realpath(urlsplit(self.address).path))
        real = Path(os.path.realpath(parts.path))
        if real == root or not real.is_relative_to(root):
            msg = (
                f"{what} {location[:200]!a} is outside of the warehouse {self.address}"
            )
            raise ForbiddenError(msg)
        return PurePosixPath(real.relative_to(root))
