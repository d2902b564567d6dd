"""The newest vintage of each key, against a loop that does what the words say."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakebt.lake.tables import rows as module
from lakebt.lake.tables.arrow import INSTANT, encoded, take
from lakebt.lake.tables.rows import codes, newest, ranks

NOON = dt.datetime(2022, 9, 8, 12, tzinfo=dt.UTC)

EARLY, LATE = (
    dt.datetime(1, 1, 2, tzinfo=dt.UTC),
    dt.datetime(9999, 1, 1, tzinfo=dt.UTC),
)
"""So far apart that the codes of two such columns do not fit in 62 bits."""

COLUMNS: Any = [
    ("name", pa.string()),
    ("day", pa.date32()),
    ("first", INSTANT),
    ("second", INSTANT),
    ("number", pa.float64()),
    ("known_at", INSTANT),
    ("retracted", pa.bool_()),
]
SCHEMA = pa.schema(COLUMNS)

INSTANTS = [EARLY, NOON, NOON + dt.timedelta(microseconds=1), LATE]

VALUES: dict[str, list[Any]] = {
    "name": ["b", "a", "", "ä", "B", None],
    "day": [dt.date(2022, 9, 1), dt.date(1, 1, 1), None],
    "first": INSTANTS,
    "second": [*INSTANTS, None],
    "number": [1.0, -1.5, math.nan, None],
    "known_at": [NOON + dt.timedelta(hours=hours) for hours in range(4)],
    "retracted": [False, True],
}


ROW = st.sampled_from(list(itertools.product(*VALUES.values())))
"""One draw: drawn value by value, rows take longer than what is done with them."""

ROWS = st.lists(ROW.map(lambda row: dict(zip(VALUES, row, strict=True))), max_size=30)

KEYS = st.lists(
    st.sampled_from(["name", "day", "first", "second", "number"]),
    min_size=1,
    max_size=5,
    unique=True,
).map(tuple)


def value(each: Any) -> tuple[int, Any]:
    """What sorts as a column does: null first, NaN last, and NaN equal to NaN."""
    if each is None:
        return (0, 0)
    if isinstance(each, float) and math.isnan(each):
        return (2, 0)
    return (1, each)


def obvious(
    rows: list[dict[str, Any]], key: tuple[str, ...], as_of: dt.datetime
) -> list[int]:
    """Which rows are in force, by the definition."""
    held: dict[tuple[Any, ...], int] = {}
    for place, row in enumerate(rows):
        of = tuple(value(row[name]) for name in key)
        if row["known_at"] <= as_of and (
            of not in held or rows[held[of]]["known_at"] <= row["known_at"]
        ):
            held[of] = place
    return [held[of] for of in sorted(held) if not rows[held[of]]["retracted"]]


@pytest.mark.slow
@pytest.mark.parametrize("few", [1_000_000, 0], ids=["spread out", "made dense"])
@given(rows=ROWS, key=KEYS, hours=st.integers(-1, 4), coded=st.booleans())
@example(rows=[], key=("name",), hours=0, coded=False)
@example(rows=[], key=("name", "day"), hours=0, coded=True)
@settings(max_examples=300)
def test_the_newest_are_what_a_loop_finds(
    rows: list[dict[str, Any]],
    key: tuple[str, ...],
    hours: int,
    *,
    coded: bool,
    few: int,
) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    if coded:
        table = encoded(table, ("name",))
    as_of = NOON + dt.timedelta(hours=hours)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", few)
        patch.setattr(module, "_GAPS", 4 if few else 0)
        found = newest(table, key=key, as_of=as_of)

    assert found.tolist() == obvious(rows, key, as_of)


@pytest.mark.slow
@given(rows=ROWS, key=KEYS)
def test_codes_are_equal_and_sorted_where_the_columns_are(
    rows: list[dict[str, Any]], key: tuple[str, ...]
) -> None:
    code = codes(pa.Table.from_pylist(rows, schema=SCHEMA), key).tolist()

    told = [tuple(value(row[name]) for name in key) for row in rows]
    by_code = sorted(range(len(rows)), key=lambda place: code[place])
    assert [told[place] for place in by_code] == sorted(told)
    assert len(set(code)) == len(set(told))


def test_codes_of_two_columns_that_need_more_than_62_bits_do_not_collide() -> None:
    table = pa.table(
        {
            "first": pa.array([EARLY, EARLY, LATE, LATE], INSTANT),
            "second": pa.array([EARLY, LATE, EARLY, LATE], INSTANT),
            "third": pa.array([LATE, LATE, EARLY, LATE], INSTANT),
        }
    )
    _, width = ranks(table, "first")

    assert width**2 > 2**62
    assert np.argsort(codes(table, ("first", "second", "third"))).tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert len(set(codes(table, ("second", "third")).tolist())) == 3


def test_of_two_vintages_known_at_one_instant_the_later_row_counts() -> None:
    rows = [
        {"name": "a", "known_at": NOON, "retracted": False},
        {"name": "a", "known_at": NOON, "retracted": True},
        {"name": "b", "known_at": NOON, "retracted": True},
        {"name": "b", "known_at": NOON, "retracted": False},
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)

    assert newest(table, key=("name",), as_of=NOON).tolist() == [3]


def test_rows_that_are_all_taken_as_they_are_are_not_copied() -> None:
    table = pa.table({"a": [1, 2, 3]})

    assert take(table, np.arange(3)) is table
    assert take(table, np.arange(2))["a"].to_pylist() == [1, 2]
    assert take(table, np.array([1, 0, 2]))["a"].to_pylist() == [2, 1, 3]
