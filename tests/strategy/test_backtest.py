"""Anybody's strategy, called with the view at each deadline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from tests.strategy.audit.market import publish as publish_audit_market

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

pytestmark = pytest.mark.lake

START, END = "2010-02-01", "2010-06-30"
COSTS: dict[str, Any] = {
    "commission_bps": 2.0,
    "half_spread_bps": 3.0,
    "borrow_bps_per_year": 200.0,
}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    market = simulated_market(seed=4, n_events=4, n_members=4, before=12, after=110)
    path: Path = tmp_path_factory.mktemp("strategy") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


class Pairs:
    """Long one member and short another, the other way round each time."""

    def __init__(self) -> None:
        self.instants: list[dt.datetime] = []

    def target_weights(self, view: lakebt.View) -> pd.Series:
        self.instants.append(view.instant)
        sign = 1.0 if len(self.instants) % 2 else -1.0
        return pd.Series({"MEM0001": 0.7 * sign, "MEM0002": -0.5 * sign, "MKT": 0.1})


IMPACT: dict[str, Any] = {"impact_at_open": 0.8, "impact_at_close": 0.3}


@pytest.mark.parametrize("impact", [{}, IMPACT], ids=["free", "impact"])
@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("rebalance", ["weekly", "monthly"])
def test_a_slow_loop_gives_the_same_returns(
    view: lakebt.View, fill: str, rebalance: str, impact: dict[str, Any]
) -> None:
    run = lakebt.Backtest(
        view,
        Pairs(),
        start=START,
        end=END,
        rebalance=rebalance,
        fill=fill,
        costs=lakebt.CostModel(**COSTS, **impact),
    ).run()

    coefficient = impact.get(f"impact_at_{fill}", 0.0)
    returns, orders = walk(view, fill, rebalance, coefficient)

    np.testing.assert_allclose(run.returns().to_numpy(), returns, rtol=1e-9, atol=1e-12)
    ours = run.orders()[["symbol", "size", "price"]].to_numpy().tolist()
    assert [row[0] for row in ours] == [row[0] for row in orders]
    np.testing.assert_allclose(
        [row[1:] for row in ours], [row[1:] for row in orders], rtol=1e-9
    )
    deviation = float(np.std(returns, ddof=1))
    assert run.sharpe() == pytest.approx(
        float(np.mean(returns)) / deviation * math.sqrt(252)
    )


def walk(
    view: lakebt.View, fill: str, rebalance: str, coefficient: float
) -> tuple[list[float], list[tuple[str, float, float]]]:
    """Go from session to session with a purse and a bag of shares."""
    symbols = ["MEM0001", "MEM0002", "MKT"]
    opens: Any = view.panel("open", symbols=symbols)
    closes: Any = view.panel("close", symbols=symbols)
    volumes: Any = view.panel("volume", symbols=symbols)
    sessions = [day for day in closes.index if START <= str(day.date()) <= END]
    cash, owed, held = 100_000.0, 0.0, dict.fromkeys(symbols, 0.0)
    steps, orders = [], []
    period: Any = None
    decided = 0
    for day in sessions:
        last = closes.index[closes.index.get_loc(day) - 1]
        days = (day - last).days
        short = sum(-n * closes.loc[last, s] for s, n in held.items() if n < 0)
        borrow = short * COSTS["borrow_bps_per_year"] / 1e4 / 360 * days
        owed += borrow
        now = day.isocalendar()[:2] if rebalance == "weekly" else (day.year, day.month)
        if now != period:
            decided += 1
            sign = 1.0 if decided % 2 else -1.0
            target = {"MEM0001": 0.7 * sign, "MEM0002": -0.5 * sign, "MKT": 0.1}
            worth = cash - owed + sum(n * closes.loc[last, s] for s, n in held.items())
            for symbol in symbols:
                price = (opens if fill == "open" else closes).loc[day, symbol]
                size = target[symbol] * worth / closes.loc[last, symbol] - held[symbol]
                held[symbol] += size
                paid = abs(size) * price
                cash -= size * price + paid * 5e-4
                moved = np.log(closes.loc[:last, symbol]).diff().iloc[-20:]
                # A session counts from its first change on.
                traded = volumes.loc[:last, symbol].iloc[1:].iloc[-20:].mean()
                part = abs(size) / traded
                cash -= coefficient * moved.std(ddof=1) * np.sqrt(part) * paid
                orders.append((symbol, abs(size), float(price)))
        period = now
        steps.append((cash, dict(held), day, borrow))
    return equity(steps, closes, fill), orders


def equity(steps: list[Any], closes: Any, fill: str) -> list[float]:
    paid, before, returns = 0.0, 100_000.0, []
    for number, (cash, held, day, borrow) in enumerate(steps):
        paid += borrow
        worth = cash + sum(n * closes.loc[day, s] for s, n in held.items()) - paid
        if number == 0 and fill == "close":
            continue  # an entry at the close begins with the next session
        returns.append(worth / before - 1)
        before = worth
    return returns


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["open", "close"])
def test_the_engines_agree_on_everything_a_run_tells(
    view: lakebt.View, fill: str, tmp_path: Path
) -> None:
    ours, theirs = (
        lakebt.Backtest(
            view,
            Pairs(),
            start=START,
            end=END,
            rebalance="weekly",
            fill=fill,
            costs=lakebt.CostModel(**COSTS),
        ).run(engine)
        for engine in ("event", "vectorbt")
    )

    assert (ours.engine, theirs.engine) == ("event", "vectorbt")
    for tell in ("orders", "positions", "cash", "value", "returns", "weights"):
        left, right = getattr(ours, tell)(), getattr(theirs, tell)()
        testing = pd.testing
        check: Any = (
            testing.assert_frame_equal
            if isinstance(left, pd.DataFrame)
            else testing.assert_series_equal
        )
        check(left, right, rtol=1e-9, atol=1e-9)
    assert ours.sharpe() == pytest.approx(theirs.sharpe(), rel=1e-9)
    assert ours.paid() == pytest.approx(theirs.paid(), rel=1e-9)
    assert ours.value().iloc[-1] == pytest.approx(100_000.0 * ours.equity().iloc[-1])
    theirs.report(tmp_path / "run.html")
    assert "--engine vectorbt" in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_an_engine_that_is_not_there_is_told(view: lakebt.View) -> None:
    backtest = lakebt.Backtest(view, Pairs(), start=START, end=END)

    with pytest.raises(ValueError, match=r"unknown engine 'steam'"):
        backtest.run("steam")


def test_each_decision_sees_what_was_known_before_its_deadline(
    view: lakebt.View,
) -> None:
    strategy = Pairs()

    lakebt.Backtest(view, strategy, start=START, end="2010-03-31").run()

    assert [instant.isoformat() for instant in strategy.instants] == [
        "2010-02-01T14:19:59.999999+00:00",  # 09:20 New York less a microsecond
        "2010-03-01T14:19:59.999999+00:00",
    ]


class Peeking:
    """Asks for the close of the session it trades in."""

    def __init__(self) -> None:
        self.last: list[pd.Timestamp] = []

    def target_weights(self, view: lakebt.View) -> pd.Series:
        self.last.append(view.panel("close", symbols=["MKT"]).index[-1])
        return pd.Series({"MKT": 1.0})


@pytest.mark.parametrize("fill", ["open", "close"])
def test_no_decision_sees_the_close_of_its_own_session(
    view: lakebt.View, fill: str
) -> None:
    strategy = Peeking()

    run = lakebt.Backtest(
        view, strategy, start=START, end=END, rebalance="weekly", fill=fill
    ).run()

    decided = run.weights().index
    assert all(last < day for last, day in zip(strategy.last, decided, strict=True))


@pytest.mark.parametrize(
    ("rebalance", "expected"),
    [
        ("daily", ["2010-03-30", "2010-03-31", "2010-04-01", "2010-04-05"]),
        ("weekly", ["2010-03-30", "2010-04-05"]),
        ("monthly", ["2010-03-30", "2010-04-01"]),  # 2 April was Good Friday
    ],
)
def test_a_decision_is_the_first_session_of_its_period(
    view: lakebt.View, rebalance: str, expected: list[str]
) -> None:
    backtest = lakebt.Backtest(
        view, Pairs(), start="2010-03-30", end="2010-04-05", rebalance=rebalance
    )

    decided = [str(view.sessions.date(f.session)) for f in backtest.decisions()]

    assert decided == expected


class Holding:
    """Returns what it was made with."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def target_weights(self, view: lakebt.View) -> Any:  # noqa: ARG002 - its duty
        return self.weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"MKT": 1.0}, "must return a Series"),
        (pd.Series({"MKT": float("nan")}), "the weight of MKT must be finite"),
        (pd.Series({7: 1.0}), "symbols must be text, one was 7"),
        (pd.Series([0.5, 0.5], index=["MKT", "MKT"]), "MKT is weighted twice"),
        (pd.Series({"MKT": 3.0}), "gross exposure 3 is above max_gross 2"),
        (pd.Series({"NOPE": 1.0}), "'NOPE' has no prices"),
        (pd.Series(dtype="float64"), "held nothing in 5 decisions"),
    ],
)
def test_weights_that_make_no_sense_are_told(
    view: lakebt.View, weights: Any, message: str
) -> None:
    backtest = lakebt.Backtest(view, Holding(weights), start=START, end=END)

    with pytest.raises(lakebt.LakebtError, match=message):
        backtest.run()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rebalance": "hourly"}, "unknown rebalance 'hourly'"),
        ({"fill": "noon"}, "unknown fill 'noon'"),
        ({"start": "2010-06-30", "end": "2010-02-01"}, "the end lies before the start"),
        ({"end": "2030-01-02"}, "end 2030-01-02 is past what the view knows"),
        ({"end": "2010-02-30"}, "end '2010-02-30' is not a date"),
        ({"capital_usd": -1.0}, "capital_usd must be a finite number > 0, was -1.0"),
        ({"max_gross": 0.0}, "max_gross must be a finite number > 0, was 0.0"),
        ({"min_lead": "soon"}, "min_lead 'soon' is not a duration"),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    view: lakebt.View, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lakebt.Backtest(view, Pairs(), **{"start": START, "end": END, **arguments})


