"""What is no text, no list or no number is one line, wherever it is given."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError
from lakebt.inputs.checks import check_positive
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, changes, clock

HALF = "\ud800"
"""Half of a character, as a file in a wrong encoding gives: nothing can write it."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.open(tmp_path_factory.mktemp("checks") / "lake", clock=clock)
    tables = {"prices": bars(), "index_changes": changes()}
    lake.publish(tables, release="R1", as_of=AS_OF)
    return lake


@pytest.mark.parametrize("is_decision", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("changes", {"index": index}) for index in (0, None, ["SP500"], HALF)),
        *(("vintages", {"table": "index_changes", "key": key}) for key in (0, HALF)),
        *(("read", {"table": "prices", "columns": c}) for c in (-1, [pd.NA], {"a": 1})),
        *(("arrow", {"table": "prices", "columns": c}) for c in (-1, [["close"]])),
        *(("panel", {"column": "close", "symbols": s}) for s in (0, [["AAA"]], [None])),
    ],
)
def test_a_view_says_in_one_line_what_it_cannot_be_asked(
    lake: Lake, name: str, arguments: dict[str, Any], *, is_decision: bool
) -> None:
    view = lake.at("R1")
    asked = view.for_decision(view.instant) if is_decision else view

    with pytest.raises(LakebtError) as failed:
        getattr(asked, name)(**arguments)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    "columns", [pd.Index(["symbol", "close"]), np.array(["symbol", "close"])]
)
def test_columns_may_be_those_of_a_frame(lake: Lake, columns: Any) -> None:
    view = lake.at("R1")

    assert list(view.read("prices", columns=columns)) == ["symbol", "close"]
    assert view.arrow("prices", columns=columns).column_names == ["symbol", "close"]


@pytest.mark.parametrize("hours", [None, "24", float("inf"), 2**70, 1e12, True, 0.5])
def test_orphans_are_of_an_age(lake: Lake, hours: Any) -> None:
    with pytest.raises(LakebtError, match=r"^older_than_hours must be "):
        lake.remove_orphans(older_than_hours=hours)
    assert lake.remove_orphans(older_than_hours=24).done == ()


@pytest.mark.parametrize("labels", ["a", 1, ["a"]])
def test_labels_are_a_mapping(lake: Lake, labels: Any) -> None:
    with pytest.raises(LakebtError, match=r"^labels must map text"):
        lake.releases(labels)


@pytest.mark.parametrize(
    "told", [{"note": HALF}, {"labels": {HALF: "a"}}, {"labels": {"a": HALF}}]
)
def test_what_cannot_be_written_is_not_published(lake: Lake, told: Any) -> None:
    with pytest.raises(LakebtError, match=r"must (be|map) text"):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF, **told)
    with pytest.raises(LakebtError, match=r"^because must say why"):
        lake.drop("R1", because=HALF)


@pytest.mark.parametrize("value", [None, "1", 0, -1, True, float("nan"), 10**400, 1j])
@pytest.mark.parametrize("name", ["gross", "max_gross", "capital_usd", "max_weight"])
def test_a_number_is_a_number(lake: Lake, name: str, value: Any) -> None:
    with pytest.raises(LakebtError, match=rf"^{name} must be a finite number > 0, was"):
        lakebt.Study(lake.at("R1"), index="SP500", **{name: value})


@pytest.mark.parametrize("value", [1, np.float32(2), np.int8(3), decimal.Decimal(4)])
def test_numbers_of_any_kind_are_taken(value: Any) -> None:
    check_positive("gross", value)


@pytest.mark.parametrize("value", [None, 1, {"AD+1@open": 1}, b"AD+1@open"])
@pytest.mark.parametrize("name", ["entries", "exits"])
def test_rules_are_a_list(lake: Lake, name: str, value: Any) -> None:
    with pytest.raises(LakebtError, match=rf"^{name} must be a list, was "):
        lakebt.Study(lake.at("R1"), index="SP500", **{name: value})
