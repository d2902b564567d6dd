"""Borrow rates by symbol and session: by an obvious loop, and in every engine."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions
from lakebt.study.engines import ENGINES
from lakebt.sweep.spark.messages import pack_prices, unpack_prices

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.lake]

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 7, 1))
COUNT = 50
SYMBOLS = ("ADD0", "ADD1", "DEL0", "DEL1", "KID", "SPY")
FLAT = lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=70.0)
GRID: dict[str, Any] = {
    "index": "IDX",
    "entries": ("AD+1@open", "ED-1@close"),
    "exits": ("+1@open", "+3", "2w", "ED+2@close"),
}


def day(number: int) -> dt.date:
    return NYSE.date(FIRST + number)


def changes() -> pd.DataFrame:
    told = [("ADD0", 20), ("DEL0", 20), ("ADD1", 25), ("DEL1", 30)]
    return pd.DataFrame(
        [
            {
                "index": "IDX",
                "symbol": symbol,
                "side": "addition" if symbol.startswith("A") else "deletion",
                "announced": day(announced).isoformat(),
                "effective": day(announced + 6).isoformat(),
            }
            for symbol, announced in told
        ]
    )


def prices() -> pd.DataFrame:
    rng = np.random.default_rng(11)
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
            "basis": "raw",
        }
    )
    gone = (frame["symbol"] == "DEL0") & (frame["session"] == day(22))
    return frame[~gone].reset_index(drop=True)


def rates(seed: int = 3, part: float = 0.6) -> pd.DataFrame:
    """Rates of some sessions, some of them 0, some corrected a day later."""
    rng = np.random.default_rng(seed)
    rows = []
    for symbol in SYMBOLS:
        for number in range(COUNT):
            if rng.random() < part:
                rate = float(rng.choice([0.0, 25.0, 300.0, 9000.0]))
                row = {"symbol": symbol, "session": day(number)}
                rows.append({**row, "rate_bps_per_year": rate, "known_at": None})
                if rng.random() < 0.1:
                    at = f"{day(number) + dt.timedelta(days=1)}T23:00:00Z"
                    rows.append(
                        {**row, "rate_bps_per_year": rate + 7.0, "known_at": at}
                    )
    return pd.DataFrame(rows)


def actions() -> pd.DataFrame:
    """A child of a deletion, a split of another, and dividends of the hedge."""
    return pd.DataFrame(
        [
            {
                "symbol": "DEL0",
                "kind": "spin_off",
                "ratio": 0.5,
                "other": "KID",
                "n": 23,
            },
            {"symbol": "DEL1", "kind": "split", "ratio": 2.0, "n": 33},
            {"symbol": "SPY", "kind": "cash_dividend", "cash": 1.0, "n": 28},
        ]
    ).assign(ex_date=lambda f: [day(n) for n in f.pop("n")])


def made(folder: Path, **tables: pd.DataFrame) -> lakebt.View:
    lake = lakebt.Lake.open(folder / "lake")
    told = {"index_changes": changes(), "prices": prices(), **tables}
    lake.publish(told, release="R1", as_of="2022-12-01T00:00:00Z")
    return lake.at("R1")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    return made(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    return made(tmp_path_factory.mktemp("told"), borrow=rates())


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    tables = {"borrow": rates(4), "corporate_actions": actions()}
    return made(tmp_path_factory.mktemp("acted"), **tables)


def run(view: lakebt.View, *, engine: str = "event", **asked: Any) -> lakebt.Result:
    asked = {**GRID, "hedge": "SPY", "costs": FLAT, **asked}
    return lakebt.Study(view, **asked).run(engine=engine, record=False)


def obvious(orders: pd.DataFrame, told: pd.DataFrame) -> float:
    """Return what one cell pays: close by close, what is short times its day's rate."""
    closes = prices().pivot_table(index="session", columns="symbol", values="close")
    closes = closes.ffill()
    final = told.drop_duplicates(["symbol", "session"], keep="last")
    rate = final.set_index(["symbol", "session"])["rate_bps_per_year"]
    owed, held = 0.0, dict.fromkeys(SYMBOLS, 0.0)
    last = orders["session"].max().date()
    for number in range(COUNT):
        for _, order in orders[orders["session"].dt.date == day(number)].iterrows():
            sign = 1.0 if order["side"] == "buy" else -1.0
            held[order["symbol"]] += sign * order["size"]
        if day(number) >= last:
            break
        nights = (day(number + 1) - day(number)).days
        for symbol, shares in held.items():
            bps = rate.get((symbol, day(number)), FLAT.borrow_bps_per_year)
            value = max(-shares, 0.0) * closes[symbol][day(number)]
            owed += value * bps * 1e-4 * nights / 360
    return owed


