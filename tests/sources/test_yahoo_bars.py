from __future__ import annotations

import datetime as dt
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.sources.corporate.downloads import Downloads, came_at
from lakebt.sources.yahoo_bars import NO_PRICES, SOME_PRICES, YahooBars

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ["2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07"]
FIELDS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")


def one(start: float, *, acts: bool = True) -> pd.DataFrame:
    """What ``Ticker.history(auto_adjust=False)`` returns: New York's midnights."""
    close = start + np.arange(4.0)
    frame = pd.DataFrame(
        {
            "Open": close - 0.5,
            "High": close + 1,
            "Low": close - 1,
            "Close": close,
            "Adj Close": close * 0.98,
            "Volume": [100, 200, 300, 400],
        },
        index=pd.DatetimeIndex(DAYS, tz="America/New_York", name="Date"),
    )
    if acts:
        frame["Dividends"] = [0.0, 0.25, 0.0, 0.0]
        frame["Stock Splits"] = [0.0, 0.0, 0.0, 2.0]
    return frame


def many(*, ticker_first: bool = False, acts: bool = False) -> pd.DataFrame:
    """What ``yf.download`` returns of two tickers, one of which trades later."""
    frames = {"PVH": one(55.0, acts=acts), "BRK-B": one(280.0, acts=acts)}
    frames["BRK-B"].iloc[0] = np.nan
    frame = pd.concat(frames, axis=1, names=["Ticker", "Price"])
    frame = frame.tz_localize(None)
    return frame if ticker_first else frame.swaplevel(axis=1).sort_index(axis=1)


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    shown = frame[["symbol", "session", "open", "high", "low", "close", "volume"]]
    return sorted(shown.itertuples(index=False, name=None))


PVH = [
    ("PVH", dt.date.fromisoformat(day), c - 0.5, c + 1, c - 1, c, v)
    for day, c, v in zip(
        DAYS, (55.0, 56.0, 57.0, 58.0), (100, 200, 300, 400), strict=True
    )
]
BRK = [
    ("BRK-B", dt.date.fromisoformat(day), c - 0.5, c + 1, c - 1, c, v)
    for day, c, v in zip(DAYS[1:], (281.0, 282.0, 283.0), (200, 300, 400), strict=True)
]


@pytest.mark.parametrize("ticker_first", [False, True])
def test_a_download_is_read_either_way_round_and_saved_or_not(
    *, ticker_first: bool, tmp_path: Path
) -> None:
    frame = many(ticker_first=ticker_first)
    frame.to_csv(tmp_path / "all.csv")
    frame.to_parquet(tmp_path / "all.parquet")
    frame.reset_index().to_csv(tmp_path / "flat.csv", index=False)
    unnamed = frame.copy()
    unnamed.columns.names = [None, None]
    long = frame.stack(level="Ticker")  # noqa: PD013 - as people do
    long.to_csv(tmp_path / "long.csv")
    sources = [frame, unnamed, frame.tz_localize("UTC"), long, long.reset_index()]

    for source in (*sources, *sorted(tmp_path.iterdir())):
        found = YahooBars().convert(source)

        assert rows(found.frame) == [*BRK, *PVH], source
        assert set(found.frame["basis"]) == {"split_adjusted"}
        assert "Adj Close" in found.left_out
    counted = YahooBars().convert(frame)
    assert counted.n_read == 8
    assert counted.dropped == {NO_PRICES: 1}
    assert "classes with a hyphen, where lists of members have a point (1): BRK-B" in (
        counted.noted
    )


def test_days_in_utc_are_new_yorks_or_refused(tmp_path: Path) -> None:
    frame = one(55.0)
    frame.tz_convert("UTC").to_csv(tmp_path / "PVH.csv")
    tokyo = frame.tz_localize(None).tz_localize("Asia/Tokyo")
    tokyo.tz_convert("UTC").to_csv(tmp_path / "7203.csv")

    assert rows(YahooBars().convert(frame.tz_convert("UTC"), symbol="PVH").frame) == PVH
    assert rows(YahooBars().convert(tmp_path / "PVH.csv").frame) == PVH
    assert rows(YahooBars().convert(tokyo, symbol="PVH").frame) == PVH
    for refused in (tmp_path / "7203.csv", tokyo.tz_convert("UTC")):
        with pytest.raises(InvalidDataError, match="no midnight where the exchange is"):
            YahooBars().convert(refused, symbol="7203")


