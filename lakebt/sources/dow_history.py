"""Wikipedia's page of the Dow's historical components: a list under each change's day.

Below a heading, which is the day, a table has the names of all members, three in a row,
with an arrow up at those that are new; then, under "Dropped from Average", those that
left. It has names and no tickers: those of today's members are in the other page of
the Dow, and the user passes the others (`symbols`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.facts import Side
from lakebt.sources.corporate.action_rows import named
from lakebt.sources.effective_changes import Change, without_notes
from lakebt.sources.written_days import read_day

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from lakebt.sources.effective_changes import EffectiveChanges


NO_TICKER = "additions and deletions of a name whose ticker is not told"
FIRST = "members of the first list, who came before it"
UNCLEAR = "lists that do not say who came and who left"

_NEW, _GONE, _RENAMED = "↑▲", "↓▼", "†"
_MARKS = re.compile(f"[{_NEW}{_GONE}{_RENAMED}‡*]")
_ALTS = {"increase": "↑", "up": "↑", "decrease": "↓", "down": "↓"}
_FORMERLY = re.compile(r"\(formerly[^)]*\)?", re.IGNORECASE)
_FORM = re.compile(
    r"\b(?:the|incorporated|inc|corporation|corp|company|companies|co|com|group|plc|ltd)\b"
    r"|[^\w&']+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The members since a day, as on the page, and those that left on that day.

    Attributes
    ----------
    day
        The heading.
    names
        All members, in their order.
    new, renamed
        Those of them that an arrow or a dagger marks.
    gone
        Those that left; None if the table does not say it.
    """

    day: dt.date
    names: Sequence[str]
    new: frozenset[str]
    renamed: frozenset[str]
    gone: Sequence[str] | None


def read_history(root: Any) -> list[Members]:
    """Return the lists of a page, the earliest first; none if it is another page.

    Parameters
    ----------
    root
        The page, as ``lxml.html`` reads it.
    """
    lists: dict[dt.date, Members] = {}
    day: dt.date | None = None
    for element in root.iter("h2", "h3", "h4", "table"):
        if element.tag != "table":
            heading = re.sub(r"\[\s*edit\s*\]", "", element.text_content())
            day = read_day(without_notes(heading))
        elif day is not None and day not in lists:
            lists[day] = _members(element, day)
    return [lists[each] for each in sorted(lists)] if len(lists) > 1 else []


def _members(table: Any, day: dt.date) -> Members:
    """Return one table's members."""
    names: dict[str, None] = {}
    gone: dict[str, None] | None = None
    new, renamed = set(), set()
    for row in table.iter("tr"):
        cells = [_text(cell) for cell in row.iter("td", "th")]
        if any("dropped" in cell.casefold() for cell in cells):
            gone = {}
            continue
        for cell in cells:
            name = " ".join(_MARKS.sub("", cell).split())
            if not name or re.fullmatch(r"component \d", name, re.IGNORECASE):
                continue
            (names if gone is None else gone)[name] = None
            new |= {name} if set(cell) & set(_NEW) else set()
            renamed |= {name} if _RENAMED in cell else set()
    return Members(
        day=day,
        names=tuple(names),
        new=frozenset(new),
        renamed=frozenset(renamed),
        gone=None if gone is None else tuple(gone),
    )


def _text(cell: Any) -> str:
    """Return what a cell says, without what is small, with its pictures as arrows."""
    for each in cell.xpath(".//small|.//sup|.//style"):
        each.drop_tree()
    for each in cell.iter("img"):
        alt = (each.get("alt") or "").strip().casefold()
        each.tail = _ALTS.get(alt, "") + (each.tail or "")
    return without_notes(_FORMERLY.sub("", cell.text_content()))


def tickers_of_today(tables: Iterable[pd.DataFrame], latest: Members) -> dict[str, str]:
    """Return the tickers of the latest list's names, as today's components have them.

    A name is the same without its legal form: "3M" and "3M Company". Earlier lists have
    them in the same words, or another company.
    """
    by_name: dict[str, set[str]] = {}
    for table in tables:
        names = {str(column).strip().casefold(): column for column in table.columns}
        company = names.get("company", names.get("security"))
        symbol = names.get("symbol", names.get("ticker"))
        if company is None or symbol is None:
            continue
        for name, ticker in zip(table[company], table[symbol], strict=True):
            by_name.setdefault(_plain(without_notes(name)), set()).add(
                without_notes(ticker)
            )
    return {
        name: next(iter(tickers))
        for name in latest.names
        if len(tickers := by_name.get(_plain(name), set())) == 1
    }


def _plain(name: str) -> str:
    return " ".join(_FORM.sub(" ", name).replace("&", " ").casefold().split())


def take_history(
    work: EffectiveChanges, lists: Sequence[Members], tickers: Mapping[str, str]
) -> int:
    """Collect the additions and deletions of each day; return the number of names.

    Parameters
    ----------
    work
        Where to.
    lists
        The earliest first.
    tickers
        By name.
    """
    unknown: dict[str, None] = {}
    before = lists[0]
    work.dropped[FIRST] += len(before.names)
    for now in lists[1:]:
        came, left = _differ(before, now, tickers)
        if came is None or left is None:
            work.dropped[UNCLEAR] += 1
        for side, names in ((Side.ADDITION, came), (Side.DELETION, left)):
            for name in names or ():
                ticker = work.symbols.get(name, tickers.get(name))
                if ticker is None:
                    work.dropped[NO_TICKER] += 1
                    unknown[name] = None
                    continue
                work.add(
                    Change(symbol=ticker, side=side, day=now.day, source="Wikipedia")
                )
        before = now
    work.told.extend(named("names without a ticker, for symbols", list(unknown)))
    return sum(len(each.names) + len(each.gone or ()) for each in lists)


def _differ(
    before: Members, now: Members, tickers: Mapping[str, str]
) -> tuple[list[str] | None, list[str] | None]:
    """Return additions and deletions; None where one may be a change of name."""

    def same(name: str) -> str:
        return tickers.get(name, name)

    known, held = {same(each) for each in before.names}, {same(n) for n in now.names}
    came = [each for each in now.names if same(each) not in known]
    left = [each for each in before.names if same(each) not in held]
    if now.gone is not None:
        left = list(now.gone)
    if now.new:
        came = [each for each in now.names if each in now.new]
    elif len(came) != len(left):
        certain = [each for each in came if each not in now.renamed]
        came = certain if len(certain) == len(left) else []
        if not came and left:
            return None, left
    if now.gone is None and now.renamed and left:
        return came, None
    return came, left
