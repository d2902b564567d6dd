from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.corporate import answers
from lakebt.sources.corporate.downloads import Downloads
from lakebt.sources.corporate.lean import (
    LEFT_OUT,
    NO_FRACTION,
    NO_REFERENCE,
    NO_TERMS,
    RISING,
    SAME_NAME,
    TOO_SMALL,
    LeanActions,
)
from lakebt.sources.formats import read_source

if TYPE_CHECKING:
    from pathlib import Path

# What a share did, by hand: 2:1 from 2015-06-02, 0.50 a share from 2015-06-05 at a
# close of 50.00, 7:1 from 2015-06-09 with 1.00 at the same open at a close of 70.00.
FACTORS = (
    "20150102,0.9758571,0.0714286,90\n"
    "20150601,0.9758571,0.0714286,100\n"
    "20150604,0.9758571,0.1428572,50\n"
    "20150608,0.9857143,0.1428572,70\n"
    "20501231,1,1,0\n"
)
MAP = "20150102,old,Q\n20150603,old,Q\n20150630,new,N\n"


def folder(place: Path, factors: str = FACTORS, tickers: str | None = MAP) -> Path:
    for kind, text in (("factor_files", factors), ("map_files", tickers)):
        if text is not None:
            (place / kind).mkdir(exist_ok=True)
            (place / kind / "new.csv").write_text(text)
    return place


def test_splits_dividends_and_renames(tmp_path: Path) -> None:
    found = LeanActions().convert(folder(tmp_path))

    day = dt.date(2015, 6, 2)
    frame = found.frame.astype(object)
    assert frame.where(frame.notna(), None).to_numpy().tolist() == [
        ["NEW", "cash_dividend", day.replace(day=5), 0.5, None, None, "LEAN new.csv"],
        ["NEW", "cash_dividend", day.replace(day=9), 1.0, None, None, "LEAN new.csv"],
        ["NEW", "split", day.replace(day=9), None, 7.0, None, "LEAN new.csv"],
        ["OLD", "split", day, None, 2.0, None, "LEAN new.csv"],
        ["OLD", "rename", day.replace(day=4), None, None, "NEW", "LEAN new.csv"],
    ]
    assert list(found.frame.columns) == [
        *("symbol", "kind", "ex_date", "cash", "ratio", "other", "source"),
    ]
    assert found.n_read == 8
    assert dict(found.dropped) == {NO_TERMS: 1}
    assert found.noted == (
        "ratios that became fractions (1): NEW 2015-06-09 6.9999972 is 7",
        "endings whose terms are to be published apart (1): NEW 2015-06-30",
    )


@pytest.mark.parametrize("part", ["factor_files", "factor_files/new.csv"])
def test_the_map_file_is_looked_for_beside(tmp_path: Path, part: str) -> None:
    folder(tmp_path)

    found = LeanActions().convert(tmp_path / part).frame

    assert found.equals(LeanActions().convert(tmp_path).frame)


def test_a_map_file_alone_has_renames(tmp_path: Path) -> None:
    found = LeanActions().convert(folder(tmp_path) / "map_files").frame

    assert found[["symbol", "kind", "other"]].to_numpy().tolist() == [
        ["OLD", "rename", "NEW"]
    ]


def test_without_a_map_file_the_symbol_is_the_name_of_the_file(tmp_path: Path) -> None:
    found = LeanActions().convert(folder(tmp_path, tickers=None))

    assert set(found.frame["symbol"]) == {"NEW"}
    assert found.noted[-1] == "no map file, so the file's name is the symbol (1): NEW"


def test_all_history_may_be_under_the_name_of_the_file(tmp_path: Path) -> None:
    found = LeanActions(names="file").convert(folder(tmp_path))

    assert set(found.frame["symbol"]) == {"NEW"}
    assert "rename" not in set(found.frame["kind"])
    assert dict(found.dropped) == {SAME_NAME: 1, NO_TERMS: 1}


def test_how_a_source_is_made_is_an_option_too(tmp_path: Path) -> None:
    place = folder(tmp_path)

    found = read_source(
        place, table="corporate_actions", file_format="lean", names="file", decimals=4
    )

    made = LeanActions(names="file", decimals=4).convert(place)
    assert found.frame.equals(made.frame)
    assert list(LeanActions().options()) == ["names", "decimals"]


def test_a_ticker_of_an_exchange_day_before_a_weekend(tmp_path: Path) -> None:
    text = "20150102,0.99,1,100\n20150605,0.99,1,100\n20501231,1,1,0"

    found = LeanActions().convert(folder(tmp_path, text, None)).frame

    assert found["ex_date"].tolist() == [dt.date(2015, 6, 8)]
    assert found["cash"].tolist() == [1.0]


