from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidDataError
from lakebt.sources.files import read_file
from lakebt.sources.prices import convert_prices

if TYPE_CHECKING:
    from pathlib import Path


def bars(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": ["2022-09-02", "2022-09-06", "2022-09-07"],
            "symbol": "PENN",
            "open": 1.0,
            "high": 2.0,
            "low": 0.5,
            "close": 1.5,
            "basis": ["split_adj", "split_adj_recon", "div_adj"],
            **columns,
        }
    )


def test_bars_get_the_lakes_columns_and_words() -> None:
    converted = convert_prices(bars(volume=7, adj_close=1.4, source="x"))

    assert list(converted.frame.columns) == [
        *("symbol", "session", "open", "high", "low", "close", "basis", "volume"),
    ]
    assert converted.frame["basis"].tolist() == [
        *("split_adjusted", "split_adjusted", "total_return"),
    ]
    assert converted.frame["session"].tolist() == [
        *("2022-09-02", "2022-09-06", "2022-09-07"),
    ]
    assert converted.left_out == ("adj_close", "source")
    assert (converted.n_read, converted.kept, dict(converted.dropped)) == (3, 3, {})


def test_volume_may_be_missing() -> None:
    assert "volume" not in convert_prices(bars()).frame.columns


def test_midnights_become_dates() -> None:
    days = pd.to_datetime(["2022-09-02", "2022-09-06", "2022-09-07"])

    sessions = convert_prices(bars(date=days)).frame["session"]

    assert sessions.iloc[0] == dt.date(2022, 9, 2)


def test_times_of_day_are_left_for_the_lake_to_refuse() -> None:
    days = pd.to_datetime(["2022-09-02", "2022-09-06", "2022-09-07"]) + pd.Timedelta(
        "9h"
    )

    assert convert_prices(bars(date=days)).frame["session"].iloc[0] == days[0]


def test_the_lakes_own_words_mean_themselves() -> None:
    words = ["raw", "split_adjusted", "total_return"]

    assert convert_prices(bars(basis=words)).frame["basis"].tolist() == words


def test_the_argument_is_not_changed() -> None:
    given = bars()

    convert_prices(given)

    pd.testing.assert_frame_equal(given, bars())


@pytest.mark.parametrize("basis", ["adjusted", None])
def test_basis_without_a_word(basis: str | None) -> None:
    with pytest.raises(
        InvalidDataError, match=r"prices: row 1: basis .* is none of raw"
    ):
        convert_prices(bars(basis=["raw", basis, "raw"]))


def test_missing_column() -> None:
    with pytest.raises(
        InvalidDataError, match=r"needs column 'basis'; there are 'date'"
    ):
        convert_prices(bars().drop(columns="basis"))


def test_the_real_prices_lose_no_row(realdata: Path) -> None:
    raw = pd.read_parquet(realdata / "prices.parquet")

    converted = convert_prices(
        read_file(realdata / "prices.parquet", table="prices").frame
    )

    assert converted.kept == len(raw) == 184_278
    assert converted.left_out == ("adj_close", "source")
    assert converted.frame["basis"].value_counts().to_dict() == {
        "split_adjusted": 169_632 + 3_105,
        "total_return": 11_541,
    }
    for name in ("open", "high", "low", "close", "volume"):
        assert (converted.frame[name] == raw[name]).all()
    assert not converted.frame.duplicated(["symbol", "session"]).any()
