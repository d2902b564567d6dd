"""Panels and backtests of shares that change their tickers, beside plain ones.

The truth is a lake without `instruments` in which each share has one symbol for ever.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.errors import AuditWarning, InvalidArgumentError
from lakebt.instants import parse_instant
from lakebt.lake.reading.counterfactual import Alteration, altered
from tests.study.test_identity import (
    AS_OF,
    BEFORE,
    NAMES,
    OF_THE_DAY,
    OF_THE_VENDOR,
    SINCE,
    VENDORS,
    bars,
    row,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake

PLAIN = pd.concat(
    [
        bars("meta"),
        bars("fund", since="2022-07-01", seed=3),
        bars("KEEP", seed=4),
        bars("SPY", seed=5),
    ]
)
SPLIT = {"symbol": "FB", "ex_date": "2022-06-02", "kind": "split", "ratio": 4.0}
OWNERS = {"FB": "meta", "META": "meta"}
EVENING, MORNING = "2022-06-08T21:00Z", "2022-06-09T13:00Z"


def acts(*, rename: bool) -> pd.DataFrame:
    return pd.concat([told(rename=rename), pd.DataFrame([SPLIT])], ignore_index=True)


def plain_acts() -> pd.DataFrame:
    own = acts(rename=False)
    since = pd.to_datetime(own["ex_date"]) >= pd.Timestamp("2022-07-01")
    own["symbol"] = [
        "fund" if late else OWNERS[s]
        for s, late in zip(own["symbol"], since, strict=True)
    ]
    return own


@pytest.fixture(scope="module")
def opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., lakebt.View]:
    made: dict[str, lakebt.View] = {}

    def opened(name: str) -> lakebt.View:
        if name not in made:
            prices, names, own = LAKES[name]
            tables = {"prices": prices, "corporate_actions": own}
            if names:
                tables["instruments"] = pd.DataFrame(names)
            lake = lakebt.Lake.open(tmp_path_factory.mktemp(name) / "lake")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AuditWarning)
                lake.publish(tables, release="R", as_of=AS_OF)
            made[name] = lake.at("R")
        return made[name]

    return opened


LAKES: dict[str, tuple[pd.DataFrame, list[dict[str, Any]], pd.DataFrame]] = {
    "plain": (PLAIN, [], plain_acts()),
    "by_day": (OF_THE_DAY, NAMES, acts(rename=True)),
    "unrenamed": (OF_THE_DAY, NAMES, acts(rename=False)),
    "vendor": (OF_THE_VENDOR, [*NAMES, *VENDORS], acts(rename=True)),
    "plain_adjusted": (PLAIN.assign(basis="split_adjusted"), [], plain_acts()),
    "by_day_adjusted": (
        OF_THE_DAY.assign(basis="split_adjusted"),
        NAMES,
        acts(rename=True),
    ),
    "vendor_adjusted": (
        OF_THE_VENDOR.assign(basis="split_adjusted"),
        [*NAMES, *VENDORS],
        acts(rename=False),
    ),
}
ALIKE = ["by_day", "unrenamed", "vendor"]
ADJUSTED = ["by_day_adjusted", "vendor_adjusted"]


@pytest.mark.parametrize("name", ALIKE)
def test_a_column_is_an_instrument_by_its_name_on_the_views_day(
    opened: Callable[..., lakebt.View], name: str
) -> None:
    view, plain = opened(name), opened("plain")

    for instant, called in (
        (EVENING, {"meta": "FB"}),
        (MORNING, {"meta": "META"}),
        (AS_OF, {"meta": "META", "fund": "FB"}),
    ):
        theirs = plain.as_of(instant).panel("close").rename(columns=called)
        own = view.as_of(instant).panel("close")
        assert sorted(own.columns) == list(own.columns)
        pd.testing.assert_frame_equal(own, theirs[own.columns], check_exact=True)
        assert len(own.columns) == len(theirs.columns)


@pytest.mark.parametrize("name", [*ALIKE, *ADJUSTED])
@pytest.mark.parametrize("adjusted", ["splits", "total_return"])
def test_it_is_adjusted_for_what_happened_to_its_instrument(
    opened: Callable[..., lakebt.View], name: str, adjusted: Any
) -> None:
    plain = opened("plain_adjusted" if name in ADJUSTED else "plain")
    view = opened(name)

    for instant in ("2022-06-01T21:00Z", "2022-06-10T13:00Z", "2022-08-01T21:00Z"):
        for column in ("close", "volume"):
            own, theirs = (
                each.as_of(instant).panel(
                    column, symbols=["meta", "KEEP"], adjusted=adjusted
                )
                for each in (view, plain)
            )
            pd.testing.assert_frame_equal(own, theirs, check_exact=True)


@pytest.mark.parametrize("name", ADJUSTED)
def test_an_altered_future_takes_later_splits_out_of_its_bars(
    opened: Callable[..., lakebt.View], name: str
) -> None:
    view, plain = opened(name), opened("plain_adjusted")
    after = parse_instant("2022-05-25T21:00Z", what="after")

    with altered(Alteration(after=after)):
        own, theirs = (
            each.as_of(after).panel("close", symbols=["meta"]) for each in (view, plain)
        )
    pd.testing.assert_frame_equal(own, theirs, check_exact=True)
    first = plain.panel("close", symbols=["meta"]).to_numpy()[0, 0]
    assert own.to_numpy()[0, 0] == pytest.approx(4.0 * first)


def test_names_are_understood_as_of_the_views_day(
    opened: Callable[..., lakebt.View],
) -> None:
    view = opened("by_day")
    fund = bars("x", since="2022-07-01", seed=3)["close"].tolist()

    assert view.panel("close", symbols=["FB"])["FB"].dropna().tolist() == fund
    assert view.panel("close", symbols=["meta"]).shape == (85, 1)
    between = view.as_of("2022-06-20T21:00Z")
    decides = between.for_decision(between.instant)
    assert decides.panel("close", symbols=["FB", "META"])["FB"].isna().all()
    with pytest.raises(InvalidArgumentError, match="'META' and 'meta' are one"):
        view.panel("close", symbols=["META", "meta"])
    with pytest.raises(InvalidArgumentError, match="FB has no prices to 2022-06-08"):
        view.panel("close", symbols=["FB"], end="2022-06-08")


class Hold:
    """Holds what its view calls meta, a third of it short, and the fund."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        last = view.panel("close").iloc[-1].dropna()
        names = {"META": 0.9, "FB": 0.9, "meta": 0.9, "KEEP": -0.3, "fund": 0.4}
        if {"FB", "META"} <= set(last.index):
            names["FB"] = 0.4
        return pd.Series({n: w for n, w in names.items() if n in last.index})


