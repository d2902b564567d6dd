"""What figures show, as SVG: heat maps, bars, lines, bands, markers and texts."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lakebt.report.charts.picture_marks import DASHES, box, line, rect, text
from lakebt.report.palette import rgb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakebt.report.charts.picture_axes import Axis

_STRIPES = {
    "/": "M-2 2L2-2M0 8L8 0M6 10L10 6",
    "\\": "M-2 6L2 10M0 0L8 8M6-2L10 2",
    "x": "M0 8L8 0M0 0L8 8",
    "-": "M0 4H8",
    "|": "M4 0V8",
    "+": "M0 4H8M4 0V8",
    ".": "M3.2 4h1.6",
}


def trace_svg(trace: Any, axes: dict[str, Axis]) -> Iterator[str]:
    """Draw a trace on its axes."""
    x, y = axes["x"], axes[getattr(trace, "yaxis", None) or "y"]
    if trace.type == "heatmap":
        yield from _heatmap(trace, x, y)
    elif trace.type == "bar":
        yield _hatch(trace)
        for column, base, high in zip(trace.x, trace.base, trace.y, strict=True):
            half = trace.width / 2
            corners = (column - half, base, column + half, base + high)
            yield box(corners, x, y, fill=look_of_bar(trace))
    elif trace.type == "waterfall":
        yield from _waterfall(trace, x, y)
    elif trace.fill == "toself":
        points = _joined((x.at(a), y.at(b)) for a, b in _pairs(trace))
        yield f'<polygon points="{points}" fill="{trace.fillcolor}"/>'
    else:
        yield from _scatter(trace, x, y)


def look_of_bar(trace: Any) -> str:
    """Return how a bar is filled: with stripes if it has a pattern."""
    shape = trace.marker.pattern.shape
    return f"url(#hatch{ord(shape)})" if shape else str(trace.marker.color)


def _heatmap(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    gap = (trace.xgap or 0) / 2
    for row, cells in enumerate(trace.z):
        for column, value in enumerate(cells):
            if value is None or not math.isfinite(value):
                continue
            part = (value - trace.zmin) / (trace.zmax - trace.zmin)
            colour = _between(trace.colorscale, min(max(part, 0.0), 1.0))
            corners = (column - 0.5, row - 0.5, column + 0.5, row + 0.5)
            yield box(corners, x, y, fill=colour, gap=gap)


def _waterfall(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    """Draw steps, each from where the one before it ended; totals from zero."""
    half, level = trace.width / 2, 0.0
    for place, (value, measure) in enumerate(zip(trace.y, trace.measure, strict=True)):
        is_step = measure == "relative"
        start, end = (level, level + value) if is_step else (0.0, value)
        moved = trace.decreasing if value < 0 else trace.increasing
        of = moved if is_step else trace.totals  # as Plotly draws the first, too
        left, right = (x.on_scale(place + side) for side in (-half, half))
        if place:
            before = x.on_scale(place - 1 + half)
            at = y.at(level)
            yield line(
                before,
                at,
                left,
                at,
                colour=trace.connector.line.color,
                dash=DASHES.get(trace.connector.line.dash, ""),
            )
        low, high = sorted((y.at(start), y.at(end)))
        yield rect(left, low, right - left, high - low, fill=of.marker.color)
        beyond = high + 14 if end < start else low - 5
        yield text((left + right) / 2, beyond, trace.text[place], anchor="middle")
        level = end


def _scatter(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    mode = trace.mode or "lines"
    if "lines" in mode:
        yield from _lines(trace, x, y)
    if mode == "lines" and trace.error_y.array is None:
        return
    for place, (left, up) in enumerate(_pairs(trace)):
        at, high = x.at(left), y.at(up)
        error = trace.error_y.array
        if error is not None and math.isfinite(float(error[place])):
            ends = y.at(up - error[place]), y.at(up + error[place])
            yield line(at, ends[0], at, ends[1], colour=trace.error_y.color)
        if "markers" in mode:
            radius = (trace.marker.size or 6) / 2
            yield (
                f'<circle cx="{at:.1f}" cy="{high:.1f}" r="{radius:g}" '
                f'fill="{_one(trace.marker.color, place)}"/>'
            )
        if "text" in mode:
            fill = _one(trace.textfont.color, place)
            yield text(at, high + 4.5, trace.text[place], anchor="middle", fill=fill)


def _lines(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    """Draw a line in pieces: it is broken where there is no value."""
    dash = DASHES.get(trace.line.dash, "")
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    width = trace.line.width or 2
    for piece in _pieces(trace, x, y):
        steps = _steps(piece) if trace.line.shape == "hv" else piece
        if trace.fill == "tozeroy":
            zero = y.at(0.0)
            around = [(steps[0][0], zero), *steps, (steps[-1][0], zero)]
            yield f'<polygon points="{_joined(around)}" fill="{trace.fillcolor}"/>'
        yield (
            f'<polyline points="{_joined(steps)}" fill="none" '
            f'stroke="{trace.line.color}" stroke-width="{width:g}"{dashed}/>'
        )


def _pieces(trace: Any, x: Axis, y: Axis) -> Iterator[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for left, up in _pairs(trace):
        at = x.at(left), y.at(up)
        if all(map(math.isfinite, at)):
            piece.append(at)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _steps(piece: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a line that keeps its height until the next point."""
    points = [piece[0]]
    for (_, high), (at, up) in pairwise(piece):
        points += [(at, high), (at, up)]
    return points


def _pairs(trace: Any) -> Iterator[tuple[Any, Any]]:
    yield from zip(trace.x, trace.y, strict=True)


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{left:.1f},{up:.1f}" for left, up in points)


def _one(given: Any, place: int) -> str:
    """Return the colour of one point, where one is given for all or one for each."""
    return given if isinstance(given, str) else str(given[place])


def _between(scale: Sequence[Any], part: float) -> str:
    """Return the colour at a part of a scale."""
    for (first, low), (last, high) in pairwise(scale):
        if part <= last:
            within = (part - first) / (last - first)
            mixed = (
                round(a + within * (b - a))
                for a, b in zip(rgb(low), rgb(high), strict=True)
            )
            return f"rgb({', '.join(map(str, mixed))})"
    return str(scale[-1][1])


def _hatch(trace: Any) -> str:
    """Return the stripes. Those of one name are alike in every picture."""
    pattern = trace.marker.pattern
    if not pattern.shape:
        return ""
    return (
        f'<defs><pattern id="hatch{ord(pattern.shape)}" width="8" height="8" '
        f'patternUnits="userSpaceOnUse"><path d="{_STRIPES[pattern.shape]}" '
        f'stroke="{pattern.fgcolor}" stroke-width="1.4" fill="none"/></pattern></defs>'
    )
