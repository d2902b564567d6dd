"""EDGAR: mergers and delistings from Form 8-K, with the instant of publication.

A company that is bought reports, on the day, the completion (item 2.01) and the
delisting (3.01) in one filing. That is the first document in which the terms are final,
and EDGAR's acceptance time is when it could be read.

Prose is not a table: only terms that can be read in one way become rows. The rest is
counted and named, for a table of your own
(`lakebt.sources.corporate.layouts.ActionTables`): an election, shares whose number is
not told, an acquirer without a ticker in brackets, which `EdgarActions.acquirers`
names.
"""

from __future__ import annotations

import importlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.inputs.places import local_path
from lakebt.instants import parse_date
from lakebt.sessions import Sessions
from lakebt.sources.corporate.action_rows import TABLE, ActionRow, converted, named
from lakebt.sources.corporate.downloads import Downloads, check_name
from lakebt.sources.corporate.eight_k import (
    COMPLETION,
    NOTICE,
    EightK,
    read_filing,
    terms_of,
    tickers_in,
    untraded_from,
)
from lakebt.sources.edgar_index import check_identity
from lakebt.sources.source import Source
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Mapping

    from lakebt.sources.converted import Converted


END = "</SEC-DOCUMENT>"
NO_ITEM = "filings without item 2.01 or 3.01"
NO_NOTICE = "completions without a notice of delisting, as an acquirer files them"
NO_END = "notices of delisting without a completed deal or a day of the end"
UNCLEAR = "deals whose terms cannot be read in one way"
NO_ACQUIRER = "deals for shares whose acquirer's ticker is not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgarActions(Source):
    """Filings on Form 8-K with items 2.01 and 3.01 as a source of corporate actions.

    Attributes
    ----------
    acquirers
        The symbol of the acquirer, by that of the company which is bought, where the
        filing does not say it or another is meant: ``{"SNI": "DISCK"}``.
    exchange
        Whose sessions count.
    """

    acquirers: Mapping[str, str] = field(default_factory=dict)
    exchange: str = "XNYS"

    name = "edgar"
    table = TABLE
    about = "filings on Form 8-K: a folder, or one file"
    reads = (".txt",)
    is_whole = True
    extra = "sec"

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        companies: Mapping[str, str | int],
        start: str | dt.date,
        end: str | dt.date,
        identity: str,
        downloads: Downloads | None = None,
    ) -> None:
        """Download filings by edgartools, and keep them as they came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        companies
            The company by the symbol that its shares had: EDGAR's number (CIK), or its
            ticker of today. A company that was taken over has no ticker any more.
        start, end
            The days between which they were filed, both included.
        identity
            Your name and e-mail address, which the SEC requires.
            edgartools asks a mirror, if ``EDGAR_BASE_URL`` and ``EDGAR_DATA_URL`` in
            the environment name one.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If edgartools is not installed, or a symbol cannot be part of a path.
        LakeError
            If EDGAR does not answer, or does not know the company.
        """
        for symbol in companies:
            check_name(symbol, what="symbol")
        first, last = parse_date(start, what="start"), parse_date(end, what="end")
        check_identity(identity)
        library = _edgartools()
        keeping = downloads or Downloads()
        library.set_identity(identity)
        for symbol, company in companies.items():
            try:
                filings = library.Company(company).get_filings(
                    form="8-K", filing_date=f"{first}:{last}"
                )
                submissions = {
                    str(each.accession_no): each.full_text_submission()
                    for each in filings or ()
                    if {COMPLETION, NOTICE} & set(str(each.items or "").split(","))
                }
            except Exception as error:  # noqa: BLE001 - whatever edgartools raises
                why = " ".join(str(error).split())[:200] or type(error).__name__
                msg = f"EDGAR tells nothing of {symbol} ({company!r}): {why}. Check it."
                raise LakeError(msg) from None
            for accession, text in submissions.items():
                if END not in text:
                    msg = f"EDGAR's answer for {accession} is cut off: try again later"
                    raise LakeError(msg)
                keeping.keep_bytes(
                    text.encode(),
                    folder,
                    name=f"{symbol}_{accession}.txt",
                    source=f"EDGAR {accession}",
                )

    def convert(self, source: str | os.PathLike[str]) -> Converted:
        """Return filings as rows of ``corporate_actions``.

        Parameters
        ----------
        source
            A folder as `fetch` leaves it, or one file: the full text of a submission,
            called after the symbol: ``SNI_0001193125-18-074051.txt``.

        Returns
        -------
        Converted
            A merger per deal, and a delisting, without cash, per notice that says when
            trading ended; `known_at` is when the filing could be read. Where it does
            not say when trading ended, `ex_date` is the session after the day of the
            event, and that is told.

        Raises
        ------
        InvalidDataError
            If a file is cut off, no Form 8-K, or nothing can be read.
        """
        path = local_path(source, what="file", cure="fetch it, and name the copy")
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not files:
            problem = f"{path} holds no .txt: name the folder of fetch()."
            raise InvalidDataError(TABLE, problem)
        work = _Conversion(self.acquirers, Sessions.of(self.exchange))
        rows = []
        for file in files:
            symbol, underscore, _ = file.name.rpartition("_")
            if not underscore:
                problem = f"file {file} must be called SYMBOL_NUMBER.txt: rename it."
                raise InvalidDataError(TABLE, problem)
            if (row := work.of(symbol, read_filing(file))) is not None:
                rows.append(row)
        return converted(
            rows, n_read=len(files), dropped=work.dropped, noted=work.notes()
        )


