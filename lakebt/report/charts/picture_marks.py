"""What a picture is drawn with: lines, boxes and texts, as SVG."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebt.report.charts.picture_axes import Axis

DASHES = {"dash": "5 4", "dot": "2 3"}
"""How lines are broken, by Plotly's names."""


def box(
    corners: tuple[float, float, float, float],
    x: Axis,
    y: Axis,
    *,
    fill: str,
    gap: float = 0.0,
) -> str:
    """Return a box between values of two axes."""
    left, right = sorted((x.at(corners[0]), x.at(corners[2])))
    low, high = sorted((y.at(corners[1]), y.at(corners[3])))
    width, height = right - left - 2 * gap, high - low - 2 * gap
    return rect(left + gap, low + gap, width, height, fill=fill)


def rect(x: float, y: float, width: float, height: float, *, fill: str) -> str:
    """Return a box at a point, in pixels."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}"/>'
    )


def line(
    x0: float, y0: float, x1: float, y1: float, *, colour: str, dash: str = ""
) -> str:
    """Return a line between two points, in pixels."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" '
        f'stroke="{colour}"{dashed}/>'
    )


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str,
    fill: str | None = None,
    angle: int = 0,
) -> str:
    """Return words at a point, in pixels; a tag of Plotly's is left out."""
    turned = f' transform="rotate({angle} {x:.1f} {y:.1f})"' if angle else ""
    coloured = f' fill="{fill}"' if fill else ""
    plain = html.escape(html.unescape(re.sub(r"</?b>", "", words)))
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{coloured}{turned}>'
        f"{plain}</text>"
    )
