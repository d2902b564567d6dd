"""Holdings as four issuers publish them: what is kept, and since when it was known."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.sources.corporate.downloads import LIST, Downloads
from lakebt.sources.formats import FORMATS, read_source
from lakebt.sources.funds.held_identity import PREFIX
from lakebt.sources.funds.issuers import (
    InvescoHoldings,
    IsharesHoldings,
    SpdrHoldings,
    VanguardHoldings,
)
from tests.sources.funds.fund_files import (
    CASH_ROW,
    HEADER,
    INVESCO,
    ISHARES,
    ISHARES_ROWS,
    SPDR,
    SPDR_ROWS,
    VANGUARD,
    VANGUARD_OLD,
)

if TYPE_CHECKING:
    from lakebt.sources.converted import Converted

KNOWN = "2025-10-01T13:00:00+00:00"
SHARED = os.environ.get("LAKEBT_SHARED")
REAL = Path(SHARED or "", "realdata")


def convert(name: str, text: str, folder: Path, **options: Any) -> Converted:
    path = folder / options.pop("file", "X_holdings.csv")
    path.write_text(text, encoding="utf-8")
    options.setdefault("known_at", KNOWN)
    source: Any = FORMATS[name]
    found: Converted = source.convert(path, **options)
    return found


def held(found: Converted, *columns: str) -> list[list[object]]:
    rows: list[list[object]] = found.frame[list(columns)].to_numpy().tolist()
    return rows


def dropped(found: Converted) -> dict[str, int]:
    return {why: n for why, n in found.dropped.items() if n}


def test_ishares(tmp_path: Path) -> None:
    found = convert(
        "ishares", ISHARES, tmp_path, file="XIV_holdings.csv", index="SP500"
    )

    assert held(found, "isin", "symbol", "name", "balance", "value_usd") == [
        ["TICKER:AAA", "AAA", "ALPHA INC", 1001.0, 9020.0],
        ["TICKER:BRKB", "BRKB", "BETA CLASS B", 50.0, 500.0],
        ["TICKER:ADRO", "ADRO", "DELTA INC", 1000.0, 101.0],
    ]
    assert found.frame["weight_pct"].round(6).tolist() == [90.2, 5.0, 1.0]
    assert set(found.frame["fund"]) == {"XIV"}
    assert set(found.frame["date"]) == {dt.date(2023, 3, 24)}
    assert set(found.frame["known_at"]) == {pd.Timestamp(KNOWN)}
    assert set(found.frame["index"]) == {"SP500"}
    assert dropped(found) == {
        "rows of class Money Market": 1,
        "rows of class Cash": 1,
        "rows of class Futures": 1,
        "rows without a ticker or an identifier": 1,
        "rows added to another of the same security": 1,
        "rows of a ticker that a larger holding has": 1,
    }
    assert found.n_read == 9
    assert len(found.frame) + sum(found.dropped.values()) == 9
    assert "3 of 3 holdings have TICKER:XYZ" in found.summary()


def test_a_frame_and_a_file_without_titles_need_what_those_say(tmp_path: Path) -> None:
    text = f"{HEADER}{ISHARES_ROWS}"
    with pytest.raises(InvalidArgumentError, match="of which day it is: pass date"):
        convert("ishares", text, tmp_path)
    named = convert("ishares", text, tmp_path, file="XIV_2023-03-24.csv")
    assert "days from the files' names: 2023-03-24" in named.summary()

    frame = pd.read_csv(tmp_path / "XIV_2023-03-24.csv", keep_default_na=False)
    day = dt.date(2023, 3, 24)
    with pytest.raises(InvalidArgumentError, match="which fund it is of: pass fund"):
        IsharesHoldings().convert(frame, known_at=KNOWN, date=day)
    again = IsharesHoldings().convert(frame, known_at=KNOWN, date=day, fund="XIV")
    pd.testing.assert_frame_equal(again.frame, named.frame)


def test_it_is_known_since_the_download_and_never_since_its_day(tmp_path: Path) -> None:
    path = tmp_path / "XIV_holdings.csv"
    path.write_text(ISHARES, encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match="pass known_at, the instant of its"):
        IsharesHoldings().convert(tmp_path)
    with pytest.raises(InvalidArgumentError, match="precedes 2023-03-24, the day in"):
        IsharesHoldings().convert(path, known_at="2023-03-23T13:00Z")
    with pytest.raises(InvalidArgumentError, match=r"is not the day in .*2023-03-24"):
        IsharesHoldings().convert(path, known_at=KNOWN, date="2023-03-23")

    listed = tmp_path / LIST
    listed.write_text(f"file,at\nXIV_holdings.csv,{KNOWN}\n")
    found = IsharesHoldings().convert(tmp_path)
    assert set(found.frame["known_at"]) == {pd.Timestamp(KNOWN)}

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    listed.write_text(f"file,at,sha256\nXIV_holdings.csv,{KNOWN},{digest}\n")
    assert IsharesHoldings().convert(tmp_path).kept == 3
    listed.write_text(f"file,at,sha256\nXIV_holdings.csv,{KNOWN},{'0' * 64}\n")
    with pytest.raises(InvalidDataError, match=f"is not what {LIST} says"):
        IsharesHoldings().convert(tmp_path)
    listed.write_text("name,when\n")
    with pytest.raises(InvalidDataError, match="is not a CSV with columns file and at"):
        IsharesHoldings().convert(tmp_path)


def test_a_folder_is_one_fund_of_several_days(tmp_path: Path) -> None:
    later = ISHARES.replace("Mar 24, 2023", "Apr 06, 2023")
    (tmp_path / "XIV_a.csv").write_text(ISHARES, encoding="utf-8")
    (tmp_path / "XIV_b.csv").write_text(later, encoding="utf-16")
    found = read_source(
        tmp_path, table="etf_holdings", file_format="ishares", known_at=KNOWN
    )
    days = [dt.date(2023, 3, 24), dt.date(2023, 4, 6)]
    assert found.frame["date"].unique().tolist() == days
    assert found.read_as == ("utf-16",)

    with pytest.raises(InvalidArgumentError, match="is said of 2 files"):
        IsharesHoldings().convert(tmp_path, known_at=KNOWN, date="2023-03-24")
    (tmp_path / "XIV_b.csv").rename(tmp_path / "IVX_b.csv")
    why = "called XIV here and IVX in another file: pass fund"
    with pytest.raises(InvalidArgumentError, match=why):
        IsharesHoldings().convert(tmp_path, known_at=KNOWN)
    (tmp_path / "IVX_b.csv").write_text(ISHARES, encoding="utf-8")
    with pytest.raises(InvalidDataError, match="two files of XIV are of 2023-03-24"):
        IsharesHoldings().convert(tmp_path, known_at=KNOWN, fund="XIV")


def test_spdr(tmp_path: Path) -> None:
    found = convert("spdr", SPDR, tmp_path)

    assert held(found, "fund", "isin", "symbol", "balance", "weight_pct") == [
        ["XSPY", "US0378331005", "AAPL", 1000.0, 60.5],
        ["XSPY", "IE000S9YS762", "LIN", 20.0, 38.5],
        ["XSPY", "TICKER:OMG", "OMG", 20.0, 0.4],
    ]
    assert set(found.frame["date"]) == {dt.date(2025, 9, 12)}
    assert found.frame["value_usd"].isna().all()
    assert dropped(found) == {
        "rows without a ticker or an identifier": 1,
        "rows of futures": 1,
    }


def test_spdr_in_excel_is_the_same(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    for row in SPDR_ROWS:
        made.active.append(row)
    made.save(tmp_path / "x.xlsx")
    sheet = SpdrHoldings().convert(tmp_path / "x.xlsx", known_at=KNOWN)
    text = convert("spdr", SPDR, tmp_path)

    pd.testing.assert_frame_equal(sheet.frame, text.frame)
    assert sheet.read_as == ("Excel, sheet 'Sheet'",)


def test_invesco(tmp_path: Path) -> None:
    found = convert("invesco", INVESCO, tmp_path)

    assert held(found, "fund", "isin", "symbol", "balance", "value_usd") == [
        ["XQQ", "US0378331005", "AAPL", 1000.0, 100000.5],
        ["XQQ", "TICKER:ASML", "ASML", 10.0, 5000.0],  # a CINS determines no ISIN
    ]
    assert set(found.frame["date"]) == {dt.date(2025, 9, 12)}
    assert dropped(found) == {
        "rows of class Currency": 1,
        "rows of class Money Market Fund": 1,
    }
    other = INVESCO.splitlines()[1]
    two = f"{INVESCO}{other.replace('09/12/2025', '09/15/2025')}\n"
    with pytest.raises(InvalidDataError, match="holds several days"):
        convert("invesco", two, tmp_path)
    two = f"{INVESCO}{other.replace('XQQ', 'XQM')}\n"
    assert set(convert("invesco", two, tmp_path).frame["fund"]) == {"XQQ", "XQM"}
    with pytest.raises(InvalidArgumentError, match="holds 2 funds: omit fund"):
        convert("invesco", two, tmp_path, fund="XQQ")


def test_vanguard(tmp_path: Path) -> None:
    found = convert("vanguard", VANGUARD, tmp_path)

    assert held(found, "fund", "isin", "symbol", "balance", "weight_pct") == [
        ["XVT", "TICKER:AAPL", "AAPL", 114000.0, 60.5],
        ["XVT", "TICKER:BRK.B", "BRK.B", 50.0, 39.3],
    ]
    assert found.frame["value_usd"].tolist() == [30551146000.1, 500.0]
    assert set(found.frame["date"]) == {dt.date(2025, 9, 30)}
    assert dropped(found) == {
        "rows without a ticker or an identifier": 1,
        "rows of bonds and of reserves": 1,
    }
    old = convert("vanguard", VANGUARD_OLD, tmp_path)
    assert held(old, "fund", "symbol", "balance") == [["XVO", "AAPL", 1000.0]]
    assert set(old.frame["date"]) == {dt.date(2014, 6, 30)}


def test_instruments_give_the_isin_of_the_day_and_the_spelling(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        [
            ("alpha", "AAA", "symbol", "2000-01-01", None),
            ("alpha", "US0378331005", "isin", "2000-01-01", None),
            ("beta", "BRK.B", "symbol", "2000-01-01", "2023-03-24"),
            ("beta", "US0846707026", "isin", "2000-01-01", None),
            ("other", "ADRO", "symbol", "2023-03-25", None),
            ("other", "US0000000001", "isin", "2023-03-25", None),
        ],
        columns=["instrument_id", "identifier", "kind", "valid_from", "valid_to"],
    )
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "files").mkdir()
    for given in (rows, tmp_path / "rows.csv"):
        found = convert("ishares", ISHARES, tmp_path / "files", instruments=given)
        assert held(found, "isin", "symbol") == [
            ["US0378331005", "AAA"],
            ["US0846707026", "BRK.B"],  # to the last day, that one included
            ["TICKER:ADRO", "ADRO"],  # another company's, from the day after
        ]
        assert "1 of 3 holdings have TICKER:XYZ for an identifier: no instr" in (
            found.summary()
        )
    with pytest.raises(InvalidDataError, match="instruments have no column 'kind'"):
        convert(
            "ishares",
            ISHARES,
            tmp_path / "files",
            instruments=rows.drop(columns="kind"),
        )


def test_the_name_in_the_price_table_is_no_later_version_of_a_ticker(
    tmp_path: Path,
) -> None:
    """They are alike and begin on one day, and are two rows all the same."""
    rows = pd.DataFrame(
        {
            "instrument_id": "alpha",
            "identifier": ["AAA", "AAA", "US0378331005"],
            "kind": ["symbol", "prices", "isin"],
            "valid_from": "2000-01-01",
            "known_at": ["2000-01-01T14:00Z", "2001-01-01T14:00Z", "2000-01-01T14:00Z"],
        }
    )
    found = convert("ishares", ISHARES, tmp_path, instruments=rows)

    assert held(found, "isin", "symbol")[0] == ["US0378331005", "AAA"]


def test_two_instruments_of_one_ticker_are_none(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "instrument_id": ["a", "a", "b", "b"],
            "identifier": ["AAA", "US0378331005", "AAA", "US0846707026"],
            "kind": ["symbol", "isin"] * 2,
            "valid_from": "2000-01-01",
        }
    )
    found = convert("ishares", ISHARES, tmp_path, instruments=rows)
    assert found.frame["isin"].str.startswith(PREFIX).all()


def test_symbols_are_those_of_the_prices(tmp_path: Path) -> None:
    found = convert("ishares", ISHARES, tmp_path, symbols={"BRKB": "BRK-B"})
    assert found.frame["symbol"].tolist() == ["AAA", "BRK-B", "ADRO"]
    assert found.frame["isin"].tolist()[1] == "TICKER:BRKB"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('\u00a0\n"Some', '"Some'), ""),  # a note ends it as well
        (
            ('"90.10"', '"1.10"'),
            "is cut off, or no whole holdings file of iShares: its",
        ),
        (('"9,010.50"', '"9.010,50"'), "line 11: value_usd is '9.010,50', no number"),
        (('"9,010.50"', '"n.m."'), "line 11: value_usd is 'n.m.', no number"),
        ((CASH_ROW, '"USD","U"\n'), "line 14 has 2 cells, the header 10"),
        (("Weight (%)", "Gewicht"), "is cut off: no line has the columns ticker,"),
        ((ISHARES_ROWS, ""), "has a header, but no holdings: it is cut off"),
        ((ISHARES[900:], ""), "is cut off"),
    ],
)
def test_a_damaged_file_is_told(
    change: tuple[str, str], why: str, tmp_path: Path
) -> None:
    assert change[0] in ISHARES
    text = ISHARES.replace(*change)
    if not why:
        assert convert("ishares", text, tmp_path).kept == 3
        return
    with pytest.raises(InvalidDataError, match=re.escape(why)) as caught:
        convert("ishares", text, tmp_path)
    assert "X_holdings.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("0", 0.0),
        ("0.00", 0.0),
        ("-", None),
        ("--", None),
        ("", None),
        ("$1,234.50", 1234.5),
        ("(5.00)", -5.0),
        ("-5", -5.0),
        ("1234567.5", 1234567.5),
        ("<0.01%", None),
    ],
)
def test_numbers_are_read_as_issuers_write_them(
    cell: str, number: float | None, tmp_path: Path
) -> None:
    text = ISHARES.replace('"9,010.50"', f'"{cell}"')
    value = convert("ishares", text, tmp_path).frame["value_usd"].iloc[0]
    lot = 9.5  # the other of the same security
    assert value == pytest.approx(lot + (number or 0.0), abs=1e-12)


def test_another_issuer_s_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="It seems to be of format invesco"):
        convert("ishares", INVESCO, tmp_path)


class Net:
    """A network that answers what it is told to, and keeps what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self.answer

    def downloads(self) -> Downloads:
        return Downloads(get=self, clock=lambda: dt.datetime.fromisoformat(KNOWN))


