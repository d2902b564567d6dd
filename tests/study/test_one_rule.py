"""Rules that mean the same are one trial, however they are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError
from lakebt.events.rules import one_spelling, parse_exit, parse_exits
from lakebt.sources.simulated import simulated_market
from lakebt.study.arguments import Arguments, one_writing
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from pathlib import Path

SPELLINGS = (
    ("+5", "+05", "+5@close", "+0005@close"),
    ("+0@open", "+00@open"),
    ("2w", "02w", "2w@close"),
    ("ED", "ED@close", "ED+0@close", "ED-00@close"),
    ("AD+1@open", "AD+01@open"),
    ("2022-10-03", "2022-10-03@close"),
)


@pytest.mark.parametrize("texts", SPELLINGS)
def test_one_spelling_stands_for_all_that_parse_alike(texts: tuple[str, ...]) -> None:
    assert len({one_spelling(text) for text in texts}) == 1
    one = one_spelling(texts[0])
    meant = {replace(parse_exit(text), text="") for text in (*texts, one)}
    assert len(meant) == 1
    assert one in texts  # ids of what most people write are what they were


@pytest.mark.parametrize("texts", SPELLINGS)
def test_one_rule_is_tried_once_in_a_grid(texts: tuple[str, ...]) -> None:
    with pytest.raises(LakebtError, match=r"^exits: '.*' and '.*' are one rule: leave"):
        parse_exits([*texts])
    with pytest.raises(LakebtError, match=r"^exits: '.*' is given twice"):
        parse_exits([texts[0]] * 2)


def test_what_means_something_else_is_spelled_otherwise() -> None:
    assert len({one_spelling(texts[0]) for texts in SPELLINGS}) == len(SPELLINGS)


@pytest.mark.parametrize(
    "filters",
    [
        [{"cause": "merger"}, {"cause": ["merger"]}, {"cause": np.array(["merger"])}],
        [
            {"cause": ["merger", "other"], "symbol": "A"},
            {"symbol": ["A", "A"], "cause": {"other", "merger"}},
        ],
        [
            {"effective": "2022-09-19"},
            {"effective": [dt.date(2022, 9, 19)]},
            {"effective": pd.Timestamp("2022-09-19")},
            {"effective": pd.Series(["2022-09-19"], dtype="datetime64[us]")},
        ],
        [{"announced": "2022-09-19"}, {"announced": np.datetime64("2022-09-19")}],
        [None, {}],
    ],
)
def test_a_filter_is_one_whatever_its_order(filters: list[Any]) -> None:
    written = [
        one_writing(Arguments.parse(index="SIM", where=where).plain())
        for where in filters
    ]

    assert all(each == written[0] for each in written)
    other = one_writing(Arguments.parse(index="SIM", where={"cause": "other"}).plain())
    assert other != written[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"gross": 0.5}, {"gross": Decimal("0.5")}),
        ({"gross": 0.5}, {"gross": np.float32(0.5)}),
        ({"gross": 1 / 3}, {"gross": Fraction(1, 3)}),
        ({"capital_usd": 50_000}, {"capital_usd": np.int64(50_000)}),
        ({"size": (1, 2)}, {"size": [np.int8(1), np.int64(2)]}),
        ({"max_gross": 3.0, "gross": 2.5}, {"max_gross": Decimal(3), "gross": 2.5}),
        (
            {"aggregate": "calendar", "max_weight": 0.25},
            {"aggregate": "calendar", "max_weight": Decimal("0.25")},
        ),
        (
            {"costs": lakebt.CostModel(commission_bps=1.5, impact_sessions=5)},
            {
                "costs": lakebt.CostModel(
                    commission_bps=Decimal("1.5"),  # type: ignore[arg-type]  # whatever kind
                    impact_sessions=np.int64(5),  # type: ignore[arg-type]
                )
            },
        ),
    ],
)
def test_a_number_is_one_whatever_its_kind(one: Any, other: Any) -> None:
    usual, same = (Arguments.parse(index="SIM", **given) for given in (one, other))

    assert same == usual
    assert same.options() == usual.options()
    assert canonical_json(same.plain()) == canonical_json(usual.plain())


def test_a_number_that_is_not_short_is_written_in_full() -> None:
    gross: Any = np.float32(0.1)

    asked = Arguments.parse(index="SIM", gross=gross)

    assert asked.options()["--gross"] == "0.10000000149011612"


@pytest.mark.slow
def test_changes_are_one_study_in_any_order_and_however_often(tmp_path: Path) -> None:
    market = simulated_market(seed=1, n_events=3)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    changes = lake.at("R1").changes(index="SIM")
    orders = [changes, changes[::-1], (*changes[2:], *changes[:3])]

    results = [
        lakebt.Study(
            lake.at("R1"), changes=each, entries=["AD+1@open"], exits=["+1"]
        ).run()
        for each in orders
    ]

    assert len({result.id for result in results}) == 1
    digests = {tuple(result.traded.summary.digests()) for result in results}
    assert len(digests) == 1
    assert lake.count_trials(study="SIM") == 1
    plain = results[0].arguments.plain()
    assert one_writing(plain)["changes"] == plain["changes"]  # as a view has them


def test_equal_rules_are_counted_once_and_found_again(tmp_path: Path) -> None:
    market = simulated_market(seed=1, n_events=3)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)

    results = [
        lakebt.Study(
            lake.at("R1"), index="SIM", entries=[entry], exits=[exit_], where=where
        ).run()
        for entry, exit_, where in (
            ("AD+1@open", "+5", {"index": "SIM"}),
            ("AD+01@open", "+05", {"index": ["SIM"]}),
            ("AD+1@open", "+5@close", {"index": {"SIM"}}),
        )
    ]

    assert len({result.id for result in results}) == 1
    assert len({str(result.sharpe().to_numpy()) for result in results}) == 1
    assert lake.count_trials(study="SIM") == 1
    assert list(results[1].sharpe().columns) == ["+05"]  # read as it was written
