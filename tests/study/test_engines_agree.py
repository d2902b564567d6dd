"""Whole studies: the event engine and vectorbt fill every table alike."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.backtest.levels import Level
from lakebt.errors import UntradeableError
from lakebt.sessions import Sessions
from lakebt.study.engines import ENGINES
from lakebt.study.scope import Scope

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.study.cells import Cells

pytestmark = [pytest.mark.lake, pytest.mark.slow]

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 7, 1))
COUNT = 90
ENTRIES = ("AD@close", "AD+1@open", "AD+2@close", "ED-1@close")
EXITS = ("+0", "+1@open", "+3", "1w", "ED@close", "ED+4@open")
COSTS = lakebt.CostModel(
    commission_bps=1.5, half_spread_bps=4.0, borrow_bps_per_year=250.0
)

# Additions and deletions of each event; they overlap, and hold 1 to 40 legs.
EVENTS = ((1, 0), (1, 1), (0, 3), (2, 3), (4, 4), (7, 6), (20, 20), (2, 2), (1, 2))


def day(number: int) -> dt.date:
    return NYSE.date(FIRST + number)


def changes() -> pd.DataFrame:
    """Every event is announced four sessions after the one before it."""
    rows = []
    for event, (additions, deletions) in enumerate(EVENTS):
        announced = 20 + 4 * event
        for side, count in (("addition", additions), ("deletion", deletions)):
            rows += [
                {
                    "index": "IDX",
                    "symbol": f"{side[:3].upper()}{event}_{number:02}",
                    "side": side,
                    "announced": day(announced).isoformat(),
                    "effective": day(announced + 6).isoformat(),
                    "known_at": None,
                }
                for number in range(count)
            ]
    told = pd.DataFrame(rows)
    # Symbols on both sides of an event, of which one leaves apart from itself; and the
    # hedge as a leg: alone in its event, beside others, and where a leg leaves apart.
    told = pd.concat([told, _like(told, "ADD3_01", side="deletion")])
    told = pd.concat([told, _like(told, "DEL4_01", side="addition")])
    told = pd.concat([told, _like(told, "ADD0_00", symbol="SPY")])
    told = pd.concat([told, _like(told, "DEL2_00", symbol="SPY")])
    is_moved = told["symbol"].isin(["ADD3_00", "DEL4_01", "DEL2_01"])
    is_moved &= (told["side"] == "deletion") | (told["symbol"] == "ADD3_00")
    moved = told[is_moved].assign(
        effective=[day(n).isoformat() for n in (38, 40, 44)],
        known_at=[f"{day(n)}T15:00:00Z" for n in (33, 36, 39)],
    )
    return pd.concat([told, moved], ignore_index=True)


def _like(told: pd.DataFrame, *symbols: str, **other: str) -> pd.DataFrame:
    return told[told["symbol"].isin(symbols)].assign(**other)


def prices(symbols: list[str]) -> pd.DataFrame:
    """Random bars with holes; one symbol ends, one begins late, one has none."""
    rng = np.random.default_rng(11)
    shape = (COUNT, len(symbols))
    close = 40.0 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.006, shape))
    frame = pd.DataFrame(
        {
            "symbol": np.tile(symbols, COUNT),
            "session": np.repeat([day(n) for n in range(COUNT)], len(symbols)),
            "open": open_.ravel(),
            "high": np.maximum(open_, close).ravel(),
            "low": np.minimum(open_, close).ravel(),
            "close": close.ravel(),
            "volume": np.where(rng.random(close.size) < 0.004, 0.0, 1_000.0),
            "basis": "raw",
        }
    )
    frame.loc[frame["symbol"] == "SPY", "volume"] = np.nan
    gone = rng.random(len(frame)) < 0.004
    symbol, session = frame["symbol"], frame["session"]
    gone |= (symbol == "DEL4_00") & (session > day(40))
    gone |= (symbol == "ADD5_00") & (session < day(45))
    gone |= symbol == "DEL7_01"
    gone &= symbol != "SPY"
    gone |= (symbol == "SPY") & (session == day(47))
    return frame[~gone].reset_index(drop=True)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    told = changes()
    path: Path = tmp_path_factory.mktemp("engines") / "lake"
    lake = lakebt.Lake.open(path)
    tables = {
        "index_changes": told,
        "prices": prices(sorted(set(told["symbol"]))),
    }
    lake.publish(tables, release="R1", as_of="2022-12-01T00:00:00Z")
    return lake.at("R1")


def both(view: lakebt.View, **asked: Any) -> tuple[lakebt.Result, lakebt.Result]:
    study = lakebt.Study(
        view, **{"index": "IDX", "entries": ENTRIES, "exits": EXITS, **asked}
    )
    event, vectorbt = (study.run(engine=engine, record=False) for engine in ENGINES)
    return event, vectorbt


def same(ours: Any, theirs: Any) -> None:
    frame = isinstance(ours, pd.DataFrame)
    check = pd.testing.assert_frame_equal if frame else pd.testing.assert_series_equal
    check(ours, theirs, rtol=1e-9, atol=1e-9)


FIGURES = ("mean", "m2", "drawdown", "traded_usd", "final", "n_legs", "gaps")


def same_figures(ours: Cells, theirs: Cells) -> None:
    for name in (*FIGURES, "gross", "net", "borrow_usd"):
        np.testing.assert_allclose(
            getattr(ours, name)[ours.traded],
            getattr(theirs, name)[ours.traded],
            rtol=1e-9,
            atol=1e-11,
        )


def agree(ours: lakebt.Result, theirs: lakebt.Result) -> None:
    for name in ("table", "surface", "events", "orders", "legs", "refused"):
        same(getattr(ours, name)(), getattr(theirs, name)())
    for entry, exit_ in itertools.product(ENTRIES, EXITS):
        asked = {"entry": entry, "exit": exit_}
        same(ours.returns(**asked), theirs.returns(**asked))
    np.testing.assert_array_equal(ours.traded.cells.reason, theirs.traded.cells.reason)
    same_figures(ours.traded.cells, theirs.traded.cells)
    assert ours.summary() == theirs.summary()


@pytest.mark.parametrize("missing", ["exclude", "drop_leg"])
@pytest.mark.parametrize("hedge", [None, "SPY"])
@pytest.mark.parametrize("side", ["both", "additions", "deletions"])
def test_every_table_is_the_same(
    view: lakebt.View, side: str, hedge: str | None, missing: str
) -> None:
    ours, theirs = both(view, side=side, hedge=hedge, missing=missing, costs=COSTS)

    agree(ours, theirs)
    assert ours.traded.cells.traded.any()


def test_a_symbol_on_both_sides_is_traded_as_its_sum(view: lakebt.View) -> None:
    """By hand: what hedges itself holds nothing, so that it neither earns nor pays."""
    alone = {"where": {"symbol": ["SPY"]}, "hedge": "SPY"}
    ours, theirs = both(view, costs=COSTS, side="additions", **alone)

    for result in (ours, theirs):
        events = result.events()
        assert len(events)
        paid = events[["commission_usd", "spread_usd", "borrow_usd", "turnover"]]
        assert not paid.to_numpy().any()
        assert events[["gross_return", "net_return"]].abs().to_numpy().max() < 1e-12
        assert result.orders().empty
        assert set(result.legs()["weight"].dropna()) == {0.5}
    cell = {"event": ours.events()["event_id"].iloc[0]}
    cell |= {"entry": "AD+1@open", "exit": "1w"}
    assert len(ours.to_vectorbt(**cell).orders.records) <= 2  # what is lent, and back


def test_both_sides_of_one_event_are_hedged_by_each_other(view: lakebt.View) -> None:
    ours, _ = both(view, costs=COSTS)
    rule = {"entry": "AD+1@open", "exit": "+3"}
    legs = ours.legs(**rule)
    event = legs.loc[legs["symbol"] == "ADD3_01", "event_id"].iloc[0]
    orders, legs = ours.orders(event=event, **rule), legs[legs["event_id"] == event]

    weights = {symbol: own["weight"].sum() for symbol, own in legs.groupby("symbol")}
    targets = orders[orders["session"] == orders["session"].min()]

    # A quarter of it is bought as one of two additions, an eighth sold as one of four
    # deletions.
    assert len(legs) == len(weights) + 1 == 6
    assert weights["ADD3_01"] == 0.125
    assert dict(zip(targets["symbol"], targets["weight"], strict=True)) == weights
    assert len(orders) == 2 * len(weights)


def test_the_lake_asks_every_kind_of_question(view: lakebt.View) -> None:
    def run(**asked: Any) -> lakebt.Result:
        grid: dict[str, Any] = {"index": "IDX", "entries": ENTRIES, "exits": EXITS}
        return lakebt.Study(view, **grid, **asked).run(record=False)

    dropped, excluded = run(missing="drop_leg"), run()

    legs = set(run(missing="drop_leg", hedge="SPY").events()["n_legs"])
    assert legs >= {1, 2, 3, 5, 7, 8, 12, 13, 40}
    assert dropped.traded.schedule.apart.any()
    assert dropped.events()["n_gaps"].max() > 1
    reasons = set(excluded.refused()["reason"])
    assert reasons == {"look_ahead", "exit_before_entry", "no_price", "one_sided"}
    assert excluded.refused()["fact"].str.contains("no trade that session").any()


@pytest.mark.parametrize(
    ("asked", "rate"),
    [
        ({"gross": 60.0, "max_gross": 60.0}, 0.0),
        ({"hedge": "SPY", "gross": 1.7}, 300.0),
        ({"aggregate": "calendar", "missing": "drop_leg"}, 3.0),
        ({"aggregate": "calendar", "weighting": "leg", "max_weight": 0.2}, 3.0),
        ({"on_look_ahead": "allow", "min_lead": "24h"}, 3.0),
    ],
    ids=["ruin", "dear", "calendar", "calendar by legs", "allow"],
)
def test_it_is_so_for_other_questions(
    view: lakebt.View, asked: dict[str, Any], rate: float
) -> None:
    costs = lakebt.CostModel(
        commission_bps=rate, half_spread_bps=rate / 3, borrow_bps_per_year=10 * rate
    )

    ours, theirs = both(view, costs=costs, **asked)

    agree(ours, theirs)
    if "max_gross" in asked:
        assert (ours.refused()["reason"] == "ruined").any()


def test_both_stop_at_the_same_leg(view: lakebt.View) -> None:
    study = lakebt.Study(
        view, index="IDX", entries=ENTRIES, exits=EXITS, missing="raise"
    )
    told = []
    for engine in ("event", "vectorbt"):
        with pytest.raises(UntradeableError, match="no price of") as caught:
            study.run(engine=engine)
        told.append(str(caught.value))

    assert told[0] == told[1]


LEVELS = [
    Level(costs=costs, gross=gross, capital_usd=usd)
    for costs in (lakebt.CostModel(), COSTS)
    for gross, usd in ((0.3, 1e5), (1.0, 1e5), (1.7, 1e5), (1.7, 314_159.0))
]


@pytest.mark.parametrize("missing", ["exclude", "drop_leg"])
@pytest.mark.parametrize("hedge", [None, "SPY"])
def test_several_sizes_and_costs_in_one_pass_are_as_vectorbt_has_them(
    view: lakebt.View, hedge: str | None, missing: str
) -> None:
    asked: dict[str, Any] = {"index": "IDX", "entries": ENTRIES, "exits": EXITS}
    study = lakebt.Study(view, hedge=hedge, missing=missing, **asked)
    scope = Scope(view, study.arguments)
    plan, history = scope.schedule, scope.history(scope.schedule)
    assert (plan.apart & (plan.reason == 0)).any()

    ours = ENGINES["event"](plan, history, study.arguments, LEVELS, None)
    some = (0, 3, 5, 6)  # each size once and both costs: vectorbt is slow
    asked_of = [LEVELS[number] for number in some]
    theirs = ENGINES["vectorbt"](plan, history, study.arguments, asked_of, None)

    for number, reference in zip(some, theirs, strict=True):
        np.testing.assert_array_equal(ours[number].reason, reference.reason)
        same_figures(ours[number], reference)
    for level, event in zip(LEVELS, ours, strict=True):
        alone = lakebt.Study(
            view,
            hedge=hedge,
            missing=missing,
            costs=level.costs,
            gross=level.gross,
            capital_usd=level.capital_usd,
            **asked,
        ).run(record=False)
        traded = alone.traded.cells.traded
        for name in (*FIGURES, "gross", "net", "borrow_usd", "first", "n_returns"):
            one, several = getattr(alone.traded.cells, name), getattr(event, name)
            assert one[traded].tobytes() == several[traded].tobytes(), name
        assert alone.traded.cells.held.tobytes() == event.held.tobytes()
