from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.corporate.downloads import Downloads
from lakebt.sources.corporate.yahoo import (
    NEGATIVE,
    NO_SESSION,
    NOT_BELIEVED,
    NOT_DIVIDED,
    YahooActions,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.converted import Converted

ROWS: list[tuple[str, float, float]] = [
    ("2014-05-07", 0.0, 0.0),
    ("2014-05-08", 0.1175, 0.0),
    ("2014-06-09", 0.0, 7.0),
    ("2014-08-07", 0.1175, 0.0),
    ("2020-08-31", 0.0, 4.0),
    ("2020-11-06", 0.205, 0.0),
]
"""AAPL, as stored after both splits: 3.29, 0.47 and 0.205 were paid."""


def frame_of(rows: list[tuple[str, float, float]], **columns: Any) -> pd.DataFrame:
    """A frame as yfinance returns it with auto_adjust=False."""
    days = pd.DatetimeIndex([day for day, _, _ in rows], tz="America/New_York")
    prices = dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close"), 100.0)
    frame = pd.DataFrame({**prices, "Volume": 1000.0}, index=days.rename("Date"))
    told = {
        "Dividends": [cash for _, cash, _ in rows],
        "Stock Splits": [ratio for _, _, ratio in rows],
    }
    return frame.assign(**told, **columns)


def cash(found: Converted) -> dict[str, float]:
    paid = found.frame[found.frame["kind"] == "cash_dividend"]
    return dict(zip(paid["ex_date"].astype(str), paid["cash"], strict=True))


def test_amounts_are_per_share_of_the_day() -> None:
    found = YahooActions().convert(frame_of(ROWS), symbol="AAPL")

    day = dt.date(2014, 5, 8)
    frame = found.frame.astype(object)
    assert list(frame.columns) == [
        *("symbol", "kind", "ex_date", "cash", "ratio", "source"),
    ]
    source = "Yahoo the frame"
    assert frame.where(frame.notna(), None).to_numpy().tolist() == [
        ["AAPL", "cash_dividend", day, 3.29, None, source],
        ["AAPL", "split", dt.date(2014, 6, 9), None, 7.0, source],
        ["AAPL", "cash_dividend", dt.date(2014, 8, 7), 0.47, None, source],
        ["AAPL", "split", dt.date(2020, 8, 31), None, 4.0, source],
        ["AAPL", "cash_dividend", dt.date(2020, 11, 6), 0.205, None, source],
    ]
    assert found.summary() == "corporate_actions: 5 rows from 5 read"


def by_price(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({"AAPL": frame, "NB": frame}, axis=1).swaplevel(axis=1)


def by_ticker(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({"AAPL": frame, "NB": frame}, axis=1)


@pytest.mark.parametrize("shape", [by_price, by_ticker])
def test_several_tickers_side_by_side(shape: Any) -> None:
    found = YahooActions().convert(shape(frame_of(ROWS))).frame

    one = YahooActions().convert(frame_of(ROWS), symbol="AAPL").frame
    for symbol in ("AAPL", "NB"):
        rows = found[found["symbol"] == symbol].reset_index(drop=True)
        assert rows.equals(one.assign(symbol=symbol))


def chart(**changes: Any) -> dict[str, Any]:
    """An answer of the chart address, of the true shape."""

    def at(day: str) -> int:
        return int(pd.Timestamp(f"{day} 09:30", tz="America/New_York").timestamp())

    events: dict[str, dict[str, dict[str, float | str]]] = {
        "dividends": {
            str(at(day)): {"amount": amount, "date": at(day)}
            for day, amount, _ in ROWS
            if amount
        },
        "splits": {
            str(at(day)): {
                "date": at(day),
                "numerator": ratio,
                "denominator": 1.0,
                "splitRatio": f"{ratio:g}:1",
            }
            for day, _, ratio in ROWS
            if ratio
        },
    }
    bars = [100.0] * len(ROWS)
    result = {
        "meta": {
            "currency": "USD",
            "symbol": "AAPL",
            "exchangeTimezoneName": "America/New_York",
        },
        "timestamp": [at(day) for day, _, _ in ROWS],
        "events": events,
        "indicators": {"quote": [{"close": bars}], "adjclose": [{"adjclose": bars}]},
        **changes,
    }
    return {"chart": {"result": [result], "error": None}}


def test_saved_files_tell_the_same_as_frames(tmp_path: Path) -> None:
    frame = frame_of(ROWS)
    frame.to_csv(tmp_path / "CC.csv")
    wide = pd.concat({"NB": frame}, axis=1).swaplevel(axis=1)
    wide.columns.names = ["Price", "Ticker"]
    wide.to_csv(tmp_path / "downloaded.csv")
    (tmp_path / "AAPL.json").write_text(json.dumps(chart()))

    found = YahooActions().convert(tmp_path)

    expected = cash(YahooActions().convert(frame, symbol="AAPL"))
    for symbol in ("AAPL", "CC", "NB"):
        rows = found.frame[found.frame["symbol"] == symbol]
        paid = rows[rows["kind"] == "cash_dividend"]
        assert dict(zip(paid["ex_date"].astype(str), paid["cash"], strict=True)) == (
            expected
        )
    assert found.n_read == 15
    assert set(found.frame["currency"].dropna()) == {"USD"}


def test_actions_without_prices_are_fine() -> None:
    alone = frame_of(ROWS)[["Dividends", "Stock Splits"]]

    assert YahooActions().convert(alone, symbol="AAPL").kept == 5


def test_distributions_of_gains_are_labelled() -> None:
    frame = frame_of(ROWS, **{"Capital Gains": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]})

    found = YahooActions().convert(frame, symbol="X").frame

    gains = found[found["label"] == "capital_gain"]
    assert gains["cash"].tolist() == [4.0]
    assert gains["ex_date"].astype(str).tolist() == ["2014-08-07"]


def test_a_spin_off_told_as_a_split_is_named_and_not_believed() -> None:
    # T paid 0.52, which was not divided by 1.324, and GE 0.24, which was.
    rows = [
        ("2021-10-07", 0.52, 0.0),
        ("2021-12-01", round(0.24 / 1.324, 6), 0.0),
        ("2022-04-11", 0.0, 1.324),
        ("2022-07-08", 0.278, 0.0),
    ]

    found = YahooActions().convert(frame_of(rows), symbol="T")

    assert set(found.frame["kind"]) == {"cash_dividend"}
    assert cash(found) == {"2021-10-07": 0.52, "2021-12-01": 0.24, "2022-07-08": 0.278}
    assert dict(found.dropped) == {NOT_BELIEVED: 1}
    assert found.noted == (
        "splits not believed, perhaps spin-offs (1): T 2022-04-11 1.324",
    )


def test_where_both_readings_are_as_round_it_is_told() -> None:
    rows = [("2021-10-07", 1.0, 0.0), ("2022-04-11", 0.0, 1.13)]

    found = YahooActions().convert(frame_of(rows), symbol="T")

    assert found.noted[-1] == (
        "dividends of before such a spin-off, unsure by it (1): T 2021-10-07 1.13"
    )


QUARTERS = [f"20{year}-{month}-15" for year in (21, 22, 23) for month in ("03", "09")]


def test_a_dividend_that_a_split_did_not_divide_is_named_and_left_out() -> None:
    stored = [0.15, 0.15, 0.15, 1.725, 0.1725, 0.1725]
    rows = [(day, amount, 0.0) for day, amount in zip(QUARTERS, stored, strict=True)]
    rows.append(("2024-10-03", 0.0, 10.0))

    found = YahooActions().convert(frame_of(rows), symbol="LRCX")

    assert list(cash(found).values()) == [1.5, 1.5, 1.5, 1.725, 1.725]
    assert dict(found.dropped) == {NOT_DIVIDED: 1}
    assert found.noted == (
        "dividends not believed, as a split missed them (1): LRCX 2022-09-15 17.25",
    )


@pytest.mark.parametrize("special", [0.3, 5.0])
def test_a_special_dividend_is_believed(special: float) -> None:
    stored = [0.15, 0.15, 0.15, special, 0.15, 0.15]
    rows = [(day, amount, 0.0) for day, amount in zip(QUARTERS, stored, strict=True)]
    rows.append(("2024-10-03", 0.0, 10.0))

    found = YahooActions().convert(frame_of(rows), symbol="X")

    assert cash(found)["2022-09-15"] == special * 10
    assert not found.dropped


@pytest.mark.slow
@given(
    cents=st.lists(st.integers(1, 999), min_size=1, max_size=6),
    ratios=st.lists(st.sampled_from([2, 3, 4, 7, 1.5, 0.1]), max_size=2),
)
def test_cents_survive_being_stored_with_six_decimals(
    cents: list[int], ratios: list[float]
) -> None:
    days = [f"2015-06-{day:02d}" for day in (1, 2, 3, 4, 5, 8)][: len(cents)]
    later = [f"2016-06-{day:02d}" for day in (1, 2)][: len(ratios)]
    factor = 1.0
    for ratio in ratios:
        factor *= ratio
    rows = [
        *(
            (day, round(each / 100 / factor, 6), 0.0)
            for day, each in zip(days, cents, strict=True)
        ),
        *((day, 0.0, ratio) for day, ratio in zip(later, ratios, strict=True)),
    ]

    found = YahooActions().convert(frame_of(rows), symbol="X")

    expected = {day: each / 100 for day, each in zip(days, cents, strict=True)}
    got = cash(found)
    assert {day: expected[day] for day in got} == got
    assert len(got) + found.dropped.get(NOT_DIVIDED, 0) == len(cents)


def test_a_day_without_a_session_is_named_and_left_out() -> None:
    rows = [("2015-01-02", 0.1, 0.0), ("2015-01-03", 0.1, 2.0)]

    found = YahooActions().convert(frame_of(rows), symbol="X")

    assert cash(found) == {"2015-01-02": 0.2}
    assert dict(found.dropped) == {NO_SESSION: 2}
    assert found.noted == (
        "no session, so to be looked up (2): X 2015-01-03, X 2015-01-03",
    )


def test_what_is_no_amount_is_counted() -> None:
    rows = [("2015-01-02", -0.1, 0.0), ("2015-01-05", 0.1, -2.0)]

    found = YahooActions().convert(frame_of(rows), symbol="X")

    assert dict(found.dropped) == {NEGATIVE: 2}
    assert cash(found) == {"2015-01-05": 0.1}


@pytest.mark.parametrize("symbol", ["AAPL", "T", "GE", "DHR", "IBM", "PNR", "MMM"])
def test_real_dividends_agree_with_another_vendors(realdata: Path, symbol: str) -> None:
    facts = pd.read_csv(realdata / "actions" / "dividends.csv")
    facts = facts[(facts["symbol"] == symbol) & facts["yahoo"].notna()]
    told = pd.read_csv(realdata / "actions" / "spin_offs_as_vendors_tell_them.csv")
    told = told[told["vendor"].eq("Yahoo 2024") & told["told_as"].eq("split")]
    splits = pd.read_csv(realdata / "actions" / "splits.csv")
    ratios = dict(
        [
            *splits[splits["symbol"] == symbol][["ex_date", "yahoo_2024"]].to_numpy(),
            *told[told["parent"] == symbol][["ex_date", "value"]].to_numpy(),
        ]
    )
    rows = [(day, 0.0, ratio) for day, ratio in ratios.items()]
    for day, amount in zip(facts["ex_date"], facts["yahoo"], strict=True):
        for later, ratio in ratios.items():  # back to what Yahoo stores
            amount /= ratio if later > day else 1.0  # noqa: PLW2901 - step by step
        rows.append((day, round(amount, 6), 0.0))

    found = cash(YahooActions().convert(frame_of(sorted(rows)), symbol=symbol))

    paid = facts[facts["alpha_vantage"].notna()].set_index("ex_date")["alpha_vantage"]
    assert len(paid) > 30
    assert max(abs(found[str(day)] - amount) for day, amount in paid.items()) < 2e-6


def test_adjusted_closes_alone_are_refused_with_the_cure() -> None:
    adjusted = frame_of(ROWS).drop(columns="Adj Close")

    why = "adjusted closes only, .*: fetch it with auto_adjust=False, actions=True"
    with pytest.raises(InvalidDataError, match=why):
        YahooActions().convert(adjusted, symbol="AAPL")
    with pytest.raises(InvalidDataError, match=why):
        YahooActions().convert(frame_of(ROWS).drop(columns="Close"), symbol="AAPL")


def test_a_frame_without_actions_or_a_symbol_is_refused() -> None:
    frame = frame_of(ROWS)

    with pytest.raises(InvalidDataError, match=r"'Adj Close'.*: fetch it with actions"):
        YahooActions().convert(frame.drop(columns="Dividends"), symbol="AAPL")
    with pytest.raises(InvalidArgumentError, match="does not say whose it is: pass"):
        YahooActions().convert(frame)
    with pytest.raises(InvalidDataError, match="row '0' is not a day: keep the index"):
        YahooActions().convert(frame.reset_index(drop=True), symbol="AAPL")
    with pytest.raises(InvalidDataError, match="has no rows: fetch it again"):
        YahooActions().convert(frame[:0], symbol="AAPL")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", json.dumps(chart())[:-40], "is cut off, or no answer of Yahoo's"),
        ("a.json", '{"x": 1}', "is cut off, or no answer of Yahoo's"),
        (
            "a.json",
            json.dumps({"chart": {"error": {"description": "No data found"}}}),
            "holds an error of Yahoo's, not bars: No data found",
        ),
        (
            "a.json",
            json.dumps(chart(indicators={"adjclose": [{"adjclose": [1.0]}]})),
            "adjusted closes only",
        ),
        ("a.csv", "<!DOCTYPE html><html>", "is a page of HTML, no answer"),
        ("a.csv", "a,b\n1,2\n", "there is no 'Dividends' and 'Stock Splits'"),
        ("a.csv", "", "is empty: fetch it again"),
        ("a.csv", '"', "cannot be read as CSV"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidDataError, match=why):
        YahooActions().convert(tmp_path / name)


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match=r"holds no .csv and no .json"):
        YahooActions().convert(tmp_path)


def test_fetch_keeps_the_answer(tmp_path: Path) -> None:
    asked: list[str] = []
    answer = json.dumps(chart()).encode()

    def get(url: str) -> bytes:
        asked.append(url)
        return answer

    clock = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    source = YahooActions()
    downloads = Downloads(get=get, clock=lambda: clock)
    source.fetch(tmp_path, symbols=["AAPL"], downloads=downloads)

    assert "/chart/AAPL?interval=1d&period1=0&period2=1767312000&events=div" in asked[0]
    assert (tmp_path / "AAPL.json").read_bytes() == answer
    found = source.convert(tmp_path)
    assert found.kept == 5
    assert found.noted == (
        "ends long before the download, and misses later splits (1): AAPL 2020-11-06",
    )
    with pytest.raises(InvalidArgumentError, match="symbol"):
        source.fetch(tmp_path, symbols=["A/B"], downloads=downloads)
