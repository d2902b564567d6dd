"""What people write that a reader may take for something else, in every format."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidDataError
from lakebt.sources.corporate.downloads import LIST, records
from lakebt.sources.csv_folder import CsvFolder
from lakebt.sources.formats import read_source
from lakebt.sources.membership import Membership
from lakebt.sources.wikipedia import Wikipedia
from lakebt.sources.yahoo_bars import YahooBars
from tests.sources.test_wikipedia import HEAD, page

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("NA", "TRUE", "NAN", "CON", "INF", "E5", "0700", "000001")
"""Nano Labs, TrueCar and others; listings of Hong Kong and of Shenzhen."""


def bars(folder: Path, text: str, *, name: str = "AAA.csv") -> list[list[Any]]:
    (folder / name).write_text(text, encoding="utf-8")
    frame = CsvFolder().convert(folder / name, basis="raw").frame
    rows: list[list[Any]] = (
        frame[["session", "open", "high", "low", "close"]].to_numpy().tolist()
    )
    return rows


HEADER = "Date{0}Open{0}High{0}Low{0}Close{0}Volume"


@pytest.mark.parametrize(
    ("sign", "cells", "close", "volume"),
    [
        (";", ("1,5", "2,5", "1,0", "2,25", "1.234"), 2.25, 1234.0),
        (";", ("1.001,5", "1.002,5", "1.000,0", "1.002,25", "7"), 1002.25, 7.0),
        (";", ("1,125", "2,500", "1,000", "2,250", "7"), 2.25, 7.0),
        (";", ("1.5", "2.5", "1.0", "2.25", "1234"), 2.25, 1234.0),
        ("\t", ("1,5", "2,5", "1,0", "2,25", "1.234.567"), 2.25, 1234567.0),
        (",", ('"1,5"', '"2,5"', '"1,0"', '"2,25"', "7"), 2.25, 7.0),
        (
            ",",
            ('"1,001.5"', '"1,002"', '"1,000"', '"1,002.25"', '"1,234"'),
            1002.25,
            1234.0,
        ),
        (",", ('"1,125"', '"2,500"', '"1,000"', '"2,250"', "7"), 2250.0, 7.0),
        (",", ("$1.5", "$2.5", "$1.0", "$2.25", "1234"), 2.25, 1234.0),
    ],
)
def test_a_comma_is_what_it_is_in_the_whole_file(
    sign: str, cells: tuple[str, ...], close: float, volume: float, tmp_path: Path
) -> None:
    """1,5 was read as 15."""
    lines = [sign.join((f"2022-09-0{day}", *cells)) for day in (1, 2)]
    (tmp_path / "AAA.csv").write_text("\n".join([HEADER.format(sign), *lines]) + "\n")
    found = CsvFolder().convert(tmp_path / "AAA.csv", basis="raw")

    assert found.frame[["close", "volume"]].to_numpy().tolist() == [[close, volume]] * 2
    has_commas = "decimal commas" in found.read_as
    assert has_commas == ((sign != "," and "," in "".join(cells)) or '"1,5"' in cells)


def test_a_file_of_both_kinds_of_commas_is_refused(tmp_path: Path) -> None:
    text = HEADER.format(";") + "\n2022-09-01;1,5;2,5;1,0;2,0;7\n"
    with pytest.raises(
        InvalidDataError, match=r"'1,0' has a decimal comma, and '1,234.5'"
    ):
        bars(tmp_path, f"{text}2022-09-02;1,234.5;2,5;1,0;2,0;7\n")


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (("01/09/2022", "02/09/2022", "05/09/2022"), dt.date(2022, 9, 1)),
        (("09/01/2022", "09/02/2022", "09/06/2022"), dt.date(2022, 9, 1)),
        (("05/09/2022", "02/09/2022", "01/09/2022"), dt.date(2022, 9, 1)),
        (("09/02/2022",), dt.date(2022, 9, 2)),
        (("12-Sep-2022", "13-Sep-2022"), dt.date(2022, 9, 12)),
        (("12.09.2022", "13.09.2022"), dt.date(2022, 9, 12)),
        (("Sept. 12, 2022", "Sept. 13, 2022"), dt.date(2022, 9, 12)),
    ],
)
def test_days_are_days_apart(
    days: tuple[str, ...], first: dt.date, tmp_path: Path
) -> None:
    """A file of the first of September's days was one of nine months."""
    rows = "\n".join(f'"{day}",1,2,1,2,5' for day in days)
    found = bars(tmp_path, f"{HEADER.format(',')}\n{rows}\n")
    assert min(row[0] for row in found) == first