@pytest.mark.slow
def test_each_night_is_paid_at_its_sessions_rate_and_else_at_the_flat_one(
    view: lakebt.View,
) -> None:
    done = run(view)
    events, orders = done.events(), done.orders()
    paid = events.set_index(["event_id", "entry", "exit"])["borrow_usd"].to_dict()

    assert len(events) > 20
    for key, own in orders.groupby(["event_id", "entry", "exit"]):
        assert paid[key] == pytest.approx(obvious(own, rates()), rel=1e-9)


def adds_up(result: lakebt.Result) -> set[str]:
    """Each cell's net return is that of its legs and hedges, less borrow and fills.

    Returns what there was: long and short legs and hedges, dividends of each, borrow.
    """
    key = ["event_id", "entry", "exit"]
    net = result.events().set_index(key)["net_return"]
    orders, legs = result.orders(), result.legs().dropna(subset="weight")
    orders["paid"] = orders[["commission_usd", "spread_usd", "impact_usd"]].sum(axis=1)
    paid = orders.groupby(key)["paid"].sum().to_dict()
    rows = legs.groupby(key)
    seen = set()
    for done in result.traded.lookup.each(only=result.traded.cells.traded):
        assert done.trade is not None
        cell = (done.cell.event.event_id, done.cell.entry, done.cell.exit)
        own: Any = rows.get_group(cell).set_index(["symbol", "side"])
        named = {(q.symbol, str(q.side)): q.exit_row for q in done.quotes}
        exits = {row: name for name, row in named.items() if name in own.index}
        earned = 0.0
        for held in done.trade.positions:
            of = "hedge_" if held.side is None else ""
            at = (held.symbol, str(held.side)) if held.side else exits[held.exit_row]
            names = ("price_return" if not of else "hedge_return", f"{of}borrow_cost")
            moved, borrow = (float(own.loc[at, name]) for name in names)
            dividend = float(own.loc[at, f"{of}dividend_return"])
            value = held.size * held.entry_price
            earned += value * (moved + dividend) - abs(value) * borrow
            sign = f"{of}short" if held.size < 0.0 else f"{of}long"
            told = {"": 1.0, " dividend": dividend, " borrow": borrow}
            seen |= {f"{sign}{what}" for what, part in told.items() if part}
            assert borrow == 0.0 or held.size < 0.0
        capital = result.traded.arguments.capital_usd
        assert (earned - paid.get(cell, 0.0)) / capital == pytest.approx(
            net[cell], abs=1e-12
        )
    return seen


@pytest.mark.parametrize(
    ("side", "there"),
    [
        ("both", {"long", "short borrow", "hedge_short dividend", "hedge_long"}),
        ("deletions", {"hedge_long dividend", "short borrow"}),
        ("additions", {"hedge_short dividend", "hedge_short borrow"}),
    ],
)
def test_legs_dividends_and_borrow_add_up_to_the_net_return(
    acted: lakebt.View, side: str, there: set[str]
) -> None:
    costs = dataclasses.replace(FLAT, half_spread_bps=2.5)
    seen = adds_up(run(acted, side=side, costs=costs))

    assert there <= seen
    assert not any(kind.endswith("long borrow") for kind in seen)


def twice(folder: Path, *told: tuple[str, int, bool | None, str | None]) -> lakebt.View:
    """Return a view in which ADD0 is deleted, too, which is put off after the entry."""
    also = changes().iloc[[0]].assign(side="deletion")
    late = also.assign(effective=str(day(33)), known_at=f"{day(22)}T22:00:00Z")
    rows = pd.concat([changes(), also, late], ignore_index=True)
    more = {"borrow": lendable(*told)} if told else {}
    return made(folder, index_changes=rows, **more)


APART: dict[str, Any] = {"entries": ("AD+1@open",), "exits": ("ED+2@close",)}


def test_both_sides_of_a_symbol_share_what_their_sum_pays(tmp_path: Path) -> None:
    done = run(twice(tmp_path), **APART)
    own = done.legs().set_index(["symbol", "side"])["borrow_cost"]

    adds_up(done)
    assert own["ADD0", "addition"] == 0.0
    assert own["ADD0", "deletion"] > 0.0
    assert own["DEL0", "deletion"] > 0.0


