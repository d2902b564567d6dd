"""Frames of yfinance, in memory and saved, split into one frame per ticker."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakebtError
from lakebt.instants import NEW_YORK
from lakebt.sources.archives import MOST_BYTES, kind_of
from lakebt.sources.corporate.downloads import LIST
from lakebt.sources.first_bytes import check_first_bytes
from lakebt.sources.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


GAINS = "Capital Gains"

_PRICES = frozenset(
    {
        *("Open", "High", "Low", "Close", "Adj Close", "Volume"),
        *("Dividends", "Stock Splits", GAINS, "Repaired?"),
    }
)
_DAYS = ("Date", "Datetime", "date", "index", "Unnamed: 0")
_NULLS = ("", "nan", "NaN", "null")
_TICKERS = ("Ticker", "ticker", "Symbol", "symbol")


def by_symbol(
    frame: pd.DataFrame,
    *,
    symbol: str | None,
    what: str,
    table: str = "prices",
    zone: dt.tzinfo = NEW_YORK,
) -> dict[str, pd.DataFrame]:
    """Return a frame for each ticker, with days in the index and Yahoo's columns.

    Parameters
    ----------
    frame
        Columns of prices and tickers, either way round; or of prices alone, with or
        without a column of tickers. Days are in the index, or in a column.
    symbol
        Whose it is, if the columns do not say it.
    what
        What to call the frame, in errors.
    table
        Where its rows go, for errors.
    zone
        Where the exchange is.

    Raises
    ------
    InvalidArgumentError
        If nothing says whose it is.
    InvalidDataError
        If it is empty, or has no days.
    """
    if frame.empty:
        raise InvalidDataError(table, f"{what} has no rows: fetch it again.")
    if isinstance(frame.columns, pd.MultiIndex):
        return _side_by_side(frame, what, table, zone)
    if isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    tickers = next((name for name in _TICKERS if name in frame.columns), None)
    if tickers is not None:
        return {
            str(ticker): _by_day(rows.drop(columns=tickers), what, table, zone)
            for ticker, rows in frame.groupby(tickers, sort=False)
        }
    if symbol is None:
        msg = f"{what} does not say whose it is: pass symbol="
        raise InvalidArgumentError(msg)
    return {symbol: _by_day(frame, what, table, zone)}


def _side_by_side(
    frame: pd.DataFrame, what: str, table: str, zone: dt.tzinfo
) -> dict[str, pd.DataFrame]:
    """Return the columns of each ticker.

    Raises
    ------
    InvalidDataError
        If no level of the columns has prices.
    """
    levels = [set(map(str, frame.columns.get_level_values(n))) for n in range(2)]
    if "Close" not in levels[0] | levels[1]:
        problem = f"{what}: no level of its columns has 'Close': it is not yfinance's."
        raise InvalidDataError(table, problem)
    of_prices = 0 if "Close" in levels[0] else 1
    days = [c for c in frame.columns if str(c[0]) in _DAYS[:4] and not str(c[1])]
    if days:
        frame = frame.set_index(days[0])
    frame = _by_day(frame, what, table, zone)
    return {
        str(ticker): pd.DataFrame(frame.xs(ticker, axis=1, level=1 - of_prices))
        for ticker in frame.columns.get_level_values(1 - of_prices).unique()
    }


def _by_day(
    frame: pd.DataFrame, what: str, table: str, zone: dt.tzinfo
) -> pd.DataFrame:
    """Return a frame with days in the index: those where the exchange is.

    Raises
    ------
    InvalidDataError
        If there are none.
    """
    column = next((name for name in _DAYS if name in frame.columns), None)
    values = frame.index if column is None else frame[column]
    out = frame if column is None else frame.drop(columns=column)
    days = [_day(value, what, table, zone) for value in values]
    return out.set_axis(pd.Index(days, dtype=object), axis=0)


def _day(value: object, what: str, table: str, zone: dt.tzinfo) -> dt.date:
    """Return the day of a row: that of a midnight, in its own zone or the exchange's.

    Raises
    ------
    InvalidDataError
        If it is none. Days of several exchanges, all in UTC, would be those before.
    """
    shown = str(value)[:30]
    try:
        moment = (
            value
            if isinstance(value, dt.datetime) and not pd.isna(value)
            else dt.datetime.fromisoformat(str(value))
        )
    except ValueError:
        problem = (
            f"{what}: row {shown!r} is not a day: keep the index that yfinance gave."
        )
        raise InvalidDataError(table, problem) from None
    if moment.time() != dt.time() and moment.tzinfo is not None:
        moment = moment.astimezone(zone)
    if moment.time() != dt.time():
        problem = (
            f"{what}: row {shown!r} is no midnight where the exchange is: fetch daily "
            f"bars, with ignore_tz=True."
        )
        raise InvalidDataError(table, problem)
    return moment.date()


def files_in(path: Path, *, table: str) -> list[Path]:
    """Return the file, or the CSV and Parquet files of a folder, by name.

    Raises
    ------
    InvalidDataError
        If there is none, or one of another kind.
    """
    ends = (".csv", ".parquet")
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if kind_of(each) in ends)
        files = [each for each in files if each.name != LIST]
    else:
        if not path.exists():
            raise InvalidDataError(
                table, f"file {path} does not exist: check the path."
            )
        if kind_of(path) not in ends:
            problem = (
                f"file {path} is neither .csv nor .parquet, and nothing else is read, "
                f"no pickle either: save the frame by to_csv or to_parquet."
            )
            raise InvalidDataError(table, problem)
        files = [path]
    if not files:
        problem = f"{path} holds no .csv and no .parquet of yfinance: check the path."
        raise InvalidDataError(table, problem)
    return files


def read_saved(
    path: Path, *, symbol: str | None, table: str, zone: dt.tzinfo = NEW_YORK
) -> dict[str, pd.DataFrame]:
    """Return the content of a saved frame, one frame per ticker.

    Parameters
    ----------
    path
        CSV, as ``frame.to_csv`` writes it, with one line of names or two; or Parquet.
    symbol
        Whose it is, if neither its columns nor its name say it.
    table
        Where its rows go, for errors.
    zone
        Where the exchange is.

    Raises
    ------
    InvalidDataError
        If it is neither.
    LakebtError
        As what reads it says.
    """
    try:
        if kind_of(path) == ".parquet":
            check_first_bytes(path, ".parquet", table=table)
            frame = pd.read_parquet(path)
        else:
            text, _ = read_text(
                path, table=table, what="what yfinance returned", most=MOST_BYTES
            )
            frame = _of_csv(text)
    except LakebtError:
        raise
    except (ValueError, IndexError, OSError, csv.Error, pa.ArrowException) as error:
        why = (str(error).partition("\n")[0] or type(error).__name__)[:200].rstrip(".")
        problem = f"file {path} cannot be read: {why}. Fetch it again."
        raise InvalidDataError(table, problem) from None
    name = path.name.split(".csv")[0].split(".parquet")[0]
    return by_symbol(
        frame, symbol=symbol or name, what=path.name, table=table, zone=zone
    )


def _of_csv(text: str) -> pd.DataFrame:
    """Return a saved frame with the levels of columns that it had."""
    first, second = _first_lines(text)
    if not second or _is_day(second[0]) or not _are_prices(first[1:], second[1:]):
        return pd.read_csv(
            io.StringIO(text),
            keep_default_na=False,
            na_values=dict.fromkeys({*first} - {*_TICKERS}, _NULLS),
            dtype=dict.fromkeys({*first} & {*_TICKERS}, str),
        )
    frame = pd.read_csv(io.StringIO(text), header=[0, 1], index_col=0)
    return frame[~frame.index.isin(["Date", "Datetime"])]


def _first_lines(text: str) -> tuple[list[str], list[str]]:
    lines = csv.reader(io.StringIO(text))
    return next(lines, []), next(lines, [])


def _are_prices(first: Iterable[str], second: Iterable[str]) -> bool:
    """Whether one of two lines has the names of prices alone."""
    return any({*each} and {*each} <= _PRICES for each in (first, second))


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
