"""Lists of an index's members; the differences between them are the changes.

=====================  ===============================================================
layout                 what its rows are
=====================  ===============================================================
``date, tickers``      a whole list each, its tickers with commas between them
``date, ticker``       one member on one day; all rows of a day are its list
``ticker, start_date,  one stay each; no end for who is a member still, and an end is
end_date``             the first day without, unless `ends_are_last_days`
``date, add, remove``  changes already, several tickers in a cell
``date, action,        changes already, as pitindex has them: ``added``, ``removed``
ticker, reason``
``.yaml``              ``tickers_on_Jan_1`` of a year, and `changes` with ``union`` and
                       ``difference``: one file, or a folder of years
=====================  ===============================================================

The first list holds those that were members before, and gives no change. A share under
a new ticker leaves and enters in every such list: `renames` says which those are, and
they are no trades. Only the effective day is known: see
`lakebt.sources.effective_changes`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError, listed
from lakebt.facts import Side
from lakebt.inputs.places import local_path
from lakebt.sources.archives import kind_of
from lakebt.sources.corporate.action_rows import named
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
from lakebt.sources.member_years import read_years
from lakebt.sources.renamed_tickers import read_renames
from lakebt.sources.source import Source
from lakebt.sources.text_files import check_last_line, read_text, sign_of
from lakebt.sources.written_days import day_reader

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lakebt.sources.converted import Converted


OF_REVISIONS = "changes dated by the revision of a page, and not by their day"
FIRST = "members of the first list, who came before it"
NO_TICKER = "rows without a ticker"

_DAYS = ("date", "effective_date", "as_of", "day", "from")
_LISTS = ("tickers", "symbols", "constituents", "members")
_ONE = ("ticker", "symbol")
_STARTS = ("start_date", "start", "start date", "date_added", "from")
_ENDS = ("end_date", "end", "end date", "date_removed", "to")
_ADDED = ("add", "added", "added_tickers", "additions")
_REMOVED = ("remove", "removed", "removed_tickers", "deletions")
_SIDES = {
    **dict.fromkeys(("added", "add", "addition"), Side.ADDITION),
    **dict.fromkeys(("removed", "remove", "deletion"), Side.DELETION),
}
_SIGN = re.compile(r"[./ -](?=[A-Z]\Z)")
_RENAMED = re.compile(r"\brename\b", re.IGNORECASE)
_REVISION = re.compile(r"revision diff", re.IGNORECASE)


class Membership(Source):
    """Lists of members as a source of index changes.

    Examples
    --------
    >>> import pandas as pd
    >>> lists = pd.DataFrame(
    ...     {
    ...         "date": ["2022-06-08", "2022-06-09", "2022-09-19"],
    ...         "tickers": ["FB,PVH", "META,PVH", "CSGP,META"],
    ...     }
    ... )
    >>> found = Membership().convert(lists, index="SP500", renames={"FB": "META"})
    >>> found.frame[["symbol", "side"]].to_numpy().tolist()
    [['CSGP', 'addition'], ['PVH', 'deletion']]
    """

    __slots__ = ()

    name = "membership"
    table = TABLE
    about = "lists of an index's members, by day or by stay: effective days only"
    reads = (".csv", ".yaml")
    is_whole = True

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        index: str | None = None,
        symbols: Mapping[str, str] | None = None,
        renames: Mapping[str, str] | None = None,
        actions: str | os.PathLike[str] | None = None,
        ends_are_last_days: bool = False,
        exchange: str = "XNYS",
    ) -> Converted:
        """Return the differences between lists as rows of ``index_changes``.

        Parameters
        ----------
        source
            A file, a folder of years in YAML, or a frame.
        index
            What the lake calls it; by default as the file's name says: SP500, SP400,
            SP600, NDX100 or DJIA.
        symbols
            The lake's symbol by the list's ticker.
        renames
            The new ticker by the old one: no trades.
        actions
            A CSV file that has renames: corporate_actions, instruments, or old and new
            tickers.
        ends_are_last_days
            The ends of stays are last days of membership, and not the first without.
        exchange
            Whose days they are, and so when a day ends.

        Returns
        -------
        Converted
            A row per ticker and side, without an announcement.

        Raises
        ------
        InvalidDataError
            If the layout is none of those above, or nothing changes.
        InvalidArgumentError
            If nothing says which index it is.
        """
        later = dt.timedelta(days=int(ends_are_last_days))
        if isinstance(source, pd.DataFrame):
            where = "the frame"
            if source.index.names != [None]:
                source = source.reset_index()
            work = EffectiveChanges(
                index=index_of(index, called=where),
                symbols=symbols or {},
                exchange=exchange,
            )
            n_read = _take(work, source.astype(object), where, later)
        else:
            path = local_path(source, what="file", cure="fetch it, and name the copy")
            where = path.name
            work = EffectiveChanges(
                index=index_of(index, called=where),
                symbols=symbols or {},
                exchange=exchange,
            )
            if path.is_dir() or kind_of(path) in {".yaml", ".yml"}:
                n_read = _take_years(work, read_years(path))
            else:
                n_read = _take(work, _read(path), where, later)
        known = dict(renames or {}) | (read_renames(actions) if actions else {})
        work.without_renames(known)
        if not known:
            work.told.append(
                "no renames are given, so a member's new ticker is a deletion and an "
                "addition"
            )
        return work.converted(n_read=n_read, where=where)


def _read(path: Path) -> pd.DataFrame:
    """Return a CSV file's rows as text.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    text, _ = read_text(path, table=TABLE, what="a list of members")
    try:
        frame = pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, sep=sign_of(text)
        )
    except (ValueError, csv.Error) as error:
        why = (str(error).partition("\n")[0] or type(error).__name__)[:200].rstrip(".")
        problem = f"file {path} cannot be read as CSV: {why}. Fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    if frame.empty:
        raise InvalidDataError(TABLE, f"file {path} has no rows: fetch it again.")
    check_last_line(text, path, table=TABLE, sign=sign_of(text))
    return frame


