from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebt
from lakebt.report.words import with_unit
from lakebt.values.text import capitalised, count


@given(
    start=st.sampled_from(("lake", "Lake", "release")),
    name=st.text("abcdefXYZ_0123", min_size=1),
)
def test_a_name_in_a_sentence_stays_as_it_is_written(start: str, name: str) -> None:
    assert capitalised(f"{start} {name} is healthy").endswith(f" {name} is healthy")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("lake MyLake is healthy", "Lake MyLake is healthy"),
        ("Q3_2022 ended", "Q3_2022 ended"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital(text: str, written: str) -> None:
    assert capitalised(text) == written


def test_no_sentence_is_written_with_small_names() -> None:
    small = [
        path.name
        for path in Path(lakebt.__file__).parent.rglob("*.py")
        for call in (".capitalize()", ".title()")
        if call in path.read_text(encoding="utf-8")
    ]
    assert small == []


def test_a_unit_is_written_out() -> None:
    assert with_unit("commission_usd") == "Commission, USD"
    assert with_unit("US_bps") == "US, basis points"


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 rows"), (1, "1 row"), (1_320, "1,320 rows"), (float("nan"), "0 rows")],
)
def test_a_number_has_the_noun_it_needs(number: float, written: str) -> None:
    assert count(number, "row") == written
