"""Yahoo's dividends and splits as they arrive: frames, saved frames, chart answers."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError, listed
from lakebt.instants import NEW_YORK
from lakebt.sources.corporate.action_rows import TABLE
from lakebt.sources.corporate.answers import read_answer
from lakebt.sources.corporate.downloads import LIST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DIVIDENDS, SPLITS, GAINS = "Dividends", "Stock Splits", "Capital Gains"

_CLOSE, _ADJUSTED = "Close", "Adj Close"
_OF_PRICES = ("Open", "High", "Low", _CLOSE)
_BEFORE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

REFUSED = (
    "has adjusted closes only, as auto_adjust=True gives them: fetch it with "
    "auto_adjust=False, actions=True."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Yahoo's dividends and splits of one symbol.

    Attributes
    ----------
    symbol, currency, source
        Whose; in what money, None if not told; from which file.
    dividends
        Day, amount in the share units of the download, and whether it is a capital
        gain.
    splits
        Day and ratio, as stored.
    until
        The last day that is told of.
    """

    symbol: str
    currency: str | None
    source: str
    dividends: tuple[tuple[dt.date, float, bool], ...]
    splits: tuple[tuple[dt.date, float], ...]
    until: dt.date


def of_frame(
    frame: pd.DataFrame,
    *,
    symbol: str | None,
    source: str,
    zone: dt.tzinfo = NEW_YORK,
) -> Iterator[Told]:
    """Yield the actions in a frame of yfinance: of one symbol, or of several.

    Parameters
    ----------
    frame
        As ``Ticker.history``, ``Ticker.actions`` or ``yf.download(actions=True)``
        return it, with days in the index.
    symbol
        Whose it is; None if the columns say so.
    source
        What to call it.
    zone
        Where the exchange is.

    Raises
    ------
    InvalidArgumentError
        If nothing says whose it is.
    InvalidDataError
        If it has no dividends and splits, or adjusted closes only.
    """
    if isinstance(frame.columns, pd.MultiIndex):
        by_price = DIVIDENDS in frame.columns.get_level_values(0)
        tickers = frame.columns.get_level_values(1 if by_price else 0).unique()
        for ticker in tickers:
            one = frame.xs(ticker, axis=1, level=1 if by_price else 0)
            yield _of_one(pd.DataFrame(one), str(ticker), source, zone)
        return
    if symbol is None:
        msg = "the frame does not say whose it is: pass symbol="
        raise InvalidArgumentError(msg)
    yield _of_one(frame, symbol, source, zone)


def _of_one(frame: pd.DataFrame, symbol: str, source: str, zone: dt.tzinfo) -> Told:
    """Return what one symbol's columns tell.

    Raises
    ------
    InvalidDataError
        If they are not Yahoo's, or adjusted closes only.
    """
    names = list(map(str, frame.columns))
    if DIVIDENDS not in names or SPLITS not in names:
        problem = (
            f"{source}: there is no {DIVIDENDS!r} and {SPLITS!r} among "
            f"{listed(names, is_quoted=True)}: fetch it with actions=True."
        )
        raise InvalidDataError(TABLE, problem)
    if any(name in names for name in _OF_PRICES) and _ADJUSTED not in names:
        raise InvalidDataError(TABLE, f"{source} {REFUSED}")
    if _ADJUSTED in names and _CLOSE not in names:
        raise InvalidDataError(TABLE, f"{source} {REFUSED}")
    days = [_day(each, source, zone) for each in frame.index]
    if not days:
        raise InvalidDataError(TABLE, f"{source} has no rows: fetch it again.")
    columns = {
        name: pd.to_numeric(frame[name], errors="coerce").fillna(0.0).tolist()
        for name in (DIVIDENDS, SPLITS, GAINS)
        if name in names
    }
    dividends = [
        (day, amount, name == GAINS)
        for name in (DIVIDENDS, GAINS)
        for day, amount in zip(days, columns.get(name, ()), strict=False)
        if amount
    ]
    splits = [
        (day, ratio) for day, ratio in zip(days, columns[SPLITS], strict=True) if ratio
    ]
    return Told(
        symbol=symbol,
        currency=None,
        source=source,
        dividends=tuple(sorted(dividends)),
        splits=tuple(sorted(splits)),
        until=max(days),
    )


