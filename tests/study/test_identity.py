"""Studies of shares that changed their tickers, and of tickers that changed hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.lake.reading.instrument_view import joined
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

AS_OF = "2022-12-31T21:00:00Z"
_DAYS = Sessions.of("XNYS").days.astype("datetime64[ns]")
FIRST, LAST = np.datetime64("2022-05-02"), np.datetime64("2022-08-31")
_DAYS = Sessions.of("XNYS").days.astype("datetime64[ns]")
SESSIONS = pd.DatetimeIndex(_DAYS[(_DAYS >= FIRST) & (_DAYS <= LAST)])
RENAMED = pd.Timestamp("2022-06-09")


def bars(
    symbol: str, since: Any = None, until: Any = None, *, seed: int = 1
) -> pd.DataFrame:
    """Return bars of some sessions, whose numbers follow from seed and session."""
    close = 100.0 + np.cumsum(np.random.default_rng(seed).normal(size=len(SESSIONS)))
    frame = pd.DataFrame(
        {
            "symbol": symbol,
            "session": SESSIONS,
            "open": close - 0.5,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": 1e6,
            "basis": "raw",
        }
    ).set_index("session", drop=False)
    return frame.loc[since:until].reset_index(drop=True)


def change(
    symbol: str, announced: str, effective: str, side: str = "addition"
) -> dict[str, Any]:
    return {
        "index": "SP500",
        "symbol": symbol,
        "side": side,
        "announced": announced,
        "effective": effective,
    }


CHANGES = pd.DataFrame(
    [
        change("FB", "2022-05-31", "2022-06-07"),
        change("META", "2022-07-05", "2022-07-12", "deletion"),
        change("FB", "2022-07-18", "2022-07-25"),
        change("KEEP", "2022-06-14", "2022-06-21"),
    ]
)
DIVIDENDS = [("FB", "2022-06-08"), ("META", "2022-06-28"), ("FB", "2022-07-27")]
BEFORE, SINCE = RENAMED - pd.Timedelta(days=1), RENAMED


def row(
    own: str, kind: str, name: str, since: Any, until: Any = None
) -> dict[str, Any]:
    return {
        "instrument_id": own,
        "kind": kind,
        "identifier": name,
        "valid_from": pd.Timestamp(since),
        "valid_to": None if until is None else pd.Timestamp(until),
    }


NAMES = [
    row("meta", "symbol", "FB", "2012-05-18", BEFORE),
    row("meta", "symbol", "META", SINCE),
    row("fund", "symbol", "FB", "2022-07-01"),
]
OF_THE_DAY = pd.concat(
    [
        bars("FB", until=BEFORE),
        bars("META", since=SINCE),
        bars("FB", since="2022-07-01", seed=3),
        bars("KEEP", seed=4),
        bars("SPY", seed=5),
    ]
)
"""Each bar under the ticker of its day."""

OF_THE_VENDOR = pd.concat(
    [
        bars("V1"),
        bars("V3", since="2022-07-01", seed=3),
        bars("V4", seed=4),
        bars("SPY", seed=5),
    ]
)
"""All bars under names of today's."""

VENDORS = [
    row("meta", "prices", "V1", "2012-05-18"),
    row("fund", "prices", "V3", "2022-07-01"),
    row("KEEP", "symbol", "KEEP", "2000-01-03"),
    row("KEEP", "prices", "V4", "2000-01-03"),
]


def told(*, rename: bool = True) -> pd.DataFrame:
    acts: list[dict[str, Any]] = [
        {
            "symbol": s,
            "ex_date": on,
            "kind": "cash_dividend",
            "cash": 0.75,
            "other": None,
        }
        for s, on in DIVIDENDS
    ]
    if rename:
        acts.append(
            {
                "symbol": "FB",
                "ex_date": RENAMED,
                "kind": "rename",
                "cash": None,
                "other": "META",
            }
        )
    return pd.DataFrame(acts)


def published(
    folder: Path, prices: pd.DataFrame, names: list[dict[str, Any]], acts: pd.DataFrame
) -> lakebt.View:
    lake = lakebt.Lake.open(folder)
    tables = {"index_changes": CHANGES, "prices": prices, "corporate_actions": acts}
    if names:
        tables["instruments"] = pd.DataFrame(names)
    lake.publish(tables, release="R", as_of=AS_OF)
    return lake.at("R")


def legs(view: lakebt.View, **asked: Any) -> pd.DataFrame:
    made = {"index": "SP500", "hedge": "SPY", "missing": "drop_leg", **asked}
    study = lakebt.Study(view, entries=["AD+1@open"], exits=["ED@close", "2w"], **made)
    return study.run(record=False).legs()


