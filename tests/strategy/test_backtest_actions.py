"""A strategy on a lake with corporate actions: its book, its orders, its audit."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions
from lakebt.strategy.audit.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt import View

pytestmark = [
    pytest.mark.lake,
    pytest.mark.filterwarnings("ignore::lakebt.errors.AuditWarning"),
]

NYSE = Sessions.of("XNYS")
CUTOFF = "2021-07-15T00:00:00Z"
ASKED: dict[str, Any] = {
    "start": "2021-02-01",
    "end": "2021-06-30",
    "rebalance": "weekly",
}


def frame(price: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Flat bars: symbol to the days from which it has a price; zero ends it."""
    first = NYSE.on_or_after(dt.date(2020, 12, 1))
    last = NYSE.on_or_before(dt.date(2021, 7, 14))
    rows = []
    for symbol, levels in price.items():
        for day in NYSE.days[first : last + 1].astype(object):
            since = [value for start, value in levels.items() if start <= str(day)]
            if since and since[-1]:
                rows.append((symbol, day, since[-1]))
    told = pd.DataFrame(rows, columns=["symbol", "session", "close"])
    told = told.assign(open=told["close"], high=told["close"], low=told["close"])
    return told.assign(volume=1_000.0, basis="raw")


PRICES = frame(
    {
        "SPLIT": {"2020-12-01": 80.0, "2021-03-15": 20.0},
        "PAYS": {"2020-12-01": 50.0, "2021-04-12": 49.0},
        "PARENT": {"2020-12-01": 60.0, "2021-05-10": 40.0},
        "CHILD": {"2021-05-10": 40.0},
        "GONE": {"2020-12-01": 10.0, "2021-06-02": 0.0},
    }
)

ACTIONS = pd.DataFrame(
    [
        ("SPLIT", "split", "2021-03-15", "2021-02-20", None, 4.0, None),
        ("PAYS", "cash_dividend", "2021-04-12", "2021-03-20", 1.0, None, None),
        ("PARENT", "spin_off", "2021-05-10", "2021-04-20", None, 0.5, "CHILD"),
        ("GONE", "delisting", "2021-06-02", "2021-06-01", None, None, None),
    ],
    columns=["symbol", "kind", "ex_date", "announced", "cash", "ratio", "other"],
)


def publish(folder: Path, actions: pd.DataFrame) -> View:
    lake = lakebt.Lake.open(folder)
    tables = {"prices": PRICES, "corporate_actions": actions}
    lake.publish(tables, release="R1", as_of=CUTOFF)
    return lake.at("R1")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return publish(tmp_path_factory.mktemp("actions") / "lake", ACTIONS)


class Equal:
    """A fifth in each but CHILD."""

    def target_weights(self, view: View) -> pd.Series:  # noqa: ARG002 - whatever it knows
        return pd.Series(0.2, index=["GONE", "PARENT", "PAYS", "SPLIT"])


class Counts:
    """Holds the more in each, the more actions it was told of."""

    def target_weights(self, view: View) -> pd.Series:
        weight = 0.1 + 0.02 * len(view.read("corporate_actions"))
        return pd.Series(weight, index=["GONE", "PARENT", "PAYS", "SPLIT"])


class Waits:
    """Buys what is announced to be split, known as it is."""

    def target_weights(self, view: View) -> pd.Series:
        told = view.read("corporate_actions")
        names = told.loc[told["kind"] == "split", "symbol"].unique()
        return pd.Series(0.5, index=sorted(names), dtype="float64")


class Knows:
    """Buys what will be split, of all that the release has."""

    def target_weights(self, view: View) -> pd.Series:  # noqa: ARG002 - it looks elsewhere
        told = OUTER["view"].read("corporate_actions")
        names = told.loc[told["kind"] == "split", "symbol"].unique()
        return pd.Series(0.5, index=sorted(names), dtype="float64")


