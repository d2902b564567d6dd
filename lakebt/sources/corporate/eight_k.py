"""A filing on Form 8-K from EDGAR: its header, and the terms in its text.

The header tells when EDGAR accepted it, in New York's time, and which items it has.
What holders of a share got, and from when on it is not traded, is prose; only where one
reading is possible is there an answer.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.sources.corporate.action_rows import TABLE
from lakebt.sources.corporate.submissions import read_submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


COMPLETION = "2.01"
"""Completion of Acquisition or Disposition of Assets."""

NOTICE = "3.01"
"""Notice of Delisting or Failure to Satisfy a Continued Listing Rule."""

_ITEMS = {
    "completion of acquisition or disposition": COMPLETION,
    "notice of delisting": NOTICE,
}
"""How the headers call them."""

_DAY = (
    r"((?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December) \d{1,2}, \d{4})"
)
_OPEN = re.compile(
    rf"(?:prior to|before) (?:the )?(?:market )?(?:open\w*|commencement|start)\b"
    rf"[^.]{{0,60}}?\bon {_DAY}",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"(?:(?:after|following|at|as of|upon) (?:the )?(?:market )?clos\w+\b|"
    rf"\b[48]:00 p\.m\.)(?:[^.]|\.m\.){{0,60}}?\bon {_DAY}",
    re.IGNORECASE,
)
_RIGHT = re.compile(r"right to receive", re.IGNORECASE)
_OTHERS = re.compile(
    r"\b(options?|awards?|restricted|RSUs?|PSUs?|units?|warrants?|notes?|preferred"
    r"|debentures?|appraisal)\b",
    re.IGNORECASE,
)
_STOP = re.compile(r"\.\s+(?=[A-Z\"])|;")
_SENTENCE = re.compile(rf"{_STOP.pattern}|\bother than\b|\bexcept\b|\bexcluding\b")
_PER_SHARE = re.compile(r"\bper (?:\w+ ){0,2}?shares?\b", re.IGNORECASE)
_PAR = re.compile(
    r"(?:par value (?:of )?)?\$\s?0?\.\d+ par value|par value[^,)]*", re.IGNORECASE
)
_CASH = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)")
_RATIO = re.compile(
    r"(?<![\d.$,])(\d+(?:\.\d+)?)\s+(?:\([^)]{0,40}\)\s+)?"
    r"(?:of (?:a|an|one)\b|(?:validly|duly|fully|newly)\b|"
    r"(?:[A-Z][\w''.]*\s+){0,5}?(?:shares?|ADSs?|American Depositary)\b)"
)
_EQUAL = re.compile(r"\bequal to (\d+\.\d+)(?! ?%)\b")
_OF_SHARES = re.compile(r"\b(shares?|stock|ADSs?|depositary)\b", re.IGNORECASE)
_MORE = re.compile(
    r"\belect(?:s|ed|ion|ions|ing)?\b|\bcontingent\b|\bCVRs?\b", re.IGNORECASE
)
"""What makes the amounts that are told a part of the whole."""

_TICKER = re.compile(
    r"\((?:NYSE|NASDAQ)[^:)]{0,20}:\s*\"?([A-Z][A-Z.]{0,5})\"?\)", re.IGNORECASE
)

_QUOTES = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}

_BEFORE, _AFTER = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EightK:
    """The content of one filing.

    Attributes
    ----------
    accession, items
        EDGAR's number, and those of `COMPLETION` and `NOTICE` that it has.
    public_at
        When it could be read: the acceptance, or the next business day's opening.
    event
        The day of the event that is reported.
    text
        Of the form itself, without marks and exhibits.
    """

    accession: str
    items: frozenset[str]
    public_at: dt.datetime
    event: dt.date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms on which a share ended; None where the filing has none."""

    cash: float | None
    ratio: float | None


