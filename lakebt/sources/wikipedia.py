"""Wikipedia's tables of index changes: S&P 500, 400 and 600, Nasdaq-100, Dow Jones.

The page of an index has a table of "selected changes": a date, the ticker and name of
what was added and of what was removed, under two rows of headings, and a reason. It is
read as ``pandas.read_html`` gives it, saved as CSV, or from the page itself. Many hands
make it: it lacks changes, and some of its days are those of the announcement. It never
gives the announcement beside the effective day: see
`lakebt.sources.effective_changes`.

The page of the Dow Jones has no such table: its components, with the date each was
added, give the additions of those that are still members, and nothing else. Another
page, of its historical components, has the lists of members day by day, under names:
see `lakebt.sources.dow_history`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import (
    InvalidArgumentError,
    InvalidDataError,
    UnknownNameError,
    listed,
)
from lakebt.facts import Side
from lakebt.inputs.places import local_path
from lakebt.sources.archives import kind_of
from lakebt.sources.converted import Converted, together
from lakebt.sources.corporate.downloads import Downloads
from lakebt.sources.dow_history import take_history, tickers_of_today
from lakebt.sources.effective_changes import (
    NO_DAY,
    RENAMES,
    TABLE,
    Change,
    EffectiveChanges,
    cause_of,
    of_prices,
    tickers_in,
    without_notes,
)
from lakebt.sources.index_names import index_of
from lakebt.sources.source import Source
from lakebt.sources.wikipedia_pages import read_lists, read_tables
from lakebt.sources.written_days import day_reader

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


PAGES: Mapping[str, str] = {
    "SP500": "https://en.wikipedia.org/wiki/List_of_S%26P_500_companies",
    "SP400": "https://en.wikipedia.org/wiki/List_of_S%26P_400_companies",
    "SP600": "https://en.wikipedia.org/wiki/List_of_S%26P_600_companies",
    "NDX100": "https://en.wikipedia.org/wiki/Nasdaq-100",
    "DJIA": "https://en.wikipedia.org/wiki/Dow_Jones_Industrial_Average",
}
"""The page of each index, by the lake's name."""

HISTORIES: Mapping[str, str] = {
    "DJIA": "https://en.wikipedia.org/wiki/"
    "Historical_components_of_the_Dow_Jones_Industrial_Average",
}
"""A second page, where the first has no changes; kept as ``DJIA_history.html``."""

NO_TICKERS = "rows without a ticker"
SURVIVORS = (
    "additions of those that are members still, and no deletions: what was removed "
    "since is not there"
)

_RENAME = re.compile(
    r"\b(?:ticker|symbol)s? (?:symbol )?chang|\brenam"
    r"|chang\w+ (?:its |the )?(?:name|ticker|symbol)",
    re.IGNORECASE,
)
_DATES = ("effective date", "date", "date added", "date first added")
_MEMBERS = ("symbol", "ticker")


