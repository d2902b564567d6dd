"""The axes of a picture: where values lie in it, and what is written beside them."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.report.charts.picture_ticks import ticks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


WIDTH = 880
"""Of a picture, in pixels."""

SIZE = 13
"""Of its letters."""

_LETTER, _CAPITAL = 0.62, 0.8
"""The width of a letter, as a part of its size. Mostly less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Where values lie, in pixels, and what is written beside them."""

    first: float
    last: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    look: dict[str, Any]

    def at(self, value: object) -> float:
        """Return where a value lies, in pixels; NaN if it lies nowhere."""
        return self.on_scale(_number(value, self.look))

    def on_scale(self, number: float) -> float:
        """Return where a number lies: of a day, of a name, or a logarithm."""
        part = (number - self.first) / (self.last - self.first)
        return self.start + part * (self.end - self.start)

    def on_paper(self, part: float) -> float:
        """Return where a part of the axis lies."""
        return self.start + part * (self.end - self.start)


def axes_of(
    layout: dict[str, Any], traces: Sequence[Any], height: float
) -> dict[str, Axis]:
    """Return the axes by the names that traces have for them."""
    margin = layout["margin"]
    looks = {"x": layout["xaxis"], "y": layout["yaxis"]}
    if "yaxis2" in layout:
        looks["y2"] = layout["yaxis2"]
    if names_across := _names(layout["xaxis"], traces):
        looks["x"] = layout["xaxis"] | {"names": names_across}
    ticks, ranges = {}, {}
    for name, look in looks.items():
        ranges[name] = _range(look, _values(name, look, traces))
        ticks[name] = tuple(ticks_of(look, ranges[name]))
    names = [text for name in looks if name != "x" for _, text in ticks[name]]
    left = 12 + wide(names) + (26 if looks["y"]["title"].get("text") else 0)
    beside = wide(text for _, text in ticks["x"])
    room = (WIDTH - left) / max(len(ticks["x"]), 1)
    upright = beside > room
    top, bottom = margin["t"] + 8, height - margin["b"]
    if looks["x"].get("side") == "top":
        top += beside if upright else 0
    elif upright:
        bottom = height - max(margin["b"], beside + 24)
    axes = {}
    for name, look in looks.items():
        start, end = (left, WIDTH - margin["r"]) if name == "x" else (bottom, top)
        if name != "x" and "domain" in look:
            low, high = look["domain"]
            start, end = (bottom - part * (bottom - top) for part in (low, high))
        axes[name] = Axis(
            first=ranges[name][0],
            last=ranges[name][1],
            start=start,
            end=end,
            ticks=ticks[name],
            look=look | {"upright": upright and name == "x"},
        )
    return axes


def wide(texts: Iterable[str]) -> float:
    """Return how wide the widest text is, in pixels, at most."""
    widths = (
        sum(_CAPITAL if letter.isupper() else _LETTER for letter in text)
        for text in texts
    )
    return max(widths, default=0) * SIZE


def _names(look: dict[str, Any], traces: Sequence[Any]) -> tuple[str, ...]:
    """Return the names that stand across, in their order; none of numbers and days."""
    if look.get("type") == "date":
        return ()
    values = [v for trace in traces for v in _given(trace, "x") if isinstance(v, str)]
    return tuple(dict.fromkeys(values))


def _number(value: Any, look: dict[str, Any]) -> float:
    """Return a value as its axis counts it."""
    if value is None:
        return math.nan
    if look.get("type") == "date":
        return float(dt.date.fromisoformat(str(value)[:10]).toordinal())
    if isinstance(value, str):
        return float(look["names"].index(value))
    number = float(value)
    if look.get("type") == "log":
        return math.log10(number) if number > 0 else math.nan
    return number


def _given(trace: Any, letter: str) -> Sequence[Any]:
    values = getattr(trace, letter, None)
    return () if values is None else values


def _values(axis: str, look: dict[str, Any], traces: Sequence[Any]) -> list[float]:
    values: list[float] = []
    for trace in traces:
        if axis != "x" and (getattr(trace, "yaxis", None) or "y") != axis:
            continue
        given = [_number(value, look) for value in _given(trace, axis[0])]
        error = getattr(trace, "error_y", None) if axis != "x" else None
        spread = error.array if error is not None and error.array is not None else ()
        either = [
            value + sign * float(one)
            for value, one in zip(given, spread, strict=False)
            for sign in (-1, 1)
        ]
        if axis != "x" and getattr(trace, "fill", None) == "tozeroy":
            given.append(0.0)
        values += [value for value in (*given, *either) if math.isfinite(value)]
    return values


def _range(look: dict[str, Any], values: Sequence[float]) -> tuple[float, float]:
    if "range" in look:
        return look["range"][0], look["range"][1]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if "names" in look:
        return -0.5, len(look["names"]) - 0.5
    if look.get("type") == "date":
        return low, max(high, low + 1.0)
    is_to_zero = look.get("rangemode") == "tozero"
    if is_to_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    beyond = 0.06 * (high - low) or 1.0
    if is_to_zero:
        return low - beyond * (low < 0), high + beyond * (high > 0 or low == 0)
    return low - beyond, high + beyond
