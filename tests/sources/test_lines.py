"""Lines that are no rows are left out where somebody says so, counted, and told."""

from __future__ import annotations

import csv
import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.files import read_file
from lakebt.sources.lines import without

ROWS = "symbol,session,close\nA,2010-03-01,10\nB,2010-03-01,11\n"
TITLE = 'Fund of many\nHoldings as of,"Mar 1, 2010"\n\n'
NOTES = ' \n"All of it\nfor information.\n'

SHARED = Path(os.environ.get("LAKEBT_SHARED", "/nowhere")) / "realdata"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.csv"


@pytest.mark.parametrize(
    ("before", "after", "says", "cure"),
    [
        (TITLE, "", "header seems to be line 4", {"header_line": 4}),
        ("", NOTES, "last 3 lines seem to be no rows", {"footer_lines": 3}),
        (TITLE, NOTES, "line 4 and its last 3", {"header_line": 4, "footer_lines": 3}),
        ("", "Total\n", "last line seems to be no row", {"footer_lines": 1}),
        ("", "Total,,21\n", "as a sum of the others does", {"footer_lines": 1}),
        ("", "\nTotal:,2010-03-01,21\n\n", "as a sum", {"footer_lines": 2}),
        ("", f"TOTAL,,21\n{NOTES}", "last 4 lines", {"footer_lines": 4}),
        ("Fund of many,,\n,,\n", "", "column 2 has no name", {"header_line": 3}),
    ],
)
def test_an_error_counts_the_lines_and_what_it_says_works(
    path: Path, before: str, after: str, says: str, cure: dict[str, int]
) -> None:
    path.write_text(before + ROWS + after, encoding="utf-16")

    with pytest.raises(InvalidDataError) as caught:
        read_file(path, table="prices")

    assert says in str(caught.value)
    named = " and ".join(f"{name}={value}" for name, value in cure.items())
    assert f"ass {named}." in str(caught.value)
    read = read_file(path, table="prices", **cure)  # type: ignore[arg-type]
    assert read.frame["symbol"].tolist() == ["A", "B"]
    assert read.frame["close"].tolist() == [10.0, 11.0]
    assert ("before the header left out" in read.summary()) == ("header_line" in cure)
    assert ("after the rows left out" in read.summary()) == ("footer_lines" in cure)


def test_a_row_that_somebody_calls_one_is_kept(path: Path) -> None:
    path.write_text(f"{ROWS}Total,2010-03-01,21\n")

    read = read_file(path, table="prices", footer_lines=0)

    assert read.frame["symbol"].tolist() == ["A", "B", "Total"]


@pytest.mark.parametrize("symbol", ["SUM", "TOT", "TotalEnergies", "AVG"])
def test_names_that_look_like_sums_are_names(path: Path, symbol: str) -> None:
    path.write_text(f"{ROWS}{symbol},2010-03-01,21\n")

    assert read_file(path, table="prices").frame["symbol"].iloc[-1] == symbol


def test_what_several_rows_are_called_is_a_name(path: Path) -> None:
    path.write_text(f"{ROWS}Total,2010-03-01,21\nTotal,2010-03-02,22\n")

    assert len(read_file(path, table="prices").frame) == 4


def test_cells_that_hold_nothing_are_no_rows_at_the_end_and_told(path: Path) -> None:
    path.write_text(f"{ROWS},,\n,,\n")

    read = read_file(path, table="prices")

    assert (read.n_read, read.read_as) == (2, ("2 empty lines at the end left out",))


@pytest.mark.parametrize(
    "wrong",
    [{"header_line": 0}, {"header_line": True}, {"footer_lines": -1}, {"sheet": "A"}],
)
def test_what_counts_no_lines_is_refused(path: Path, wrong: dict[str, object]) -> None:
    path.write_text(ROWS)

    with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
        read_file(path, table="prices", **wrong)  # type: ignore[arg-type]


def test_what_is_no_text_has_no_advice(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)

    with pytest.raises(InvalidDataError, match="cannot be read as CSV: it is not utf"):
        read_file(path, table="prices")


@pytest.mark.parametrize("encoding", ["rot13", "base64", "klingon", "\0"])
def test_what_is_no_encoding_of_text_is_refused(path: Path, encoding: str) -> None:
    path.write_text(ROWS)

    with pytest.raises(InvalidArgumentError, match="encoding must be one of"):
        read_file(path, table="prices", encoding=encoding)


