"""The picture of a graph: what is drawn, what is folded, and no markup of names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from lakebt.values.layered_graph import MOST, Box, drawn

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - made here


def boxes(n: int, column: int = 0, marked: int | None = None) -> list[Box]:
    return [
        Box(id=f"{column}.{k}", column=column, title=f"n{k}", is_marked=k == marked)
        for k in range(n)
    ]


def test_of_many_the_last_are_drawn_and_the_others_counted() -> None:
    last = texts(drawn(boxes(40), [], label="many"))

    assert last == ["and 35 others", *(f"n{k}" for k in range(35, 40))]


def test_what_the_picture_is_about_is_always_drawn() -> None:
    for marked in range(40):
        shown = texts(drawn(boxes(40, marked=marked), [], label="many"))

        assert f"n{marked}" in shown
        assert len(shown) == MOST


def test_as_many_as_fit_are_all_drawn() -> None:
    assert texts(drawn(boxes(MOST), [], label="few")) == [f"n{k}" for k in range(MOST)]


def test_arrows_of_boxes_that_are_folded_away_are_one() -> None:
    graph = [*boxes(40), Box(id="end", column=2, title="end")]
    picture = drawn(graph, [(f"0.{k}", "end") for k in range(40)], label="many")

    assert picture.count("<path") == MOST


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_name_is_text_in_the_picture(title: str, line: str, label: str) -> None:
    box = Box(id="a", column=0, title=title, lines=(line,))
    picture = drawn([box, Box(id="b", column=1, title="B")], [("a", "b")], label=label)

    assert "<script" not in picture.lower()
    assert picture.count("<text") == 3
