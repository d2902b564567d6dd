"""Market impact: by hand, by an obvious loop over orders, and as vectorbt has it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions
from lakebt.study.engines import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.lake]

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 7, 1))
COUNT = 60
ENTRIES = ("AD@close", "AD+1@open", "ED-1@close")
EXITS = ("+1@open", "+3", "1w", "ED@close")
SYMBOLS = ("ADD0", "ADD1", "ADD2", "DEL0", "DEL1", "NEW", "SPY")
RULE: dict[str, Any] = {"entry": "AD+1@open", "exit": "+3"}


def day(number: int) -> dt.date:
    return NYSE.date(FIRST + number)


def changes() -> pd.DataFrame:
    """Three events; NEW is listed two sessions before its own."""
    told = [
        ("ADD0", "addition", 30),
        ("DEL0", "deletion", 30),
        ("ADD1", "addition", 33),
        ("ADD2", "addition", 33),
        ("DEL1", "deletion", 33),
        ("NEW", "addition", 40),
        ("SPY", "addition", 33),
    ]
    return pd.DataFrame(
        [
            {
                "index": "IDX",
                "symbol": symbol,
                "side": side,
                "announced": day(announced).isoformat(),
                "effective": day(announced + 6).isoformat(),
            }
            for symbol, side, announced in told
        ]
    )


def prices() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    shape = (COUNT, len(SYMBOLS))
    close = 40.0 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.006, shape))
    frame = pd.DataFrame(
        {
            "symbol": np.tile(SYMBOLS, COUNT),
            "session": np.repeat([day(n) for n in range(COUNT)], len(SYMBOLS)),
            "open": open_.ravel(),
            "high": np.maximum(open_, close).ravel(),
            "low": np.minimum(open_, close).ravel(),
            "close": close.ravel(),
            "volume": rng.integers(20_000, 90_000, close.size).astype(float),
            "basis": "raw",
        }
    )
    is_late = (frame["symbol"] == "NEW") & (frame["session"] < day(39))
    return frame[~is_late].reset_index(drop=True)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("impact") / "lake")
    tables = {"index_changes": changes(), "prices": prices()}
    lake.publish(tables, release="R1", as_of="2022-12-01T00:00:00Z")
    return lake.at("R1")


def run(view: lakebt.View, *, engine: str = "event", **asked: Any) -> lakebt.Result:
    study = lakebt.Study(
        view, **{"index": "IDX", "entries": ENTRIES, "exits": EXITS, **asked}
    )
    return study.run(engine=engine, record=False)


BOTH = lakebt.CostModel(commission_bps=1.0, impact_at_open=0.9, impact_at_close=0.4)


LIMITED = lakebt.CostModel(impact_at_open=0.9, max_participation=0.1)


def obvious(orders: pd.DataFrame, costs: lakebt.CostModel) -> Iterator[float]:
    """Yield what each fill costs, from the bars before the entry of its cell."""
    bars = prices().set_index(["symbol", "session"]).sort_index()
    for _, order in orders.iterrows():
        mine = (orders["event_id"] == order["event_id"]) & (
            orders["symbol"] == order["symbol"]
        )
        entered = orders.loc[mine, "session"].min().date()
        before = bars.loc[order["symbol"]].loc[: entered - dt.timedelta(days=1)]
        last = before.iloc[-costs.impact_sessions - 1 :]
        sigma = float(np.log(last["close"]).diff().dropna().std(ddof=1))
        volume = float(last["volume"].iloc[1:].mean())
        coefficient = (
            costs.impact_at_open if order["at"] == "open" else costs.impact_at_close
        )
        traded = order["size"] * order["price"]
        yield coefficient * sigma * np.sqrt(order["size"] / volume) * traded


@pytest.mark.parametrize("rule", [RULE, {"entry": "ED-1@close", "exit": "+1@open"}])
def test_each_fill_pays_what_the_obvious_loop_finds(
    view: lakebt.View, rule: dict[str, str]
) -> None:
    orders = run(view, costs=BOTH, where={"symbol": list(SYMBOLS[:5])}).orders(**rule)

    assert len(orders)
    assert orders["impact_usd"].to_list() == pytest.approx(
        list(obvious(orders, BOTH)), rel=1e-9
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"hedge": "SPY", "side": "additions"},
        {"gross": 1.5, "capital_usd": 2_000_000.0},
        {"missing": "drop_leg", "hedge": "SPY"},
        {"aggregate": "calendar"},
        {"missing": "drop_leg", "costs": LIMITED, "capital_usd": 300_000.0},
    ],
)
def test_both_engines_charge_alike(view: lakebt.View, asked: dict[str, Any]) -> None:
    asked = {"costs": BOTH, **asked}
    ours, theirs = (run(view, engine=e, **asked) for e in ENGINES)

    assert ours.events()["impact_usd"].gt(0.0).any()
    for name in ("table", "surface", "events", "orders", "refused"):
        pd.testing.assert_frame_equal(
            getattr(ours, name)(), getattr(theirs, name)(), rtol=1e-9, atol=1e-9
        )


def test_the_events_pay_what_their_orders_do(view: lakebt.View) -> None:
    result = run(view, costs=BOTH, side="both", hedge="SPY")
    orders, events = result.orders(), result.events()
    cell = ["event_id", "entry", "exit"]

    paid = orders.groupby(cell)["impact_usd"].sum().sort_index()

    assert events.set_index(cell)["impact_usd"].sort_index().to_numpy() == (
        pytest.approx(paid.to_numpy(), rel=1e-9)
    )
    table = result.table().dropna(subset="net_bps")
    costs = table[["commission_bps", "spread_bps", "borrow_bps", "impact_bps"]]
    assert (table["gross_bps"] - costs.sum(axis=1)).to_numpy() == pytest.approx(
        table["net_bps"].to_numpy(), abs=1e-9
    )


def test_a_tenth_of_the_capital_pays_the_root_of_it(view: lakebt.View) -> None:
    small, large = (
        run(view, costs=BOTH, capital_usd=capital).table()["impact_bps"]
        for capital in (10_000.0, 1_000_000.0)
    )

    assert large.to_numpy() == pytest.approx(10.0 * small.to_numpy(), nan_ok=True)


def test_without_impact_nothing_changes_to_the_bit(view: lakebt.View) -> None:
    plain, limited = (
        run(view, costs=lakebt.CostModel(commission_bps=1.0, max_participation=most))
        for most in (None, 1.0)
    )
    kept = plain.events()["event_id"].isin(limited.events()["event_id"])

    pd.testing.assert_frame_equal(
        plain.events()[kept].reset_index(drop=True), limited.events(), rtol=0, atol=0
    )


@pytest.mark.parametrize("engine", list(ENGINES))
def test_what_is_too_large_is_empty_and_says_how_large(
    view: lakebt.View, engine: str
) -> None:
    costs = lakebt.CostModel(max_participation=0.05)
    small = run(view, engine=engine, costs=costs, capital_usd=10_000.0)
    large = run(view, engine=engine, costs=costs, capital_usd=1_000_000.0)

    assert "too_large" not in set(small.refused()["reason"])
    refused = large.refused()
    assert set(refused["reason"]) >= {"too_large"}
    fact = refused.loc[refused["reason"] == "too_large", "fact"].iloc[0]
    assert "traded a day; at most 5.0% may be" in fact


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_share_of_which_no_volume_is_known_is_not_traded(
    view: lakebt.View, engine: str
) -> None:
    asked: dict[str, Any] = {
        "side": "additions",
        "where": {"symbol": ["NEW", "ADD0"]},
        "entries": ["AD+1@open"],
        "exits": ["+1@open"],
        "engine": engine,
    }

    free, dear = (run(view, costs=costs, **asked) for costs in (None, BOTH))

    assert len(free.events()) == 2
    assert dear.refused()["reason"].to_list() == ["no_volume"]
    assert (
        "fewer than 3 sessions of NEW with a volume were known"
        in dear.refused()["fact"][0]
    )
    assert dear.surface()["n_no_volume"].to_list() == [1]


def test_sizes_of_one_pass_are_those_of_each_alone(view: lakebt.View) -> None:
    grid: dict[str, Any] = {"index": "IDX", "entries": ENTRIES, "exits": EXITS}
    costs = [
        BOTH,
        lakebt.CostModel(impact_at_close=1.0, impact_sessions=5),
        lakebt.CostModel(commission_bps=1.0),
    ]

    found = lakebt.Sweep(view, **grid, costs=costs).run(record=False).table()

    of_cost = found.groupby(["commission_bps", "impact_at_close", "impact_sessions"])
    assert len(of_cost) == len(costs)
    for cost in costs:
        alone = run(view, costs=cost).table().set_index(["entry", "exit"])["net_bps"]
        own = of_cost.get_group(
            (cost.commission_bps, cost.impact_at_close, cost.impact_sessions)
        )
        pd.testing.assert_series_equal(
            own.set_index(["entry", "exit"])["net_bps"], alone, check_exact=True
        )


WITH_IMPACT = lakebt.CostModel(
    commission_bps=1.0, impact_at_open=0.9, impact_at_close=0.4, max_participation=0.5
)


def test_capacity_is_what_studies_of_each_size_say(view: lakebt.View) -> None:
    asked: dict[str, Any] = {"hedge": "SPY", "costs": WITH_IMPACT}
    sizes = [1e4, 1e5, 3e6]

    frame = run(view, **asked).capacity(**RULE, sizes_usd=sizes)

    for row in frame.to_dict("records"):
        alone = run(view, **asked, capital_usd=row["size_usd"]).surface()
        own = alone.set_index(["entry", "exit"]).loc[(RULE["entry"], RULE["exit"])]
        assert row["n_events"] == own["n_events"]
        assert row["n_too_large"] == own["n_too_large"]
        for name, other in (("mean_bps", "net_bps"), ("impact_bps", "impact_bps")):
            assert row[name] == pytest.approx(own[other], rel=1e-12, nan_ok=True)
        assert row["sharpe"] == pytest.approx(own["sharpe"], nan_ok=True)
    assert frame["n_too_large"].to_list() == [0, 0, 2]
    parts = frame["median_participation"]
    assert parts.to_numpy() == pytest.approx(parts[0] * np.array(sizes) / 1e4)


def test_at_the_break_even_the_mean_is_gone(view: lakebt.View) -> None:
    costs = lakebt.CostModel(impact_at_open=0.1, impact_at_close=0.1)
    asked: dict[str, Any] = {"costs": costs, "hedge": "SPY", "side": "additions"}
    result = run(view, **asked)
    best = result.table().sort_values("gross_bps").dropna(subset="gross_bps").iloc[-1]
    rule = {"entry": best["entry"], "exit": best["exit"]}
    assert best["gross_bps"] > 0.0

    gone = result.capacity(**rule, sizes_usd=[1e4]).attrs["break_even_usd"]
    at_it = result.capacity(**rule, sizes_usd=[1e4, gone])

    assert at_it["mean_bps"].iloc[-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([], "sizes_usd is empty"),
        ([1e5, 1e4], "sizes_usd must ascend, but 10,000 follows 100,000"),
        ([1e5, 1e5], "sizes_usd must ascend"),
        ([0.0], "each of sizes_usd must be .*0.0"),
        ([float("nan")], "each of sizes_usd must be .*nan"),
        (["much"], "each of sizes_usd must be .*much"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(
    view: lakebt.View, sizes: list[Any], told: str
) -> None:
    with pytest.raises(lakebt.errors.InvalidArgumentError, match=told):
        run(view, costs=BOTH).capacity(**RULE, sizes_usd=sizes)


def test_a_study_that_charges_nothing_for_size_has_no_capacity(
    view: lakebt.View,
) -> None:
    with pytest.raises(
        lakebt.errors.InvalidArgumentError, match="any size earns alike"
    ):
        run(view).capacity(**RULE)


@pytest.mark.slow
def test_a_page_that_knows_no_volumes_says_why_it_has_no_panel(
    view: lakebt.View, tmp_path: Path
) -> None:
    run(view, costs=BOTH).report(tmp_path / "dear.html")
    run(view).report(tmp_path / "free.html")

    dear, free = ((tmp_path / name).read_text() for name in ("dear.html", "free.html"))

    assert "this page does not know the volumes" in dear
    assert "this page does not know the volumes" not in free
    assert "impact" in dear