def read_filing(path: Path) -> EightK:
    """Read the full text of a submission.

    Raises
    ------
    InvalidDataError
        If it is none, no Form 8-K, or cut off.
    """
    submission = read_submission(path, forms=("8-K", "8-K/A"), table=TABLE)
    event = submission.day("CONFORMED PERIOD OF REPORT")
    titles = re.findall(r"ITEM INFORMATION:\s+(.+)", submission.raw)
    return EightK(
        accession=submission.accession,
        items=frozenset(
            item
            for title in titles
            for begin, item in _ITEMS.items()
            if title.strip().lower().startswith(begin)
        ),
        public_at=submission.public_at,
        event=event,
        text=_text(submission.raw),
    )


def _text(raw: str) -> str:
    """Return the text of the form, in one line, with plain quotation marks."""
    for document in raw.split("<DOCUMENT>")[1:]:
        if re.match(r"\s*<TYPE>8-K(?:/A)?\s", document):
            body = document.partition("<TEXT>")[2].partition("</TEXT>")[0]
            body = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", body)
            plain = html.unescape(re.sub(r"<[^>]*>", " ", body))
            return " ".join(plain.translate(_QUOTES).split())
    return ""


def terms_of(text: str) -> Terms | None:
    """Return the terms of each share, None where the text is ambiguous.

    Examples
    --------
    >>> text = "each share was converted into the right to receive (i) $65.82 in cash"
    >>> terms_of(f"{text} and (ii) 1.0584 shares of Class C Common Stock. The holders")
    Terms(cash=65.82, ratio=1.0584)
    >>> terms_of(f"{text} and (ii) a number of shares of Common Stock. The holders")
    """
    terms = set()
    for right in _RIGHT.finditer(text):
        before = text[max(right.start() - _BEFORE, 0) : right.start()]
        before = re.split(_STOP, before)[-1]
        if _OTHERS.search(before) or not _OF_SHARES.search(before):
            continue
        after = _PAR.sub(" ", text[right.end() : right.end() + _AFTER])
        after = _PER_SHARE.sub(" ", re.split(_SENTENCE, after)[0])
        cash = {float(each.replace(",", "")) for each in _CASH.findall(after)}
        found_ratios = [*_RATIO.findall(after), *_EQUAL.findall(after)]
        ratios = {float(each) for each in found_ratios}
        if not cash and not ratios:
            continue
        is_one = len(cash) <= 1 and len(ratios) <= 1 and not _MORE.search(after)
        if not is_one or (_OF_SHARES.search(after) and not ratios):
            return None
        terms.add((next(iter(cash), None), next(iter(ratios), None)))
    if len(terms) != 1:
        return None
    ((one, other),) = terms
    return Terms(cash=one, ratio=other)


def untraded_from(text: str) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    """Return the days before whose open, and after whose close, trading ended.

    Examples
    --------
    >>> said = "requested that trading be suspended before the open of trading on"
    >>> untraded_from(f"{said} March 7, 2018.")[0]
    frozenset({datetime.date(2018, 3, 7)})
    """
    return frozenset(_days(_OPEN, text)), frozenset(_days(_CLOSE, text))


def _days(pattern: re.Pattern[str], text: str) -> Iterator[dt.date]:
    """Yield the days of a pattern in sentences about trading."""
    for match in pattern.finditer(text):
        around = text[max(match.start() - 250, 0) : match.end()].lower()
        if "trading" in around or "delist" in around:
            try:
                yield dt.datetime.strptime(match[1], "%B %d, %Y").date()  # noqa: DTZ007 - a day
            except ValueError:
                continue


def tickers_in(text: str) -> frozenset[str]:
    """Return the tickers that stand in brackets behind an exchange.

    Examples
    --------
    >>> tickers_in("Discovery Communications, Inc. (NASDAQ: DISCK) acquired")
    frozenset({'DISCK'})
    """
    return frozenset(ticker.upper() for ticker in _TICKER.findall(text))
