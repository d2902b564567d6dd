from __future__ import annotations

import datetime as dt
import gzip
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.csv_folder import NO_PRICES, CsvFolder
from lakebt.sources.file_names import Naming

if TYPE_CHECKING:
    from pathlib import Path

YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2022-09-01,10.0,11.0,9.0,10.5,10.1,1000
2022-09-02,10.5,11.5,9.5,11.0,10.6,2000
2022-09-06,null,null,null,null,null,null
"""
STOOQ = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
PVH.US,D,20220901,000000,10.0,11.0,9.0,10.5,1000,0
PVH.US,D,20220902,000000,10.5,11.5,9.5,11.0,2000,0
"""
ALPHA_LINE = (
    "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,"
    "split_coefficient"
)
ALPHA = f"""{ALPHA_LINE}
2022-09-02,10.5,11.5,9.5,11.0,10.6,2000,0.0000,1.0
2022-09-01,10.0,11.0,9.0,10.5,10.1,1000,0.0000,1.0
"""
NASDAQ = """Date,Close/Last,Volume,Open,High,Low
09/02/2022,$11.00,"2,000",$10.50,$11.50,$9.50
09/01/2022,$10.50,"1,000",$10.00,$11.00,$9.00
"""
BARS = [
    ("PVH", dt.date(2022, 9, 1), 10.0, 11.0, 9.0, 10.5, 1000.0, "split_adjusted"),
    ("PVH", dt.date(2022, 9, 2), 10.5, 11.5, 9.5, 11.0, 2000.0, "split_adjusted"),
]
NAMES = ["symbol", "session", "open", "high", "low", "close", "volume", "basis"]