def test_a_history_is_a_frame_of_one_ticker(tmp_path: Path) -> None:
    one(55.0).to_csv(tmp_path / "PVH.csv")
    one(55.0).to_parquet(tmp_path / "PVH.parquet")

    found = YahooBars().convert(one(55.0), symbol="PVH")

    assert rows(found.frame) == PVH
    assert found.left_out == ("Adj Close", "Dividends", "Stock Splits")
    assert "dividends and splits are there too" in found.summary()
    for saved in ("PVH.csv", "PVH.parquet"):
        assert rows(YahooBars().convert(tmp_path / saved).frame) == PVH
    with pytest.raises(InvalidArgumentError, match=r"does not say whose it is: pass"):
        YahooBars().convert(one(55.0))


def test_a_folder_is_all_its_files_and_symbols_are_the_lakes(tmp_path: Path) -> None:
    one(55.0).to_csv(tmp_path / "PVH.csv")
    one(280.0).to_csv(tmp_path / "BRK-B.csv")
    (tmp_path / "downloads.csv").write_text("file,source,at,bytes,sha256\n")

    found = YahooBars().convert(tmp_path, symbols={"BRK-B": "BRK.B"})

    assert sorted(set(found.frame["symbol"])) == ["BRK.B", "PVH"]
    assert found.n_read == 8


def test_dividends_and_splits_are_corporate_actions(tmp_path: Path) -> None:
    many(acts=True).to_csv(tmp_path / "all.csv")

    found = YahooBars().convert(tmp_path / "all.csv", table="corporate_actions")

    told = found.frame[["symbol", "kind", "ex_date", "cash", "ratio"]].fillna(0)
    assert sorted(told.itertuples(index=False, name=None)) == [
        # 0.25 after a split of two for one was 0.50 on its day.
        ("BRK-B", "cash_dividend", dt.date(2022, 9, 2), 0.5, 0),
        ("BRK-B", "split", dt.date(2022, 9, 7), 0, 2.0),
        ("PVH", "cash_dividend", dt.date(2022, 9, 2), 0.5, 0),
        ("PVH", "split", dt.date(2022, 9, 7), 0, 2.0),
    ]


def test_what_is_no_bar_is_counted_and_named() -> None:
    frame = many(ticker_first=True)
    for name in FIELDS:
        frame["GONE", name] = np.nan
    frame.loc[frame.index[2], ("PVH", "Open")] = np.nan

    found = YahooBars().convert(frame)

    assert found.dropped == {NO_PRICES: 1 + 4, SOME_PRICES: 1}
    assert any("no prices at all" in note and "GONE" in note for note in found.noted)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: f.drop(columns="Adj Close"), "fetch it with auto_adjust=False"),
        (lambda f: f.drop(columns="Close"), "there is no 'Close' among"),
        (lambda f: f.iloc[:0], "has no rows: fetch it again"),
        (lambda f: f.reset_index(drop=True), "row '0' is not a day"),
        (lambda f: f.set_axis(f.index[[0, 0, 1, 2]]), "has not one row a day"),
        (
            lambda f: f.set_axis(pd.date_range("2022-01-03", periods=4, freq="7D")),
            "one row a day: fetch daily bars",
        ),
        (lambda f: f.assign(Close=np.nan), "none of 4 rows has prices"),
    ],
)
def test_a_frame_that_is_not_yahoos_bars_is_refused(change: Any, why: str) -> None:
    with pytest.raises(InvalidDataError, match=re.escape(why)):
        YahooBars().convert(change(one(55.0)), symbol="PVH")


def test_other_files_are_named_and_a_pickle_is_never_read(tmp_path: Path) -> None:
    one(55.0).to_pickle(tmp_path / "PVH.pkl")
    (tmp_path / "folder").mkdir()

    for name, why in (
        ("PVH.pkl", "nothing else is read, no pickle either: save the frame by"),
        ("PVH.csv", "PVH.csv does not exist: check the path"),
        ("folder", "folder holds no .csv and no .parquet of yfinance"),
    ):
        with pytest.raises(InvalidDataError, match=why):
            YahooBars().convert(tmp_path / name)


def test_a_symbol_twice_is_refused(tmp_path: Path) -> None:
    one(55.0).to_csv(tmp_path / "PVH.csv")
    one(55.0).to_parquet(tmp_path / "PVH.parquet")

    with pytest.raises(InvalidDataError, match="has bars of PVH again"):
        YahooBars().convert(tmp_path)