def test_a_strategy_needs_the_method(view: lakebt.View) -> None:
    with pytest.raises(ValueError, match=r"has no method target_weights\(view\)"):
        lakebt.Backtest(view, object(), start=START, end=END)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "method",
    [lambda _: {}, lambda _, view, more: {}, lambda _, *, view: {}],  # noqa: ARG005
)
def test_a_method_that_cannot_be_called_with_a_view_is_one_line(
    view: lakebt.View, method: Any
) -> None:
    made = type("Wrong", (), {"target_weights": method})

    for strategy in (made, made()):
        with pytest.raises(ValueError, match="is called with a view alone"):
            lakebt.Backtest(view, strategy, start=START, end=END).run()


def test_an_order_without_a_price_is_listed_and_leaves_the_position(
    view: lakebt.View,
) -> None:
    """ADD0001 has prices around its event only; the run outlives them."""
    last = view.panel("close", symbols=["ADD0001"]).index[-1]

    run = lakebt.Backtest(
        view,
        Holding(pd.Series({"ADD0001": 0.5, "MKT": 0.5})),
        start=str((last - pd.Timedelta(days=40)).date()),
        end=str((last + pd.Timedelta(days=20)).date()),
    ).run()

    unfilled = run.unfilled()
    assert set(unfilled["symbol"]) == {"ADD0001"}
    assert (unfilled["session"] > last).all()
    assert "orders could not be filled" in run._repr_html_()