def bars(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return sorted(frame[NAMES].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("PVH.csv", YAHOO),
        ("pvh.us.txt", STOOQ),
        ("daily_PVH.csv", ALPHA),
        ("HistoricalData_PVH.csv", NASDAQ),
        ("PVH.csv", NASDAQ.replace("\n", "\r\n")),
        ("PVH.csv", "\ufeff" + YAHOO),
        ("PVH.csv", YAHOO.replace(",", ";")),
    ],
)
def test_each_layout_is_the_same_bars(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8", newline="")

    found = CsvFolder().convert(tmp_path, basis="split_adjusted")

    assert bars(found.frame) == BARS
    assert sum(found.dropped.values()) + found.kept == found.n_read
    if "null" in text:
        assert found.dropped == {NO_PRICES: 1}


def test_a_packed_file_is_called_after_its_symbol_too(tmp_path: Path) -> None:
    (tmp_path / "PVH.csv.gz").write_bytes(gzip.compress(YAHOO.encode()))

    found = CsvFolder().convert(tmp_path, basis="split_adjusted")

    assert bars(found.frame) == BARS
    assert "gzip" in found.read_as


def test_a_folder_of_folders_and_a_pattern_are_all_their_files(tmp_path: Path) -> None:
    (tmp_path / "us" / "1").mkdir(parents=True)
    (tmp_path / "us" / "1" / "pvh.us.txt").write_text(STOOQ)
    (tmp_path / "us" / "ko.us.txt").write_text(STOOQ.replace("PVH", "KO"))
    (tmp_path / "us" / "downloads.csv").write_text("file,source,at,bytes,sha256\n")

    found = CsvFolder().convert(tmp_path, basis="split_adjusted")
    some = CsvFolder().convert(tmp_path / "us" / "*.txt", basis="split_adjusted")

    assert sorted(set(found.frame["symbol"])) == ["KO", "PVH"]
    assert set(some.frame["symbol"]) == {"KO"}
    assert "days as 20220902" in found.summary()


def test_symbols_are_from_names_as_guessed_or_said(tmp_path: Path) -> None:
    for symbol in ("pvh", "brk-b"):
        (tmp_path / f"x_{symbol}_2022.csv").write_text(YAHOO)

    found = CsvFolder().convert(
        tmp_path, basis="split_adjusted", symbols={"BRK-B": "BRK.B"}
    )

    assert sorted(set(found.frame["symbol"])) == ["BRK.B", "PVH"]
    told = "the files are called: x_{symbol}_2022.csv, which is guessed, in capitals"
    assert found.noted == (f"symbols as {told}",)
    said = CsvFolder().convert(tmp_path, basis="raw", pattern="*_{symbol}_*.csv")
    assert sorted(set(said.frame["symbol"])) == ["BRK-B", "PVH"]
    assert "guessed" not in said.noted[0]


@pytest.mark.parametrize(
    ("names", "pattern", "symbols"),
    [
        (["AAPL.csv", "MSFT.csv"], "{symbol}.csv", ["AAPL", "MSFT"]),
        (["aapl.us.txt", "a.us.txt"], "{symbol}.us.txt", ["AAPL", "A"]),
        (["AAPL.csv", "AAPL2.csv"], "{symbol}.csv", ["AAPL", "AAPL2"]),
        (["BRK.A.csv", "BRK.B.csv"], "BRK.{symbol}.csv", ["A", "B"]),
        (["brk-b.us.txt"], "{symbol}.us.txt", ["BRK-B"]),
        (["daily_IBM.csv"], "daily_{symbol}.csv", ["IBM"]),
        (["IBM_daily.csv.gz"], "{symbol}_daily.csv.gz", ["IBM"]),
        (["0700.csv", "7203.csv"], "{symbol}.csv", ["0700", "7203"]),
    ],
)
def test_a_pattern_is_what_names_share(
    names: list[str], pattern: str, symbols: list[str], tmp_path: Path
) -> None:
    files = [tmp_path / name for name in names]

    naming = Naming.of(files, pattern=None, table="prices")

    assert naming.pattern == pattern
    assert [naming.symbol(each) for each in files] == symbols


@pytest.mark.parametrize(
    ("file", "text", "arguments", "error", "why"),
    [
        (
            "PVH.csv",
            YAHOO,
            {"basis": None},
            InvalidArgumentError,
            'pass basis="raw", basis="split_adjusted" or basis="total_return": no such',
        ),
        ("PVH.csv", YAHOO, {"basis": "adj"}, InvalidArgumentError, "was 'adj'"),
        (
            "PVH.csv",
            YAHOO,
            {"pattern": "x"},
            InvalidArgumentError,
            "pattern must hold {symbol} once",
        ),
        (
            "PVH.csv",
            YAHOO,
            {"pattern": "y_{symbol}.csv"},
            InvalidDataError,
            "file PVH.csv does not say its symbol as y_{symbol}.csv: rename it, or",
        ),
        (
            "HistoricalData_1665412345678.csv",
            NASDAQ,
            {},
            InvalidDataError,
            "does not say its symbol as HistoricalData_{symbol}.csv",
        ),
        (
            "PVH.csv",
            YAHOO,
            {"basis": "total_return"},
            InvalidDataError,
            "say basis=split_adjusted, or raw",
        ),
        (
            "PVH.csv",
            "a,b\n1,2\n",
            {},
            InvalidDataError,
            "has no date among 'a', 'b'",
        ),
        (
            "PVH.csv",
            "<!DOCTYPE html>\n<html>\n",
            {},
            InvalidDataError,
            "is a page of HTML, not a table of prices: fetch it again",
        ),
        (
            "PVH.csv",
            YAHOO.partition("\n")[0] + "\n",
            {},
            InvalidDataError,
            "has no rows",
        ),
        ("PVH.csv", "", {}, InvalidDataError, "PVH.csv"),
        (
            "PVH.txt",
            STOOQ.replace(",D,", ",5,"),
            {},
            InvalidDataError,
            "has bars that are not of days",
        ),
        (
            "PVH.csv",
            YAHOO.replace("2022-09-02", "02.09.2022"),
            {},
            InvalidDataError,
            "'02.09.2022' is not a day like the others",
        ),
        (
            "PVH.csv",
            YAHOO.replace("1", "x").replace("0", "x"),
            {},
            InvalidDataError,
            "none of the 3 rows has all four prices",
        ),
    ],
)
def test_a_wrong_file_is_one_line(
    *,
    file: str,
    text: str,
    arguments: dict[str, Any],
    error: type[Exception],
    why: str,
    tmp_path: Path,
) -> None:
    (tmp_path / file).write_text(text)

    with pytest.raises(error, match=re.escape(why)) as told:
        CsvFolder().convert(tmp_path, **{"basis": "split_adjusted", **arguments})

    assert "\n" not in str(told.value)


def test_a_path_without_files_is_told(tmp_path: Path) -> None:
    for name, why in (
        (".", "holds no .csv and no .txt: check the path"),
        ("PVH.csv", "PVH.csv does not exist: check the path"),
        ("*.csv", "no file is like"),
    ):
        with pytest.raises(InvalidDataError, match=why):
            CsvFolder().convert(tmp_path / name, basis="raw")


def test_two_files_of_one_symbol_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(STOOQ)
    (tmp_path / "b.txt").write_text(STOOQ)

    with pytest.raises(InvalidDataError, match=r"a.txt and b.txt are both of PVH"):
        CsvFolder().convert(tmp_path, basis="raw")


def test_days_may_have_the_day_first_if_all_can(tmp_path: Path) -> None:
    text = NASDAQ.replace("09/02", "13/09").replace("09/01", "12/09")
    (tmp_path / "PVH.csv").write_text(text)

    found = CsvFolder().convert(tmp_path, basis="raw")

    assert sorted(found.frame["session"]) == [
        dt.date(2022, 9, 12),
        dt.date(2022, 9, 13),
    ]
    assert "the day first" in found.summary()


def test_frames_by_symbol_are_a_folder_in_memory() -> None:
    frame = pd.DataFrame(
        {"Open": [10.0], "High": [11.0], "Low": [9.0], "Close": [10.5], "Volume": [1]},
        index=pd.DatetimeIndex(["2022-09-01"], name="Date"),
    )

    found = CsvFolder().convert({"PVH": frame, "KO": frame}, basis="raw")

    assert found.frame["symbol"].tolist() == ["PVH", "KO"]
