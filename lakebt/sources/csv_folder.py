"""A folder of downloaded price files, one per symbol.

Layouts, told by the names of the columns, whatever their case:

=============  ===============================================================
from           first line
=============  ===============================================================
Yahoo          ``Date,Open,High,Low,Close,Adj Close,Volume``
Stooq          ``<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,...``, days as 20220601;
               or ``Date,Open,High,Low,Close,Volume``
Alpha Vantage  ``timestamp,open,high,low,close,...``, the newest day first
Nasdaq         ``Date,Close/Last,Volume,Open,High,Low``, as 09/02/2022 and
               $12.34, the newest day first
=============  ===============================================================

No such file says whether its prices are adjusted, so `basis` must be given. The symbol
is that of a column, if there is one, else from the file's name.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from lakebt.errors import InvalidArgumentError, InvalidDataError, listed
from lakebt.inputs.places import local_path
from lakebt.sources import csv_text
from lakebt.sources.archives import files_of, kind_of, read_bytes
from lakebt.sources.converted import Converted
from lakebt.sources.corporate.downloads import LIST
from lakebt.sources.file_names import Naming
from lakebt.sources.source import Source
from lakebt.sources.text_files import LONGEST_LINE, check_head
from lakebt.sources.written_days import read_days
from lakebt.sources.written_numbers import read_numbers

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


TABLE = "prices"
BASES = ("raw", "split_adjusted", "total_return")

NO_PRICES = "rows without all four prices"

_OURS = {
    **dict.fromkeys(("date", "timestamp", "day", "session"), "session"),
    **{name: name for name in ("open", "high", "low", "close", "volume")},
    **dict.fromkeys(("close/last", "last", "price"), "close"),
    "vol": "volume",
    **dict.fromkeys(("ticker", "symbol"), "symbol"),
    **dict.fromkeys(("adj close", "adjclose", "adjusted close"), "adjusted"),
    "per": "period",
}
"""Our name of a column by theirs, without case, <> and underscores."""

_PRICES = ("open", "high", "low", "close")
_ENDS = (".csv", ".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFolder(Source):
    """Files of daily bars, one per symbol, as a source of prices."""

    name = "csv-folder"
    table = TABLE
    about = "a folder or pattern, a file a symbol: Yahoo, Stooq, Alpha Vantage, Nasdaq"
    reads = _ENDS
    is_whole = True

    def convert(
        self,
        source: str | os.PathLike[str] | Mapping[str, pd.DataFrame],
        *,
        basis: str | None = None,
        pattern: str | None = None,
        symbols: Mapping[str, str] | None = None,
    ) -> Converted:
        """Return the bars of all files as rows of ``prices``.

        Parameters
        ----------
        source
            A folder, with those in it; a pattern, or one file; or frames by symbol.
        basis
            What the prices are: ``raw`` as traded, ``split_adjusted``, or
            ``total_return``. Yahoo's and Stooq's Close are split_adjusted, Alpha
            Vantage's and Nasdaq's are not all the same: look at a day of a split.
        pattern
            How files are called, as ``{symbol}_daily.csv``; a ``*`` is anything. By
            default it is guessed, and told.
        symbols
            The lake's symbol by that of the file.

        Returns
        -------
        Converted
            A bar per row with all four prices.

        Raises
        ------
        InvalidArgumentError
            If `basis` is not given, or is none.
        InvalidDataError
            If a file is of no such layout, does not say whose it is, or has a day that
            cannot be read.
        """
        if basis not in BASES:
            was = "" if basis is None else f", was {basis!r}"
            msg = (
                f'pass basis="raw", basis="split_adjusted" or basis="total_return"{was}'
                f": no such file says whether its prices are adjusted"
            )
            raise InvalidArgumentError(msg)
        if isinstance(source, (str, Path)) or hasattr(source, "__fspath__"):
            path = local_path(source, what="file", cure="fetch it, and name the copy")
            tables = {each: _read(each) for each in _files(path)}
        else:
            tables = {
                Path(f"{symbol}.csv"): frame.reset_index().astype(str)
                for symbol, frame in source.items()
            }
        naming = Naming.of(list(tables), pattern=pattern, table=TABLE)
        work = _Bars(basis=basis, naming=naming, symbols=symbols or {})
        frames = [work.of(path, rows) for path, rows in tables.items()]
        frame = pd.concat(frames, ignore_index=True)
        if frame.empty:
            problem = f"none of the {work.n_read:,} rows has all four prices."
            raise InvalidDataError(TABLE, problem)
        return Converted(
            table=TABLE,
            frame=frame,
            n_read=work.n_read,
            dropped={why: n for why, n in work.dropped.items() if n},
            left_out=tuple(work.left_out),
            read_as=tuple(work.read_as),
            noted=work.notes(),
        )


def _files(path: Path) -> list[Path]:
    """Return the files that are meant.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    if not path.is_dir():
        files = files_of(path, table=TABLE)
        if missing := [each for each in files if not each.is_file()]:
            problem = f"file {missing[0]} does not exist: check the path."
            raise InvalidDataError(TABLE, problem)
    else:
        files = sorted(
            each
            for each in path.rglob("*")
            if kind_of(each) in _ENDS and not each.name.startswith((".", "_"))
        )
    files = [each for each in files if each.name != LIST]
    if not files:
        problem = f"{path} holds no .csv and no .txt: check the path."
        raise InvalidDataError(TABLE, problem)
    return files


