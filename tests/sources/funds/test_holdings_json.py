"""What Invesco's and Vanguard's pages ask for, and the other shapes of their files."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidDataError
from lakebt.sources.corporate.downloads import Downloads
from lakebt.sources.formats import FORMATS
from lakebt.sources.funds.issuers import InvescoHoldings, VanguardHoldings

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.converted import Converted

KNOWN = "2025-10-01T13:00:00+00:00"
INVESCO: dict[str, Any] = {
    "cusip": "XQQ",
    "effectiveDate": "2025-09-13",
    "effectiveBusinessDate": "2025-09-12",
    "totalNumberOfHoldings": 4,
    "holdings": [
        {
            "ticker": "AAPL",
            "issuerName": "Apple Inc",
            "units": 1000,
            "percentageOfTotalNetAssets": 60.5,
            "securityTypeName": "Common Stock",
            "marketValueBase": 100000.5,
            "cusip": "037833100",
            "currency": "USD",
        },
        {
            "ticker": "ASML",
            "issuerName": "ASML Holding NV",
            "units": 10,
            "percentageOfTotalNetAssets": 39.0,
            "securityTypeName": "American Depository Receipt",
            "cusip": "N07059210",
        },
        {
            "ticker": "USDPDV",
            "issuerName": "USD Pending Dividends",
            "percentageOfTotalNetAssets": None,
            "securityTypeName": "Currency",
        },
        {"percentageOfTotalNetAssets": 0.2, "securityTypeName": "Money Market Fund"},
    ],
}
VANGUARD: dict[str, Any] = {
    "size": 2,
    "asOfDate": "2025-08-31T00:00:00-04:00",
    "fund": {
        "entity": [
            {
                "type": "portfolioHolding",
                "asOfDate": "2025-08-31T00:00:00-04:00",
                "longName": "Alphabet Inc. Class A",
                "shortName": "ALPHABET INC",
                "sharesHeld": "338000",
                "marketValue": "338396632",
                "ticker": "GOOGL",
                "isin": "US02079K3059",
                "percentWeight": "92.18",
                "cusip": "02079K305",
                "sedol": "BYVY8G0",
            },
            {
                "longName": "Gamma Inc.",
                "sharesHeld": "1",
                "marketValue": "5",
                "ticker": None,
                "isin": "",
                "percentWeight": "7.00",
                "sedol": "1234567",
            },
        ]
    },
}


def read(name: str, held: object, folder: Path, **options: Any) -> Converted:
    path = folder / "holdings.json"
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    source: Any = FORMATS[name]
    found: Converted = source.convert(path, known_at=KNOWN, **options)
    return found


def test_invesco_s_page(tmp_path: Path) -> None:
    found = read("invesco", INVESCO, tmp_path)
    frame = found.frame[["fund", "date", "isin", "symbol", "balance", "weight_pct"]]

    day = dt.date(2025, 9, 12)
    assert frame.to_numpy().tolist()[0] == [
        *("XQQ", day, "US0378331005", "AAPL", 1000.0, 60.5)
    ]
    assert frame["symbol"].tolist() == ["AAPL", "ASML"]
    assert found.dropped["rows of class Currency"] == 1
    assert found.dropped["rows of class Money Market Fund"] == 1
    # By CUSIP the file does not say the fund's ticker.
    other = INVESCO | {"cusip": "46138G649"}
    assert set(read("invesco", other, tmp_path, fund="QQQM").frame["fund"]) == {"QQQM"}


def test_vanguard_s_page(tmp_path: Path) -> None:
    found = read("vanguard", VANGUARD, tmp_path, fund="VUG")

    frame = found.frame[["date", "isin", "symbol", "name", "value_usd"]]
    assert frame.to_numpy().tolist() == [
        [
            *(dt.date(2025, 8, 31), "US02079K3059", "GOOGL"),
            *("Alphabet Inc. Class A", 338396632.0),
        ]
    ]
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "VUG_2025.json").write_text(json.dumps(VANGUARD))
    kept = VanguardHoldings().convert(folder, known_at=KNOWN).frame
    assert set(kept["fund"]) == {"VUG"}


@pytest.mark.parametrize(
    ("name", "held", "why"),
    [
        ("invesco", INVESCO | {"totalNumberOfHoldings": 105}, "has 4 of 105 holdings"),
        ("vanguard", VANGUARD | {"size": 500}, "has 2 of 500 holdings: fetch all of"),
        ("vanguard", {"fund": {"entity": []}}, "has a header, but no holdings"),
        ("vanguard", INVESCO, "seems to be of format invesco: name that"),
        ("invesco", VANGUARD, "seems to be of format vanguard: name that"),
        ("invesco", {"a": 1}, "is JSON, but not a holdings file of Invesco"),
        ("invesco", [1], "is JSON, but not a holdings file of Invesco"),
        ("invesco", json.dumps(INVESCO)[:-40], "is not complete JSON: fetch it again"),
        ("invesco", "<html></html>", "is a page of HTML"),
        ("invesco", "", "is empty"),
    ],
)
def test_what_is_not_all_of_it_is_one_line(
    name: str, held: object, why: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidDataError, match=why) as caught:
        read(name, held, tmp_path, fund="X")
    assert "\n" not in str(caught.value)


SHAPES = {
    "with a title, and no class of shares": (
        "Invesco Ltd.\nPortfolio Holdings as of 09/12/2025\n\n"
        "Fund Ticker,Ticker,Security Identifier,Holding Ticker,Name,Shares/Par Value,"
        "Market Value,Weight,Sector,Date\n"
        'XQQ,XQQ,037833100,AAPL,"Apple Inc, Common Stock","1,000","26,312.90",96.24,'
        '"Information Technology",09/12/2025\n'
        'XQQ,XQQ,US46090E1038,--,Cash and Cash Equivalents,"1,200","1,200.00",3.04,'
        '"Cash",09/12/2025\n'
    ),
    "holdings ticker": (
        "Fund Ticker,Security Identifier,Holdings Ticker,Name,Weight,Shares/Par Value,"
        "Market Value,Date\n"
        "XQQ,037833100,AAPL,APPLE INC,99.12,1000,26312.9,09/12/2025\n"
    ),
    "of a position": (
        "Fund Ticker,Security Identifier,Holding Ticker,Name,PercentageOfFund,"
        "Shares/Par Value,Market Value,CouponRate,MaturityDate,Rating,PositionDate\n"
        "XQQ,037833100,AAPL,APPLE INC,99.12,1000,26312.9,,,,09/12/2025\n"
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_invesco_s_csv_in_its_shapes(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(SHAPES[shape], encoding="utf-8-sig")
    frame = InvescoHoldings().convert(path, known_at=KNOWN).frame

    assert frame[["fund", "isin", "balance", "value_usd"]].to_numpy().tolist() == [
        ["XQQ", "US0378331005", 1000.0, 26312.9]
    ]
    assert set(frame["date"]) == {dt.date(2025, 9, 12)}


def test_the_page_s_answer_is_fetched_by_cusip(tmp_path: Path) -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        return json.dumps(INVESCO | {"cusip": "46138G649"}).encode()

    keeping = Downloads(get=get, clock=lambda: dt.datetime.fromisoformat(KNOWN))
    InvescoHoldings().fetch(tmp_path, fund="qqqm", cusip="46138g649", downloads=keeping)

    assert "/shareclasses/46138G649/holdings/fund?idType=cusip" in asked[0]
    found = InvescoHoldings().convert(tmp_path)
    assert set(found.frame["fund"]) == {"QQQM"}
    assert "the fund QQQM is from the file's name" in found.noted
