from __future__ import annotations

import datetime as dt
import io
import re
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError, UnknownNameError
from lakebt.sources.corporate.downloads import Downloads, came_at
from lakebt.sources.effective_changes import NO_DAY, RENAMES, TWICE, UNANNOUNCED
from lakebt.sources.wikipedia import NO_TICKERS, PAGES, SURVIVORS, Wikipedia

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """<tr><th rowspan="2">Effective Date</th><th colspan="2">Added</th>
<th colspan="2">Removed</th><th rowspan="2">Reason</th></tr>
<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>"""
ROWS = """
<tr><td rowspan="2">September 19, 2022</td><td>CSGP</td><td>CoStar</td>
<td>PVH</td><td>PVH Corp.</td><td>Market capitalization change.<sup>[4]</sup></td></tr>
<tr><td>INVH</td><td>Invitation Homes</td><td>PENN[a]</td><td>Penn</td>
<td>Same.</td></tr>
<tr><td>June 21, 2022[7]</td><td>KDP</td><td>Keurig</td><td>UA, UAA</td>
<td>Under Armour</td><td>Market capitalization change.</td></tr>
<tr><td>January 4, 2023</td><td>GEHC</td><td>GE HealthCare</td><td></td><td></td>
<td>S&amp;P 500 constituent General Electric spun off GE HealthCare.[9]</td></tr>
<tr><td>June 9, 2022</td><td>META</td><td>Meta</td><td>FB</td><td>Facebook</td>
<td>Facebook changed its ticker symbol.</td></tr>
<tr><td>June 8, 2022</td><td>VICI</td><td>VICI</td><td>CERN</td><td>Cerner</td>
<td>Oracle acquired Cerner.</td></tr>
<tr><td>June 8, 2022</td><td>VICI</td><td>VICI</td><td>—</td><td></td>
<td>Again.</td></tr>
<tr><td>1976</td><td>OLD</td><td>Old</td><td></td><td></td><td></td></tr>
<tr><td>May 1, 2020</td><td></td><td>Nobody</td><td></td><td></td><td></td></tr>
"""
MEMBERS = """<tr><th>Company</th><th>Symbol</th><th>Date added</th></tr>
<tr><td>3M</td><td>MMM</td><td>1976-08-09</td></tr>
<tr><td>Amazon</td><td>AMZN</td><td>2024-02-26</td></tr>"""
CHANGES = [
    ("CERN", "deletion", dt.date(2022, 6, 8), "merger"),
    ("CSGP", "addition", dt.date(2022, 9, 19), "discretionary"),
    ("GEHC", "addition", dt.date(2023, 1, 4), "spin_off"),
    ("INVH", "addition", dt.date(2022, 9, 19), None),
    ("KDP", "addition", dt.date(2022, 6, 21), "discretionary"),
    ("PENN", "deletion", dt.date(2022, 9, 19), None),
    ("PVH", "deletion", dt.date(2022, 9, 19), "discretionary"),
    ("UA", "deletion", dt.date(2022, 6, 21), "discretionary"),
    ("UAA", "deletion", dt.date(2022, 6, 21), "discretionary"),
    ("VICI", "addition", dt.date(2022, 6, 8), "merger"),
]


def page(*tables: str) -> str:
    inner = "".join(f'<table class="wikitable">{table}</table>' for table in tables)
    return f"<!DOCTYPE html>\n<html><body>{inner}</body></html>"


