"""What came from the network, kept as it came, with the instant it came at."""

from __future__ import annotations

import csv
import hashlib
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.inputs.places import local_path
from lakebt.instants import system_clock

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Callable
    from pathlib import Path


LIST = "downloads.csv"
"""The file beside the answers: name, source, instant, bytes, sha256."""

_COLUMNS = ("file", "source", "at", "bytes", "sha256")
_NAME = re.compile(r"[A-Za-z0-9^=_-][A-Za-z0-9.^=_-]{0,99}\Z")
_SECONDS = 60
_AGENT = "lakebt (corporate actions)"


def ask(url: str) -> bytes:
    """Return what a server answers.

    Parameters
    ----------
    url
        An https address without a name and password in it.

    Raises
    ------
    InvalidArgumentError
        If it is something else.
    LakeError
        If nothing comes.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username:
        msg = "url must begin with https:// and hold no password: pass such a one"
        raise InvalidArgumentError(msg)
    shown = f"{parts.hostname}{parts.path}"
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT})  # noqa: S310 - https
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - https
            held: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        why = str(getattr(error, "reason", error)) or type(error).__name__
        msg = f"{shown} does not answer: {why}. Try again later, or fetch it by hand."
        raise LakeError(msg) from None
    return held


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """How answers are asked for, and kept.

    Attributes
    ----------
    get
        What returns the answer of an address.
    clock
        What says when it came.
    """

    get: Callable[[str], bytes] = field(default=ask)
    clock: Callable[[], dt.datetime] = field(default=system_clock)

    def keep(self, url: str, folder: str | os.PathLike[str], *, name: str) -> Path:
        """Ask an address, and keep the answer as `keep_bytes` does."""
        return self.keep_bytes(self.get(url), folder, name=name, source=_shown(url))

    def keep_bytes(
        self, content: bytes, folder: str | os.PathLike[str], *, name: str, source: str
    ) -> Path:
        """Write what came into a file, and a line about it into `LIST`.

        Parameters
        ----------
        content
            What came.
        folder
            Where to; it is made.
        name
            Of the file: letters, digits and ``.^=_-``.
        source
            Where from, in words.

        Returns
        -------
        Path
            The file. One of the same name is replaced; its line in the list stays.

        Raises
        ------
        InvalidArgumentError
            If the name is none for a file.
        """
        check_name(name, what="file name")
        place = local_path(folder, what="folder", cure="name a folder of this machine")
        place.mkdir(parents=True, exist_ok=True)
        path = place / name
        half = place / f".{name}.part"
        half.write_bytes(content)
        half.replace(path)
        is_new = not (place / LIST).exists()
        with (place / LIST).open("a", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            if is_new:
                writer.writerow(_COLUMNS)
            digest = hashlib.sha256(content).hexdigest()
            at = self.clock().isoformat()
            writer.writerow((name, source, at, len(content), digest))
        return path


def check_name(name: str, *, what: str) -> None:
    """Check that a symbol or a name can be part of a path and of an address.

    Raises
    ------
    InvalidArgumentError
        If it cannot.
    """
    if not _NAME.match(name):
        msg = f"{what} {name!a} must be letters, digits and .^=_-: write it so"
        raise InvalidArgumentError(msg)


def came_at(folder: Path) -> dict[str, str]:
    """Return when each file of a folder came, as its list says; empty without one."""
    return {name: row["at"] for name, row in records(folder).items()}


def records(folder: Path) -> dict[str, dict[str, str]]:
    """Return the last line about each file of a folder; empty without a list.

    A list made by hand needs the columns ``file`` and ``at``.

    Raises
    ------
    InvalidDataError
        If it has no such columns.
    """
    path = folder / LIST
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if not {"file", "at"} <= set(reader.fieldnames or ()):
            problem = f"file {path} has no columns file and at: write them."
            raise InvalidDataError("downloads", problem)
        return {row["file"]: row for row in reader}


def _shown(url: str) -> str:
    """Return an address without what may be a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
