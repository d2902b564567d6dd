"""A filter asks columns for values, dates and instants as people write them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lakebt.events.filters import matcher
from lakebt.facts import IndexChange

CHANGE = IndexChange(
    index="SP500",
    symbol="PENN",
    side="deletion",
    announced="2022-09-02T21:15:00Z",
    effective="2022-09-19",
    cause="discretionary",
)


@pytest.mark.parametrize(
    "where",
    [
        None,
        {},
        {"cause": "discretionary"},
        {"cause": ["merger", "discretionary"], "side": "deletion"},
        {"effective": "2022-09-19"},
        {"effective": dt.date(2022, 9, 19)},
        {"announced": "2022-09-02"},
        {"announced": "2022-09-02T17:15:00-04:00"},
        {"announced": dt.datetime(2022, 9, 2, 21, 15, tzinfo=dt.UTC)},
        {"isin": None},
    ],
)
def test_matches(where: dict[str, Any] | None) -> None:
    assert matcher(where)(CHANGE)


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
    ],
)
def test_does_not_match(where: dict[str, Any]) -> None:
    assert not matcher(where)(CHANGE)


def test_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"unknown column 'causes'.*'cause'"):
        matcher({"causes": "merger"})


def test_an_instant_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ValueError, match="announced 'soon' is not an instant"):
        matcher({"announced": "soon"})