def test_a_ticker_is_a_text_in_every_format(tmp_path: Path) -> None:
    for name in NAMES:
        rows = "2022-09-01,1,2,1,2,5\n2022-09-02,1,2,1,2,5\n"
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.csv").write_text(f"{HEADER.format(',')}\n{rows}")
        one = tmp_path / "one.csv"
        one.write_text(
            f"Date,Ticker,Open,High,Low,Close,Adj Close\n2022-09-01,{name},1,2,1,2,2\n"
        )
        assert set(YahooBars().convert(one).frame["symbol"]) == {name}
        one.write_text(f'date,tickers\n2022-01-03,X\n2022-02-03,"X,{name}"\n')
        assert set(Membership().convert(one, index="I").frame["symbol"]) == {name}
        one.write_text(
            "index_name,announcement_date,effective_date,added,removed\n"
            f"I,2022-09-02,2022-09-19,{name},\n"
        )
        pairs = read_source(one, table="index_changes", file_format="rebalances")
        assert set(pairs.frame["symbol"]) == {name}
        row = f"<tr><td>June 8, 2022</td><td>{name}</td><td>N</td><td>B1</td></tr>"
        html = tmp_path / "SP500.html"
        html.write_text(page(HEAD + row + row.replace(name, "AB").replace("8", "9")))
        assert name in set(Wikipedia().convert(html).frame["symbol"])
    whole = CsvFolder().convert(tmp_path / "folder", basis="raw").frame
    assert set(whole["symbol"]) == {*NAMES}


def test_a_class_in_another_spelling_is_no_trade(tmp_path: Path) -> None:
    path = tmp_path / "sp500.csv"
    path.write_text(
        "date;tickers\n2022-01-03;BRK.B,A,B\n2022-02-03;BRK-B,A,C\n2022-03-03;BRK/B,A,C\n"
    )
    found = Membership().convert(path)

    assert found.frame[["symbol", "side"]].to_numpy().tolist() == [
        ["C", "addition"],
        ["B", "deletion"],
    ]
    told = (
        "other spellings of a class, and no trades (2): BRK-B is BRK.B, BRK/B is BRK.B"
    )
    assert told in found.noted


def test_semicolons_and_tabs_part_cells_too(tmp_path: Path) -> None:
    for sign in (";", "\t"):
        path = tmp_path / "SP500.csv"
        names = ("Date", "Added Ticker", "Added", "Removed Ticker", "Removed", "Reason")
        row = ("September 19, 2022", "AAA, AAB", "E", "BBB", "x", "y")
        path.write_text(
            "\n".join([sign.join(names), sign.join(row), ""]), encoding="utf-16"
        )
        assert Wikipedia().convert(path).kept == 3


def test_a_list_without_changes_says_what_became_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "sp500.csv"
    path.write_text("date,tickers\nsoon,A\nlater,B\n")
    why = "has no change of SP500 in 2 rows: 2 rows whose date is no day"
    with pytest.raises(InvalidDataError, match=why):
        Membership().convert(path)


def test_a_damaged_list_of_downloads_is_one_line(tmp_path: Path) -> None:
    (tmp_path / LIST).write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(InvalidDataError, match="is not a CSV with columns file and at"):
        records(tmp_path)
