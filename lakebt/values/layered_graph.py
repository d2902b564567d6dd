"""A graph in columns, drawn as SVG: boxes, and arrows from left to right."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_WIDTH, _GAP, _LINE, _PAD = 196, 52, 15, 9
_LETTERS = (23, 26)
"""Of 12 pixels, that fit into a box: of a title, which is bold, and of a line."""

MOST = 6
"""Boxes that one column shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node of the graph.

    Attributes
    ----------
    id
        What arrows call it.
    column
        Where it stands, from the left.
    title, lines
        What is written in it, and below.
    is_marked
        Whether it is what the picture is about.
    """

    id: str
    column: int
    title: str
    lines: tuple[str, ...] = ()
    is_marked: bool = False


def drawn(
    boxes: Sequence[Box], arrows: Iterable[tuple[str, str]], *, label: str
) -> str:
    """Return a graph as SVG, in the colour of the text around it.

    Parameters
    ----------
    boxes
        Of a column that has more than `MOST` the last are drawn, below one that says
        how many others there are.
    arrows
        Between the ids of boxes.
    label
        What a screen reader says.

    Examples
    --------
    >>> one, two = Box(id="a", column=0, title="A"), Box(id="b", column=1, title="B")
    >>> drawn([one, two], [("a", "b")], label="A to B").count("<path")
    1
    """
    shown, instead = _folded(boxes)
    places = _placed(shown)
    height = max((y + _height(box) for box, _, y in places.values()), default=0) + 4
    width = max((x + _WIDTH for _, x, _ in places.values()), default=0) + 4
    body = [*_lines(places, instead, arrows), *map(_shape, places.values())]
    return (
        f'<svg class="lineage" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{html.escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" '
        f'font-size="12" fill="currentColor">{"".join(body)}</svg>'
    )


_Placed = tuple[Box, int, int]


def _folded(boxes: Sequence[Box]) -> tuple[list[Box], dict[str, str]]:
    """Return what is drawn, and for each box the id of the one that stands for it."""
    columns: dict[int, list[Box]] = {}
    for box in boxes:
        columns.setdefault(box.column, []).append(box)
    shown: list[Box] = []
    instead = {box.id: box.id for box in boxes}
    for number, column in sorted(columns.items()):
        if len(column) <= MOST:
            shown += column
            continue
        marked = [box for box in column if box.is_marked]
        others = [box for box in column if not box.is_marked]
        n_last = MOST - 1 - len(marked)
        away, last = others[:-n_last], others[-n_last:]
        rest = Box(
            id=f"others:{number}", column=number, title=f"and {count(len(away))} others"
        )
        shown += [rest, *(box for box in column if box in last or box.is_marked)]
        instead |= {box.id: rest.id for box in away}
    return shown, instead


def _placed(boxes: Sequence[Box]) -> Mapping[str, _Placed]:
    """Return where each box stands; columns that are empty take no room."""
    columns = sorted({box.column for box in boxes})
    below = dict.fromkeys(columns, 2)
    places: dict[str, _Placed] = {}
    for box in boxes:
        x = 2 + columns.index(box.column) * (_WIDTH + _GAP)
        places[box.id] = (box, x, below[box.column])
        below[box.column] += _height(box) + 14
    return places


def _height(box: Box) -> int:
    return 2 * _PAD + _LINE * (1 + len(box.lines))


def _lines(
    places: Mapping[str, _Placed],
    instead: Mapping[str, str],
    arrows: Iterable[tuple[str, str]],
) -> Iterator[str]:
    """Return an arrow for each pair that is drawn, once."""
    for start, end in dict.fromkeys((instead[a], instead[b]) for a, b in arrows):
        (box, x, y), (other, to_x, to_y) = places[start], places[end]
        y, to_y = y + _height(box) // 2, to_y + _height(other) // 2
        if box.column == other.column:
            continue
        x += _WIDTH
        middle = (x + to_x) // 2
        yield (
            f'<path d="M{x} {y}C{middle} {y} {middle} {to_y} {to_x - 6} {to_y}" '
            f'fill="none" stroke="currentColor" stroke-opacity=".45"/>'
            f'<polygon points="{to_x - 7},{to_y - 4} {to_x},{to_y} '
            f'{to_x - 7},{to_y + 4}" fill-opacity=".6"/>'
        )


def _shape(placed: _Placed) -> str:
    """Return a box with its text; one that does not fit is whole in its title."""
    box, x, y = placed
    whole = html.escape("\n".join((box.title, *box.lines)))
    width = 2 if box.is_marked else 1
    rows = [
        f'<text x="{x + _PAD}" y="{y + _PAD + 11 + _LINE * place}" '
        f"{_style(place)}>{html.escape(_cut(text, place))}</text>"
        for place, text in enumerate((box.title, *box.lines))
    ]
    return (
        f'<g><title>{whole}</title><rect x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_height(box)}" rx="5" fill="currentColor" fill-opacity=".04" '
        f'stroke="currentColor" stroke-width="{width}" '
        f'stroke-opacity="{".9" if box.is_marked else ".35"}"/>{"".join(rows)}</g>'
    )


def _style(place: int) -> str:
    return 'font-weight="600"' if place == 0 else 'fill-opacity=".75"'


def _cut(text: str, place: int) -> str:
    most = _LETTERS[min(place, 1)]
    return text if len(text) <= most else f"{text[: most - 1]}…"