def told(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    shown = frame[["symbol", "side", "effective", "cause"]].astype(object)
    return sorted(shown.where(shown.notna(), None).itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_html(io.StringIO(page(HEAD + ROWS)))[0]


def test_the_table_is_read_as_a_frame_a_file_and_a_page(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    table.to_csv(tmp_path / "two.csv", index=False)
    table.to_csv(tmp_path / "numbered.csv")
    flat = table.set_axis(
        ["Date", "Added Ticker", "Added", "Removed_Ticker", "Removed", "Reason"], axis=1
    )
    flat.to_csv(tmp_path / "flat.csv", index=False)
    (tmp_path / "page.html").write_text(page(MEMBERS, HEAD + ROWS), encoding="utf-8")

    sources: list[Path | pd.DataFrame] = [table, flat, *sorted(tmp_path.iterdir())]
    for source in sources:
        found = Wikipedia().convert(source, index="SP500")

        assert told(found.frame) == CHANGES, source
        assert found.dropped == {RENAMES: 2, TWICE: 1, NO_DAY: 1, NO_TICKERS: 1}
        assert found.n_read == 9
        assert found.noted[0] == UNANNOUNCED
        assert "announced" not in found.frame.columns


def test_what_was_effective_was_known_the_day_before(table: pd.DataFrame) -> None:
    found = Wikipedia().convert(table, index="SP500").frame.set_index("symbol")

    # The end of Sunday, 18 September, in New York; winter time at the turn of the year.
    assert str(found.loc["PVH", "known_at"]) == "2022-09-19 03:59:59.999999+00:00"
    assert str(found.loc["GEHC", "known_at"]) == "2023-01-04 04:59:59.999999+00:00"


def test_symbols_and_renames_are_those_given(table: pd.DataFrame) -> None:
    found = Wikipedia().convert(
        table, index="SP500", symbols={"PVH": "PVH-X"}, renames={"CERN": "VICI"}
    )

    assert "PVH-X" in set(found.frame["symbol"])
    assert not {"CERN", "VICI"} & set(found.frame["symbol"])
    assert found.dropped[RENAMES] == 4
    assert "renames, and no trades (1): CERN VICI 2022-06-08" in found.summary()


def test_a_folder_of_pages_is_each_its_index(tmp_path: Path) -> None:
    (tmp_path / "SP400.html").write_text(page(HEAD + ROWS), encoding="utf-8")
    (tmp_path / "Nasdaq-100.html").write_text(page(HEAD + ROWS), encoding="utf-8")
    (tmp_path / "downloads.csv").write_text("file,source,at,bytes,sha256\n")

    found = Wikipedia().convert(tmp_path)

    assert found.frame["index"].value_counts().to_dict() == {"NDX100": 10, "SP400": 10}
    assert found.n_read == 18
    with pytest.raises(InvalidArgumentError, match="cannot be that of 2 pages"):
        Wikipedia().convert(tmp_path, index="SP400")


def test_a_page_without_changes_has_the_additions_of_survivors(tmp_path: Path) -> None:
    path = tmp_path / "Dow_Jones_Industrial_Average.html"
    path.write_text(page(MEMBERS), encoding="utf-8")

    found = Wikipedia().convert(path)

    assert found.frame["index"].unique().tolist() == ["DJIA"]
    assert set(found.frame["side"]) == {"addition"}
    assert SURVIVORS in found.noted


@pytest.mark.parametrize(
    ("name", "text", "error", "why"),
    [
        ("x.csv", "Date,A\n2022-09-19,B\n", InvalidArgumentError, "pass index="),
        ("SP500.csv", "a,b\n1,2\n", InvalidDataError, "has no table with a date, what"),
        ("SP500.csv", "", InvalidDataError, "is empty: fetch it again"),
        ("SP500.csv", "Date\n", InvalidDataError, "has no rows of a table"),
        (
            "SP500.csv",
            page(HEAD),
            InvalidDataError,
            "is a page of HTML, not a table of changes",
        ),
        ("SP500.html", "<html></html>", InvalidDataError, "has no table of a page"),
        (
            "SP500.html",
            page("<tr><th>A</th></tr><tr><td>1</td></tr>"),
            InvalidDataError,
            "has no table with a date",
        ),
        (
            "SP500.html",
            page(HEAD + "<tr><td>1976</td><td>A</td></tr>"),
            InvalidDataError,
            "has no change of SP500 in 1 rows",
        ),
    ],
)
def test_a_wrong_file_is_one_line(
    name: str, text: str, error: type[Exception], why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(error, match=re.escape(why)) as caught:
        Wikipedia().convert(tmp_path / name)

    assert "\n" not in str(caught.value)


def test_a_page_needs_a_library_which_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "SP500.html").write_text(page(HEAD + ROWS), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "lxml", None)
    monkeypatch.setitem(sys.modules, "lxml.etree", None)

    with pytest.raises(InvalidArgumentError, match=r"a page needs lxml, which is not"):
        Wikipedia().convert(tmp_path / "SP500.html")


def test_fetch_keeps_the_pages_as_they_came(tmp_path: Path) -> None:
    asked = []

    def get(url: str) -> bytes:
        asked.append(url)
        return page(HEAD + ROWS).encode()

    at = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
    downloads = Downloads(get=get, clock=lambda: at)

    Wikipedia().fetch(tmp_path, indexes=["SP500", "SP600"], downloads=downloads)

    assert asked == [PAGES["SP500"], PAGES["SP600"]]
    assert came_at(tmp_path) == dict.fromkeys(
        ("SP500.html", "SP600.html"), at.isoformat()
    )
    assert len(Wikipedia().convert(tmp_path).frame) == 20
    with pytest.raises(UnknownNameError, match="unknown index 'SP50'"):
        Wikipedia().fetch(tmp_path, indexes=["SP50"], downloads=downloads)


# Nasdaq-100: the two rows of headings; S&P 600: a side empty, several tickers, notes
# in the names of the columns; S&P 400 of old: one row of headings.
SHAPES = {
    "Nasdaq-100": """<tr><th rowspan="2">Date</th><th colspan="2">Added</th>
<th colspan="2">Removed</th><th rowspan="2">Reason</th></tr>
<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>
<tr><td>December 18, 2023</td><td>CDW</td><td>CDW</td><td>ALGN</td><td>Align</td>
<td>Annual index reconstitution.[3]</td></tr>
<tr><td>Sept. 26, 2023</td><td>SMCI, GFS[a]</td><td>Two</td><td>—</td><td></td>
<td>[note 2]</td></tr>""",
    "S&P 600": """<tr><th rowspan="2">Date[1]</th><th colspan="2">Added</th>
<th colspan="2">Removed</th><th rowspan="2">Reason[2]</th></tr>
<tr><th>Ticker symbol[b]</th><th>Security</th><th>Ticker</th><th>Security</th></tr>
<tr><td>2023-12-18</td><td>CDW</td><td>CDW</td><td>ALGN</td><td>Align</td><td></td></tr>
<tr><td>2023-09-26[5]</td><td>SMCI<br/>GFS</td><td>Two</td><td></td><td></td>
<td></td></tr>""",
    "S&P 400": """<tr><th>Date</th><th>Added Ticker</th><th>Added Security</th>
<th>Removed Ticker</th><th>Removed Security</th><th>Reason</th></tr>
<tr><td>18 December 2023</td><td>CDW</td><td>CDW</td><td>ALGN</td><td>Align</td>
<td>x</td></tr>
<tr><td>26 September 2023</td><td>SMCI / GFS</td><td>Two</td><td>n/a</td><td></td>
<td></td></tr>""",
}


@pytest.mark.parametrize("index", SHAPES)
def test_the_shape_of_each_index_as_a_page_a_frame_and_a_file(
    index: str, tmp_path: Path
) -> None:
    text = page(SHAPES[index])
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    frame = pd.read_html(io.StringIO(text))[0]
    frame.to_csv(tmp_path / "saved.csv", index=False)
    frame.to_csv(tmp_path / "semicolons.csv", index=False, encoding="utf-8-sig")

    sources: list[Path | pd.DataFrame] = [frame, *sorted(tmp_path.iterdir())]
    for source in sources:
        found = Wikipedia().convert(source, index=index).frame
        rows = found[["symbol", "side", "effective"]].itertuples(index=False, name=None)
        day = dt.date(2023, 9, 26)
        assert sorted(rows) == [
            ("ALGN", "deletion", dt.date(2023, 12, 18)),
            ("CDW", "addition", dt.date(2023, 12, 18)),
            *([("GFS", "addition", day), ("SMCI", "addition", day)]),
        ], source