OUTER: dict[str, Any] = {}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["event", "vectorbt"])
def test_a_book_of_prices_that_only_actions_move_keeps_its_worth(
    view: View, engine: str, tmp_path: Path
) -> None:
    """By hand: every price falls by what its holders got, but for one that is lost.

    A fifth of 100,000 is in GONE, which loses all; the rest is worth what it was.
    """
    run = lakebt.Backtest(view, Equal, **ASKED, delisting_return=-1.0).run(
        engine, record=False
    )

    worth = run.value()
    assert worth[:"2021-06-01"].to_numpy() == pytest.approx(100_000.0)
    assert worth["2021-06-02":].to_numpy() == pytest.approx(80_000.0)
    portfolio = run.to_vectorbt()
    ends = pd.DatetimeIndex(portfolio.close.index).hour > 18  # the rows of the closes
    value = portfolio.value().to_numpy().reshape(-1)
    assert value[ends] == pytest.approx(worth.to_numpy(), rel=1e-9)
    held = run.positions()
    assert held.loc["2021-03-12", "SPLIT"] == pytest.approx(250.0)
    assert held.loc["2021-03-15", "SPLIT"] == pytest.approx(1_000.0)
    assert held.loc["2021-05-10", "CHILD"] == pytest.approx(0.0)  # sold at that open
    told = run.flows()
    assert told["kind"].tolist() == ["split", "cash_dividend", "spin_off", "delisting"]
    assert told["other"].tolist() == ["", "", "CHILD", ""]
    assert told["cash_usd"].tolist() == pytest.approx([0.0, 400.0, 0.0, 0.0])
    assert told["shares_before"].tolist() == pytest.approx([250.0, 400, 1e3 / 3, 2e3])
    assert told["shares_after"].tolist() == pytest.approx([1e3, 400.0, 1e3 / 6, 0.0])
    sold = run.orders().query("symbol == 'CHILD'")
    assert sold["side"].tolist() == ["sell"]
    assert sold["size"].tolist() == pytest.approx([1e3 / 6])
    run.report(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    for words in ("Dividends received less owed, USD", "400.00", "delisting return"):
        assert words in page
    assert "Positions ended by a delisting" in run._repr_html_()


def test_a_delisting_without_a_return_is_refused_with_the_cure(view: View) -> None:
    with pytest.raises(
        lakebt.LakebtError, match=r"GONE was delisted on 2021-06-02.*de"
    ):
        lakebt.Backtest(view, Equal, **ASKED).run(record=False)


@pytest.mark.slow
def test_a_strategy_sees_the_actions_known_at_its_instant_and_no_others(
    view: View,
) -> None:
    run = lakebt.Backtest(view, Waits, **ASKED).run(record=False)
    OUTER["view"] = view

    assert run.orders()["session"].iloc[0] == pd.Timestamp("2021-02-22")
    clean = lakebt.Backtest(view, Waits, **ASKED).audit()
    leaky = lakebt.Backtest(view, Knows, **ASKED).audit()
    assert clean.verdict is Verdict.PASSED, str(clean)
    assert leaky.verdict is Verdict.LOOK_AHEAD
    assert str(leaky.difference).startswith("decision of 2021-02-01, SPLIT: 0.5")


def test_lakes_that_agree_on_the_actions_known_by_a_day_send_the_same_orders(
    view: View, tmp_path: Path
) -> None:
    """What is told on 20 March and later is another story in the other lake."""
    others = ACTIONS.assign(
        cash=ACTIONS["cash"].where(ACTIONS["kind"] != "cash_dividend", 2.0),
        ratio=ACTIONS["ratio"].where(ACTIONS["kind"] != "spin_off", 0.25),
    )
    other = publish(tmp_path / "lake", others.sample(frac=1.0, random_state=1))

    runs = [
        lakebt.Backtest(each, Counts, **ASKED, delisting_return=-0.5).run(record=False)
        for each in (view, other)
    ]

    orders = [run.orders().query("session < '2021-03-22'") for run in runs]
    assert len(orders[0]) > 4
    pd.testing.assert_frame_equal(orders[0], orders[1], check_exact=True)
    assert not runs[0].orders().equals(runs[1].orders())
