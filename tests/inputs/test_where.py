"""A filter asks columns for values as people write them, and everywhere alike."""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakebt
from lakebt.cli.where import where_option
from lakebt.facts import IndexChange, Vintage
from lakebt.inputs.comparisons import ORDERS
from lakebt.inputs.where import (
    ChangeFilter,
    Where,
    flag,
    is_many,
    plain_where,
    values_of,
    where_texts,
)
from lakebt.lake.reading import in_force, release_tables
from lakebt.lake.reading.where import RowFilter
from lakebt.lake.tables.schemas import INDEX_CHANGES, PRICES
from lakebt.sources.simulated import simulated_market
from lakebt.study.arguments import one_writing
from lakebt.study.scope import Scope
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt.lake.tables.schemas import TableSpec

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


@pytest.mark.slow
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


# --- comparisons ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({"effective": (">=", "2022-09-19")}, True),
        ({"effective": (">", "2022-09-19")}, False),
        ({"effective": [(">=", "2022-09-01"), ("<", "2022-10-01")]}, True),
        ({"effective": ((">=", "2022-09-01"), ("<", "2022-09-19"))}, False),
        ({"effective": {"<=": dt.date(2022, 9, 19)}}, True),
        ({"effective": [">=", "2022-09-19"]}, None),  # a list is of values: ">=" is one
        # 17:15 of Friday in New York: a bare date is the day there.
        ({"announced": (">", "2022-09-02")}, False),
        ({"announced": ("<=", "2022-09-02")}, True),
        ({"announced": (">", "2022-09-02T21:14:59Z")}, True),
        ({"announced": ("!=", "2022-09-02")}, False),
        ({"announced": ("=", "2022-09-02")}, True),
        ({"symbol": [(">", "PEN"), ("<", "PENO")]}, True),
        ({"symbol": ("!=", "PENN")}, False),
        ({"symbol": ("!=", ["AAPL", "PVH"])}, True),
        ({"symbol": ("!=", {"AAPL", "PENN"})}, False),
        ({"cause": [("=", ["merger", "discretionary"]), ("<", "f")]}, True),
        ({"cause": [("=", ["merger", "cascade"]), ("<", "z")]}, False),
        # What is missing is in no order, is no value, and is not another one.
        ({"isin": ("<", "Z")}, False),
        ({"isin": ("!=", "US1")}, True),
        ({"isin": ("!=", None)}, False),
        ({"cause": ("!=", None)}, True),
        ({"cause": ("!=", [])}, True),
    ],
)
def test_comparisons_hold_as_they_read(where: dict[str, Any], matches: object) -> None:
    if matches is None:
        with pytest.raises(lakebt.LakebtError, match="'>=' is not a date"):
            ChangeFilter(where)
        return
    assert ChangeFilter(where).matches(VINTAGE) is matches
    again = json.loads(json.dumps(plain_where(where), default=str))
    assert ChangeFilter(again).matches(VINTAGE) is matches, again
    assert plain_where(again) == again
    texts = where_texts(plain_where(where))
    asked = where_option(texts, example="")
    assert ChangeFilter(asked).matches(VINTAGE) is matches, texts


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            {"effective": ("=>", "2022-09-19")},
            "where effective: '=>' is not a comparison: u",
        ),
        (
            {"effective": {"~": "2022-09-19"}},
            "where effective: '~' is not a comparison",
        ),
        ({"effective": (">", "soon")}, "where effective >: 'soon' is not a date"),
        (
            {"effective": (">", None)},
            "where effective >: None has no order: use = or !=",
        ),
        ({"effective": [(">", "2022-09-19"), "2022-09-20"]}, "comparisons and values"),
        ({"cause": (">", 5)}, "where cause >: 5 cannot be compared with text"),
        ({"causes": (">", "a")}, "unknown column 'causes'"),
    ],
)
def test_a_comparison_that_means_nothing_is_refused(where: Any, message: str) -> None:
    with pytest.raises(lakebt.LakebtError, match=message):
        ChangeFilter(where)


def test_true_and_false_have_no_order() -> None:
    columns = {"is_new": flag}
    is_old = Where({"is_new": ("!=", True)}, columns)

    assert [is_old.accepts("is_new", value) for value in (True, False)] == [False, True]
    with pytest.raises(lakebt.LakebtError, match="is_new <=: True has no order"):
        Where({"is_new": ("<=", True)}, columns)