def test_fractions_of_a_cent_are_rounded_as_lean_pays_and_told(tmp_path: Path) -> None:
    # 0.0375 at a close of 60.00
    text = "20150102,0.999375,1,60\n20150605,0.999375,1,60\n20501231,1,1,0"
    place = folder(tmp_path, text, None)

    in_cents = LeanActions().convert(place)
    finer = LeanActions(decimals=4).convert(place)

    assert in_cents.frame["cash"].tolist() == [0.04]
    assert in_cents.noted[0] == (
        "dividends of more than 2 decimals, rounded (1): NEW 2015-06-08 0.0375"
    )
    assert finer.frame["cash"].tolist() == [0.0375]
    assert "rounded" not in finer.summary()


def test_what_is_lost_is_counted_and_named(tmp_path: Path) -> None:
    text = (
        "20150102,inf,1,100\n"
        "20150105,0.5,2e+6,100\n"
        "20150601,0.98,35.75,100\n"  # 0.02797 shares: no fraction
        "20150602,0.98,1,0\n"  # no reference price
        "20150603,0.99,1,100\n"  # rises
        "20150604,0.98,1,100\n"  # 8 % of the close
        "20150605,0.8999999,1,0.01\n"  # less than half a cent
        "20501231,1,1,0\n"
    )
    text = text.replace("20150604,0.98", "20150604,0.828")

    found = LeanActions().convert(folder(tmp_path, text, None))

    assert found.frame["kind"].tolist() == ["cash_dividend"]
    assert found.frame["cash"].tolist() == [8.0]
    assert dict(found.dropped) == {
        LEFT_OUT: 2,
        NO_FRACTION: 1,
        NO_REFERENCE: 1,
        RISING: 1,
        TOO_SMALL: 1,
    }
    assert found.noted[:2] == (
        "splits not believed (1): NEW 2015-06-02 0.027972",
        "dividends above 4 % of the close, perhaps spin-offs (1): NEW 2015-06-05 8.00",
    )


def test_the_columns_of_older_files_have_no_reference_price(tmp_path: Path) -> None:
    text = "20150102,0.99,0.5\n20150605,0.99,0.5\n20150608,1,0.5\n20501231,1,1\n"

    found = LeanActions().convert(folder(tmp_path, text, None))

    assert found.frame["ratio"].tolist() == [2.0]
    assert dict(found.dropped) == {NO_REFERENCE: 1}


def refusal(place: Path) -> str:
    """Say why files are not read; nothing where they are."""
    try:
        LeanActions().convert(place)
    except InvalidDataError as refused:
        return str(refused)
    return ""


def test_a_factor_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    for kept in range(1, len(FACTORS) - 1):
        place = folder(tmp_path, FACTORS[:kept], None)

        said = refusal(place / "factor_files")

        assert re.search(r"cut off|no corporate action", said), kept


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty: fetch it again"),
        ("<html>\n</html>", "is a page of HTML, no answer: fetch it again"),
        ("a,b,c,d\n", r"line 1 is no day and ticker: it is cut off, or no file"),
        ("\ud800", "cannot be read as text: it is not UTF-8"),
        ("20150102,old\n", "is the only one"),
        ("20150102,old\n20150101,new\n", "line 2 does not follow 2015-01-02"),
        ("20150102,1,1,0\n20150102,1,1,0\n", "line 2 does not follow 2015-01-02"),
        ("20150102,1,1,x\n20501231,1,1,0", "line 1 has 'x' for a number"),
        ("2015-01-02,1,1,1\n20501231,1,1,0", "line 1 begins with '2015-01-02', no day"),
        ("20150102,1,1,1\n20501231,1,1", "line 2 has another number of cells"),
        ("20150102,0.9,1,1\n20160104,0.95,1,1", "line 2 is the last, and its factors"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

    with pytest.raises(InvalidDataError, match=why):
        LeanActions().convert(path)


def test_tickers_that_are_used_again_get_the_month_of_their_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "map_files").mkdir()
    for name, text in {
        "googl": "20040819,goog\n20100101,goog\n20140402,goog\n20501231,googl\n",
        "goog": "20140327,goocv\n20140402,goocv\n20501231,goog\n",
        "qqq": "19990310,qqq\n20041130,qqq\n20110322,qqqq\n20501231,qqq\n",
    }.items():
        (tmp_path / "map_files" / f"{name}.csv").write_text(text)

    found = LeanActions().convert(tmp_path)

    assert found.noted == (
        (
            "tickers used again later, so called after the month (2): GOOG-201404, "
            "QQQ-200411"
        ),
    )
    assert found.frame[["symbol", "other"]].to_numpy().tolist() == [
        ["GOOCV", "GOOG"],
        ["GOOG-201404", "GOOGL"],
        ["QQQ-200411", "QQQQ"],
        ["QQQQ", "QQQ"],
    ]
    assert found.n_read == 11


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match=r"holds no .csv: name the folder"):
        LeanActions().convert(tmp_path)
    with pytest.raises(InvalidDataError, match="does not exist: check the path"):
        LeanActions().convert(tmp_path / "no")