def test_results_say_that_no_audit_has_run(view: lakebt.View) -> None:
    run = lakebt.Backtest(view, Pairs(), start=START, end=END).run()

    assert run.audited is False
    assert "audited=False" in repr(run)
    assert "audited=False" in run._repr_html_()


def test_a_class_without_a_module_runs_and_is_audited(view: lakebt.View) -> None:
    """As a program makes one, in a namespace without a name."""
    space: dict[str, Any] = {"pd": pd}
    exec(  # noqa: S102 - code of our own
        "def target_weights(self, view): return pd.Series({'MEM0001': 0.5})\n"
        "Mine = type('Mine', (), {'target_weights': target_weights})",
        space,
    )
    backtest = lakebt.Backtest(view, space["Mine"], start=START, end=END)

    assert backtest.audit().passed
    assert len(backtest.run().orders())


def test_a_run_that_loses_everything_stops_with_the_day(view: lakebt.View) -> None:
    backtest = lakebt.Backtest(
        view,
        Holding(pd.Series({"MEM0001": -300.0})),
        start=START,
        end=END,
        max_gross=400.0,
    )

    with pytest.raises(lakebt.LakebtError, match=r"equity reached zero on 2010-"):
        backtest.run()


@pytest.mark.slow
def test_the_report_and_the_portfolio_are_there(
    view: lakebt.View, tmp_path: Path
) -> None:
    run = lakebt.Backtest(view, Pairs(), start=START, end=END).run()

    run.report(tmp_path / "run.html")

    assert (tmp_path / "run.html").stat().st_size > 10_000
    value = run.to_vectorbt().value().iloc[-1]
    final = 100_000.0 * run.equity().iloc[-1]
    assert value == pytest.approx(final)


def test_a_strategy_is_not_told_how_far_a_release_reaches(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    seen: list[tuple[object, ...]] = []

    class Looks:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            made = view.as_of(view.instant)
            told = made.provenance()
            seen.append((made.cutoff == made.instant, told["digests"], repr(made)))
            return pd.Series({"AAA": 1.0})

    view = publish_audit_market(tmp_path_factory.mktemp("reach")).at("R2")
    lakebt.Backtest(view, Looks(), start="2021-02-01", end="2021-02-26").run(
        record=False
    )

    assert seen == [(True, {}, seen[0][2])]
    assert "2021-02-01" in str(seen[0][2])


@pytest.mark.parametrize("engine", ["event", "vectorbt"])
def test_an_order_that_the_market_cannot_take_is_not_filled(
    view: lakebt.View, engine: str
) -> None:
    asked: dict[str, Any] = {"start": START, "end": END, "rebalance": "monthly"}
    small, large = (
        lakebt.Backtest(
            view,
            Pairs(),
            **asked,
            capital_usd=capital,
            costs=lakebt.CostModel(**IMPACT, max_participation=0.1),
        ).run(engine=engine, record=False)
        for capital in (1e4, 3e7)
    )

    assert small.unfilled().empty
    assert small.paid()["impact_usd"] > 0.0
    assert small.orders()["impact_usd"].sum() == pytest.approx(
        small.paid()["impact_usd"]
    )
    assert 0 < len(large.orders()) < len(small.orders())
    assert set(large.unfilled()["reason"]) == {"too_large"}