def _day(value: object, source: str, zone: dt.tzinfo) -> dt.date:
    """Return the day of a row: that of a midnight, or of an instant where the zone is.

    Raises
    ------
    InvalidDataError
        If it has none.
    """
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        moment = (
            value
            if isinstance(value, dt.datetime)
            else dt.datetime.fromisoformat(str(value))
        )
        if moment.tzinfo is not None and moment.time() != dt.time():
            moment = moment.astimezone(zone)
        return moment.date()
    except ValueError:
        problem = f"{source}: row {str(value)[:30]!r} is not a day: keep the index."
        raise InvalidDataError(TABLE, problem) from None


def of_file(path: Path, *, zone: dt.tzinfo = NEW_YORK) -> Iterator[Told]:
    """Yield the actions in a saved file: a chart answer in JSON, or a frame in CSV.

    Parameters
    ----------
    path
        A CSV is called after its symbol, unless its columns have symbols.
    zone
        Where the exchange is, if the file does not say it.

    Raises
    ------
    InvalidDataError
        If it is neither, or cut off.
    """
    text = read_answer(path)
    if text.lstrip().startswith("{"):
        yield _of_chart(text, path.name, zone)
        return
    side_by_side = text.startswith("Price,") and "\nTicker," in text
    try:
        frame = pd.read_csv(
            io.StringIO(text), header=[0, 1] if side_by_side else 0, index_col=0
        )
    except (ValueError, IndexError) as error:
        why = str(error).partition("\n")[0]
        problem = f"file {path} cannot be read as CSV: {why}. Fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    if side_by_side:
        frame = frame[frame.index != "Date"]
    symbol = path.name.split(".csv")[0]
    yield from of_frame(frame, symbol=symbol, source=path.name, zone=zone)


def _of_chart(text: str, source: str, exchange: dt.tzinfo) -> Told:
    """Return what an answer of Yahoo's chart address tells.

    Raises
    ------
    InvalidDataError
        If it is cut off, an error, or has adjusted closes only.
    """
    try:
        chart: dict[str, Any] = json.loads(text)["chart"]
        _check_no_error(chart.get("error"), source)
        result: dict[str, Any] = chart["result"][0]
        meta, quotes = result["meta"], result["indicators"].get("quote", [{}])
        zone = _zone(meta.get("exchangeTimezoneName"), exchange)
        events = result.get("events", {})
        days = [_local(each, zone) for each in result.get("timestamp", [])]
        dividends = [
            (_local(each["date"], zone), float(each["amount"]), name == "capitalGains")
            for name in ("dividends", "capitalGains")
            for each in events.get(name, {}).values()
        ]
        splits = [
            (_local(each["date"], zone), each["numerator"] / each["denominator"])
            for each in events.get("splits", {}).values()
        ]
        answer = Told(
            symbol=str(meta["symbol"]),
            currency=meta.get("currency"),
            source=source,
            dividends=tuple(sorted(dividends)),
            splits=tuple(sorted(splits)),
            until=max([*days, *(each[0] for each in dividends)]),
        )
    except InvalidDataError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, ArithmeticError):
        problem = f"{source} is cut off, or no answer of Yahoo's chart: fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    if "adjclose" in result["indicators"] and not (quotes and quotes[0].get("close")):
        raise InvalidDataError(TABLE, f"{source} {REFUSED}")
    return answer


def _check_no_error(error: dict[str, Any] | None, source: str) -> None:
    """Check that an answer holds no error.

    Raises
    ------
    InvalidDataError
        If it does.
    """
    if error:
        why = error.get("description", "an error")
        problem = f"{source} holds an error of Yahoo's, not bars: {why}."
        raise InvalidDataError(TABLE, problem)


def _zone(name: object, exchange: dt.tzinfo) -> dt.tzinfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        return exchange


def _local(seconds: float, zone: dt.tzinfo) -> dt.date:
    """Return the day of an instant where the exchange is."""
    return (_BEFORE + dt.timedelta(seconds=seconds)).astimezone(zone).date()


def files_in(path: Path) -> list[Path]:
    """Return the file, or the CSV and JSON files of a folder, by name.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    if path.is_dir():
        ends = (".csv", ".json", ".csv.gz", ".json.gz")
        files = sorted(each for each in path.iterdir() if each.name.endswith(ends))
        files = [each for each in files if each.name != LIST]
    else:
        files = [path] if path.exists() else []
    if not files:
        problem = f"{path} holds no .csv and no .json: check the path."
        raise InvalidDataError(TABLE, problem)
    return files