def test_a_file_without_end_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST_BYTES", 10)

    with pytest.raises(InvalidDataError, match="has more than 10 bytes: check which"):
        LeanActions().convert(folder(tmp_path))


def test_options_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="names must be 'day' or 'file'"):
        LeanActions(names="x").convert(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="decimals must be from 0 to 6"):
        LeanActions(decimals=9).convert(tmp_path)
    with pytest.raises(InvalidArgumentError, match="fund='x' means nothing for"):
        read_source(tmp_path, table="corporate_actions", file_format="lean", fund="x")


def test_fetch_keeps_both_kinds(tmp_path: Path) -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        return (FACTORS if "factor" in url else MAP).encode()

    clock = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    source = LeanActions()
    source.fetch(
        tmp_path, symbols=["NEW"], downloads=Downloads(get=get, clock=lambda: clock)
    )

    assert [url.rpartition("usa/")[2] for url in asked] == [
        "factor_files/new.csv",
        "map_files/new.csv",
    ]
    assert (tmp_path / "factor_files" / "new.csv").read_text() == FACTORS
    assert source.convert(tmp_path).kept == 5
    with pytest.raises(InvalidArgumentError, match=r"symbol '../x'"):
        source.fetch(tmp_path, symbols=["../x"])


def test_where_nothing_is_believed_it_says_what(tmp_path: Path) -> None:
    text = "20140327,1,0.9973073,1\n20150424,1,0.9973073,565.06\n20501231,1,1,0"

    why = (
        r"there is no corporate action: 0 rows from 3 read; dropped: 1 split whose "
        r"ratio is no fraction of small numbers; note: splits not believed \(1\): NEW "
        r"2015-04-27 1.0027; no map file"
    )
    with pytest.raises(InvalidDataError, match=why):
        LeanActions().convert(folder(tmp_path, text, None))


def factor_file(actions: pd.DataFrame) -> str:
    """A factor file of the true shape from facts that another program derived."""
    first = actions.iloc[0]
    lines = [f"19980102,{first.price_factor_before},{first.split_factor_before},1"]
    for day, rows in actions.groupby("ex_date"):
        before = pd.Timestamp(str(day)) - pd.offsets.BusinessDay(1)
        row = rows.iloc[0]
        lines.append(
            f"{before:%Y%m%d},{row.price_factor_before},"
            f"{row.split_factor_before},{row.previous_close}"
        )
    return "\n".join([*lines, "20501231,1,1,0"])


@pytest.mark.parametrize(("decimals", "end"), [(2, 120_462.08), (4, 120_462.54)])
def test_the_dividends_of_leans_own_regression_to_the_cent(
    realdata: Path, tmp_path: Path, decimals: int, end: float
) -> None:
    """LEAN's DividendRegressionAlgorithm: End Equity 120462.08, Total Fees 2.56.

    It buys 512 SPY at 97.84 on 1998-01-05; the last close is 124.55, on 2005-12-30.
    """
    facts = pd.read_csv(realdata / "actions" / "lean_actions.csv")
    place = folder(tmp_path, factor_file(facts[facts["symbol"] == "SPY"]), None)

    found = LeanActions(decimals=decimals).convert(place).frame

    days = found["ex_date"].astype(str)
    paid = found["cash"][(days > "1998-01-05") & (days <= "2005-12-30")]
    assert len(paid) == 33
    equity = 100_000 + 512 * (124.55 - 97.84 + paid.sum()) - 2.56
    assert round(equity, 2) == end


def test_real_factors_give_back_what_another_program_derived(
    realdata: Path, tmp_path: Path
) -> None:
    facts = pd.read_csv(realdata / "actions" / "lean_actions.csv")
    aapl = facts[facts["symbol"] == "AAPL"]

    found = LeanActions().convert(folder(tmp_path, factor_file(aapl), None)).frame

    splits = found[found["kind"] == "split"]["ratio"].tolist()
    assert splits == [2.0, 2.0, 7.0, 4.0]
    cash = found[found["kind"] == "cash_dividend"].set_index("ex_date")["cash"]
    assert len(cash) == (aapl["kind"] == "cash_dividend").sum() == 35
    assert cash[dt.date(2014, 5, 8)] == 3.29
    derived = aapl[aapl["kind"] == "cash_dividend"]["value"]
    assert max(abs(cash.to_numpy() - derived.to_numpy())) < 0.0051
    told = pd.read_csv(realdata / "actions" / "dividends.csv")
    told = told[(told["symbol"] == "AAPL") & told["alpha_vantage"].notna()]
    by_vendor = told.set_index("ex_date")["alpha_vantage"].to_dict()
    same = {str(day) for day in cash.index} & by_vendor.keys()
    off = {day for day in same if cash[dt.date.fromisoformat(day)] != by_vendor[day]}
    assert len(same) > 30
    assert off == {day for day in same if by_vendor[day] == 0.205}  # half a cent
