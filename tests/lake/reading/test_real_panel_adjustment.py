"""Panels adjusted as known, against a vendor's own adjusted closes and hand work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.reading.view import View

pytestmark = [
    pytest.mark.lake,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::lakebt.AuditWarning"),
]

BAR = ["symbol", "session", "open", "high", "low", "close", "volume", "basis"]
EVENING_BEFORE, MORNING = "2014-06-06T20:30:00Z", "2014-06-09T13:29:00Z"


def dividends(folder: Path, name: str = "dividends") -> pd.DataFrame:
    told = pd.read_csv(folder / "actions" / f"{name}.csv")
    if "symbol" not in told:
        told = told.assign(symbol="SPY")
    told = told.assign(kind="cash_dividend", cash=told["amount_usd"])
    return told[["symbol", "kind", "ex_date", "cash"]].dropna(subset="cash")


def splits(folder: Path) -> pd.DataFrame:
    told = pd.read_csv(folder / "actions" / "splits.csv").assign(kind="split")
    return told[["symbol", "kind", "ex_date", "ratio"]]


def publish(folder: Path, prices: pd.DataFrame, *actions: pd.DataFrame) -> View:
    told = pd.concat(actions).drop_duplicates(["symbol", "kind", "ex_date"])
    lake = lakebt.Lake.open(folder)
    lake.publish(
        {"prices": prices[BAR], "corporate_actions": told},
        release="R1",
        as_of="2026-04-01T12:00:00Z",
    )
    return lake.at("R1")


def prices_of(folder: Path) -> pd.DataFrame:
    table = pd.read_parquet(folder / "prices.parquet")
    table = table[table["basis"].str.startswith("split")]
    return table.assign(
        session=pd.to_datetime(table["date"]), basis="split_adjusted"
    ).drop_duplicates(["symbol", "session"])


@pytest.fixture(scope="module")
def apple(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> View:
    raw = pd.read_parquet(realdata / "actions" / "raw_bars.parquet")
    raw = raw[raw["symbol"] == "AAPL"].assign(basis="raw")
    paid, split = dividends(realdata), splits(realdata)
    split = split[split["symbol"] == "AAPL"].assign(
        announced=["2014-04-23", "2020-07-30"]
    )
    folder = tmp_path_factory.mktemp("apple")
    return publish(folder, raw, paid[paid["symbol"] == "AAPL"], split)


@pytest.mark.parametrize(
    ("instant", "close"),
    [
        (EVENING_BEFORE, 589.04),
        (MORNING, 589.04),
        ("2014-06-09T20:30:00Z", 84.148571),
        ("2014-12-31T21:30:00Z", 83.370571),
    ],
)
def test_apple_as_known(apple: View, instant: str, close: float) -> None:
    panel = apple.as_of(instant).panel("close", adjusted="total_return")
    assert panel.loc["2014-05-07", "AAPL"] == pytest.approx(close, abs=5e-7)


def test_spy_equals_the_files_own_adjusted_closes(
    realdata: Path, tmp_path: Path
) -> None:
    table = prices_of(realdata)
    spy = table[table["symbol"] == "SPY"]
    paid = dividends(realdata, "spy_distributions")
    assert len(paid) == 69

    view = publish(tmp_path, spy, paid)

    ours = view.panel("close", adjusted="total_return")["SPY"]
    theirs = spy.set_index("session")["adj_close"].reindex(ours.index)
    error = (ours / theirs / (ours.iloc[-1] / theirs.iloc[-1]) - 1.0).abs()
    assert (ours.index[0].year, ours.index[-1].year) == (2009, 2026)
    assert error.max() < 3e-5


# Why the closes of a symbol differ from those that its vendor adjusted.
CAUSES = {
    # Its bars are divided by a split, or a spin-off told as one, which the file of
    # splits lacks: amounts before it are a multiple of what the closes imply.
    "untold split": (
        "AIV APTV CHD CNX COO EQT FTI GHC GME HLT HPE JEF LDOS M NBR O PBI PNR RJF "
        "ROL SLG TECH WRB WTW"
    ),
    # New shares told as a dividend; LDOS, HLT and JEF have a child told as one, too.
    "shares as dividend": "HBI",
    # Told whole on the day of the first of its instalments.
    "instalments": "RIG",
    # What another company of that ticker paid, or a day on which the closes have none.
    "no such dividend": "IGT IR XRX",
}
AWAY = pd.Timedelta(days=30)


def amounts(told: pd.DataFrame, split: pd.DataFrame) -> pd.Series:
    """Return amounts as the vendor of the closes has them, else another, else implied.

    The last are per share as the bars count them, the others per share of the day.
    """
    both = told.reset_index()[["index", "symbol", "ex_date", "max"]].merge(
        split[["symbol", "ex_date", "ratio"]], on="symbol", suffixes=("", "_split")
    )
    day = pd.to_datetime(both["ex_date_split"])
    both = both[(day > pd.to_datetime(both["ex_date"])) & (day <= both["max"])]
    later = both.groupby("index")["ratio"].prod().reindex(told.index, fill_value=1.0)
    implied = told["implied_by_prices_parquet"] * later
    return told["yahoo"].fillna(told["amount_usd"]).fillna(implied)


def test_most_symbols_of_one_source_equal_its_own_adjusted_closes(
    realdata: Path, tmp_path: Path
) -> None:
    """Within each stretch of bars: over a gap nobody knows the close before a day."""
    table = prices_of(realdata)
    of_source = table[table["source"] == "dieperdev_yf"]
    n_sources = table.groupby("symbol")["source"].nunique()
    of_source = of_source[of_source["symbol"].isin(n_sources.index[n_sources == 1])]
    span = of_source.groupby("symbol")["session"].agg(["min", "max"]).reset_index()
    told = pd.read_csv(realdata / "actions" / "dividends.csv").merge(span)
    day = pd.to_datetime(told["ex_date"])
    told = told[(day > told["min"]) & (day <= told["max"])]
    told = told[told["symbol"] != "SLM"]  # Navient, as a dividend above the price
    paid = told.assign(kind="cash_dividend", cash=amounts(told, splits(realdata)))
    paid = paid[["symbol", "kind", "ex_date", "cash"]].dropna(subset="cash")
    of_source = of_source[of_source["symbol"].isin(set(told["symbol"]))]
    view = publish(tmp_path, of_source, paid, splits(realdata))

    ours = view.panel("close", adjusted="total_return")
    theirs = of_source.pivot_table(
        index="session", columns="symbol", values="adj_close"
    )
    ratio = np.log(ours / theirs.reindex_like(ours))
    error = {}
    for symbol in ratio:
        own = ratio[symbol].dropna()
        is_near = own.index.to_series().diff() <= AWAY
        error[symbol] = own.diff().where(is_near, 0.0)[::-1].cumsum().abs().max()
    found = pd.Series(error)[sorted(set(told["symbol"]))]

    others = set(found.index[found >= 5e-5])
    assert others == set(" ".join(CAUSES.values()).split())
    # With the steps over gaps, after years without bars, 109 would be.
    assert (len(found), len(found) - len(others)) == (155, 126)
    # What is an untold split shows in the amounts themselves.
    both = told.assign(
        share=told["implied_by_prices_parquet"] / amounts(told, splits(realdata))
    ).dropna(subset=["share", "amount_usd"])
    off = (both["share"] - 1.0).abs().groupby(both["symbol"]).max()
    assert set(CAUSES["untold split"].split()) <= set(off.index[off > 1e-3])


def test_a_filter_by_level_leaks_on_prices_adjusted_afterwards(
    apple: View, realdata: Path, tmp_path: Path
) -> None:
    raw = pd.read_parquet(realdata / "actions" / "raw_bars.parquet")
    raw = raw[raw["symbol"] == "AAPL"].assign(basis="split_adjusted")
    day = pd.to_datetime(raw["session"])
    first, second = pd.Timestamp("2014-06-09"), pd.Timestamp("2020-08-31")
    later = np.where(day < first, 28.0, np.where(day < second, 4.0, 1.0))
    for column in ("open", "high", "low", "close"):
        raw[column] /= later
    split = splits(realdata)
    split = split[split["symbol"] == "AAPL"].assign(
        announced=["2014-04-23", "2020-07-30"]
    )
    view = publish(tmp_path, raw, split)

    sessions = Sessions.of("XNYS")
    days = sessions.days[
        sessions.on_or_after(pd.Timestamp("2014-01-02").date()) : sessions.on_or_after(
            pd.Timestamp("2014-06-09").date()
        )
    ]
    passes = {None: 0, "splits": 0}
    for number in sessions.numbers(days):
        instant = sessions.instant(int(number), "close")
        seen = view.as_of(instant)
        for adjusted in passes:
            close = seen.panel("close", adjusted=adjusted)["AAPL"].iloc[-1]
            passes[adjusted] += int(close < 100.0)
        kept = seen.panel("close", adjusted="splits")
        pd.testing.assert_frame_equal(
            kept, apple.as_of(instant).panel("close"), rtol=1e-12
        )
    assert len(days) == 108
    assert passes == {None: 108, "splits": 0}
