"""The Dow's historical components: lists of names under the days of the changes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import InvalidDataError
from lakebt.sources.corporate.downloads import Downloads, came_at
from lakebt.sources.dow_history import FIRST, NO_TICKER, UNCLEAR
from lakebt.sources.wikipedia import HISTORIES, PAGES, SURVIVORS, Wikipedia

if TYPE_CHECKING:
    from pathlib import Path

NOVEMBER = [
    ["3M Company", "Honeywell International Inc.", "Nvidia Corporation ↑[4]"],
    ["Amazon.com, Inc.", "The Sherwin-Williams Company ↑", "Walmart Inc."],
]
FEBRUARY = [
    ["3M Company", "Dow Inc.", "Intel Corporation"],
    ["Amazon.com, Inc. ↑", "Honeywell International Inc.", "Walmart Inc."],
]
AUGUST = [
    ["3M Company", "Dow Inc.", "Intel Corporation"],
    [
        "Honeywell International Inc. ↑",
        "Walgreens Boots Alliance, Inc.<br /><small>(formerly Walgreen)</small>",
        "Walmart Inc. †<br />(formerly Wal-Mart Stores, Inc.)",
    ],
]
SYMBOLS = {
    "Dow Inc.": "DOW",
    "Intel Corporation": "INTC",
    "Walgreens Boots Alliance, Inc.": "WBA",
}
TODAY = """<table class="wikitable"><tr><th>Company</th><th>Exchange</th><th>Symbol</th>
<th>Date added</th><th>Notes</th></tr>
<tr><td>3M</td><td>NYSE</td><td>MMM</td><td>1976-08-09</td><td></td></tr>
<tr><td>Amazon</td><td>NASDAQ</td><td>AMZN</td><td>2024-02-26</td><td></td></tr>
<tr><td>Honeywell</td><td>NASDAQ</td><td>HON</td><td>2020-08-31</td><td></td></tr>
<tr><td>Nvidia</td><td>NASDAQ</td><td>NVDA</td><td>2024-11-08</td><td></td></tr>
<tr><td>Sherwin-Williams</td><td>NYSE</td><td>SHW</td><td>2024-11-08</td></tr>
<tr><td>Walmart</td><td>NYSE</td><td>WMT</td><td>1997-03-17</td></tr></table>"""


def section(day: str, rows: list[list[str]], dropped: list[str] | None) -> str:
    """A part of the page as it is: a heading, and a table of three columns."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    if dropped is not None:
        lines.append('<th colspan="3">Dropped from Average</th>')
        lines.append("".join(f"<td>{cell} ↓</td>" for cell in dropped))
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return (
        f'<div class="mw-heading"><h2 id="x">{day}</h2><span>[<a>edit</a>]</span></div>'
        f'<table class="wikitable"><tbody>{body}</tbody></table>'
    )


def page(*parts: str) -> str:
    start = (
        "<!DOCTYPE html><html><body><h1>Historical components</h1>"
        "<h2>Summary of changes since 1991</h2><table><tr><td>x</td></tr></table>"
    )
    return f"{start}{''.join(parts)}<h2>See also</h2></body></html>"


WHOLE = page(
    section("November 8, 2024", NOVEMBER, ["Dow Inc.", "Intel Corporation"]),
    section("February 26, 2024", FEBRUARY, ["Walgreens Boots Alliance, Inc."]),
    section("August 31, 2020", AUGUST, ["Exxon Mobil Corporation"]),
)
CHANGES = {
    ("AMZN", "addition", dt.date(2024, 2, 26)),
    ("WBA", "deletion", dt.date(2024, 2, 26)),
    ("NVDA", "addition", dt.date(2024, 11, 8)),
    ("SHW", "addition", dt.date(2024, 11, 8)),
    ("DOW", "deletion", dt.date(2024, 11, 8)),
    ("INTC", "deletion", dt.date(2024, 11, 8)),
}


def told(folder: Path, **symbols: str) -> set[tuple[str, str, dt.date]]:
    frame = Wikipedia().convert(folder, symbols=symbols).frame
    return set(
        frame[["symbol", "side", "effective"]].itertuples(index=False, name=None)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "DJIA_history.html").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "DJIA.html").write_text(page(TODAY), encoding="utf-8")
    return tmp_path


def test_additions_and_deletions_of_the_dow_come_out(folder: Path) -> None:
    found = Wikipedia().convert(folder, symbols=SYMBOLS)

    assert told(folder, **SYMBOLS) == CHANGES
    assert set(found.frame["index"]) == {"DJIA"}
    assert found.dropped == {FIRST: 6}
    assert SURVIVORS not in found.noted
    assert found.n_read == 6 * 3 + 4


def test_a_name_without_a_ticker_is_told_and_never_guessed(folder: Path) -> None:
    found = Wikipedia().convert(folder)

    assert told(folder) == {
        change for change in CHANGES if change[0] not in {*SYMBOLS.values()}
    }
    assert found.dropped[NO_TICKER] == 3
    assert "names without a ticker, for symbols (3): Walgreens Boots" in found.summary()
    (folder / "DJIA.html").unlink()
    with pytest.raises(
        InvalidDataError, match=r"DJIA_history\.html has no change of DJIA"
    ):
        Wikipedia().convert(folder)
    assert told(folder, **SYMBOLS, **{"Nvidia Corporation": "NVDA"}) == {
        change for change in CHANGES if change[0] in {*SYMBOLS.values(), "NVDA"}
    }


def test_lists_without_arrows_differ_by_their_names(folder: Path) -> None:
    plain = WHOLE.replace(" ↑", "").replace(" ↓", "")
    (folder / "DJIA_history.html").write_text(plain, encoding="utf-8")
    assert told(folder, **SYMBOLS) == CHANGES

    # A company with a new name is neither new nor gone.
    february = section(
        "February 26, 2024",
        [
            [name.replace("Walmart Inc.", "Wal-Mart Stores †") for name in row]
            for row in FEBRUARY
        ],
        ["Walgreens Boots Alliance, Inc."],
    ).replace(" ↑", "")
    text = page(
        section("November 8, 2024", NOVEMBER, ["Dow Inc.", "Intel Corporation"]),
        february,
        section("August 31, 2020", AUGUST, ["Exxon Mobil Corporation"]),
    )
    (folder / "DJIA_history.html").write_text(text, encoding="utf-8")
    assert told(folder, **SYMBOLS) == CHANGES

    # Without "Dropped from Average" who left could be who has a new name.
    text = page(
        section("November 8, 2024", NOVEMBER, ["Dow Inc.", "Intel Corporation"]),
        february.replace("Dropped from Average", "").replace(" ↓", ""),
        section("August 31, 2020", AUGUST, ["Exxon Mobil Corporation"]),
    )
    (folder / "DJIA_history.html").write_text(text, encoding="utf-8")
    assert Wikipedia().convert(folder, symbols=SYMBOLS).dropped[UNCLEAR] == 1


def test_both_pages_of_the_dow_are_fetched(tmp_path: Path) -> None:
    asked: dict[str, bytes] = {PAGES["DJIA"]: page(TODAY).encode()}
    asked[HISTORIES["DJIA"]] = WHOLE.encode()
    at = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
    downloads = Downloads(get=asked.__getitem__, clock=lambda: at)

    Wikipedia().fetch(tmp_path, indexes=["DJIA"], downloads=downloads)

    assert came_at(tmp_path).keys() == {"DJIA.html", "DJIA_history.html"}
    assert told(tmp_path, **SYMBOLS) == CHANGES
