"""Panels adjusted as known: small lakes by hand, two futures, and the cache on disk."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError
from lakebt.lake import Lake
from lakebt.lake.storage import panel_cache as disk
from tests.lake.frames import bars, clock, utc

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.reading.view import View

pytestmark = [
    pytest.mark.lake,
    pytest.mark.filterwarnings("ignore::lakebt.AuditWarning"),
]

DAYS = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07", "2022-09-08")
CLOSES = {
    "AAA": [100.0, 102.0, 51.0, 50.0, 55.0],  # 2 for 1 on the 6th, 1.00 on the 7th
    "PPP": [80.0, 90.0, 60.0, 61.0, 62.0],  # a third of KID on the 6th
    "KID": [math.nan, 90.0, 93.0, 96.0, 99.0],
}
ACTIONS = pd.DataFrame(
    {
        "symbol": ["AAA", "AAA", "PPP"],
        "kind": ["split", "cash_dividend", "spin_off"],
        "ex_date": ["2022-09-06", "2022-09-07", "2022-09-06"],
        "known_at": pd.to_datetime(
            ["2022-09-01T12:00:00Z", "2022-09-07T12:00:00Z", "2022-08-01T12:00:00Z"]
        ),
        "ratio": [2.0, math.nan, 1 / 3],
        "cash": [math.nan, 1.0, math.nan],
        "other": [None, None, "KID"],
    }
)
EVENING = "2022-09-{:02}T20:30:00Z"


def frame(closes: dict[str, list[float]] | None = None, **more: Any) -> pd.DataFrame:
    table = (closes or CLOSES).items()
    parts = [
        bars(DAYS, (symbol,)).assign(
            close=values, open=values, high=values, low=values, volume=600.0
        )
        for symbol, values in table
    ]
    return pd.concat(parts).dropna(subset="close").assign(**more)


def vendor() -> pd.DataFrame:
    """The same bars as a vendor tells them in the end."""
    closes = dict(CLOSES)
    closes["AAA"] = [*(c / 2 for c in CLOSES["AAA"][:2]), *CLOSES["AAA"][2:]]
    closes["PPP"] = [*(c * 2 / 3 for c in CLOSES["PPP"][:2]), *CLOSES["PPP"][2:]]
    told = frame(closes, basis="split_adjusted")
    is_early = (told["symbol"] == "AAA") & (
        told["session"] < pd.Timestamp(2022, 9, 6).date()
    )
    return told.assign(volume=told["volume"].where(~is_early, 1200.0))


def publish(folder: Path, prices: pd.DataFrame, *actions: pd.DataFrame) -> Lake:
    lake = Lake.open(folder, clock=clock)
    tables = {"prices": prices, "corporate_actions": pd.concat(actions or [ACTIONS])}
    lake.publish(tables, release="R1", as_of="2022-12-31T00:00:00Z")
    return lake


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> View:
    return publish(tmp_path_factory.mktemp("raw"), frame()).at("R1")


@pytest.fixture(scope="module")
def split_adjusted(tmp_path_factory: pytest.TempPathFactory) -> View:
    return publish(tmp_path_factory.mktemp("vendor"), vendor()).at("R1")


def told(view: View, instant: str, symbol: str, **asked: Any) -> list[float]:
    panel = view.as_of(instant).panel(asked.pop("column", "close"), **asked)
    return panel[symbol].tolist()


def test_an_action_counts_once_it_is_known_and_the_panel_reaches_it(raw: View) -> None:
    split = {"symbol": "AAA", "adjusted": "splits"}
    assert told(raw, EVENING.format(2), **split) == [100.0, 102.0]
    assert told(raw, "2022-09-06T13:29:00Z", **split) == [100.0, 102.0]
    assert told(raw, EVENING.format(6), **split) == [50.0, 51.0, 51.0]
    assert told(raw, EVENING.format(8), **split, end="2022-09-02") == [100.0, 102.0]
    assert told(raw, EVENING.format(6), "AAA") == [100.0, 102.0, 51.0]

    returns = {"symbol": "AAA", "adjusted": "total_return"}
    # The dividend was told at noon of its own day.
    assert told(raw, EVENING.format(6), **returns) == [50.0, 51.0, 51.0]
    on_the_day = told(raw, EVENING.format(7), **returns)
    assert on_the_day == pytest.approx([50 * 50 / 51, 50.0, 50.0, 50.0], rel=1e-15)


def test_a_spin_off_is_worth_its_when_issued_close(raw: View) -> None:
    spun = told(raw, EVENING.format(7), "PPP", adjusted="splits")
    assert spun == pytest.approx([80 * 2 / 3, 60.0, 60.0, 61.0], rel=1e-15)
    alone = told(raw, EVENING.format(7), "PPP", symbols=["PPP"], adjusted="splits")
    assert alone == spun


def test_or_else_its_first_open_once_that_is_known(tmp_path: Path) -> None:
    late = frame(dict(CLOSES, KID=[math.nan, math.nan, 93.0, 96.0, 99.0]))
    view = publish(tmp_path / "late", late).at("R1")
    spun = told(view, EVENING.format(8), "PPP", adjusted="splits")
    assert spun[1] == pytest.approx(90.0 * (1 - 31 / 90), rel=1e-15)

    without = frame({name: CLOSES[name] for name in ("AAA", "PPP")})
    view = publish(tmp_path / "without", without).at("R1")
    assert np.isnan(told(view, EVENING.format(8), "PPP", adjusted="splits")[:2]).all()


def test_a_bar_of_another_company_with_the_ticker_is_not_when_issued(
    tmp_path: Path,
) -> None:
    old = bars(("2022-06-01", "2022-06-02"), ("KID",)).assign(close=5.0, low=5.0)
    late = frame(dict(CLOSES, KID=[math.nan, math.nan, 93.0, 96.0, 99.0]))
    view = publish(tmp_path, pd.concat([old, late])).at("R1")
    spun = view.panel("close", symbols=["PPP"], adjusted="splits")["PPP"]
    assert spun.loc["2022-09-02"] == pytest.approx(90.0 * (1 - 31 / 90), rel=1e-15)


def test_volumes_are_in_the_shares_of_the_last_session(
    raw: View, split_adjusted: View
) -> None:
    for view in (raw, split_adjusted):
        volume = {"symbol": "AAA", "column": "volume", "adjusted": "splits"}
        assert told(view, EVENING.format(6), **volume) == [1200.0, 1200.0, 600.0]
        assert told(view, EVENING.format(2), **volume) == [600.0, 600.0]
        spun = dict(volume, symbol="PPP")
        assert told(view, EVENING.format(6), **spun) == [600.0] * 3


@pytest.mark.parametrize("adjusted", ["splits", "total_return"])
@pytest.mark.parametrize("column", ["open", "close", "volume"])
def test_raw_and_adjusted_bars_come_to_the_same_at_every_instant(
    raw: View, split_adjusted: View, adjusted: str, column: str
) -> None:
    for day in (1, 2, 6, 7, 8):
        traded, told_later = (
            view.as_of(EVENING.format(day)).panel(column, adjusted=adjusted)
            for view in (raw, split_adjusted)
        )
        pd.testing.assert_frame_equal(traded, told_later, rtol=1e-14)
        decided = raw.for_decision(utc(EVENING.format(day).replace("Z", "+00:00")))
        pd.testing.assert_frame_equal(decided.panel(column, adjusted=adjusted), traded)


def test_adjusted_bars_are_not_adjusted_again(split_adjusted: View) -> None:
    plain = split_adjusted.panel("close")
    pd.testing.assert_frame_equal(
        split_adjusted.panel("close", adjusted="splits"), plain, check_exact=True
    )


def test_a_symbol_may_change_its_basis(raw: View, tmp_path: Path) -> None:
    first, then = frame(), vendor()
    is_early = first["session"] < pd.Timestamp(2022, 9, 2).date()
    mixed = pd.concat(
        [first[is_early], then[then["session"] >= pd.Timestamp(2022, 9, 2).date()]]
    )
    view = publish(tmp_path, mixed).at("R1")
    for adjusted in ("splits", "total_return"):
        pd.testing.assert_frame_equal(
            view.panel("close", adjusted=adjusted),
            raw.panel("close", adjusted=adjusted),
            rtol=1e-14,
        )


def test_what_has_its_dividends_in_it_cannot_be_undone(tmp_path: Path) -> None:
    total = frame().assign(basis="raw")
    total.loc[total["symbol"] == "KID", "basis"] = "total_return"
    view = publish(tmp_path, total).at("R1")
    with pytest.raises(InvalidArgumentError, match="KID are on the basis total_return"):
        view.panel("close", adjusted="splits")
    assert view.panel("close", symbols=["AAA"], adjusted="splits").shape == (5, 1)
    assert view.panel("close").shape == (5, 3)


@pytest.mark.parametrize("adjusted", ["split", "", 1, True, ["splits"]])
def test_an_unknown_adjustment_is_one_line(raw: View, adjusted: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="'splits' or 'total_return'"):
        raw.panel("close", adjusted=adjusted)


def test_without_actions_nothing_changes(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path, clock=clock)
    lake.publish({"prices": frame()}, release="R1", as_of="2022-12-31T00:00:00Z")
    view = lake.at("R1")
    for column in ("close", "volume"):
        pd.testing.assert_frame_equal(
            view.panel(column, adjusted="total_return"),
            view.panel(column),
            check_exact=True,
        )


def test_a_later_vintage_corrects_and_a_retraction_withdraws(tmp_path: Path) -> None:
    base = ACTIONS.iloc[:1].assign(action_id="one")
    corrected = base.assign(ratio=3.0, known_at=pd.Timestamp("2022-09-07T12:00:00Z"))
    gone = base.assign(retracted=True, known_at=pd.Timestamp("2022-09-08T12:00:00Z"))
    view = publish(tmp_path, frame(), base, corrected, gone).at("R1")
    firsts = [
        told(view, EVENING.format(day), "AAA", adjusted="splits")[0]
        for day in (2, 6, 7, 8)
    ]
    assert firsts == pytest.approx([100.0, 50.0, 100 / 3, 100.0], rel=1e-15)


def test_what_is_told_later_changes_no_earlier_panel(
    raw: View, split_adjusted: View, tmp_path: Path
) -> None:
    """Two lakes that agree up to an instant, and a vendor who adjusts for either."""
    known = ACTIONS.iloc[2:]  # the spin-off alone is known by the evening of the 31st
    other = ACTIONS.iloc[:1].assign(ratio=5.0, ex_date="2022-09-07")
    another = dict(CLOSES, AAA=[100.0, 99.0, 98.0, 19.0, 18.0])
    lake = publish(tmp_path / "raw", frame(another), known, other)
    adjusted = dict(another, AAA=[20.0, 19.8, 19.6, 19.0, 18.0])
    adjusted["PPP"] = [80 * 2 / 3, 60.0, 60.0, 61.0, 62.0]
    bars_told = frame(adjusted, basis="split_adjusted")
    told_else = publish(tmp_path / "vendor", bars_told, known, other)
    instant = EVENING.format(1)
    for column in ("close", "open"):
        for asked in ("splits", "total_return"):
            first = raw.as_of(instant).panel(column, adjusted=asked)
            again = lake.at("R1", as_of=instant).panel(column, adjusted=asked)
            pd.testing.assert_frame_equal(first, again, check_exact=True)
            for view in (split_adjusted, told_else.at("R1")):
                undone = view.as_of(instant).panel(column, adjusted=asked)
                pd.testing.assert_frame_equal(first, undone, rtol=1e-15)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(disk, "LEAST_BYTES", 0)
    monkeypatch.setenv("LAKEBT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_kept_panel_is_of_its_own_actions_and_instant(cached: Path) -> None:
    publish(cached / "lake", frame())
    instants = [EVENING.format(day) for day in (8, 6, 2, 8)]
    asked = ["total_return", "splits", None, "total_return"]

    def fresh() -> list[list[float]]:
        view = Lake.open(cached / "lake", create=False, clock=clock).at("R1")
        return [
            told(view, instant, "AAA", adjusted=adjusted)
            for instant in instants
            for adjusted in asked
        ]

    first = fresh()
    assert fresh() == first
    assert first[0] != first[1] != first[2]
    assert list((cached / "cache" / "panels").iterdir())


def test_a_release_with_other_actions_never_gets_the_panel_of_the_first(
    cached: Path,
) -> None:
    lake = publish(cached / "lake", frame())
    later = ACTIONS.iloc[:1].assign(
        action_id="more",
        ratio=10.0,
        ex_date="2022-09-08",
        known_at=pd.Timestamp("2023-01-05T12:00:00Z"),
    )
    lake.publish(
        {"corporate_actions": later}, release="R2", as_of="2023-02-01T00:00:00Z"
    )
    for _ in range(2):
        fresh = Lake.open(cached / "lake", create=False, clock=clock)
        firsts = [
            fresh.at(release).panel("close", adjusted="splits").loc["2022-09-01", "AAA"]
            for release in ("R1", "R2")
        ]
        assert firsts == [50.0, 5.0]
        before = fresh.at("R2", as_of="2023-01-04T00:00:00Z")
        assert before.panel("close", adjusted="splits")["AAA"].iloc[0] == 50.0


class Published:
    """Buys what costs less than 100, by the panel as a vendor publishes it."""

    adjusted: str | None = None

    def target_weights(self, view: lakebt.View) -> pd.Series:
        close = view.panel("close", symbols=["AAA"], adjusted=self.adjusted)
        return pd.Series({"AAA": 1.0 if close["AAA"].iloc[-1] < 99.0 else 0.0})


class AsKnown(Published):
    """The same filter on prices as they were known."""

    adjusted = "splits"


@pytest.mark.parametrize("strategy", [Published, AsKnown])
def test_the_audit_names_a_filter_by_level_on_prices_adjusted_afterwards(
    tmp_path: Path, strategy: type[Published]
) -> None:
    morning = pd.Timestamp("2022-09-06T12:00:00Z")  # of the day it takes effect
    view = publish(tmp_path, vendor(), ACTIONS.assign(known_at=morning)).at("R1")

    audit = lakebt.Backtest(
        view, strategy(), start="2022-09-02", end="2022-09-08", rebalance="daily"
    ).audit()

    if strategy is AsKnown:
        assert audit.verdict == "passed", str(audit)
    else:
        assert audit.verdict == "look_ahead", str(audit)
        assert audit.difference is not None
        assert str(audit.difference.session) == "2022-09-02"