def ran(view: lakebt.View, strategy: Any = Hold, engine: str = "event") -> lakebt.Run:
    asked: Any = {"start": "2022-05-16", "end": "2022-08-30", "rebalance": "weekly"}
    costs = lakebt.CostModel(half_spread_bps=5.0, borrow_bps_per_year=50.0)
    backtest = lakebt.Backtest(view, strategy, costs=costs, **asked)
    return backtest.run(engine, record=False)


@pytest.mark.parametrize("name", [*ALIKE, "by_day_adjusted"])
def test_a_position_goes_through_a_rename_as_if_there_were_none(
    opened: Callable[..., lakebt.View], name: str
) -> None:
    theirs = ran(opened("plain_adjusted" if name in ADJUSTED else "plain"))
    own = ran(opened(name))

    for told_of in ("value", "positions", "orders", "flows", "cash", "weights"):
        first, second = (getattr(run, told_of)() for run in (own, theirs))
        if told_of in {"positions", "weights"}:
            first = first[second.columns]
        if told_of in {"value", "cash"}:
            pd.testing.assert_series_equal(first, second, check_exact=True)
        else:
            pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert set(own.flows()["kind"]) == {"cash_dividend"} | (
        set() if name in ADJUSTED else {"split"}
    )


@pytest.mark.slow  # numba compiles
def test_the_reference_engine_agrees(opened: Callable[..., lakebt.View]) -> None:
    view = opened("by_day")
    own, reference = ran(view), ran(view, engine="vectorbt")

    assert abs(own.value() / reference.value() - 1.0).max() < 1e-9
    sheet = own.tear_sheet(benchmark="META")
    assert sheet.stats().notna().to_numpy().any()


def always(**weights: float) -> Callable[[], Any]:
    class Always:
        def target_weights(self, _: lakebt.View) -> pd.Series:
            return pd.Series(weights)

    return Always


def test_weights_name_an_instrument_as_the_decisions_view_does(
    opened: Callable[..., lakebt.View],
) -> None:
    by_id = ran(opened("vendor"), always(meta=0.5))
    assert (
        by_id.value().tolist()
        == ran(opened("plain"), always(meta=0.5)).value().tolist()
    )
    said = (
        "'FB\\?' has no prices in release 'R' \\(by instruments its bars are those of"
    )
    with pytest.raises(InvalidArgumentError, match=said):
        ran(opened("by_day"), always(FB=0.5))
    with pytest.raises(InvalidArgumentError, match="META and meta are one instrument"):
        ran(opened("by_day"), always(META=0.5, meta=0.25))


def test_bars_of_a_vendors_name_are_not_lent_to_who_had_it_as_a_ticker(
    tmp_path: Path,
) -> None:
    """A fund had the ticker META before; the vendor calls Facebook META throughout."""
    names = [
        row("meta", "symbol", "FB", "2012-05-18", BEFORE),
        row("meta", "symbol", "META", SINCE),
        row("meta", "prices", "META", "2012-05-18"),
        row("metaverse", "symbol", "META", "2021-04-01", "2022-01-28"),
        row("metaverse", "symbol", "METV", "2022-01-31"),
    ]
    lake = lakebt.Lake.open(tmp_path / "lake")
    history = bars("META")
    history.loc[:1, "session"] -= pd.Timedelta(days=364)
    prices = pd.concat([history, bars("METV", seed=7)])
    lake.publish(
        {"prices": prices, "instruments": pd.DataFrame(names)}, release="R", as_of=AS_OF
    )
    view = lake.at("R")

    assert list(view.panel("close").columns) == ["META", "METV"]
    assert view.panel("close")["META"].count() == 85
    assert view.panel("close", symbols=["metaverse"]).count().item() == 85
