"""A figure as a picture: SVG, for pages that run no script.

A notebook that is read on the web, printed or converted to HTML shows no Plotly figure.
What is drawn here is what the figures of this package have, and no more of Plotly.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from lakebt.report.charts.base import FONT
from lakebt.report.charts.picture_axes import SIZE, WIDTH, Axis, axes_of, wide
from lakebt.report.charts.picture_marks import DASHES, line, text
from lakebt.report.charts.picture_traces import look_of_bar, trace_svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go

_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def picture(figure: go.Figure) -> str:
    """Return a figure as SVG, 880 pixels wide, without script and without links.

    Parameters
    ----------
    figure
        Of this package: heatmaps, bars, waterfalls, lines, bands, markers and texts;
        along numbers, days or names.
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
        parts += trace_svg(trace, axes)
    parts += [_shape(shape, axes) for shape in above]
    for note in layout.get("annotations", ()):
        of_paper = note.get("xref") == "paper"
        x = axes["x"].on_paper(note["x"]) if of_paper else axes["x"].at(note["x"])
        place = (x, _on_paper(axes, note["y"]))
        anchor = _ANCHORS[note.get("xanchor", "center")]
        font = note.get("font", {})
        parts.append(text(*place, note["text"], anchor=anchor, fill=font.get("color")))
    parts += _legend(layout, traces, height)
    return "".join([*parts, "</svg>"])


def _on_paper(axes: dict[str, Axis], part: float) -> float:
    """Return where a part of the height lies that all axes have together."""
    up = [axis for name, axis in axes.items() if name != "x"]
    bottom, top = max(axis.start for axis in up), min(axis.end for axis in up)
    return bottom - part * (bottom - top)


def _frame(x: Axis, y: Axis, *, is_base: bool) -> Iterator[str]:
    """Draw an axis with its lines and names; that of x with the one it is beside."""
    rule = y.look["gridcolor"]
    for value, name in y.ticks:
        at = y.on_scale(value)
        if y.look.get("showgrid", True):
            yield line(x.start, at, x.end, at, colour=rule)
        yield text(x.start - 8, at + 4, name, anchor="end")
    if y.look.get("zeroline") and min(y.first, y.last) < 0 < max(y.first, y.last):
        yield line(x.start, y.at(0), x.end, y.at(0), colour=y.look["zerolinecolor"])
    if title := y.look["title"].get("text"):
        middle = (y.start + y.end) / 2
        yield text(16, middle, title, anchor="middle", angle=-90)
    if not is_base:
        return
    if x.look.get("zeroline") and min(x.first, x.last) < 0 < max(x.first, x.last):
        yield line(x.at(0), y.start, x.at(0), y.end, colour=x.look["zerolinecolor"])
    is_above = x.look.get("side") == "top"
    base = y.end - 10 if is_above else y.start + 18
    for value, name in x.ticks:
        at = x.on_scale(value)
        if x.look["upright"]:
            anchor = "start" if is_above else "end"
            yield text(at + 4, base - 6 + 4 * is_above, name, anchor=anchor, angle=-90)
        else:
            yield text(at, base, name, anchor="middle")
    if title := x.look["title"].get("text"):
        at = base - 20 if is_above else base + 20
        yield text((x.start + x.end) / 2, at, title, anchor="middle")


def _shape(shape: dict[str, Any], axes: dict[str, Axis]) -> str:
    x = axes["x"]
    corners = shape["x0"], shape["y0"], shape["x1"], shape["y1"]
    across = x.on_paper if shape.get("xref") == "paper" else x.at
    left, right = across(corners[0]), across(corners[2])
    of_paper = shape.get("yref") == "paper"
    low, high = (
        _on_paper(axes, one) if of_paper else axes["y"].at(one) for one in corners[1::2]
    )
    edge = shape["line"]
    if shape["type"] == "line":
        dash = DASHES.get(edge.get("dash"), "")
        return line(left, low, right, high, colour=edge["color"], dash=dash)
    return (
        f'<rect x="{left:.1f}" y="{min(low, high):.1f}" width="{right - left:.1f}" '
        f'height="{abs(high - low):.1f}" fill="{shape.get("fillcolor", "none")}" '
        f'stroke="{edge.get("color", "none")}" stroke-width="{edge["width"]:g}"/>'
    )


def _legend(
    layout: dict[str, Any], traces: Sequence[Any], height: float
) -> Iterator[str]:
    """Write the names of what is drawn, and the colours of a heatmap.

    They stand at the foot, or above what is drawn where the figure has them there.
    """
    is_above = layout.get("legend", {}).get("y", 0) > 1
    at, foot = 16.0, 20.0 if is_above else height - 14
    named = [trace for trace in traces if trace.name and trace.showlegend is not False]
    for trace in traces:
        if trace.type == "heatmap" and trace.showscale is not False:
            yield from _scale(trace, height - 60)
    if layout.get("showlegend") is False:
        return
    for trace in named:
        fill = look_of_bar(trace) if trace.type == "bar" else trace.line.color
        yield (
            f'<rect x="{at:.1f}" y="{foot - 11:.1f}" width="18" height="12" '
            f'fill="{fill}"/>'
        )
        yield text(at + 24, foot, trace.name, anchor="start")
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
        yield text(at, top + 22, name, anchor=anchor)
    yield text(290, top + 9, trace.colorbar.title.text, anchor="start")
