"""What real prices say, through the public interface.

The expected numbers are the article's printed orders, and figures computed from the
same files without lakebt. The data is no part of the repository: without it these tests
skip.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances
from tests.forked import python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.lake]

RELEASE, AS_OF = "ALL", "2026-04-01T00:00:00Z"
DATED = {"announced_quality": ["exact", "derived"]}

# symbol: side and price at the entry, shares, price at the exit
ARTICLE = {
    "PENN": ("sell", "31948.881789", 31.66, 34.09),
    "PVH": ("sell", "18321.729571", 55.15, 52.95),
    "INVH": ("buy", "27419.797094", 38.20, 31.94),
    "CSGP": ("buy", "14106.361969", 75.00, 83.70),
}


@pytest.fixture(scope="module")
def folder(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("realdata") / "lake"
    changes = convert_rebalances(pd.read_csv(realdata / "events.csv"))
    prices = convert_prices(pd.read_parquet(realdata / "prices.parquet"))
    lakebt.Lake.open(folder).publish(
        {changes.table: changes.frame, prices.table: prices.frame},
        release=RELEASE,
        as_of=AS_OF,
    )
    return folder


@pytest.fixture(scope="module")
def view(folder: Path) -> lakebt.View:
    return lakebt.Lake.open(folder, create=False).at(RELEASE)


@pytest.fixture(scope="module")
def additions(view: lakebt.View) -> lakebt.Result:
    """Every dated addition against SPY, as if nobody had refused."""
    return lakebt.Study(
        view,
        index="SP500",
        where=DATED,
        side="additions",
        hedge="SPY",
        entries=["AD@close", "AD+1@open"],
        exits=["AD+1@open", "ED-1@close"],
        missing="drop_leg",
        on_look_ahead="allow",
    ).run()


def over_spy(result: lakebt.Result, entry: str, exit_: str) -> pd.DataFrame:
    """Return the legs of one rule with their return over SPY and their date."""
    legs = result.legs()
    legs = legs[(legs["entry"] == entry) & (legs["exit"] == exit_)]
    legs = legs.dropna(subset="price_return")
    dates = result.events().drop_duplicates("event_id").set_index("event_id")["date"]
    return legs.assign(
        excess=legs["price_return"] - legs["hedge_return"],
        date=legs["event_id"].map(dates),
    )


def t_of(legs: pd.DataFrame) -> tuple[float, float]:
    """Return t with legs as draws, and with announcement dates as clusters."""
    excess = legs["excess"].to_numpy(dtype=np.float64)
    mean, count = float(excess.mean()), len(excess)
    off = pd.Series(excess - mean).groupby(legs["date"].to_numpy()).sum().to_numpy()
    clustered = float(np.sqrt((off**2).sum() * len(off) / (len(off) - 1))) / count
    return mean / float(excess.std(ddof=1) / np.sqrt(count)), mean / clustered


def test_the_orders_of_the_article_digit_for_digit(view: lakebt.View) -> None:
    result = lakebt.Study(
        view,
        index="SP500",
        where={"announced": "2022-09-02", "symbol": list(ARTICLE)},
        entries=["AD+1@open"],
        exits=["2022-11-01@open"],
        gross=40.0,
        max_gross=40.0,
        capital_usd=100_000.0,
    ).run()
    orders = result.orders()
    by_fill = {(row["symbol"], row["session"]): row for _, row in orders.iterrows()}

    assert len(orders) == 8
    assert set(orders["at"]) == {"open"}
    for symbol, (side, size, entry, left) in ARTICLE.items():
        opened = by_fill[symbol, pd.Timestamp("2022-09-06")]
        closed = by_fill[symbol, pd.Timestamp("2022-11-01")]
        assert (opened["side"], f"{opened['size']:.6f}") == (side, size)
        assert (opened["price"], closed["price"]) == (entry, left)
        assert closed["side"] == {"buy": "sell", "sell": "buy"}[side]
        assert closed["size"] == opened["size"]
    assert result.is_point_in_time


def test_no_event_can_be_traded_at_the_close_of_its_announcement(
    view: lakebt.View,
) -> None:
    study = lakebt.Study(
        view,
        index="SP500",
        entries=["AD@close", "AD+1@open"],
        exits=["ED-1@close", "1w"],
    )
    cells = study.plan()
    refused = [cell.entry for cell in cells if cell.empty is not None]

    assert len({cell.event.event_id for cell in cells}) == 210
    assert refused == ["AD@close"] * 2 * 210
    assert {cell.empty.reason for cell in cells if cell.empty} == {"look_ahead"}


def test_additions_jump_before_anybody_can_buy_them(additions: lakebt.Result) -> None:
    legs = over_spy(additions, "AD@close", "AD+1@open")

    assert len(legs) == 242
    assert legs["date"].nunique() == 175
    assert 1e4 * legs["excess"].mean() == pytest.approx(218.0, abs=0.1)
    assert t_of(legs) == pytest.approx((10.42, 9.29), abs=0.01)
    assert not additions.is_point_in_time


def test_nothing_is_left_from_the_first_open_on(additions: lakebt.Result) -> None:
    legs = over_spy(additions, "AD+1@open", "ED-1@close")

    assert len(legs) == 242
    assert legs["date"].nunique() == 175
    assert 1e4 * legs["excess"].mean() == pytest.approx(-49.0, abs=0.1)
    assert t_of(legs) == pytest.approx((-1.32, -1.23), abs=0.01)


def test_what_can_be_traded_is_the_same_without_pretending(
    view: lakebt.View, additions: lakebt.Result
) -> None:
    masked = lakebt.Study(
        view,
        index="SP500",
        where=DATED,
        side="additions",
        hedge="SPY",
        entries=["AD@close", "AD+1@open"],
        exits=["ED-1@close"],
        missing="drop_leg",
    ).run()
    rule = {"entry": "AD+1@open", "exit": "ED-1@close"}

    assert masked.is_point_in_time
    pd.testing.assert_series_equal(masked.returns(**rule), additions.returns(**rule))
    assert masked.sharpe().loc["AD@close"].isna().all()


def test_the_dividend_that_a_short_of_spy_owes(
    realdata: Path, additions: lakebt.Result
) -> None:
    bars = pd.read_parquet(
        realdata / "prices.parquet", filters=[("symbol", "==", "SPY")]
    ).set_index("date")
    bars = bars.sort_index()
    # The ratio of the two closes steps up by the dividend's yield on the ex-date.
    factor = bars["adj_close"] / bars["close"]
    paid = (factor / factor.shift() - 1.0).where(lambda step: step > 5e-4, 0.0)
    paid = paid * bars["close"]
    legs = over_spy(additions, "AD+1@open", "ED-1@close")
    owed = [
        paid[(paid.index > entered) & (paid.index <= left)].sum()
        / bars["open"][entered]
        for entered, left in zip(
            legs["entry_session"], legs["exit_session"], strict=True
        )
    ]

    assert int((paid[legs["exit_session"]] > 0).sum()) == 82
    assert 1e4 * (legs["excess"] - owed).mean() == pytest.approx(-63.0, abs=1.0)


def test_the_command_line_publishes_the_files_and_runs_the_study(
    realdata: Path, tmp_path: Path
) -> None:
    def lakebt_(*arguments: str) -> str:
        done = subprocess.run(
            [
                *python(),
                "-m",
                "lakebt",
                *arguments,
                *("--lake", str(tmp_path / "lake"), "--json"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,  # a fresh lake of all of it takes less than a minute
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    lakebt_(
        "publish",
        f"index_changes={realdata / 'events.csv'}",
        f"prices={realdata / 'prices.parquet'}",
        *("--format", "index_changes=rebalances", "--format", "prices=prices"),
        *("--release", RELEASE, "--as-of", AS_OF),
    )
    study = lakebt_(
        "study",
        *("--release", RELEASE, "--index", "SP500", "--hedge", "SPY"),
        *("--entries", "AD@close,AD+1@open", "--exits", "ED-1@close"),
        *("--missing", "drop_leg"),
    )
    rows = {row["entry"]: row for row in json.loads(study)}

    assert (rows["AD@close"]["n_refused"], rows["AD@close"]["n_events"]) == (210, 0)
    # One more than these has a first bar without a trade.
    assert (rows["AD+1@open"]["n_refused"], rows["AD+1@open"]["n_events"]) == (0, 201)


def test_what_has_no_announcement_is_counted(realdata: Path) -> None:
    changes = convert_rebalances(pd.read_csv(realdata / "events.csv"))

    assert changes.n_read == 345
    assert list(changes.dropped.values()) == [69]
    assert changes.frame["announced"].notna().all()
    announced = changes.frame["announced"].map(dt.date.fromisoformat)
    assert announced.between(dt.date(2010, 1, 1), dt.date(2025, 12, 31)).all()
