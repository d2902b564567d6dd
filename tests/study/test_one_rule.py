"""Rules that mean the same are one trial, however they are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError
from lakebt.events.rules import one_spelling, parse_exit, parse_exits
from lakebt.sources.simulated import simulated_market
from lakebt.study.arguments import Arguments, one_writing

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
