"""Index changes with only an effective day.

Public lists of changes and of members give the first day of the new membership and no
announcement. So `announced` stays empty, and a rule that counts from the announcement
is refused: ``no_anchor``. What is effective before a session's open was public by then:
`known_at` is the end of the day before, where the exchange is, late rather than early,
as for corporate actions (decision 45).
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.errors import InvalidDataError, listed
from lakebt.facts import Side
from lakebt.instants import end_of_day
from lakebt.sessions import Exchange
from lakebt.sources.converted import Converted
from lakebt.sources.corporate.action_rows import named
from lakebt.values.identifiers import is_placeholder, names_several, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


TABLE = "index_changes"

TWICE = "changes told already"
RENAMES = "changes that are one share under a new ticker"
NO_DAY = "rows whose date is no day"

UNANNOUNCED = (
    "effective days only, so rules that count from the announcement (AD) are refused"
)

_FOOTNOTE = re.compile(
    r"\[ ?(?:\d{1,4}|[a-z]{1,2}|(?:note|nb|citation)[^\]]{0,12}) ?\]"
)
_BETWEEN = re.compile(r"[,;|\n\r\t]|\s[/&+]\s|\s(?:and)\s|/(?=[A-Z]{2,})")
_NEAR = dt.timedelta(days=10)
_MARKS = " *†‡§"

_CAUSES = (
    ("spin_off", r"\bsp(?:u|i)n"),
    (
        "failure",
        r"bankrupt|chapter 11|receivership|\bfail(?:ed|ing|s\b|\w+e\b)|\bseized",
    ),
    ("merger", r"acqui|merge|taken private|went private|buyout|bought|purchased"),
    ("discretionary", r"market cap|representative|more appropriate|float|rebalanc"),
)
_CAUSES_AS = tuple((cause, re.compile(p, re.IGNORECASE)) for cause, p in _CAUSES)


def tickers_in(cell: object) -> list[str]:
    """Return the tickers of a cell: none, one or several, without notes.

    Examples
    --------
    >>> tickers_in("UA, UAA[5]"), tickers_in("BRK/B"), tickers_in("—"), tickers_in(None)
    (['UA', 'UAA'], ['BRK/B'], [], [])
    >>> tickers_in("SMCI GFS"), tickers_in("BRK B")
    (['SMCI', 'GFS'], ['BRK B'])
    """
    text = without_notes(cell)
    cells = [trimmed(part).strip(_MARKS) for part in _BETWEEN.split(text)]
    parts = [
        each
        for cell in cells
        for each in (cell.split() if names_several(cell, listed=True) else [cell])
    ]
    return [part for part in parts if part and not is_placeholder(part)]


def without_notes(cell: object) -> str:
    """Return a cell's text without footnotes: "" for an empty one."""
    if isinstance(cell, (list, tuple, set, frozenset, np.ndarray)):
        return ",".join(map(str, cell))
    if cell is None or cell is pd.NA or cell != cell:  # noqa: PLR0124 - NaN does
        return ""
    text = _FOOTNOTE.sub("", str(cell)).replace("\N{NO-BREAK SPACE}", " ")
    return "\n".join(" ".join(line.split()) for line in text.splitlines()).strip()


def cause_of(reason: str) -> str | None:
    """Return the cause that the words of a reason mean, None if there is none.

    Examples
    --------
    >>> cause_of("S&P 500 constituent X acquired Y"), cause_of("Market capitalization")
    ('merger', 'discretionary')
    """
    return next((cause for cause, shape in _CAUSES_AS if shape.search(reason)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One symbol entering or leaving on a day."""

    symbol: str
    side: Side
    day: dt.date
    cause: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveChanges:
    """Collects the changes of one index, with counts of rows.

    Attributes
    ----------
    index
        Whose.
    symbols
        The lake's symbol by that of the list.
    exchange
        Whose days they are.
    found
        In their order.
    dropped, told
        Counts by reason; notes.
    """

    index: str
    symbols: Mapping[str, str]
    exchange: str = "XNYS"
    found: dict[tuple[str, Side, dt.date], Change] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Add a change, unless it is there already."""
        key = change.symbol, change.side, change.day
        self.dropped[TWICE] += key in self.found
        self.found.setdefault(key, change)

    def without_renames(self, renames: Mapping[str, str]) -> None:
        """Remove pairs of changes that are one share under a new ticker.

        Parameters
        ----------
        renames
            The new ticker by the old one. A deletion of the old and an addition of the
            new within ten days of each other are no trades.
        """
        cases = []
        for old, new in renames.items():
            for left in self.keys_of(old, Side.DELETION):
                came = [
                    key
                    for key in self.keys_of(new, Side.ADDITION)
                    if abs(key[2] - left[2]) <= _NEAR
                ]
                if came:
                    del self.found[left], self.found[came[0]]
                    self.dropped[RENAMES] += 2
                    cases.append(f"{old} {new} {came[0][2]}")
        self.told.extend(named("renames, and no trades", cases))

    def keys_of(self, symbol: str, side: Side) -> list[tuple[str, Side, dt.date]]:
        """Return the keys of a symbol's changes on one side."""
        return [key for key in self.found if key[:2] == (symbol, side)]

    def converted(
        self, *, n_read: int, where: str, left_out: tuple[str, ...] = ()
    ) -> Converted:
        """Return the changes as rows.

        Raises
        ------
        InvalidDataError
            If there are none.
        """
        if not self.found:
            why = listed([f"{n:,} {why}" for why, n in self.dropped.items() if n])
            problem = f"{where} has no change of {self.index} in {n_read:,} rows"
            problem += f": {why}." if why else "."
            raise InvalidDataError(TABLE, problem)
        one_day, zone = dt.timedelta(days=1), Exchange(self.exchange).zone
        rows = [
            {
                "index": self.index,
                "symbol": self.symbols.get(each.symbol, each.symbol),
                "side": each.side.value,
                "effective": each.day,
                "known_at": end_of_day(each.day - one_day, zone),
                "cause": each.cause,
                "source": each.source,
            }
            for each in self.found.values()
        ]
        return Converted(
            table=TABLE,
            frame=pd.DataFrame(rows),
            n_read=n_read,
            dropped={why: n for why, n in self.dropped.items() if n},
            left_out=left_out,
            noted=(UNANNOUNCED, *self.told),
        )


def of_prices(columns: Iterable[object]) -> bool:
    """Whether columns are those of prices, apart from day and ticker."""
    names = {str(name).strip().casefold() for name in columns}
    return {"open", "close"} <= names
