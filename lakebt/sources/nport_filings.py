"""N-PORT filings as a source: documents, whole submissions, folders of both, EDGAR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.inputs.places import local_path
from lakebt.instants import parse_date, parse_instant
from lakebt.sources.archives import files_of, kind_of
from lakebt.sources.converted import Converted, together
from lakebt.sources.corporate.downloads import LIST, Downloads
from lakebt.sources.corporate.submissions import read_submission
from lakebt.sources.edgar_index import (
    ARCHIVES,
    PAUSE,
    check_identity,
    filed,
    submission,
)
from lakebt.sources.nport import FORMS, TABLE, read_document, read_nport
from lakebt.sources.source import Source

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_SERIES = re.compile(rb"<SERIES-ID>\s*(S\d{9})|<seriesId>\s*(S\d{9})")
_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")
PUBLIC = ("NPORT-P", "NPORT-P/A")
"""Forms that everybody may read."""

_IDENTIFIER = re.compile(r"S\d{9}\Z")


class NportFilings(Source):
    """SEC Form N-PORT as a source of holdings, with the instants of acceptance."""

    __slots__ = ()

    name = "nport"
    table = TABLE
    about = "SEC N-PORT: primary documents, or whole submissions, and folders of both"
    reads = (".xml", ".txt")
    is_whole = True

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        companies: Sequence[str],
        start: str | dt.date,
        end: str | dt.date,
        identity: str,
        series: Sequence[str] = (),
        base_url: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download filings that EDGAR's daily index lists, and keep them as they came.

        Parameters
        ----------
        folder
            Where to; it is made. Each file says itself when EDGAR accepted it;
            `downloads.csv` says when it came.
        companies
            EDGAR's numbers (CIK) of the registrants: ``36405`` is Vanguard Index Funds.
        start, end
            The days between which they were filed, both included.
        identity
            Your name and e-mail address, which the SEC requires.
        series
            EDGAR's series that are wanted, ``S000002839``; by default all of the
            registrants. Each has a filing of its own.
        base_url
            The address of a mirror with the same paths, to use instead.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If a number, a series or the identity is none.
        LakeError
            If EDGAR does not answer, or only in part; what came before is kept.
        """
        numbers = {_number(each) for each in companies}
        for each in series:
            if not _IDENTIFIER.match(each):
                msg = f"series {each!r} must be S and nine digits, as S000002839"
                raise InvalidArgumentError(msg)
        first, last = parse_date(start, what="start"), parse_date(end, what="end")
        check_identity(identity)
        asking = (downloads or Downloads(pause=PAUSE)).made_with(
            base_url=base_url, contact=identity
        )
        for filing in filed(asking, first, last, forms=PUBLIC, companies=numbers):
            content = submission(asking, filing)
            series_in = {one or other for one, other in _SERIES.findall(content)}
            if series and not series_in & {name.encode() for name in series}:
                continue
            asking.keep_bytes(
                content,
                folder,
                name=f"{filing.accession}.txt",
                source=asking.address(ARCHIVES + filing.path),
            )

    def convert(
        self,
        source: str | os.PathLike[str],
        *,
        known_at: str | dt.datetime | None = None,
        fund: str | None = None,
        index: str | None = None,
        symbols: Mapping[str, str] | None = None,
    ) -> Converted:
        """Return the holdings of filings: see `lakebt.sources.nport.read_nport`.

        Parameters
        ----------
        source
            A primary document (.xml), the full text of a submission (.txt), which says
            itself when it was accepted, or a folder or pattern of them.
        known_at
            The instant EDGAR accepted the filing, with a zone. A primary document does
            not say it; a submission is never known before its own.
        fund
            What to call the fund; by default the filing's series.
        index
            The index the fund tracks.
        symbols
            Symbol by ISIN.

        Returns
        -------
        Converted
            All reports, one after the other.

        Raises
        ------
        InvalidArgumentError
            If `known_at` is missing, or precedes an acceptance.
        InvalidDataError
            If a file is no such filing, or cut off.
        """
        path = local_path(source, what="file", cure="fetch it, and name the copy")
        parts = []
        for file in _files(path):
            named: dict[str, Any] = {"fund": fund, "index": index, "symbols": symbols}
            if kind_of(file) == ".txt":
                parts.append(_of_submission(file, known_at, named))
                continue
            if known_at is None:
                msg = (
                    f"{file.name}: pass known_at, the acceptance time of the filing: "
                    f"an N-PORT document does not say when it became public; the "
                    f"submission's .txt does"
                )
                raise InvalidArgumentError(msg)
            parts.append(read_nport(file, known_at=known_at, **named))
        return parts[0] if len(parts) == 1 else together(parts)


def _number(text: str | int) -> int:
    """Return EDGAR's number of a company.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    if not str(text).isdecimal() or len(str(text)) > 10:
        msg = f"company {text!r} must be EDGAR's number (CIK), as 36405"
        raise InvalidArgumentError(msg)
    return int(text)


def _files(path: Path) -> list[Path]:
    """Return the filings that a path means.

    Raises
    ------
    InvalidDataError
        If a folder holds none.
    """
    if not path.is_dir():
        return files_of(path, table=TABLE)
    files = sorted(
        each
        for each in path.iterdir()
        if kind_of(each) in {".xml", ".txt"} and not each.name.startswith((".", "_"))
    )
    if not files:
        problem = f"folder {path} holds no .xml and no .txt: name that of the filings."
        raise InvalidDataError(TABLE, problem)
    others = [
        each.name
        for each in path.iterdir()
        if each not in files and not each.name.startswith(".") and each.name != LIST
    ]
    if others:
        problem = (
            f"folder {path} holds {min(others)!r}, which is no filing: name the files "
            f"that are meant, as '{path}/*.txt'."
        )
        raise InvalidDataError(TABLE, problem)
    return files


def _of_submission(
    file: Path, known_at: str | dt.datetime | None, named: dict[str, Any]
) -> Converted:
    """Return the holdings of one submission.

    Raises
    ------
    InvalidDataError
        If it has no document.
    InvalidArgumentError
        If it was accepted after it is to be known.
    """
    told = read_submission(file, forms=FORMS, table=TABLE)
    document = told.document()
    inside = re.search(r"<XML>(.*)</XML>", document, re.DOTALL)
    content = (inside[1] if inside else document).strip()
    content = _DECLARATION.sub("", content, count=1)  # it is UTF-8 now
    if not content:
        problem = f"file {file} has no document of form {told.form}: fetch it again."
        raise InvalidDataError(TABLE, problem)
    since = told.public_at
    if known_at is not None:
        since = parse_instant(known_at, what="known_at")
        if since < told.public_at:
            msg = (
                f"known_at {since.isoformat()} precedes {told.public_at.isoformat()}, "
                f"when {file.name} became public: omit it"
            )
            raise InvalidArgumentError(msg)
    return read_document(content.encode(), file, known_at=since, **named)
