"""EDGAR's daily index: which filings came on which days, and the filings themselves."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.instants import new_york_day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lakebt.sources.corporate.downloads import Downloads


ARCHIVES = "https://www.sec.gov/Archives/"
END = b"</SEC-DOCUMENT>"
PAUSE = 0.11
"""Seconds between two questions: the SEC wants no more than ten a second."""

_DAYS = re.compile(r"master\.(\d{8})\.idx\Z")
_PATH = re.compile(r"edgar/data/\d{1,10}/(\d{10}-\d{2}-\d{6})\.txt\Z")
_WHO = re.compile(r"\S.*@\S+\.\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A line of an index.

    Attributes
    ----------
    company
        EDGAR's number (CIK).
    form
        What was filed.
    path
        Of the full text of the submission, below `ARCHIVES`.
    accession
        EDGAR's number of the filing.
    """

    company: int
    form: str
    path: str
    accession: str


def check_identity(identity: str) -> None:
    """Check that the identity tells the SEC the user's name and address.

    Raises
    ------
    InvalidArgumentError
        If there is no address of e-mail in it.
    """
    if not _WHO.match(identity):
        msg = (
            f"identity {identity!a} must be a name and an address of e-mail, as the "
            f"SEC wants them: 'Your Name you@example.org'"
        )
        raise InvalidArgumentError(msg)


def filed(
    asking: Downloads,
    first: dt.date,
    last: dt.date,
    *,
    forms: Collection[str],
    companies: Collection[int],
) -> Iterator[Filed]:
    """Yield filings of some companies, day by day, each once.

    Parameters
    ----------
    asking
        How to ask.
    first, last
        The days of filing, both included; those to come have none.
    forms, companies
        Which are wanted.

    Raises
    ------
    InvalidArgumentError
        If the last day precedes the first.
    LakeError
        If EDGAR does not answer, or with something else.
    """
    if last < first:
        msg = f"end {last} precedes start {first}: exchange them"
        raise InvalidArgumentError(msg)
    last = min(last, new_york_day(asking.clock()))
    seen: set[str] = set()
    for year, quarter in _quarters(first, last):
        folder = f"edgar/daily-index/{year}/QTR{quarter}/"
        for name, day in _listed(asking, folder):
            if not first <= day <= last:
                continue
            for each in _lines(asking, f"{folder}{name}"):
                wanted = each.form in forms and each.company in companies
                if wanted and each.accession not in seen:
                    seen.add(each.accession)
                    yield each


def submission(asking: Downloads, each: Filed) -> bytes:
    """Return the full text of a filing.

    Raises
    ------
    LakeError
        If it does not come, or is cut off.
    """
    content = asking.ask(ARCHIVES + each.path)
    if END not in content[-4096:]:
        msg = f"EDGAR's answer for {each.accession} is cut off: try again later"
        raise LakeError(msg)
    return content


def _quarters(first: dt.date, last: dt.date) -> list[tuple[int, int]]:
    """Return the quarters that days lie in: the year and the quarter's number."""
    begin = first.year * 4 + (first.month - 1) // 3
    end = last.year * 4 + (last.month - 1) // 3
    return [(number // 4, number % 4 + 1) for number in range(begin, end + 1)]


def _listed(asking: Downloads, folder: str) -> list[tuple[str, dt.date]]:
    """Return the indexes of a quarter's days: EDGAR has none of days it was closed.

    Raises
    ------
    LakeError
        If the answer is no list of them.
    """
    answer = asking.ask(f"{ARCHIVES}{folder}index.json")
    try:
        names = [str(each["name"]) for each in json.loads(answer)["directory"]["item"]]
        days = [(name, match[1]) for name in names if (match := _DAYS.match(name))]
        return sorted((name, dt.date.fromisoformat(digits)) for name, digits in days)
    except (ValueError, KeyError, TypeError):
        msg = f"EDGAR's list of {folder} is not as it was: try again later"
        raise LakeError(msg) from None


def _lines(asking: Downloads, path: str) -> Iterator[Filed]:
    """Yield the lines of one day's index.

    Raises
    ------
    LakeError
        If the answer is no index.
    """
    text = asking.ask(ARCHIVES + path).decode("utf-8", "replace")
    if "CIK|Company Name|Form Type|Date Filed|File Name" not in text:
        msg = f"EDGAR's {path} is not an index: try again later"
        raise LakeError(msg)
    for line in text.splitlines():
        number, *_, form, _, where = (
            [""] * 5 if line.count("|") < 4 else line.split("|")
        )
        place = _PATH.match(where.strip())
        if number.isdecimal() and place is not None:
            yield Filed(
                company=int(number),
                form=form.strip(),
                path=where.strip(),
                accession=place[1],
            )