def _read(path: Path) -> pd.DataFrame:
    """Return a file's rows as text.

    Raises
    ------
    InvalidDataError
        If it is no table.
    """
    try:
        content, _ = read_bytes(path, table=TABLE)
        with path.open("rb") as file:
            head = (content or file.read(LONGEST_LINE + 64))[: LONGEST_LINE + 64]
        if b"<TICKER>" not in head[:64]:  # as Stooq's begin, and XML does
            check_head(head, path, table=TABLE, what="a table of prices")
        rows, read_as = csv_text.read_csv(path, table=TABLE, dialect=csv_text.Dialect())
    except InvalidDataError:
        raise
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        why = str(error).strip().partition("\n")[0].rstrip(" .:") or "unknown format"
        problem = f"file {path} cannot be read as CSV: {why[:200]}. Fetch it again."
        raise InvalidDataError(TABLE, problem) from None
    if not rows.num_rows:
        raise InvalidDataError(TABLE, f"file {path} has no rows: fetch it again.")
    frame = rows.to_pandas().fillna("")
    frame.attrs["read_as"] = read_as
    return frame


class _Bars:
    """The conversion of some files, and what it counts and names."""

    def __init__(
        self, *, basis: str, naming: Naming, symbols: Mapping[str, str]
    ) -> None:
        self.basis = basis
        self.naming = naming
        self.symbols = symbols
        self.n_read = 0
        self.dropped: Counter[str] = Counter()
        self.left_out: dict[str, None] = {}
        self.read_as: dict[str, None] = {}
        self.whose: dict[str, Path] = {}
        self.by_name = 0

    def of(self, path: Path, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the bars of a file.

        Raises
        ------
        InvalidDataError
            If its columns are those of no layout, or it is of a symbol that another is
            of.
        """
        columns = self.columns(path, rows)
        self.n_read += len(rows)
        self.read_as |= dict.fromkeys(rows.attrs.get("read_as", ()))
        frame = pd.DataFrame({ours: rows[name] for ours, name in columns.items()})
        symbols = self.symbols_of(path, frame)
        wanted = {
            name: frame[name]
            for name in (*_PRICES, "volume", "adjusted")
            if name in frame.columns
            and (name != "adjusted" or self.basis == "total_return")
        }
        numbers, written = read_numbers(
            wanted,
            where=path.name,
            table=TABLE,
            semicolons="semicolons" in rows.attrs.get("read_as", ()),
        )
        self.read_as |= dict.fromkeys(written)
        self.check_basis(path, numbers)
        there = pd.DataFrame(numbers)[list(_PRICES)].notna().all(axis=1)
        self.dropped[NO_PRICES] += int((~there).sum())
        days, how = read_days(frame["session"][there], where=path.name, table=TABLE)
        self.read_as |= dict.fromkeys(how)
        out = pd.DataFrame({"symbol": symbols[there], "session": days})
        for name in (*_PRICES, "volume"):
            if name in numbers:
                out[name] = numbers[name][there]
        return out.assign(basis=self.basis)

    def columns(self, path: Path, rows: pd.DataFrame) -> dict[str, str]:
        """Return the file's name of each of our columns.

        Raises
        ------
        InvalidDataError
            If one is missing, twice there, or bars are not of days.
        """
        columns: dict[str, str] = {}
        for name in rows.columns:
            plain = str(name).strip().strip("<>").casefold().replace("_", " ")
            column = _OURS.get(plain)
            if column is None:
                self.left_out[str(name)] = None
            elif column in columns:
                problem = (
                    f"file {path}: {columns[column]!r} and {name!r} are both {column}: "
                )
                problem += "leave one out, or check which file it is."
                raise InvalidDataError(TABLE, problem)
            else:
                columns[column] = str(name)
        if missing := [each for each in ("session", *_PRICES) if each not in columns]:
            there = listed(list(map(str, rows.columns))[:12], is_quoted=True)
            what = "date" if missing[0] == "session" else missing[0]
            problem = (
                f"file {path} has no {what} among {there}: it is in none of the "
                f"layouts, so rename its columns, or take it away."
            )
            raise InvalidDataError(TABLE, problem)
        if "period" in columns and set(rows[columns["period"]]) - {"D"}:
            problem = (
                f"file {path} has bars that are not of days: fetch the daily ones."
            )
            raise InvalidDataError(TABLE, problem)
        for each in ("adjusted", "period"):
            if each in columns:
                self.left_out[columns[each]] = None
        return columns

    def symbols_of(self, path: Path, held: pd.DataFrame) -> pd.Series:
        """Return whose each row is.

        Raises
        ------
        InvalidDataError
            If another file is of the same symbol.
        """
        if "symbol" in held.columns:
            # Stooq writes the country behind the ticker.
            written = held["symbol"].str.strip().str.removesuffix(".US")
        else:
            self.by_name += 1
            written = pd.Series(
                self.naming.symbol(path), index=held.index, dtype=object
            )
        symbols = written.map(lambda symbol: self.symbols.get(symbol, symbol))
        for symbol in symbols.unique():
            if symbol in self.whose:
                problem = (
                    f"files {self.whose[symbol].name} and {path.name} are both of "
                    f"{symbol}: take one away."
                )
                raise InvalidDataError(TABLE, problem)
            self.whose[symbol] = path
        return symbols

    def check_basis(self, path: Path, numbers: Mapping[str, pd.Series]) -> None:
        """Refuse a basis that the file itself contradicts.

        Raises
        ------
        InvalidDataError
            If closes are said to hold dividends, and another column does.
        """
        if "adjusted" not in numbers:
            return
        if ((numbers["adjusted"] / numbers["close"] - 1).abs() > 1e-4).any():
            problem = (
                f"file {path}: its closes are not those adjusted for dividends, which "
                f"are in a column of their own: say basis=split_adjusted, or raw."
            )
            raise InvalidDataError(TABLE, problem)

    def notes(self) -> tuple[str, ...]:
        """Return what is to be known of the rows."""
        return (f"symbols as {self.naming.told}",) if self.by_name else ()