@pytest.fixture(scope="module")
def of_the_day(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    folder = tmp_path_factory.mktemp("names") / "lake"
    return published(folder, OF_THE_DAY, NAMES, told())


FIGURES = [
    "entry_price",
    "exit_price",
    "price_return",
    "hedge_return",
    "dividend_return",
]


def test_a_renamed_share_is_followed_and_another_of_its_ticker_is_not(
    of_the_day: lakebt.View,
) -> None:
    own = legs(of_the_day).set_index(["symbol", "entry_session", "exit"])
    first = own.loc["meta"].iloc[1]
    close = bars("x").set_index("session")

    assert first["entry_price"] == close.loc["2022-06-01", "open"]
    assert first["exit_price"] == close.loc["2022-06-15", "close"]
    assert first["dividend_return"] == 0.75 / first["entry_price"]
    assert own["ending"].isna().all()  # it was renamed, and went on
    other = own.loc["fund"].iloc[1]
    assert (
        other["exit_price"]
        == bars("x", seed=3).set_index("session").loc["2022-08-02", "close"]
    )
    assert other["dividend_return"] == 0.75 / other["entry_price"]
    assert len(own.loc["meta"]) == 4


def test_a_deletion_on_a_monday_is_of_who_had_the_ticker_on_friday(
    tmp_path: Path,
) -> None:
    """An acquired company had its last day on Friday; nobody announced the deletion."""
    names = [
        row("gone", "symbol", "KEEP", "2010-01-04", "2022-07-15"),
        row("new", "symbol", "KEEP", "2022-08-15"),
    ]
    lake = lakebt.Lake.open(tmp_path / "lake")
    deletion = change("KEEP", "", "2022-07-18", "deletion")
    deletion |= {"announced": None, "known_at": "2022-07-18T03:59:59Z"}
    tables = {
        "index_changes": pd.DataFrame([deletion]),
        "prices": pd.concat([bars("KEEP", until="2022-07-15"), bars("SPY", seed=5)]),
        "instruments": pd.DataFrame(names),
    }
    lake.publish(tables, release="R", as_of=AS_OF)
    view = lake.at("R")
    (own,) = joined(view, view.change_vintages(index="SP500"))

    assert (own.change.symbol, own.published) == ("gone", "KEEP")


def test_a_filter_asks_for_the_ticker_that_was_published(
    of_the_day: lakebt.View,
) -> None:
    assert set(legs(of_the_day, where={"symbol": "FB"})["symbol"]) == {"meta", "fund"}


def test_other_labels_of_prices_change_no_bit(
    of_the_day: lakebt.View, tmp_path: Path
) -> None:
    shuffled = OF_THE_VENDOR.sample(frac=1.0, random_state=2)
    names = [*NAMES, *VENDORS][::-1]
    vendors = published(tmp_path / "lake", shuffled, names, told(rename=False))

    pd.testing.assert_frame_equal(legs(of_the_day), legs(vendors), check_exact=True)


def test_without_the_other_companys_rows_its_bars_are_nobodys(tmp_path: Path) -> None:
    rest = OF_THE_DAY[
        ~((OF_THE_DAY["symbol"] == "FB") & (OF_THE_DAY["session"] < SINCE))
    ]
    rest = rest[rest["symbol"] != "META"]
    view = published(tmp_path / "lake", rest, NAMES, told())
    study = lakebt.Study(
        view, index="SP500", entries=["AD+1@open"], exits=["2w"], hedge="SPY"
    )
    refused = study.run(record=False).refused()

    assert list(refused["reason"]) == ["no_price", "no_price"]
    said = refused["fact"].iloc[0]
    assert "meta: the view has none (by instruments its bars are those of" in said
    assert "FB from 2012-05-18 until 2022-06-08, META from 2022-06-09" in said


def test_a_row_known_late_joins_nothing_before(tmp_path: Path) -> None:
    late = [{**each, "known_at": "2022-12-01T15:00:00Z"} for each in NAMES]
    view = published(tmp_path / "lake", OF_THE_DAY, late, told())
    study = lakebt.Study(
        view, index="SP500", entries=["AD+1@open"], exits=["2w"], hedge="SPY"
    )
    sizes = study.run(record=False).orders()
    known = (
        lakebt.Study(
            published(tmp_path / "known", OF_THE_DAY, NAMES, told()),
            index="SP500",
            entries=["AD+1@open"],
            exits=["2w"],
            hedge="SPY",
        )
        .run(record=False)
        .orders()
    )

    first = sizes[(sizes["symbol"] == "meta")].iloc[0]
    then = known[(known["symbol"] == "meta")].iloc[0]
    # No close of it was known, so it is sized on the price of its entry.
    assert first["size"] * first["price"] == pytest.approx(50_000.0)
    assert then["size"] * then["price"] != pytest.approx(50_000.0)
