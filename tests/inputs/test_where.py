"""A filter asks columns for values as people write them, and everywhere alike."""

from __future__ import annotations

import datetime as dt
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebt
from lakebt.facts import IndexChange, Vintage
from lakebt.inputs.where import ChangeFilter, is_many, plain_where, values_of
from lakebt.sources.simulated import simulated_market
from lakebt.study.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGE = IndexChange(
    index="SP500",
    symbol="PENN",
    side="deletion",
    announced="2022-09-02T21:15:00Z",
    effective="2022-09-19",
    cause="discretionary",
)
VINTAGE = Vintage(change_id="SP500-17", change=CHANGE)

CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "ndarray": np.array,
    "ndarray of objects": lambda values: np.array(values, dtype=object),
    "Series": pd.Series,
    "Series of objects": lambda values: pd.Series(values, dtype=object),
    "Index": pd.Index,
    "Categorical": pd.Categorical,
    "Arrow": pa.array,
    "keys": lambda values: dict.fromkeys(values).keys(),
    "deque": deque,
    "generator": lambda values: (value for value in values),
}


@pytest.mark.parametrize(
    "where",
    [
        None,
        {},
        {"cause": "discretionary"},
        {"cause": ["merger", "discretionary"], "side": "deletion"},
        {"side": lakebt.facts.Side.DELETION},
        {"effective": "2022-09-19"},
        {"effective": dt.date(2022, 9, 19)},
        {"effective": pd.Timestamp("2022-09-19")},
        {"effective": np.datetime64("2022-09-19")},
        {"announced": "2022-09-02"},
        {"announced": "2022-09-02T17:15:00-04:00"},
        {"announced": dt.datetime(2022, 9, 2, 21, 15, tzinfo=dt.UTC)},
        {"isin": None},
        {"isin": np.nan},
        {"isin": pd.Series([None, "US7075691094"])},
        {"cause": np.array("discretionary")},
        {"change_id": "SP500-17"},
        {"change_id": ["SP500-16", "SP500-17"]},
        {"recorded": None},
    ],
)
def test_matches(where: dict[str, Any] | None) -> None:
    assert ChangeFilter(where).matches(VINTAGE)


@pytest.mark.parametrize(
    "where",
    [
        {"cause": "merger"},
        {"cause": []},
        {"side": "deletion", "symbol": "PVH"},
        {"effective": "2022-09-20"},
        {"announced": "2022-09-03"},
        {"announced": "2022-09-02T21:15:01Z"},
        {"isin": "US7075691094"},
        {"change_id": CHANGE.change_id},
    ],
)
def test_does_not_match(where: dict[str, Any]) -> None:
    assert not ChangeFilter(where).matches(VINTAGE)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"causes": "merger"}, r"unknown column 'causes'.*'cause'.*change_id"),
        ({"announced": "soon"}, "where announced: 'soon' is not an instant"),
        ({"effective": "2022-9-19"}, "where effective: '2022-9-19' is not a date"),
        ({"cause": 5}, "where cause: 5 cannot be compared with text"),
        ({"cause": [["merger"]]}, "cannot be compared with text"),
        ({"cause": {"merger": 1}}, "cannot be compared with text"),
        ({"cause": b"merger"}, "cannot be compared with text"),
        ({"cause": np.array([["merger"]])}, "was a ndarray of 2 dimensions"),
        ({"cause": pd.DataFrame({"merger": [1]})}, "DataFrame of 2 dimensions"),
        ([("cause", "merger")], "where must map columns to values, was"),
    ],
)
def test_what_cannot_be_asked_is_an_error(where: Any, message: str) -> None:
    with pytest.raises(lakebt.LakebtError, match=message):
        ChangeFilter(where)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    market = simulated_market(seed=9, n_events=4, n_members=2, before=12, after=80)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("where") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


@given(data=st.data())
@pytest.mark.lake
def test_views_and_studies_agree_whatever_holds_the_values(
    view: lakebt.View, data: st.DataObject
) -> None:
    rows = view.read("index_changes").to_dict("records")
    column = data.draw(st.sampled_from(["change_id", "symbol", "side", "effective"]))
    present = sorted({row[column] for row in rows})
    values = data.draw(st.lists(st.sampled_from(present), min_size=1, unique=True))
    build = CONTAINERS[data.draw(st.sampled_from(sorted(CONTAINERS)))]
    expected = sorted(row["change_id"] for row in rows if row[column] in values)

    def where() -> dict[str, Any]:  # anew each time: a generator can be read once
        return {column: build(values)}

    read = view.read("index_changes", where=where())
    changes = view.changes(index="SIM", where=where())
    study = lakebt.Study(view, index="SIM", where=where())

    assert is_many(build(values))
    assert sorted(read["change_id"]) == expected
    expected_symbols = sorted(r["symbol"] for r in rows if r["change_id"] in expected)
    assert sorted(change.symbol for change in changes) == expected_symbols
    kept = Scope(view, study.arguments).changes()
    assert sorted(change.symbol for change in kept) == expected_symbols


def test_a_filter_is_written_as_the_same_plain_values(view: lakebt.View) -> None:
    def written(value: Any) -> Any:
        study = lakebt.Study(view, index="SIM", where={"cause": value})
        return study.arguments.plain()["where"]["cause"]

    causes = ["merger", "cascade"]
    assert written("merger") == "merger"
    assert written(np.array("merger")) == "merger"
    assert written(causes) == written(tuple(causes)) == causes
    assert written(np.array(causes)) == written(pd.Series(causes)) == causes
    assert written(iter(causes)) == causes
    assert written(set(causes)) == written(frozenset(causes)) == sorted(causes)


def test_plain_values_of_dates_and_numbers() -> None:
    days = np.array(["2022-09-19", "NaT"], dtype="datetime64[D]")
    instants = np.array(["2022-09-19T12:00"], dtype="datetime64[ns]")

    assert values_of(days) == [dt.date(2022, 9, 19), None]
    assert values_of(instants) == [dt.datetime(2022, 9, 19, 12)]  # noqa: DTZ001 - has none
    assert values_of(pd.array([1, None])) == [1, None]
    assert [type(value) for value in values_of(np.array([1, 2]))] == [int, int]
    assert values_of(range(2)) == [0, 1]
    assert plain_where({"volume": np.float64(2)}) == {"volume": 2.0}