def _edgartools() -> Any:
    """Return the library.

    Raises
    ------
    InvalidArgumentError
        If it is not installed.
    """
    try:
        return importlib.import_module("edgar")
    except ImportError:
        msg = f"EDGAR is asked by edgartools: {install_extra('sec')}"
        raise InvalidArgumentError(msg) from None


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One conversion: how, and what it counts and names."""

    acquirers: Mapping[str, str]
    sessions: Sessions
    dropped: Counter[str] = field(default_factory=Counter)
    unclear: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def of(self, symbol: str, filing: EightK) -> ActionRow | None:
        """Return what a filing tells, None if that is nothing certain."""
        case = f"{symbol} {filing.accession}"
        ends = self.end(filing)
        terms, other = None, None
        if NOTICE not in filing.items:
            self.dropped[NO_NOTICE if COMPLETION in filing.items else NO_ITEM] += 1
            return None
        if COMPLETION in filing.items:
            terms = terms_of(filing.text)
            if terms is None:
                self.dropped[UNCLEAR] += 1
                self.unclear.append(case)
                return None
            if terms.ratio is not None:
                named_ones = tickers_in(filing.text) - {symbol}
                alone = next(iter(named_ones)) if len(named_ones) == 1 else None
                other = self.acquirers.get(symbol, alone)
                if other is None:
                    self.dropped[NO_ACQUIRER] += 1
                    self.nameless.append(case)
                    return None
            if ends is None:
                ends = self.after(filing.event)
                self.assumed.append(f"{symbol} {ends}")
        elif "transfer" in filing.text.lower().replace("transfer of listing", ""):
            ends = None
        if ends is None:
            self.dropped[NO_END] += 1
            return None
        return ActionRow(
            symbol=symbol,
            kind="delisting" if terms is None else "merger",
            ex_date=ends,
            cash=terms.cash if terms else None,
            ratio=terms.ratio if terms else None,
            other=other,
            known_at=filing.public_at,
            source=f"SEC 8-K {filing.accession}",
        )

    def end(self, filing: EightK) -> dt.date | None:
        """Return the first session without trading, None where it is not told once."""
        before, after = untraded_from(filing.text)
        days = {self.on_or_after(day) for day in before}
        days |= {self.after(day) for day in after}
        return days.pop() if len(days) == 1 else None

    def on_or_after(self, day: dt.date) -> dt.date | None:
        """Return the first session on or after a day."""
        if not self.sessions.covers(day):
            return None
        return self.sessions.date(self.sessions.on_or_after(day))

    def after(self, day: dt.date) -> dt.date | None:
        """Return the session after a day."""
        if not self.sessions.covers(day):
            return None
        return self.sessions.date(self.sessions.on_or_before(day) + 1)

    def notes(self) -> tuple[str, ...]:
        """Return what is to be looked up by hand, and what was assumed."""
        after = "ex_date is the session after the event, as no end of trading is told"
        return (
            *named("terms to be read by hand", self.unclear),
            *named("acquirers to be named", self.nameless),
            *named(after, self.assumed),
        )