def _take(
    work: EffectiveChanges, rows: pd.DataFrame, where: str, later: dt.timedelta
) -> int:
    """Take the changes that rows of any layout tell, and return how many rows.

    Raises
    ------
    InvalidDataError
        If the layout is none that is known.
    """
    names = {str(name).strip().casefold(): name for name in rows.columns}

    def column(among: tuple[str, ...]) -> list[str] | None:
        column_name = next((names[each] for each in among if each in names), None)
        return (
            None
            if column_name is None
            else [without_notes(v) for v in rows[column_name]]
        )

    if of_prices(rows.columns):
        problem = f"{where} holds prices, and no members: check which file it is."
        raise InvalidDataError(TABLE, problem)

    def days_in(texts: list[str] | None) -> list[dt.date | None] | None:
        return None if texts is None else [read(each) for each in texts]

    starts_as, ends_as, days_as = column(_STARTS), column(_ENDS), column(_DAYS)
    written = [*(starts_as or ()), *(ends_as or ()), *(days_as or ())]
    read = day_reader(written, where=where, table=TABLE)
    starts, ends, days = days_in(starts_as), days_in(ends_as), days_in(days_as)
    lists, one = column(_LISTS), column(_ONE)
    added, removed = column(_ADDED), column(_REMOVED)
    action = column(("action",))
    reasons = column(("reason",)) or [""] * len(rows)
    if days and one and action:
        _take_actions(work, zip(days, action, one, reasons, strict=True), where)
    elif days and added and removed:
        _take_pairs(work, zip(days, added, removed, reasons, strict=True))
    elif one and starts and ends:
        _take_stays(work, zip(one, starts, ends, strict=True), later)
    elif days and (lists or one):
        members = zip(days, lists or one or [], strict=True)
        _take_lists(work, _by_day(work, members))
    else:
        there = listed(list(map(str, rows.columns))[:12], is_quoted=True)
        problem = (
            f"{where} has {there}, which is not a list of members: name the "
            f"columns date and tickers, or ticker, start_date and end_date."
        )
        raise InvalidDataError(TABLE, problem)
    return len(rows)


