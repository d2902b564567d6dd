"""Yahoo's dividends and splits, as yfinance and the chart address give them.

What they are, and what becomes of them:

- **Amounts are in the share units of the day of the download**: AAPL's 3.29 of May 2014
  is 0.1175 today. They are multiplied by the ratios of the splits that the file tells
  later, and rounded to the fewest decimals that what is stored can mean.
- **Spin-offs are told as splits**, with the factor of the price for a ratio: AT&T's of
  Warner Bros. Discovery is 1.324. A ratio that is no fraction of small numbers
  (`lakebt.sources.corporate.share_ratios.meant`) is named and left out. Yahoo divides
  some older dividends by it, and others not: the amount of the fewest decimals is
  taken.
- **Some dividends are not divided** by a later split, LRCX's of 2022-09-13 for one. One
  that is about that many times the others beside it is named and left out.

The days are ``ex_date``; `known_at` is not given, so that the lake derives it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.inputs.places import local_path
from lakebt.sessions import Sessions
from lakebt.sources.corporate.action_rows import TABLE, ActionRow, converted, named
from lakebt.sources.corporate.downloads import Downloads, came_at, check_name
from lakebt.sources.corporate.share_ratios import meant
from lakebt.sources.corporate.yahoo_answers import Told, files_in, of_file, of_frame
from lakebt.sources.source import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from lakebt.sources.converted import Converted


WHERE = (
    "https://query1.finance.yahoo.com/v8/finance/chart/{symbol}"
    "?interval=1d&period1=0&period2={until}&events=div%2Csplit%2CcapitalGains"
)

NOT_BELIEVED = "splits whose ratio is no fraction of small numbers"
NOT_DIVIDED = "dividends that a later split seems not to have divided"
NEGATIVE = "amounts or ratios that are not above zero"
NO_SESSION = "dividends and splits of days without a session"

_STORED = 0.6e-6
"""Half of the last decimal that Yahoo stores, and a little."""

_DECIMALS = 6
_LIKE = 1.25
"""How far an amount may lie from a multiple of the others to be taken for it."""

_BESIDE = 3
_LONG = dt.timedelta(days=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class YahooActions(Source):
    """Yahoo's dividends and splits as a source of corporate actions.

    Attributes
    ----------
    exchange
        Whose sessions count.

    Examples
    --------
    A frame as ``yfinance.Ticker("AAPL").history(auto_adjust=False)`` returns it:

    >>> import pandas as pd
    >>> days = ["2014-05-08", "2014-06-09", "2014-08-07", "2020-08-31"]
    >>> frame = pd.DataFrame(
    ...     {
    ...         "Close": [21.0, 23.4, 23.6, 129.0],
    ...         "Adj Close": [18.4, 20.6, 20.9, 126.0],
    ...         "Dividends": [0.1175, 0.0, 0.1175, 0.0],
    ...         "Stock Splits": [0.0, 7.0, 0.0, 4.0],
    ...     },
    ...     index=pd.DatetimeIndex(days, tz="America/New_York"),
    ... )
    >>> found = YahooActions().convert(frame, symbol="AAPL").frame
    >>> found[found["kind"] == "cash_dividend"]["cash"].tolist()
    [3.29, 0.47]
    """

    exchange: str = "XNYS"

    name = "yahoo"
    table = TABLE
    about = "Yahoo's dividends and splits: a folder, or one file"
    reads = (".json", ".csv")
    is_whole = True

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        symbols: Iterable[str],
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download the daily chart of each symbol, and keep it as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        symbols
            As Yahoo has them.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to ask; for tests.

        Raises
        ------
        InvalidArgumentError
            If a symbol cannot be part of an address.
        LakeError
            If nothing comes.
        """
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        for symbol in symbols:
            check_name(symbol, what="symbol")
            url = WHERE.format(symbol=symbol, until=int(asking.clock().timestamp()))
            asking.keep(url, folder, name=f"{symbol}.json")

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        symbol: str | None = None,
    ) -> Converted:
        """Return dividends and splits as rows of ``corporate_actions``.

        Parameters
        ----------
        source
            A folder of files; a file: the chart's answer in JSON, or a frame saved as
            CSV and called after its symbol; or a frame.
        symbol
            Of a frame whose columns do not say it.

        Returns
        -------
        Converted
            Splits and cash dividends, those of capital gains labelled so.

        Raises
        ------
        InvalidDataError
            If there are no dividends and splits, adjusted closes only, or an answer is
            cut off.
        InvalidArgumentError
            If a frame does not say whose it is.
        """
        work = _Conversion(Sessions.of(self.exchange))
        zone = work.sessions.zone
        if isinstance(source, pd.DataFrame):
            answers = list(
                of_frame(source, symbol=symbol, source="the frame", zone=zone)
            )
        else:
            path = local_path(source, what="file", cure="fetch it, and name the copy")
            files = files_in(path)
            instants = came_at(files[0].parent)
            answers = []
            for file in files:
                of_this = list(of_file(file, zone=zone))
                answers += of_this
                work.name_early(of_this, instants.get(file.name))
        rows = [row for each in answers for row in work.of(each)]
        n_read = sum(len(each.dividends) + len(each.splits) for each in answers)
        return converted(rows, n_read=n_read, dropped=work.dropped, noted=work.notes())


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One conversion: for which sessions, and what it counts and names."""

    sessions: Sessions
    dropped: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    snapped: list[str] = field(default_factory=list)
    undivided: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    between: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)

    def of(self, told: Told) -> Iterator[ActionRow]:
        """Yield the rows of one symbol."""
        splits: list[tuple[dt.date, float, bool]] = []
        for day, stored in told.splits:
            if not 0 < stored < math.inf:
                self.dropped[NEGATIVE] += 1
                continue
            fraction = meant(stored)
            case = f"{told.symbol} {day} {stored:.8g}"
            splits.append((day, stored, fraction is not None))
            if fraction is None:
                self.dropped[NOT_BELIEVED] += 1
                self.refused.append(case)
                continue
            if not self.has_session(told, day):
                continue
            if float(fraction) != stored:
                self.snapped.append(f"{case} is {fraction}")
            yield self.row(told, "split", day, ratio=float(fraction))
        paid = [each for each in told.dividends if 0 < each[1] < math.inf]
        self.dropped[NEGATIVE] += len(told.dividends) - len(paid)
        amounts = [stored for _, stored, _ in paid]
        for at, (day, stored, is_gain) in enumerate(paid):
            later = [(ratio, is_one) for on, ratio, is_one in splits if on > day]
            cash, is_clear = _per_share_of_the_day(stored, later)
            case = f"{told.symbol} {day} {cash:g}"
            if _is_undivided(amounts, at, later):
                self.dropped[NOT_DIVIDED] += 1
                self.undivided.append(case)
                continue
            if not self.has_session(told, day):
                continue
            if not is_clear:
                self.unclear.append(case)
            label = "capital_gain" if is_gain else None
            yield self.row(told, "cash_dividend", day, cash=cash, label=label)

    def name_early(self, told: Iterable[Told], at: str | None) -> None:
        """Name what ends long before its download: a split between would be missing."""
        if at is None:
            return
        day = dt.date.fromisoformat(at[:10])
        for each in told:
            if day - each.until > _LONG:
                self.early.append(f"{each.symbol} {each.until}")

    def has_session(self, told: Told, day: dt.date) -> bool:
        """Whether a day is a session; it is named if it is not."""
        is_one = self.sessions.covers(day) and self.sessions.number(day) is not None
        if not is_one:
            self.dropped[NO_SESSION] += 1
            self.between.append(f"{told.symbol} {day}")
        return is_one

    @staticmethod
    def row(
        told: Told,
        kind: str,
        day: dt.date,
        *,
        cash: float | None = None,
        ratio: float | None = None,
        label: str | None = None,
    ) -> ActionRow:
        """Return one action of a symbol."""
        return ActionRow(
            symbol=told.symbol,
            kind=kind,
            ex_date=day,
            cash=cash,
            ratio=ratio,
            label=label,
            currency=told.currency,
            source=f"Yahoo {told.source}",
        )

    def notes(self) -> tuple[str, ...]:
        """Return what was not believed, and what is unsure."""
        return (
            *named("splits not believed, perhaps spin-offs", self.refused),
            *named("ratios that became fractions", self.snapped),
            *named("dividends not believed, as a split missed them", self.undivided),
            *named("dividends of before such a spin-off, unsure by it", self.unclear),
            *named("no session, so to be looked up", self.between),
            *named(
                "ends long before the download, and misses later splits", self.early
            ),
        )


def _per_share_of_the_day(
    stored: float, later: list[tuple[float, bool]]
) -> tuple[float, bool]:
    """Return an amount in the share units of its day, and whether there is no doubt.

    Parameters
    ----------
    stored
        In the share units of the download.
    later
        The splits after its day: ratio, and whether it is a split.
    """
    every = math.prod(ratio for ratio, _ in later)
    believed = math.prod(ratio for ratio, is_one in later if is_one)
    decimals, cash = _fewest_decimals(stored, every)
    if every == believed:
        return cash, True
    others, alone = _fewest_decimals(stored, believed)
    if others < decimals:
        return alone, True
    return cash, decimals < others


def _fewest_decimals(stored: float, factor: float) -> tuple[int, float]:
    """Return the amount of the fewest decimals that what is stored can mean.

    And how many decimals that are.
    """
    whole = stored * factor
    unsure = _STORED * factor + 1e-7 * whole
    for decimals in range(2, _DECIMALS):
        near = round(Decimal(whole), decimals)
        if near and abs(float(near) - whole) <= unsure:
            return decimals, float(near)
    return _DECIMALS, float(round(Decimal(whole), _DECIMALS))


def _is_undivided(
    amounts: list[float], at: int, later: list[tuple[float, bool]]
) -> bool:
    """Whether an amount is as many times those beside it as later splits multiply.

    All are in the share units of the download; then they hardly differ.
    """
    factor = math.prod(ratio for ratio, is_one in later if is_one)
    beside = [*amounts[max(at - _BESIDE, 0) : at], *amounts[at + 1 : at + 1 + _BESIDE]]
    if max(factor, 1 / factor) < _LIKE**2 or len(beside) < _BESIDE:
        return False
    like = [1 / _LIKE < amounts[at] / each / factor < _LIKE for each in beside]
    return sum(like) > len(beside) / 2