class Wikipedia(Source):
    """Wikipedia's tables of changes as a source of index changes.

    Examples
    --------
    >>> import pandas as pd
    >>> names = [
    ...     ("Date", "Date"),
    ...     ("Added", "Ticker"),
    ...     ("Added", "Security"),
    ...     ("Removed", "Ticker"),
    ...     ("Removed", "Security"),
    ...     ("Reason", "Reason"),
    ... ]
    >>> table = pd.DataFrame(
    ...     [["September 19, 2022", "CSGP", "CoStar", "PVH", "PVH", "Market cap.[4]"]],
    ...     columns=pd.MultiIndex.from_tuples(names),
    ... )
    >>> found = Wikipedia().convert(table, index="SP500").frame
    >>> found[["symbol", "side", "cause"]].to_numpy().tolist()
    [['CSGP', 'addition', 'discretionary'], ['PVH', 'deletion', 'discretionary']]
    """

    __slots__ = ()

    name = "wikipedia"
    table = TABLE
    about = "Wikipedia's tables of index changes: effective days only"
    reads = (".html", ".csv")
    is_whole = True
    extra = "wikipedia"

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        indexes: Iterable[str] = tuple(PAGES),
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download the page of each index, and keep it as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each page came.
        indexes
            SP500, SP400, SP600, NDX100 or DJIA; by default all.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to ask; for tests.

        Raises
        ------
        UnknownNameError
            If an index is none of those.
        LakeError
            If nothing comes.
        """
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        for index in indexes:
            if index not in PAGES:
                kind = "index"
                raise UnknownNameError(kind, index, PAGES)
            asking.keep(PAGES[index], folder, name=f"{index}.html")
            if index in HISTORIES:
                name = f"{index}_history.html"
                asking.keep(HISTORIES[index], folder, name=name)

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        index: str | None = None,
        symbols: Mapping[str, str] | None = None,
        renames: Mapping[str, str] | None = None,
        exchange: str = "XNYS",
    ) -> Converted:
        """Return the changes of one index as rows of ``index_changes``.

        Parameters
        ----------
        source
            The page, a table of it saved as CSV, or the frame; or a folder of pages,
            one an index, as `fetch` leaves it.
        index
            What the lake calls it; by default as the file's name says: SP500, SP400,
            SP600, NDX100 or DJIA.
        symbols
            The lake's symbol by Wikipedia's ticker; of the Dow's historical components,
            by the name of the company.
        renames
            The new ticker by the old one: no trades.
        exchange
            Whose days they are, and so when a day ends.

        Returns
        -------
        Converted
            A row per ticker and side, without an announcement.

        Raises
        ------
        InvalidDataError
            If there is no table of changes, or of members with their dates.
        InvalidArgumentError
            If nothing says which index it is, or a page needs a library that is not
            installed.
        """
        if isinstance(source, pd.DataFrame):
            return _of_tables(
                "the frame", [source], index, symbols, renames, exchange=exchange
            )
        path = local_path(source, what="file", cure="fetch it, and name the copy")
        pages = _files(path, index)
        lists = {each: items for each in pages if (items := read_lists(each))}
        listed_so = {index_of(index, called=each.name) for each in lists}
        parts = []
        tables: dict[str, list[pd.DataFrame]] = {}
        for each in [page for page in pages if page not in lists]:
            tabs = read_tables(each)
            if lists and index_of(index, called=each.name) in listed_so:
                tables.setdefault(index_of(index, called=each.name), []).extend(tabs)
            else:
                parts.append(
                    _of_tables(
                        each.name, tabs, index, symbols, renames, exchange=exchange
                    )
                )
        for each, history in lists.items():
            work = EffectiveChanges(
                index=index_of(index, called=each.name),
                symbols=symbols or {},
                exchange=exchange,
            )
            today = tickers_of_today(tables.get(work.index, ()), history[-1])
            n_read = take_history(work, history, today)
            work.without_renames(renames or {})
            parts.append(work.converted(n_read=n_read, where=each.name))
        return parts[0] if len(parts) == 1 else together(parts)


def _files(path: Path, index: str | None) -> list[Path]:
    """Return the file, or the pages of a folder.

    Raises
    ------
    InvalidArgumentError
        If all pages are said to be of one index.
    InvalidDataError
        If there is none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(e for e in path.iterdir() if kind_of(e) in {".html", ".htm"})
    if not files:
        raise InvalidDataError(TABLE, f"{path} holds no page (.html): check the path.")
    if index is not None and len(files) > 1:
        msg = f"index={index!r} cannot be that of {len(files)} pages: leave it out"
        raise InvalidArgumentError(msg)
    return files