def _by_day(
    work: EffectiveChanges, rows: Iterable[tuple[dt.date | None, str]]
) -> dict[dt.date, set[str]]:
    """Return the members on each day that there is a list of."""
    lists: dict[dt.date, set[str]] = {}
    spelled: dict[str, str] = {}
    others: dict[str, None] = {}
    for day, cell in rows:
        tickers = {spelled.setdefault(_plain(each), each) for each in _cell(cell)}
        others |= dict.fromkeys(sorted(_cell(cell) - tickers))
        if day is None:
            work.dropped[NO_DAY] += 1
        elif not tickers:
            work.dropped[NO_TICKER] += 1
        else:
            lists.setdefault(day, set()).update(tickers)
    work.told.extend(
        named(
            "other spellings of a class, and no trades",
            [f"{each} is {spelled[_plain(each)]}" for each in others],
        )
    )
    return lists


def _plain(ticker: str) -> str:
    """Return a ticker whose class may be written BRK.B, BRK-B, BRK/B or BRK B."""
    return _SIGN.sub(".", ticker)


def _take_lists(work: EffectiveChanges, lists: Mapping[dt.date, set[str]]) -> None:
    """Take what differs from each list to the next."""
    before: set[str] | None = None
    for day, members in sorted(lists.items()):
        if before is None:
            work.dropped[FIRST] += len(members)
        else:
            _add(work, day, Side.ADDITION, members - before)
            _add(work, day, Side.DELETION, before - members)
        before = members


def _take_stays(
    work: EffectiveChanges,
    rows: Iterable[tuple[str, dt.date | None, dt.date | None]],
    later: dt.timedelta,
) -> None:
    """Take the begin and the end of each stay."""
    stays = [(ticker, start, end) for ticker, start, end in rows if ticker]
    first = min((start for _, start, _ in stays if start), default=None)
    for ticker, start, end in stays:
        if start is None:
            work.dropped[NO_DAY] += 1
        elif start == first:
            work.dropped[FIRST] += 1
        else:
            _add(work, start, Side.ADDITION, {ticker})
        if end is not None:
            _add(work, end + later, Side.DELETION, {ticker})


def _take_pairs(
    work: EffectiveChanges, rows: Iterable[tuple[dt.date | None, str, str, str]]
) -> None:
    """Take rows of what was added and removed."""
    for day, added, removed, reason in rows:
        if day is None:
            work.dropped[NO_DAY] += 1
            continue
        _add(work, day, Side.ADDITION, _cell(added), reason)
        _add(work, day, Side.DELETION, _cell(removed), reason)


def _cell(text: str) -> set[str]:
    """Return the tickers of a cell, also of one that Python wrote: ``['A', 'B']``."""
    return {each.strip("[]'\" ") for each in tickers_in(text)} - {"", "nan"}


def _take_actions(
    work: EffectiveChanges,
    rows: Iterable[tuple[dt.date | None, str, str, str]],
    where: str,
) -> None:
    """Take changes that are told one by one.

    Raises
    ------
    InvalidDataError
        If one is neither an addition nor a deletion.
    """
    for day, action, ticker, reason in rows:
        side = _SIDES.get(action.casefold())
        if side is None:
            problem = f"{where}: action {action[:30]!r} is neither added nor removed."
            raise InvalidDataError(TABLE, problem)
        if day is None:
            work.dropped[NO_DAY] += 1
        elif _RENAMED.search(reason):
            work.dropped[RENAMES] += 1
        elif _REVISION.search(reason):
            work.dropped[OF_REVISIONS] += 1
        else:
            _add(work, day, side, {ticker} - {""}, reason)


def _take_years(
    work: EffectiveChanges, years: Iterable[tuple[dt.date, list[str], list[str]]]
) -> int:
    """Take the changes of years, and return how many days have some."""
    n_read = 0
    for day, added, removed in years:
        n_read += 1
        _add(work, day, Side.ADDITION, set(added))
        _add(work, day, Side.DELETION, set(removed))
    return n_read


def _add(
    work: EffectiveChanges,
    day: dt.date,
    side: Side,
    tickers: set[str],
    reason: str = "",
) -> None:
    for ticker in sorted(tickers):
        work.add(
            Change(
                symbol=ticker, side=side, day=day, cause=cause_of(reason), source="list"
            )
        )