@pytest.mark.slow
@settings(max_examples=20)
@given(data=st.data())
@pytest.mark.lake
def test_ranges_read_what_a_slow_loop_keeps(
    view: lakebt.View, data: st.DataObject
) -> None:
    """Small and pushed down alike: what Iceberg leaves out decides nothing."""
    table, column = data.draw(
        st.sampled_from(
            [
                ("prices", "session"),
                ("prices", "symbol"),
                ("prices", "close"),
                ("prices", "known_at"),
                ("index_changes", "effective"),
            ]
        )
    )
    rows = view.read(table)
    present = sorted(rows[column].unique().tolist())
    ops = st.sampled_from(["=", "!=", *ORDERS])
    pairs = data.draw(st.lists(st.tuples(ops, st.sampled_from(present)), min_size=1))
    compare = {"=": operator.eq, "!=": operator.ne, **ORDERS}
    equals = {value for op, value in pairs if op == "="}  # of = one must hold

    def kept(value: Any) -> bool:
        others = [compare[op](value, limit) for op, limit in pairs if op != "="]
        return (not equals or value in equals) and all(others)

    with pytest.MonkeyPatch.context() as patch:
        limit = data.draw(st.sampled_from([0, 10**9]))
        for module in (in_force, release_tables):
            patch.setattr(module, "WHOLE_ROWS", limit)
        patch.setattr(in_force, "FEW_ROWS", limit)
        found = view.read(table, where={column: pairs})

    wanted = [kept(value) for value in rows[column].tolist()]
    pd.testing.assert_frame_equal(found, rows[wanted].reset_index(drop=True))


def test_what_is_in_the_key_is_left_to_iceberg() -> None:
    def pushed(where: dict[str, Any], spec: TableSpec = PRICES) -> str:
        wanted = RowFilter(where, spec=spec, known=spec.names)
        return str(in_force.pushed(wanted, spec))

    both = {"session": (">=", "2022-09-02"), "symbol": ["AAA", "BBB"]}
    assert "GreaterThanOrEqual(term=Reference(name='session')" in pushed(both)
    assert "In(Reference(name='symbol')" in pushed(both)
    assert "LessThan(term=Reference(name='symbol')" in pushed({"symbol": ("<", "B")})
    # What may differ between vintages of one key must not tell them apart.
    assert pushed({"close": (">", 1), "symbol": ("!=", "A")}) == "None"
    assert pushed({"effective": (">", "2022-01-01")}, INDEX_CHANGES) == "None"


@pytest.mark.lake
def test_a_range_is_one_filter_however_it_is_written(view: lakebt.View) -> None:
    def key(where: Any) -> Any:
        study = lakebt.Study(view, index="SIM", where=where)
        return one_writing(study.arguments.plain())["where"], study.arguments.options()

    written = [
        {"effective": [("<", "2030-01-01"), (">=", "2000-01-01")]},
        {"effective": {">=": "2000-01-01", "<": pd.Timestamp("2030-01-01")}},
        {"effective": ((">=", dt.date(2000, 1, 1)), ("<", "2030-01-01"))},
    ]
    keys = {canonical_json(key(where)[0]) for where in written}
    assert keys == {'{"effective":{"<":["2030-01-01"],">=":["2000-01-01"]}}'}
    assert key({"cause": ("=", "merger")}) == key({"cause": "merger"})
    assert key({"effective": (">", "2000-01-01")})[1]["--where"] == [
        "effective>2000-01-01"
    ]


@pytest.mark.lake
def test_symbols_are_those_of_rows_known(view: lakebt.View) -> None:
    bars, changes = view.read("prices"), view.read("index_changes")
    early = view.as_of(bars["known_at"].min())

    assert view.symbols() == sorted(set(bars["symbol"]))
    assert set(early.symbols()) < set(view.symbols())
    assert view.symbols(index="SIM") == sorted(set(changes["symbol"]))
    with pytest.raises(lakebt.LakebtError, match="unknown index 'SIN'"):
        view.symbols(index="SIN")
    with pytest.raises(lakebt.LakebtError, match="unknown column 'index'"):
        view.symbols("prices", index="SIM")
    assert early.for_decision(early.instant).symbols(index="SIN") == []