def _of_tables(
    where: str,
    tables: Sequence[pd.DataFrame],
    index: str | None,
    symbols: Mapping[str, str] | None,
    renames: Mapping[str, str] | None,
    *,
    exchange: str,
) -> Converted:
    """Return the changes that the tables of one index tell.

    Raises
    ------
    InvalidDataError
        If none is a table of changes, or of members with their dates.
    """
    work = EffectiveChanges(
        index=index_of(index, called=where), symbols=symbols or {}, exchange=exchange
    )
    named = [(table, _named(table)) for table in tables]
    changes = [(t, n) for t, n in named if {"date", "added", "removed"} <= n.keys()]
    if changes:
        for table, names in changes:
            _take_changes(work, table, names)
        chosen = changes
    else:
        chosen = [
            (t, n)
            for t, n in named
            if {"date", "member"} <= n.keys() and not of_prices(t.columns)
        ]
        for table, names in chosen:
            _take_members(work, table, names)
        work.told.append(SURVIVORS)
    if not chosen:
        there = listed(
            [" ".join(map(str, dict.fromkeys(_parts(c)))) for c in tables[0].columns]
            if tables
            else [],
            is_quoted=True,
        )
        problem = (
            f"{where} has no table with a date, what was added and what was "
            f"removed, but {there or 'none at all'}: save the table of changes."
        )
        raise InvalidDataError(TABLE, problem)
    work.without_renames(renames or {})
    return work.converted(n_read=sum(len(t) for t, _ in chosen), where=where)


def _parts(column: object) -> tuple[str, ...]:
    parts = column if isinstance(column, tuple) else (column,)
    return tuple(without_notes(part) for part in parts)


def _named(table: pd.DataFrame) -> dict[str, Any]:
    """Return the place of the columns that matter, by what they are."""
    names: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        words = re.sub(r"[\W_]+", " ", " ".join(_parts(column))).casefold().split()
        text = " ".join(dict.fromkeys(words))
        is_ticker = not {"ticker", "tickers", "symbol"}.isdisjoint(words)
        for side in ("added", "removed"):
            if side in words and is_ticker and "date" not in words:
                names.setdefault(side, place)
        if text in _DATES:
            names.setdefault("date", place)
        elif text in _MEMBERS:
            names.setdefault("member", place)
        elif "reason" in words:
            names.setdefault("reason", place)
    return names


def _days(table: pd.DataFrame, place: int) -> list[dt.date | None]:
    """Return the days of a column, None where there is none."""
    texts = [without_notes(cell) for cell in table.iloc[:, place]]
    read = day_reader(texts, where="the table", table=TABLE)
    return [read(each) for each in texts]


def _take_changes(
    work: EffectiveChanges, table: pd.DataFrame, places: Mapping[str, int]
) -> None:
    """Take the changes of a table: a row may be of several tickers, or of one side."""
    days = _days(table, places["date"])
    for day, row in zip(days, table.itertuples(index=False, name=None), strict=True):
        added = tickers_in(row[places["added"]])
        removed = tickers_in(row[places["removed"]])
        reason = without_notes(row[places["reason"]]) if "reason" in places else ""
        if day is None:
            work.dropped[NO_DAY] += 1
        elif not added and not removed:
            work.dropped[NO_TICKERS] += 1
        elif len(added) == len(removed) == 1 and _RENAME.search(reason):
            work.dropped[RENAMES] += 2
        else:
            for side, tickers in ((Side.ADDITION, added), (Side.DELETION, removed)):
                for ticker in tickers:
                    work.add(
                        Change(
                            symbol=ticker,
                            side=side,
                            day=day,
                            cause=cause_of(reason),
                            source=f"Wikipedia: {reason[:160]}"
                            if reason
                            else "Wikipedia",
                        )
                    )


def _take_members(
    work: EffectiveChanges, table: pd.DataFrame, places: Mapping[str, int]
) -> None:
    """Take the additions of today's members."""
    days = _days(table, places["date"])
    for day, row in zip(days, table.itertuples(index=False, name=None), strict=True):
        tickers = tickers_in(row[places["member"]])
        work.dropped[NO_TICKERS] += not tickers
        if day is None:
            work.dropped[NO_DAY] += 1
            continue
        for ticker in tickers:
            work.add(
                Change(symbol=ticker, side=Side.ADDITION, day=day, source="Wikipedia")
            )