@pytest.mark.parametrize(
    ("told", "reasons"),
    [
        ([("ADD0", 20, False, None)], ["no_borrow"]),
        ([("ADD0", 25, False, None)], ["no_borrow"]),
        ([("ADD0", 20, False, None), ("ADD0", 25, True, None)], []),
        ([("ADD0", 28, False, None)], []),
        ([("ADD1", 20, False, None)], []),
    ],
)
def test_the_exit_of_a_long_that_leaves_a_short_is_asked_by_its_own_deadline(
    tmp_path: Path,
    told: list[tuple[str, int, bool | None, str | None]],
    reasons: list[str],
) -> None:
    """The long of ADD0 is larger, and leaves first, at the close of session 28."""
    view = twice(tmp_path, *told)
    for engine in ENGINES:
        empty = run(view, engine=engine, **APART).refused()
        of_both = empty["event_id"].str.contains(str(day(20)))
        assert empty.loc[of_both, "reason"].to_list() == reasons


@pytest.mark.slow
@pytest.mark.parametrize("which", ["view", "acted"])
@pytest.mark.parametrize("side", ["both", "deletions"])
def test_every_engine_pays_the_same(
    which: str, side: str, request: pytest.FixtureRequest
) -> None:
    view = request.getfixturevalue(which)
    free = lakebt.CostModel()
    for costs in (FLAT, free):
        one, other = (run(view, engine=e, side=side, costs=costs) for e in ENGINES)
        pd.testing.assert_frame_equal(
            one.events(), other.events(), rtol=1e-9, atol=1e-9
        )
        assert (one.events()["borrow_usd"] > 0.0).any()


def test_levels_together_pay_what_each_pays_alone(acted: lakebt.View) -> None:
    dear = lakebt.CostModel(borrow_bps_per_year=5000.0)
    free = lakebt.CostModel()
    sweep = lakebt.Sweep(acted, **GRID, hedge=["SPY"], costs=[FLAT, dear, free])
    table = sweep.run().table()
    for costs in (FLAT, dear, free):
        own = run(acted, costs=costs).table()
        rate = table["borrow_bps_per_year"] == costs.borrow_bps_per_year
        beside = table[rate].set_index(["entry", "exit"])["sharpe"].to_dict()
        assert beside == own.set_index(["entry", "exit"])["sharpe"].to_dict()


def test_rates_of_others_change_no_bit(plain: lakebt.View, tmp_path: Path) -> None:
    told = rates().assign(symbol="ELSE").drop_duplicates(["symbol", "session"])
    beside = made(tmp_path, borrow=told)

    for costs in (FLAT, lakebt.CostModel()):
        pd.testing.assert_frame_equal(
            run(beside, costs=costs).events(),
            run(plain, costs=costs).events(),
            check_exact=True,
        )


def test_the_flat_rate_told_of_every_session_is_the_flat_rate(
    plain: lakebt.View, tmp_path: Path
) -> None:
    every = rates(part=1.1).drop_duplicates(["symbol", "session"])
    told = made(tmp_path, borrow=every.assign(rate_bps_per_year=70.0))

    free = lakebt.CostModel(commission_bps=1.0)
    pd.testing.assert_frame_equal(
        run(told, costs=free).events(), run(plain).events(), rtol=1e-9
    )


def lendable(*rows: tuple[str, int, bool | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "symbol": symbol,
                "session": day(number),
                "rate_bps_per_year": 10.0,
                "available": available,
                "known_at": known_at,
            }
            for symbol, number, available, known_at in rows
        ]
    )


LATE = f"{day(21)}T13:20:00Z"
"""The deadline of an entry at the open of session 21: what is known then is late."""


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ([("DEL0", 20, False, None)], {"DEL0"}),
        ([("DEL0", 3, False, None)], {"DEL0"}),
        ([("DEL0", 20, False, LATE)], set()),
        ([("DEL0", 18, False, None), ("DEL0", 20, True, None)], set()),
        ([("DEL0", 18, False, None), ("DEL0", 20, None, None)], set()),
        ([("DEL0", 18, False, None), ("DEL0", 21, True, None)], {"DEL0"}),
        ([("DEL0", 21, False, f"{day(20)}T20:00:00Z")], {"DEL0"}),
        ([("ADD0", 20, False, None)], set()),
        ([("SPY", 24, False, None)], {"SPY"}),
    ],
)
def test_what_could_not_be_borrowed_as_known_then_is_not_sold_short(
    tmp_path: Path,
    told: list[tuple[str, int, bool | None, str | None]],
    refused: set[str],
) -> None:
    view = made(tmp_path, borrow=lendable(*told))
    rule = {"entries": ("AD+1@open",), "exits": ("+3",)}

    for engine in ENGINES:
        done = run(view, engine=engine, **rule)
        empty = done.refused()
        assert set(empty["reason"]) == ({"no_borrow"} if refused else set())
        assert {fact.split()[3] for fact in empty["fact"]} == refused
        assert done.surface()["n_no_borrow"].sum() == len(empty)