def test_more_lines_than_there_are_is_one_line(path: Path) -> None:
    path.write_text(ROWS)

    with pytest.raises(InvalidDataError, match="it has 3 lines, too few for header_l"):
        read_file(path, table="prices", header_line=2, footer_lines=2)


@given(
    lines=st.lists(st.text("ab,\"' \u2028\x0b", max_size=6), min_size=3, max_size=9),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    data=st.data(),
)
def test_lines_are_cut_as_an_editor_counts_them(
    lines: list[str], end: str, data: st.DataObject
) -> None:
    lines = [*lines, "last"]
    first = data.draw(st.integers(1, len(lines)))
    after = data.draw(st.integers(0, len(lines) - first))

    kept = without(end.join(lines) + end, header_line=first, footer_lines=after)

    assert kept == end.join(lines[first - 1 : len(lines) - after])


@pytest.mark.skipif(not SHARED.exists(), reason="LAKEBT_SHARED names no real data")
def test_holdings_as_an_issuer_publishes_them() -> None:
    path = SHARED / "actions" / "IWM_2025-05-13.csv"
    with pytest.raises(InvalidDataError, match="header_line=10 and footer_lines=11"):
        read_file(path, table="etf_holdings")

    read = read_file(
        path,
        table="etf_holdings",
        columns={"Market Value": "value_usd", "Quantity": "balance"},
        header_line=10,
        footer_lines=11,
    )

    with path.open(encoding="utf-8-sig", newline="") as file:
        known = [row for row in csv.reader(file) if len(row) == 15][1:]
    assert read.frame["Ticker"].tolist() == [row[0] for row in known]
    assert read.frame["value_usd"].tolist() == [
        float(row[4].replace(",", "")) for row in known
    ]


def book(path: Path, **sheets: list[list[object]]) -> Path:
    """A file of Excel, as openpyxl writes it."""
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


SHEET: list[list[object]] = [
    ["symbol", "session", "close", "retracted"],
    ["A", dt.datetime(2010, 3, 1), 10, False],  # noqa: DTZ001 - as Excel has it
    [700, dt.date(2010, 3, 1), 11.5, None],
    [True, "2010-03-01", "1,012.50", True],
]


def test_a_sheet_is_read_as_a_csv_of_it_would_be(tmp_path: Path) -> None:
    path = book(tmp_path / "bars.xlsx", Bars=SHEET, Empty=[])

    read = read_file(path, table="prices")

    assert read.frame["symbol"].tolist() == ["A", "700", "TRUE"]
    assert read.frame["session"].tolist() == ["2010-03-01"] * 3
    assert read.frame["close"].tolist() == [10.0, 11.5, 1012.5]
    assert read.frame["retracted"].tolist() == [False, None, True]
    assert read.read_as == ("Excel, sheet 'Bars'", "thousands separators")


def test_of_several_sheets_one_is_named(tmp_path: Path) -> None:
    path = book(tmp_path / "bars.xlsx", Notes=[["About"]], Bars=SHEET)

    with pytest.raises(InvalidDataError, match=r"has 2 sheets .* pass sheet='Notes'"):
        read_file(path, table="prices")
    with pytest.raises(InvalidDataError, match="has no sheet 'bars'; it has 'Notes'"):
        read_file(path, table="prices", sheet="bars")

    assert len(read_file(path, table="prices", sheet="Bars").frame) == 3


def test_titles_and_sums_of_a_sheet_are_counted_as_those_of_a_csv(
    tmp_path: Path,
) -> None:
    total: list[list[object]] = [["Total", None, 21.5]]
    path = book(tmp_path / "bars.xlsx", Bars=[["A fund"], [], *SHEET, *total])

    with pytest.raises(InvalidDataError, match="header_line=3 and footer_lines=1"):
        read_file(path, table="prices")

    read = read_file(path, table="prices", header_line=3, footer_lines=1)
    assert read.frame["symbol"].tolist() == ["A", "700", "TRUE"]


def test_what_is_no_workbook_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path / "bars.xlsx"
    path.write_text(ROWS)

    with pytest.raises(InvalidDataError, match="is not an Excel workbook: check"):
        read_file(path, table="prices")


def test_without_openpyxl_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    path = tmp_path / "bars.xlsx"
    path.write_bytes(b"PK")

    with pytest.raises(
        InvalidDataError, match=r"convert it to .* openpyxl .*\[excel\]"
    ):
        read_file(path, table="prices")
