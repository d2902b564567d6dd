"""Answers from the network, kept unchanged with the instant of their arrival."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.inputs.places import local_path, writing
from lakebt.instants import system_clock
from lakebt.sources.network import SECONDS, agent, ask, check_address, told_name

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path


LIST = "downloads.csv"
"""The file beside the answers: name, source, instant, bytes, sha256."""

_COLUMNS = ("file", "source", "at", "bytes", "sha256")
_NAME = re.compile(r"[A-Za-z0-9^=_-][A-Za-z0-9.^=_-]{0,99}\Z")
_PAGE = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """Sends requests and keeps the answers.

    Attributes
    ----------
    get
        What returns the answer of an address; None for the network.
    clock
        What says when it came.
    base_url
        A mirror with the same paths, to use instead of each site.
    contact
        Your contact address, which is sent to servers.
    seconds
        How long a server may be silent.
    pause
        How long to wait after each answer, in seconds.
    """

    get: Callable[[str], bytes] | None = None
    clock: Callable[[], dt.datetime] = field(default=system_clock)
    base_url: str | None = None
    contact: str | None = None
    seconds: float = SECONDS
    pause: float = 0.0

    def made_with(
        self, *, base_url: str | None = None, contact: str | None = None
    ) -> Downloads:
        """Return a copy with the given settings.

        Raises
        ------
        InvalidArgumentError
            If the address or the contact is none.
        """
        if base_url is not None:
            check_address(base_url)
        agent(contact)
        return replace(
            self,
            base_url=base_url or self.base_url,
            contact=contact or self.contact,
        )

    def address(self, url: str) -> str:
        """Return an address, or that of the mirror."""
        if self.base_url is None:
            return url
        parts = urlsplit(url)
        return (
            self.base_url.rstrip("/") + url[len(f"{parts.scheme}://{parts.netloc}") :]
        )

    def ask(self, url: str) -> bytes:
        """Return the answer of an address, or of its mirror.

        Raises
        ------
        LakeError
            If nothing comes, or not all of it.
        """
        where = self.address(url)
        if self.get is not None:
            return self.get(where)
        answer = ask(where, contact=self.contact, seconds=self.seconds)
        if self.pause:
            time.sleep(self.pause)
        return answer

    def keep(self, url: str, folder: str | os.PathLike[str], *, name: str) -> Path:
        """Request an address, and keep the answer as `keep_bytes` does.

        Raises
        ------
        LakeError
            If nothing comes, or what the name does not say: a page of HTML, mostly.
        """
        answer = self.ask(url)
        where = self.address(url)
        check_kind(answer, name, where=told_name(where))
        return self.keep_bytes(answer, folder, name=name, source=_shown(where))

    def keep_bytes(
        self, content: bytes, folder: str | os.PathLike[str], *, name: str, source: str
    ) -> Path:
        """Write an answer into a file, and a line about it into `LIST`.

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
            If the name is none for a file, or it cannot be written: nothing is then.
        """
        check_name(name, what="file name")
        place = local_path(folder, what="folder", cure="name a folder of this machine")
        path, half = place / name, place / f".{name}.part"
        digest = hashlib.sha256(content).hexdigest()
        row = (name, source, self.clock().isoformat(), len(content), digest)
        with writing(path):
            place.mkdir(parents=True, exist_ok=True)
            try:
                half.write_bytes(content)
                # Before the file is there: none may seem known before it came.
                _add(place / LIST, row)
                half.replace(path)
            finally:
                with contextlib.suppress(OSError):
                    half.unlink(missing_ok=True)
        return path


def _add(file: Path, row: tuple[object, ...]) -> None:
    """Add a line to a list, all of it or nothing.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    before = file.stat().st_size if file.exists() else 0
    try:
        with file.open("a", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            if not before:
                writer.writerow(_COLUMNS)
            writer.writerow(row)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(file, before)
            if not before:
                file.unlink()
        raise


def check_kind(content: bytes, name: str, *, where: str) -> None:
    """Check that an answer has the type of its file's name.

    Raises
    ------
    LakeError
        If it is something else, or a page of HTML without an end.
    """
    end = name.rpartition(".")[2]
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_page = start.startswith(_PAGE)
    wrong = ""
    if end == "html":
        if not is_page:
            wrong = "no page of HTML"
        elif b"</html" not in content[-4096:].lower():
            wrong = "a page that is cut off"
    elif is_page:
        wrong = f"a page of HTML, and no {end}"
    elif end == "xlsx" and not content.startswith(b"PK"):
        wrong = "no Excel file"
    elif end == "json":
        try:
            json.loads(content)
        except ValueError:
            wrong = "no JSON"
    if wrong:
        msg = f"{where} answers with {wrong}: nothing is kept. Download it by hand."
        raise LakeError(msg)


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
    """Return when each file of a folder arrived, by its list; empty without a list."""
    return {name: row["at"] for name, row in records(folder).items()}


def records(folder: Path) -> dict[str, dict[str, str]]:
    """Return the last line about each file of a folder; empty without a list.

    A list made by hand needs the columns ``file`` and ``at``.

    Raises
    ------
    InvalidDataError
        If it is none, or has no such columns.
    """
    path = folder / LIST
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if {"file", "at"} <= set(reader.fieldnames or ()):
                return {row["file"]: row for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error):
        pass
    problem = f"file {path} is not a CSV with columns file and at: write them."
    raise InvalidDataError("downloads", problem)


def _shown(url: str) -> str:
    """Return an address without what may be a key."""
    return f"{urlsplit(url).scheme}://{told_name(url)}"