class Pair:
    """Long one, short another, by a weight that never changes."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        assert view.release == "R1"
        return pd.Series({"ADD0": 0.5, "DEL1": -0.5})


def backtest(view: lakebt.View, engine: str = "event") -> lakebt.Run:
    period: dict[str, Any] = {
        "start": str(day(5)),
        "end": str(day(40)),
        "rebalance": "weekly",
    }
    asked = lakebt.Backtest(view, Pair(), **period, costs=FLAT)
    return asked.run(engine, record=False)


def test_a_strategy_pays_by_session_and_its_orders_know_what_was_known(
    view: lakebt.View, plain: lakebt.View
) -> None:
    done = backtest(view)
    final = rates().drop_duplicates(["symbol", "session"], keep="last")
    told = final.pivot_table(
        index="session", columns="symbol", values="rate_bps_per_year"
    )
    held = done.positions()["DEL1"]
    closes = prices().pivot_table(index="session", columns="symbol", values="close")
    days = [at.date() for at in held.index]
    owed = sum(
        -shares
        * closes.loc[own, "DEL1"]
        * np.nan_to_num(told["DEL1"].get(own, np.nan), nan=FLAT.borrow_bps_per_year)
        * 1e-4
        * (following - own).days
        / 360
        for own, following, shares in zip(days, days[1:], held, strict=False)
    )

    assert done.paid()["borrow_usd"] == pytest.approx(owed, rel=1e-9)
    other = backtest(view, engine="vectorbt")
    pd.testing.assert_series_equal(done.value(), other.value(), rtol=1e-9)
    assert not done.orders()["size"].equals(backtest(plain).orders()["size"])


def test_a_rate_known_at_a_deadline_changes_no_order_before_the_next(
    plain: lakebt.View, tmp_path: Path
) -> None:
    dear = lendable(("DEL1", 12, None, None)).assign(rate_bps_per_year=500_000.0)
    fills = sorted(set(backtest(plain).orders()["session"]))
    third = next(at for at in fills if at.date() > day(14))
    late = f"{third.date()}T13:20:00Z"
    views = [
        made(tmp_path / name, borrow=dear.assign(known_at=at))
        for name, at in [("soon", None), ("late", late)]
    ]
    soon, later = (backtest(view) for view in views)

    def sizes(run: lakebt.Run, after: pd.Timestamp) -> list[float]:
        orders = run.orders()
        return orders.loc[orders["session"] == after, "size"].to_list()

    assert sizes(later, third) != sizes(soon, third)
    assert sizes(later, third) == pytest.approx(sizes(backtest(plain), third), rel=1e-3)
    fourth = fills[fills.index(third) + 1]
    total = [run.positions().loc[fourth].to_list() for run in (soon, later)]
    # The same equity but for what the late one earned on what it did not yet know of.
    assert total[0] == pytest.approx(total[1], rel=5e-3)
    assert soon.paid()["borrow_usd"] == pytest.approx(
        later.paid()["borrow_usd"], rel=1e-2
    )


def test_an_order_that_sells_short_what_nobody_lends_is_listed(
    tmp_path: Path,
) -> None:
    told = lendable(("DEL1", 0, False, None), ("DEL1", 20, True, None))
    done = backtest(made(tmp_path, borrow=told))

    unfilled = done.unfilled()
    assert set(unfilled["reason"]) == {"no_borrow"}
    assert set(unfilled["symbol"]) == {"DEL1"}
    assert (unfilled["session"].dt.date <= day(20)).all()
    held = done.positions()["DEL1"]
    assert (held[: pd.Timestamp(day(20))] == 0.0).all()
    assert (held[pd.Timestamp(day(26)) :] < 0.0).all()


def test_rates_travel_to_executors(view: lakebt.View) -> None:
    whole = view.price_history(["DEL0", "SPY", "ADD0"])
    sent = unpack_prices(pack_prices(whole, ["DEL0", "SPY"]), sessions=view.sessions)

    own = whole.borrow.of(["DEL0", "SPY"])
    assert sent.borrow.symbols == own.symbols
    assert len(own)
    for name in ("symbol", "session", "known_at", "rate", "available", "retracted"):
        assert getattr(sent.borrow, name).tolist() == getattr(own, name).tolist()


@pytest.mark.slow
def test_a_page_that_knows_no_rates_says_why_it_has_no_panel(
    view: lakebt.View, tmp_path: Path
) -> None:
    run(view).report(tmp_path / "report.html")

    assert "borrow rates of their own" in (tmp_path / "report.html").read_text()