def library(frame: pd.DataFrame | Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a library into the place of yfinance, which would ask the network."""
    held: Any = ModuleType("yfinance")

    class Ticker:
        def __init__(self, symbol: str) -> None:
            self.symbol = symbol

        def history(self, **asked: Any) -> pd.DataFrame:
            assert asked["auto_adjust"] is False
            assert asked["actions"] is True
            if isinstance(frame, Exception):
                raise frame
            return frame

    held.Ticker, held.__version__ = Ticker, "1.0"
    monkeypatch.setitem(sys.modules, "yfinance", held)


def test_fetch_keeps_what_came_with_its_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(one(55.0), monkeypatch)
    at = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)

    YahooBars().fetch(
        tmp_path,
        symbols=["PVH"],
        start="2022-09-01",
        downloads=Downloads(clock=lambda: at),
    )

    assert came_at(tmp_path) == {"PVH.csv": at.isoformat()}
    assert rows(YahooBars().convert(tmp_path).frame) == PVH


@pytest.mark.parametrize(
    ("frame", "error", "why"),
    [
        (
            ValueError("no\ndata."),
            LakeError,
            "give PVH: no data. Check it, or try later",
        ),
        (one(55.0).iloc[:0], LakeError, "Yahoo has nothing of PVH"),
    ],
)
def test_a_fetch_without_an_answer_is_one_line(
    frame: Any,
    error: type[Exception],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library(frame, monkeypatch)

    with pytest.raises(error, match=re.escape(why)):
        YahooBars().fetch(tmp_path, symbols=["PVH"], start="2022-09-01")


def test_without_the_library_the_cure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)

    with pytest.raises(InvalidArgumentError, match=r"yfinance is not installed: pip"):
        YahooBars().fetch(tmp_path, symbols=["PVH"], start="2022-09-01")


def as_downloaded(
    *, group_by: str = "column", zone: str | None = None, version: str = "1.7"
) -> pd.DataFrame:
    """What ``yf.download(repair=True, actions=True)`` returns of a share and a fund.

    As versions 0.2.66 and 1.7.0 put it together: both name the levels Ticker and Price,
    sort the columns, and keep no zone unless ``ignore_tz=False``; then 0.2 gives UTC,
    and 1.7 the zone that most tickers have.
    """
    frames = {"PVH": one(55.0), "FUND": one(280.0)}
    for name, frame in frames.items():
        frame["Repaired?"] = [False, name == "PVH", False, False]
    frames["FUND"]["Capital Gains"] = [0.0, 0.0, 1.5, 0.0]
    frames["FUND"] = frames["FUND"].iloc[1:]
    if zone is None:
        frames = {name: each.tz_localize(None) for name, each in frames.items()}
    data = pd.concat(
        frames.values(),
        axis=1,
        sort=True,
        keys=frames.keys(),
        names=["Ticker", "Price"],
    )
    if zone is not None:
        data = data.tz_convert("UTC" if version == "0.2" else zone)
    if group_by == "column":
        data = data.swaplevel(axis=1).sort_index(level=0, axis=1)
    return data.rename_axis("Date")


@pytest.mark.parametrize("version", ["0.2", "1.7"])
@pytest.mark.parametrize("group_by", ["column", "ticker"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_downloads_of_both_major_versions(
    version: str, group_by: str, zone: str | None, tmp_path: Path
) -> None:
    frame = as_downloaded(group_by=group_by, zone=zone, version=version)
    frame.to_csv(tmp_path / "all.csv")
    for source in (frame, tmp_path / "all.csv"):
        found = YahooBars().convert(source)
        by_symbol = found.frame.groupby("symbol")
        assert by_symbol.size().to_dict() == {"FUND": 3, "PVH": 4}
        days = [str(day) for day in by_symbol.get_group("PVH")["session"]]
        assert days == DAYS
        assert found.dropped == {NO_PRICES: 1}
        assert {"Repaired?", "Capital Gains"} <= set(found.left_out)
        acts = YahooBars().convert(source, table="corporate_actions").frame
        kinds = sorted(acts[["symbol", "kind"]].itertuples(index=False, name=None))
        assert kinds == [
            *[("FUND", "cash_dividend")] * 2,
            *[("FUND", "split"), ("PVH", "cash_dividend"), ("PVH", "split")],
        ]


def test_one_ticker_without_levels_and_without_adjustment_is_told_apart() -> None:
    """``multi_level_index=False``, and 1.7's default of ``auto_adjust=True``."""
    single = pd.DataFrame(as_downloaded().xs("PVH", axis=1, level="Ticker"))
    single.columns.name = None
    assert YahooBars().convert(single, symbol="PVH").kept == 4
    with pytest.raises(InvalidDataError, match="has no 'Adj Close', so its prices"):
        YahooBars().convert(single.drop(columns="Adj Close"), symbol="PVH")


def test_exchanges_of_two_zones_in_one_frame_are_refused() -> None:
    """1.7 gives London's midnights as seven in the evening of New York's day before."""
    london = one(9.0).tz_localize(None).tz_localize("Europe/London")
    frames = {"PVH": one(55.0), "VOD.L": london.tz_convert("America/New_York")}
    data = pd.concat(frames, axis=1, names=["Ticker", "Price"], sort=True)
    with pytest.raises(
        InvalidDataError, match=r"is no midnight where the exchange is.*T"
    ):
        YahooBars().convert(data)
