"""Frames of yfinance, in memory or saved: bars with dividends and splits.

``yf.download`` returns a column for each price and ticker, either way round;
``Ticker.history`` returns those of one ticker. Both must have been asked with
``auto_adjust=False``: then there is ``Adj Close``, and ``Close`` is what Yahoo stores,
adjusted for splits and not for dividends. Without it every price is scaled by dividends
that were not known yet, and the frame is refused.

Dividends and splits go into ``corporate_actions``: see
`lakebt.sources.corporate.yahoo`.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError, listed
from lakebt.inputs.places import local_path
from lakebt.sessions import Exchange
from lakebt.sources.converted import Converted
from lakebt.sources.corporate.action_rows import named
from lakebt.sources.corporate.downloads import Downloads, check_name
from lakebt.sources.corporate.yahoo import YahooActions
from lakebt.sources.source import Source
from lakebt.sources.yahoo_tables import GAINS, by_symbol, files_in, read_saved
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Iterable, Mapping


TABLE = "prices"
ACTIONS = "corporate_actions"

PRICES = ("Open", "High", "Low", "Close")
ADJUSTED = "Adj Close"

NO_PRICES = "rows without prices (NaN), where another ticker has some"
SOME_PRICES = "rows with some of the four prices only"

REFUSED = (
    "has no 'Adj Close', so its prices are scaled by dividends, as auto_adjust=True "
    "gives them: fetch it with auto_adjust=False, actions=True."
)

_CLASS = re.compile(r"[A-Z]+-[A-Z]\Z")
_LONGEST_GAP = 4
"""Days between most rows of weekly bars, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YahooBars(Source):
    """Frames of yfinance as a source of prices, and of corporate actions.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DatetimeIndex(["2022-09-02", "2022-09-06"], tz="America/New_York")
    >>> frame = pd.DataFrame(
    ...     {
    ...         ("Adj Close", "PVH"): [55.1, 54.2],
    ...         ("Close", "PVH"): [55.4, 54.5],
    ...         ("High", "PVH"): [57.0, 56.0],
    ...         ("Low", "PVH"): [55.0, 54.0],
    ...         ("Open", "PVH"): [56.5, 55.6],
    ...         ("Volume", "PVH"): [900_000, 800_000],
    ...     },
    ...     index=days,
    ... )
    >>> found = YahooBars().convert(frame).frame
    >>> found[["symbol", "session", "close", "basis"]].to_numpy().tolist()[0]
    ['PVH', datetime.date(2022, 9, 2), 55.4, 'split_adjusted']
    """

    name = "yfinance"
    table = TABLE
    also = (ACTIONS,)
    about = "what yfinance returns, saved: one ticker or many, auto_adjust=False"
    reads = (".csv", ".parquet")
    is_whole = True
    extra = "yahoo"

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        symbols: Iterable[str],
        start: str | dt.date,
        end: str | dt.date | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download bars, dividends and splits with yfinance, one file per symbol.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        symbols
            As Yahoo has them: ``BRK-B``.
        start
            The first day.
        end
            The day after the last one; by default all there is.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If yfinance is not installed, or a symbol cannot be part of a path.
        LakeError
            If Yahoo does not answer, or does not know a symbol.
        """
        library = _yfinance()
        asking = downloads or Downloads()
        for symbol in symbols:
            check_name(symbol, what="symbol")
            try:
                frame = library.Ticker(symbol).history(
                    start=start, end=end, auto_adjust=False, actions=True
                )
            except Exception as error:  # noqa: BLE001 - yfinance raises any
                why = " ".join(str(error).split())[:200].rstrip(".")
                why = why or type(error).__name__
                msg = f"Yahoo does not give {symbol}: {why}. Check it, or try later."
                raise LakeError(msg) from None
            if frame.empty:
                msg = f"Yahoo has nothing of {symbol} from {start} on: check both"
                raise LakeError(msg)
            content = frame.to_csv().encode()
            source = f"yfinance {library.__version__} {symbol} from {start}"
            asking.keep_bytes(content, folder, name=f"{symbol}.csv", source=source)

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        table: str = TABLE,
        symbol: str | None = None,
        symbols: Mapping[str, str] | None = None,
        exchange: str = "XNYS",
    ) -> Converted:
        """Return bars as rows of ``prices``, or the corporate actions in them.

        Parameters
        ----------
        source
            A frame; a file that one was saved to, or a folder of them. A file whose
            columns have no tickers is called after its own: ``PVH.csv``.
        table
            ``prices`` or ``corporate_actions``.
        symbol
            Of a frame whose columns have no tickers.
        symbols
            The lake's symbol by Yahoo's: ``{"BRK-B": "BRK.B"}``.
        exchange
            Whose days they are, where the rows have instants of another zone.

        Returns
        -------
        Converted
            A bar per ticker and day with all four prices, of basis
            ``split_adjusted``; or splits and dividends, as
            `lakebt.sources.corporate.yahoo.YahooActions` has them.

        Raises
        ------
        InvalidDataError
            If prices are scaled by dividends, bars are not of days, or a file holds
            something else.
        InvalidArgumentError
            If nothing says whose a frame is, or the table is neither.
        """
        if table not in {TABLE, ACTIONS}:
            msg = f"table must be {TABLE!r} or {ACTIONS!r}, was {table!r}"
            raise InvalidArgumentError(msg)
        zone = Exchange(exchange).zone
        if isinstance(source, pd.DataFrame):
            what = "the frame"
            parts = [(what, by_symbol(source, symbol=symbol, what=what, zone=zone))]
        else:
            path = local_path(source, what="file", cure="fetch it, and name the copy")
            parts = [
                (each.name, read_saved(each, symbol=symbol, table=table, zone=zone))
                for each in files_in(path, table=table)
            ]
        named_so = symbols or {}
        bars_by_symbol: dict[str, pd.DataFrame] = {}
        for what, frames in parts:
            for ticker, frame in frames.items():
                own_symbol = named_so.get(ticker, ticker)
                if own_symbol in bars_by_symbol:
                    problem = (
                        f"{what} has bars of {own_symbol} again: leave one of them out."
                    )
                    raise InvalidDataError(table, problem)
                _check(frame, f"{what}, {own_symbol}", table)
                bars_by_symbol[own_symbol] = frame
        if table == ACTIONS:
            return YahooActions(exchange=exchange).convert(
                pd.concat(bars_by_symbol, axis=1)
            )
        return _bars(bars_by_symbol)


def _yfinance() -> Any:
    """Return the library.

    Raises
    ------
    InvalidArgumentError
        If it is not installed.
    """
    try:
        import yfinance  # noqa: PLC0415 - an extra
    except ImportError:
        msg = f"yfinance is not installed: {install_extra('yahoo')}"
        raise InvalidArgumentError(msg) from None
    return yfinance


def _check(frame: pd.DataFrame, what: str, table: str) -> None:
    """Check that a frame is what Yahoo stores of days.

    Raises
    ------
    InvalidDataError
        If it is something else.
    """
    if missing := [name for name in PRICES if name not in frame.columns]:
        there = listed(list(map(str, frame.columns)), is_quoted=True)
        problem = (
            f"{what}: there is no {missing[0]!r} among {there}, so it is nothing that "
            f"yfinance returned: name what yf.download or Ticker.history gave."
        )
        raise InvalidDataError(table, problem)
    if ADJUSTED not in frame.columns:
        raise InvalidDataError(table, f"{what} {REFUSED}")
    days = sorted(set(frame.index))
    gaps = sorted((b - a).days for a, b in itertools.pairwise(days))
    if len(days) < len(frame) or (gaps and gaps[len(gaps) // 2] > _LONGEST_GAP):
        problem = f"{what} has not one row a day: fetch daily bars."
        raise InvalidDataError(table, problem)


def _bars(held: Mapping[str, pd.DataFrame]) -> Converted:
    """Return the bars of each symbol, and what is no bar.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    dropped: Counter[str] = Counter()
    nothing: list[str] = []
    acting: list[str] = []
    left_out: dict[str, None] = {}
    frames = []
    for symbol, frame in held.items():
        left_out |= dict.fromkeys(
            str(name) for name in frame.columns if name not in {*PRICES, "Volume"}
        )
        values = frame[list(PRICES)].apply(pd.to_numeric, errors="coerce")
        there = values.notna()
        is_bar = there.all(axis=1)
        dropped[NO_PRICES] += int((~there.any(axis=1)).sum())
        dropped[SOME_PRICES] += int((there.any(axis=1) & ~is_bar).sum())
        if not is_bar.any():
            nothing.append(symbol)
            continue
        if _acts(frame):
            acting.append(symbol)
        volume = frame["Volume"] if "Volume" in frame.columns else None
        bars = values[is_bar].rename(columns=str.lower)
        bars.insert(0, "symbol", symbol)
        bars.insert(1, "session", list(bars.index))
        if volume is not None:
            bars["volume"] = pd.to_numeric(volume[is_bar], errors="coerce").astype(
                float
            )
        bars["basis"] = "split_adjusted"
        frames.append(bars)
    n_read = sum(map(len, held.values()))
    if not frames:
        problem = f"none of {n_read:,} rows has prices: fetch it again."
        raise InvalidDataError(TABLE, problem)
    more = "dividends and splits are there too, for corporate_actions"
    return Converted(
        table=TABLE,
        frame=pd.concat(frames, ignore_index=True),
        n_read=n_read,
        dropped={why: n for why, n in dropped.items() if n},
        left_out=tuple(left_out),
        noted=(
            "basis split_adjusted, as Yahoo's Close is",
            *named("no prices at all, as of an unknown or ended ticker", nothing),
            *named(more, acting),
            *named(
                "classes with a hyphen, where lists of members have a point",
                [each for each in held if _CLASS.match(each)],
            ),
        ),
    )


def _acts(frame: pd.DataFrame) -> bool:
    """Whether a frame tells a dividend or a split."""
    names = [n for n in ("Dividends", "Stock Splits", GAINS) if n in frame.columns]
    actions = frame[names].apply(pd.to_numeric, errors="coerce").fillna(0.0)
    return bool((actions != 0).to_numpy().any())
