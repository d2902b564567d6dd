"""An event study of changes, against loops over the prices that a view shows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, LakebtError, UnknownNameError
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.simulated import SimulatedMarket

pytestmark = pytest.mark.lake

ASKED: dict[str, Any] = {
    "index": "SIM",
    "side": "additions",
    "market": "MKT",
    "estimation": (-55, -5),
    "minimum": 40,
}
WAY = ("AD-1@close", "AD+3@close")


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulated_market(seed=1, n_events=12, jump_bps=300)


@pytest.fixture(scope="module")
def view(market: SimulatedMarket, tmp_path_factory: pytest.TempPathFactory) -> Any:
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("events") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def study(view: lakebt.View, **asked: Any) -> lakebt.EventStudy:
    return lakebt.EventStudy(view, **ASKED | {"windows": [WAY]} | asked)


def returns(market: SimulatedMarket) -> pd.DataFrame:
    """Return the published closes, session by symbol, as returns."""
    prices = market.tables["prices"]
    closes = prices.pivot_table(index="session", columns="symbol", values="close")
    closes.index = pd.to_datetime(closes.index)
    return closes / closes.shift(1) - 1.0


@pytest.mark.parametrize("model", ["market_adjusted", "market", "constant_mean"])
def test_every_figure_of_a_change_is_that_of_a_loop(
    view: lakebt.View, market: SimulatedMarket, model: str
) -> None:
    daily = returns(market)
    events = study(view, model=model).events()
    events = events[events["n_estimation"] > 0]

    assert len(events) > 10
    for row in events.to_dict("records"):
        at = int((daily.index < row["announced"]).sum())
        before = daily[[row["symbol"], "MKT"]].iloc[at - 55 : at - 4].dropna()
        held = daily[[row["symbol"], "MKT"]].iloc[at : at + 4]
        stock, spy = before.to_numpy().T
        match model:
            case "market":
                beta, alpha = np.polyfit(spy, stock, 1)
                lost = 2
            case "constant_mean":
                beta, alpha, lost = 0.0, stock.mean(), 1
            case _:
                beta, alpha, lost = 1.0, 0.0, 1
        off = stock - alpha - beta * spy
        deviation = np.sqrt(((off - off.mean()) ** 2).sum() / (len(off) - lost))
        car = float((held.iloc[:, 0] - alpha - beta * held.iloc[:, 1]).sum())
        grown = (1.0 + held).prod()

        assert row["n_estimation"] == len(before)
        found = [row[n] for n in ("alpha_bps", "beta", "deviation_bps", "car_bps")]
        wanted = [1e4 * alpha, beta, 1e4 * deviation, 1e4 * car]
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-7)
        assert row["over_bps"] == pytest.approx(
            1e4 * (grown.iloc[0] - grown.iloc[1]), abs=1e-7
        )


def test_the_path_adds_up_to_what_the_window_returned(view: lakebt.View) -> None:
    found = study(view)
    events = found.events()
    events = events[events["n_estimation"] > 0]

    path = found.path("AD", before=0, after=3)

    assert path["session"].tolist() == [0, 1, 2, 3]
    assert path["caar_bps"].iloc[-1] == pytest.approx(events["car_bps"].mean())
    assert path["aar_bps"].sum() == pytest.approx(path["caar_bps"].iloc[-1])
    assert path["n"].tolist() == [len(events)] * 4
    assert (path["low_bps"] < path["caar_bps"]).all()


def test_what_has_no_estimation_window_is_told_with_what_it_made(
    view: lakebt.View,
) -> None:
    events = study(view).events()
    usual = int(events["n_estimation"].min())
    found = study(view, estimation=(-250, -5), minimum=200)

    left = found.left_out()

    assert usual == 0 or len(left) > 0
    assert set(left["missing"]) == {"estimation"}
    every = found.events().set_index("change_id")
    assert every.loc[left["change_id"], "n_estimation"].eq(0).all()
    of_events = every.loc[left["change_id"], "over_bps"].tolist()
    assert left["over_bps"].tolist() == pytest.approx(of_events)
    assert left["reason"].str.len().gt(10).all()


def test_a_window_may_begin_where_the_estimation_window_ends(view: lakebt.View) -> None:
    assert study(view, windows=[("AD-5@close", "AD@close")]).left_out().empty

    # From ED it depends on the change.
    left = study(view, windows=[("ED-20@close", "ED@close")]).left_out()

    assert len(left) > 0
    assert set(left["missing"]) == {"estimation"}
    assert left["reason"].str.endswith("begins before its estimation window ends").all()
    assert left["over_bps"].notna().all()


def corrected(market: SimulatedMarket, *, late: bool) -> tuple[Any, dict[str, Any]]:
    """Return a change, and tables in which a close of 20 sessions before is corrected.

    Late, the correction is known a day after the announcement, else a week before it.
    """
    changes = market.tables["index_changes"]
    change = changes[changes["side"] == "addition"].iloc[-1]
    prices = market.tables["prices"]
    mine = prices[prices["symbol"] == change["symbol"]].sort_values("session")
    session = pd.to_datetime(mine["session"])
    announced = pd.Timestamp(change["announced"])
    day = announced.tz_localize(None).normalize()
    row = mine[(session < day).to_numpy()].iloc[[-20]].copy()
    shift = dt.timedelta(days=1) if late else -dt.timedelta(days=7)
    row["close"] = row["close"] * 1.5
    row["high"] = row[["high", "close"]].max(axis=1) if "high" in row else None
    row["known_at"] = announced + shift
    tables = dict(market.tables)
    tables["prices"] = pd.concat([prices, row], ignore_index=True)
    return change, tables


@pytest.mark.parametrize("late", [True, False])
def test_what_was_corrected_after_the_announcement_estimates_nothing(
    view: lakebt.View, market: SimulatedMarket, tmp_path: Path, *, late: bool
) -> None:
    change, tables = corrected(market, late=late)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(tables, release="R1", as_of=market.as_of)

    def of(view: lakebt.View) -> float:
        events = study(view).events().set_index(["symbol", "announced"])
        mine = events.loc[change["symbol"]]
        return float(mine["deviation_bps"].iloc[-1])

    is_same = of(lake.at("R1")) == of(view)

    assert is_same is late


def test_a_study_hands_on_its_changes_and_its_hedge(view: lakebt.View) -> None:
    result = lakebt.Study(
        view,
        index="SIM",
        side="additions",
        hedge="MKT",
        entries=["AD+1@open"],
        exits=["+1"],
    ).run(record=False)

    own = result.event_study([WAY], estimation=(-55, -5), minimum=40)

    assert own.market == "MKT"
    pd.testing.assert_frame_equal(own.tests(), study(view).tests())


def test_the_jump_cannot_be_traded_and_the_way_after_it_can(view: lakebt.View) -> None:
    jump, way = ("AD@close", "AD+1@open"), ("AD+1@open", "ED-1@close")
    found = study(view, windows=[jump, way])

    tradable = found.tests().groupby("window")["tradable"].unique()

    assert tradable["AD@close to AD+1@open"].tolist() == [False]
    assert tradable["AD+1@open to ED-1@close"].tolist() == [True]
    assert "which no order could catch" in found.summary()
    assert "2 windows" in repr(found)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"windows": []}, "windows must be pairs of rules"),
        ({"windows": "AD@close"}, "windows must be pairs of rules"),
        ({"windows": [("AD@close",)]}, "a window is a pair"),
        ({"windows": [("AD", "ED@close")]}, "does not say when: write AD@open"),
        ({"windows": [("AD@close", "tomorrow")]}, "exit 'tomorrow' is not a rule"),
        ({"windows": [WAY, WAY]}, "comes twice in windows"),
        ({"windows": [("AD@close", "AD-1@close")]}, "ends before it starts"),
        (
            {"windows": [("AD-5@open", "AD@close")]},
            "ends, at AD-5@close: let estimation",
        ),
        ({"windows": [("AD-40@close", "AD@close")]}, "begins before its estimation"),
        ({"market": "NOBODY"}, "market 'NOBODY' has no prices in release 'R1'"),
        ({"market": ""}, "market"),
        ({"model": "capm"}, "model"),
        ({"estimation": (-5, -55)}, "estimation must be two sessions before"),
        ({"estimation": (-55, 1)}, "estimation must be two sessions before"),
        ({"estimation": -55}, "estimation must be two sessions before"),
        ({"minimum": 3}, "minimum must be a whole number of returns from 5 to 51"),
        ({"minimum": 99}, "minimum must be a whole number of returns from 5 to 51"),
        ({"minimum": True}, "minimum must be a whole number"),
        ({"minimum": 40.5}, "minimum must be a whole number"),
        ({"draws": 0}, "draws must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"index": "NONE"}, "NONE"),
    ],
)
def test_what_cannot_be_used_is_named(
    view: lakebt.View, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(LakebtError, match=said) as raised:
        study(view, **asked)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("asked", [{"before": -1}, {"after": -1}, {"after": 1.5}])
def test_a_path_has_whole_sessions(view: lakebt.View, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="must be a number of sessions"):
        study(view).path(**asked)
    with pytest.raises(InvalidArgumentError, match="at most 100,000 sessions"):
        study(view).path(before=10**30)


def test_a_path_has_an_anchor(view: lakebt.View) -> None:
    with pytest.raises(UnknownNameError, match="anchor"):
        study(view).path("MD")


@pytest.mark.parametrize(("anchor", "other"), [("AD", "ED"), ("ED", "AD")])
def test_a_plot_has_the_path_its_band_and_both_anchors(
    view: lakebt.View, market: SimulatedMarket, anchor: str, other: str
) -> None:
    found = study(view)
    path = found.path(anchor, before=15, after=15)
    sessions = pd.to_datetime(market.tables["prices"]["session"].unique())
    changes = market.tables["index_changes"].query("side == 'addition'")
    days = zip(
        changes["announced"].dt.tz_localize(None).dt.normalize(),
        pd.to_datetime(changes["effective"]),
        strict=True,
    )
    lead = np.median([((sessions > ad) & (sessions <= ed)).sum() for ad, ed in days])

    drawn = found.plot(anchor, before=15, after=15).to_dict()

    band, line = drawn["data"]
    assert list(line["x"]) == path["session"].tolist()
    assert line["y"] == pytest.approx(path["caar_bps"].tolist())
    known = path.dropna(subset=["low_bps", "high_bps"])
    assert list(band["x"]) == [*known["session"], *known["session"][::-1]]
    assert band["y"] == pytest.approx([*known["high_bps"], *known["low_bps"][::-1]])
    layout = drawn["layout"]
    named = {each["text"]: each["x"] for each in layout["annotations"]}
    away = lead if other == "ED" else -lead
    assert named == {f"<b>{anchor}</b>": 0.0, f"<b>{other}</b>": away}
    assert [each["x0"] for each in layout["shapes"]] == [0.0, away]
    assert "dash" not in layout["shapes"][0]["line"]
    assert layout["shapes"][1]["line"]["dash"] == "dash"
    assert layout["yaxis"]["title"]["text"] == "basis points over MKT"


def test_without_a_path_there_is_nothing_to_draw(view: lakebt.View) -> None:
    with pytest.raises(InvalidArgumentError, match="no path to draw"):
        study(view, minimum=50, estimation=(-5_000, -4_900)).plot()
