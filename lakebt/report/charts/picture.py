"""A figure as a picture: SVG, for pages that run no script.

A notebook that is read on the web, printed or converted to HTML shows no Plotly figure.
What is drawn here is what the figures of this package have, and no more of Plotly.
"""

from __future__ import annotations

import html
import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lakebt.report.charts.base import FONT
from lakebt.report.charts.picture_axes import SIZE, WIDTH, Axis, axes_of, wide
from lakebt.report.palette import rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go

_STRIPES = {
    "/": "M-2 2L2-2M0 8L8 0M6 10L10 6",
    "\\": "M-2 6L2 10M0 0L8 8M6-2L10 2",
    "x": "M0 8L8 0M0 0L8 8",
    "-": "M0 4H8",
    "|": "M4 0V8",
    "+": "M0 4H8M4 0V8",
    ".": "M3.2 4h1.6",
}
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def picture(figure: go.Figure) -> str:
    """Return a figure as SVG, 880 pixels wide, without script and without links.

    Parameters
    ----------
    figure
        Of this package: heatmaps, bars, lines, bands, markers and texts.
    """
    layout = figure.layout.to_plotly_json()
    traces = [trace for trace in figure.data if trace.visible is not False]
    ink = layout["font"]["color"]
    paper = layout["paper_bgcolor"]
    height = float(layout["height"])
    axes = axes_of(layout, traces, height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" font-size="{SIZE}" '
        f'font-family="{html.escape(FONT)}" fill="{ink}">'
        f'<rect width="{WIDTH}" height="{height:g}" fill="{paper}"/>'
    )
    below = [s for s in layout.get("shapes", ()) if s.get("layer") == "below"]
    above = [s for s in layout.get("shapes", ()) if s.get("layer") != "below"]
    parts = [head, *(_shape(shape, axes) for shape in below)]
    base = axes["x"].look.get("anchor", "y")
    for name, axis in axes.items():
        if name != "x":
            parts += _frame(axes["x"], axis, is_base=name == base)
    for trace in traces:
        parts += _trace(trace, axes)
    parts += [_shape(shape, axes) for shape in above]
    for note in layout.get("annotations", ()):
        place = (axes["x"].at(note["x"]), _on_paper(axes, note["y"]))
        anchor = _ANCHORS[note.get("xanchor", "center")]
        font = note.get("font", {})
        parts.append(_text(*place, note["text"], anchor=anchor, fill=font.get("color")))
    parts += _legend(layout, traces, height)
    return "".join([*parts, "</svg>"])


def _on_paper(axes: dict[str, Axis], part: float) -> float:
    bottom, top = axes["y"].start, axes["y"].end
    return bottom - part * (bottom - top)


def _frame(x: Axis, y: Axis, *, is_base: bool) -> Iterator[str]:
    """Draw an axis with its lines and names; that of x with the one it is beside."""
    rule = y.look["gridcolor"]
    for value, name in y.ticks:
        at = y.at(value)
        if y.look.get("showgrid", True):
            yield _line(x.start, at, x.end, at, colour=rule)
        yield _text(x.start - 8, at + 4, name, anchor="end")
    if y.look.get("zeroline") and min(y.first, y.last) < 0 < max(y.first, y.last):
        yield _line(x.start, y.at(0), x.end, y.at(0), colour=y.look["zerolinecolor"])
    if title := y.look["title"].get("text"):
        middle = (y.start + y.end) / 2
        yield _text(16, middle, title, anchor="middle", angle=-90)
    if not is_base:
        return
    is_above = x.look.get("side") == "top"
    base = y.end - 10 if is_above else y.start + 18
    for value, name in x.ticks:
        at = x.at(value)
        if x.look["upright"]:
            anchor = "start" if is_above else "end"
            yield _text(at + 4, base - 6 + 4 * is_above, name, anchor=anchor, angle=-90)
        else:
            yield _text(at, base, name, anchor="middle")
    if title := x.look["title"].get("text"):
        at = base - 20 if is_above else base + 20
        yield _text((x.start + x.end) / 2, at, title, anchor="middle")


# --- traces ---------------------------------------------------------------------------


def _trace(trace: Any, axes: dict[str, Axis]) -> Iterator[str]:
    x, y = axes["x"], axes[getattr(trace, "yaxis", None) or "y"]
    if trace.type == "heatmap":
        yield from _heatmap(trace, x, y)
    elif trace.type == "bar":
        yield _hatch(trace)
        for column, base, high in zip(trace.x, trace.base, trace.y, strict=True):
            half = trace.width / 2
            corners = (column - half, base, column + half, base + high)
            yield _box(corners, x, y, fill=_hatched(trace))
    elif trace.fill == "toself":
        points = _points(trace, x, y)
        yield f'<polygon points="{points}" fill="{trace.fillcolor}"/>'
    else:
        yield from _scatter(trace, x, y)


