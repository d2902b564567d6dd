"""A leg without a price: what is said of it, and what becomes of its event."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.errors import UntradeableError
from lakebt.sessions import Sessions
from lakebt.values.few_dates import NOTE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

NYSE = Sessions.of("XNYS")
BEGIN, END = dt.date(2022, 8, 1), dt.date(2022, 10, 31)
SPAN = range(NYSE.on_or_after(BEGIN), NYSE.on_or_before(END) + 1)

# Entered on Tuesday 6 September, after Labor Day, and left on the 20th.
RULE: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["2w"]}
LASTS = {"OLD": "2022-09-15", "NEW": "2022-09-12", "HOLE": "2022-09-20"}
IDLE = dt.date(2022, 9, 20)


def bars(symbol: str, price: float) -> list[dict[str, Any]]:
    last = dt.date.fromisoformat(LASTS.get(symbol, str(END)))
    return [
        {
            "symbol": symbol,
            "session": day,
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "volume": 0.0 if (symbol, day) == ("IDLE", IDLE) else 1_000.0,
            "basis": "raw",
        }
        for day in map(NYSE.date, SPAN)
        if (symbol != "OLD" or day <= last)
        and (symbol != "NEW" or day >= last)
        and (symbol != "HOLE" or day != last)
    ]


def change(symbol: str, side: str) -> dict[str, Any]:
    return {
        "index": symbol if symbol != "ADD" else "ALL",
        "symbol": symbol,
        "side": side,
        "announced": "2022-09-02",
        "effective": "2022-09-19",
    }


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    symbols = ("OLD", "NEW", "HOLE", "GONE", "SOLD", "IDLE")
    rows = [change(symbol, "deletion") for symbol in symbols]
    rows += [{**row, "index": "ALL"} for row in rows if row["symbol"] != "IDLE"]
    rows += [{**change("ADD", "addition"), "index": s} for s in (*symbols, "ALL")]
    priced = [b for s in (*symbols, "ADD") if s != "GONE" for b in bars(s, 50.0)]
    path: Path = tmp_path_factory.mktemp("missing") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(
        {"index_changes": pd.DataFrame(rows), "prices": pd.DataFrame(priced)},
        release="R1",
        as_of="2022-12-01T00:00:00Z",
    )
    return lake.at("R1")


@pytest.mark.parametrize(
    ("symbol", "fact"),
    [
        ("OLD", "no price of OLD on 2022-09-20: its prices end on 2022-09-15"),
        ("NEW", "no price of NEW on 2022-09-06: its prices begin on 2022-09-12"),
        ("HOLE", "no price of HOLE on 2022-09-20: the bar is missing"),
        ("IDLE", "no price of IDLE on 2022-09-20: no trade that session"),
        ("GONE", "no price of GONE: the view has none"),
    ],
)
def test_the_fact_says_what_the_view_knows_of_the_prices(
    view: lakebt.View, symbol: str, fact: str
) -> None:
    study = lakebt.Study(view, index=symbol, entries=["AD+1@open"], exits=["2w", "+1"])

    if symbol in {"NEW", "GONE"}:  # under the other exit, too
        with pytest.raises(UntradeableError, match=fact):
            study.run()
        return
    refused = study.run().refused()

    assert refused[["exit", "reason", "fact"]].to_numpy().tolist() == [
        ["2w", "no_price", fact]
    ]


def test_a_price_that_becomes_known_later_is_not_known_to_an_earlier_view(
    view: lakebt.View,
) -> None:
    early = view.as_of("2022-09-12T22:00:00Z")
    study = lakebt.Study(early, index="SOLD", entries=["AD+1@open"], exits=["2w", "+1"])

    (fact,) = study.run().refused()["fact"]

    # Of both legs, each with the last bar that had closed by then.
    assert fact == (
        "no price of ADD on 2022-09-20: its prices end on 2022-09-12; "
        "SOLD on 2022-09-20: its prices end on 2022-09-12"
    )


def test_many_legs_without_prices_are_told_in_one_line(view: lakebt.View) -> None:
    with pytest.raises(UntradeableError, match="1 no_price") as caught:
        lakebt.Study(view, index="ALL", **RULE).run()

    assert (
        "no price of GONE: the view has none; "
        "HOLE on 2022-09-20: the bar is missing; "
        "NEW on 2022-09-06: its prices begin on 2022-09-12; and 1 more"
    ) in str(caught.value)


def test_dropped_legs_are_left_out_and_counted(view: lakebt.View) -> None:
    result = lakebt.Study(view, index="ALL", missing="drop_leg", **RULE).run()

    (event,) = result.events().to_dict("records")
    legs = result.legs().set_index("symbol")["weight"]
    assert (event["n_legs"], event["n_dropped"]) == (2, 4)
    assert legs.dropna().to_dict() == {"ADD": 0.5, "SOLD": -0.5}
    assert result.summary() == (
        f"1 of 1 event runs; a leg without a price was left out 4 times; {NOTE}"
    )


def test_a_single_leg_is_left_out_once_and_none_never(view: lakebt.View) -> None:
    both = [
        lakebt.IndexChange(index="X", symbol=symbol, side=side, announced="2022-09-02")
        for symbol, side in (
            *(("ADD", "addition"), ("SOLD", "deletion"), ("OLD", "deletion")),
        )
    ]

    dropped = lakebt.Study(view, changes=both, missing="drop_leg", **RULE).run()
    whole = lakebt.Study(view, changes=both[:2], missing="drop_leg", **RULE).run()

    assert dropped.summary() == (
        f"1 of 1 event runs; a leg without a price was left out once; {NOTE}"
    )
    assert whole.summary() == f"1 of 1 event runs; {NOTE}"
    assert whole.events()["n_dropped"].tolist() == [0]


def test_raise_names_the_event_the_rule_and_the_fact(view: lakebt.View) -> None:
    study = lakebt.Study(
        view, index="OLD", entries=["AD+1@open"], exits=["+1", "2w"], missing="raise"
    )

    with pytest.raises(
        UntradeableError,
        match=r"OLD:2022-09-02:2022-09-19, AD\+1@open to 2w: no price of OLD on "
        r"2022-09-20: its prices end on 2022-09-15; publish the prices",
    ):
        study.run()


def test_an_event_that_a_late_leg_empties_stamps_the_result(tmp_path: Path) -> None:
    """DARK has no prices and came too late: the event is traded without it, or not."""
    rows = [change("ADD", "addition"), {**change("ADD", "addition"), "symbol": "DARK"}]
    rows[1]["known_at"] = pd.Timestamp("2022-09-10T12:00:00Z")
    other = {**change("ADD", "addition"), "announced": "2022-09-08"}
    changes = pd.DataFrame([*rows, {**other, "symbol": "AFTER"}])
    prices = pd.DataFrame([*bars("ADD", 10.0), *bars("AFTER", 20.0)])
    lake = lakebt.Lake.open(tmp_path / "lake")
    tables = {"prices": prices, "index_changes": changes}
    lake.publish(tables, release="R1", as_of="2022-12-01T00:00:00Z")

    def run(how: str) -> lakebt.Result:
        return lakebt.Study(
            lake.at("R1"), index="ALL", side="additions", on_look_ahead=how, **RULE
        ).run(record=False)

    masked, allowed = run("mask"), run("allow")

    assert masked.table()["n_events"].tolist() == [2]
    assert masked.is_point_in_time
    assert allowed.table()["n_events"].tolist() == [1]
    assert not allowed.is_point_in_time
    assert allowed.table()["is_point_in_time"].tolist() == [False]