def test_an_answer_is_kept_as_it_came_and_known_since_then(tmp_path: Path) -> None:
    net = Net(ISHARES.encode())
    kept = IsharesHoldings().fetch(tmp_path, fund="IVV", downloads=net.downloads())

    assert kept.name == "IVV_20251001T130000Z.csv"
    assert kept.read_bytes() == ISHARES.encode()
    assert "/239726/ishares-core-sp-500-etf/" in net.asked[0]
    found = IsharesHoldings().convert(tmp_path)
    assert set(found.frame["known_at"]) == {pd.Timestamp(KNOWN)}
    assert set(found.frame["fund"]) == {"IVV"}

    net = Net(b"PK\x03\x04...")
    kept = SpdrHoldings().fetch(tmp_path, fund="SPY", downloads=net.downloads())
    assert net.asked[0].endswith("/holdings-daily-us-en-spy.xlsx")
    assert kept.suffix == ".xlsx"
    net = Net(INVESCO.encode())
    InvescoHoldings().fetch(tmp_path, fund="QQQ", downloads=net.downloads())
    assert net.asked[0].endswith("&ticker=QQQ")
    assert not VanguardHoldings().fetches


def test_a_page_for_an_answer_is_not_kept(tmp_path: Path) -> None:
    net = Net(b"<!DOCTYPE html><title>Access Denied</title>")
    with pytest.raises(LakeError, match="IWM is not a holdings file of iShares: down"):
        IsharesHoldings().fetch(tmp_path, fund="IWM", downloads=net.downloads())
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidArgumentError, match="fund 'ZZZ': pass product"):
        IsharesHoldings().fetch(tmp_path, fund="ZZZ", downloads=net.downloads())
    with pytest.raises(InvalidArgumentError, match="must be letters, digits"):
        SpdrHoldings().fetch(tmp_path, fund="../x", downloads=net.downloads())


@pytest.mark.skipif(not SHARED, reason="LAKEBT_SHARED does not name the real files")
@pytest.mark.parametrize(
    ("name", "kept", "nameless"),
    [
        ("holdings/IVV_2023-03-24.csv", 505, 0),
        ("holdings/IVV_2023-05-11.csv", 503, 0),
        ("holdings/IVV_2023-12-20.csv", 503, 0),
        ("actions/IWM_2025-05-13.csv", 1933, 5),
    ],
)
def test_real_files_of_ishares(name: str, kept: int, nameless: int) -> None:
    """As many shares as the lists that were made of them say, less those unnamed."""
    found = IsharesHoldings().convert(REAL / name, known_at=KNOWN)

    assert found.kept == kept
    assert found.frame["isin"].is_unique
    assert dropped(found).get("rows without a ticker or an identifier", 0) == nameless
    assert set(found.frame["date"]) == {dt.date.fromisoformat(Path(name).stem[4:])}
    assert 99.4 < found.frame["weight_pct"].sum() < 100