def _heatmap(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    gap = (trace.xgap or 0) / 2
    for row, cells in enumerate(trace.z):
        for column, value in enumerate(cells):
            if value is None or not math.isfinite(value):
                continue
            part = (value - trace.zmin) / (trace.zmax - trace.zmin)
            colour = _between(trace.colorscale, min(max(part, 0.0), 1.0))
            corners = (column - 0.5, row - 0.5, column + 0.5, row + 0.5)
            yield _box(corners, x, y, fill=colour, gap=gap)


def _scatter(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    mode = trace.mode or "lines"
    if "lines" in mode:
        yield (
            f'<polyline points="{_points(trace, x, y)}" fill="none" '
            f'stroke="{trace.line.color}" stroke-width="{trace.line.width or 2:g}"/>'
        )
    for place, (left, up) in enumerate(zip(trace.x, trace.y, strict=True)):
        at, high = x.at(left), y.at(up)
        error = trace.error_y.array
        if error is not None and math.isfinite(float(error[place])):
            ends = y.at(up - error[place]), y.at(up + error[place])
            yield _line(at, ends[0], at, ends[1], colour=trace.error_y.color)
        if "markers" in mode:
            radius = (trace.marker.size or 6) / 2
            yield (
                f'<circle cx="{at:.1f}" cy="{high:.1f}" r="{radius:g}" '
                f'fill="{trace.marker.color}"/>'
            )
        if "text" in mode:
            colours = trace.textfont.color
            fill = colours if isinstance(colours, str) else colours[place]
            yield _text(at, high + 4.5, trace.text[place], anchor="middle", fill=fill)


def _points(trace: Any, x: Axis, y: Axis) -> str:
    places = zip(trace.x, trace.y, strict=True)
    return " ".join(f"{x.at(left):.1f},{y.at(up):.1f}" for left, up in places)


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


def _hatched(trace: Any) -> str:
    """Return how a bar is filled: with stripes if it has a pattern."""
    shape = trace.marker.pattern.shape
    return f"url(#hatch{ord(shape)})" if shape else str(trace.marker.color)


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


# --- what lies around it --------------------------------------------------------------


def _shape(shape: dict[str, Any], axes: dict[str, Axis]) -> str:
    x = axes["x"]
    corners = shape["x0"], shape["y0"], shape["x1"], shape["y1"]
    left, right = x.at(corners[0]), x.at(corners[2])
    of_paper = shape.get("yref") == "paper"
    low, high = (
        _on_paper(axes, one) if of_paper else axes["y"].at(one) for one in corners[1::2]
    )
    line = shape["line"]
    if shape["type"] == "line":
        dash = "5 4" if line.get("dash") == "dash" else ""
        return _line(left, low, right, high, colour=line["color"], dash=dash)
    return (
        f'<rect x="{left:.1f}" y="{min(low, high):.1f}" width="{right - left:.1f}" '
        f'height="{abs(high - low):.1f}" fill="{shape.get("fillcolor", "none")}" '
        f'stroke="{line.get("color", "none")}" stroke-width="{line["width"]:g}"/>'
    )


def _legend(
    layout: dict[str, Any], traces: Sequence[Any], height: float
) -> Iterator[str]:
    """Write the names of what is drawn, and the colours of a heatmap, at the foot."""
    at, foot = 16.0, height - 14
    for trace in traces:
        if trace.type == "heatmap":
            yield from _scale(trace, foot - 46)
        if layout.get("showlegend") is False or trace.showlegend is False:
            continue
        if not trace.name:
            continue
        fill = _hatched(trace) if trace.type == "bar" else trace.line.color
        yield (
            f'<rect x="{at:.1f}" y="{foot - 11:.1f}" width="18" height="12" '
            f'fill="{fill}"/>'
        )
        yield _text(at + 24, foot, trace.name, anchor="start")
        at += 48 + wide([trace.name])


def _scale(trace: Any, top: float) -> Iterator[str]:
    stops = "".join(
        f'<stop offset="{part:g}" stop-color="{colour}"/>'
        for part, colour in trace.colorscale
    )
    yield f'<defs><linearGradient id="scale">{stops}</linearGradient></defs>'
    yield f'<rect x="16" y="{top:.1f}" width="240" height="8" fill="url(#scale)"/>'
    for at, value in ((16, trace.zmin), (136, 0.0), (256, trace.zmax)):
        name = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
        anchor = "start" if at == 16 else "middle"
        yield _text(at, top + 22, name, anchor=anchor)
    yield _text(290, top + 9, trace.colorbar.title.text, anchor="start")


def _box(
    corners: tuple[float, float, float, float],
    x: Axis,
    y: Axis,
    *,
    fill: str,
    gap: float = 0.0,
) -> str:
    left, right = sorted((x.at(corners[0]), x.at(corners[2])))
    low, high = sorted((y.at(corners[1]), y.at(corners[3])))
    return (
        f'<rect x="{left + gap:.1f}" y="{low + gap:.1f}" '
        f'width="{right - left - 2 * gap:.1f}" height="{high - low - 2 * gap:.1f}" '
        f'fill="{fill}"/>'
    )


def _line(
    x0: float, y0: float, x1: float, y1: float, *, colour: str, dash: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" '
        f'stroke="{colour}"{dashed}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str,
    fill: str | None = None,
    angle: int = 0,
) -> str:
    turned = f' transform="rotate({angle} {x:.1f} {y:.1f})"' if angle else ""
    coloured = f' fill="{fill}"' if fill else ""
    plain = html.escape(html.unescape(re.sub(r"</?b>", "", text)))
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{coloured}{turned}>'
        f"{plain}</text>"
    )
