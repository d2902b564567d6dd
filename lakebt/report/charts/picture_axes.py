"""The axes of a picture: where values lie in it, and what is written beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


WIDTH = 880
"""Of a picture, in pixels."""

SIZE = 13
"""Of its letters."""

_LETTER = 0.62
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

    def at(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        part = (float(value) - self.first) / (self.last - self.first)
        return self.start + part * (self.end - self.start)


def axes_of(
    layout: dict[str, Any], traces: Sequence[Any], height: float
) -> dict[str, Axis]:
    """Return the axes by the names that traces have for them."""
    margin = layout["margin"]
    looks = {"x": layout["xaxis"], "y": layout["yaxis"]}
    if "yaxis2" in layout:
        looks["y2"] = layout["yaxis2"]
    ticks, ranges = {}, {}
    for name, look in looks.items():
        ranges[name] = _range(look, _values(name, traces))
        ticks[name] = tuple(_ticks(look, ranges[name]))
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
    found = {}
    for name, look in looks.items():
        start, end = (left, WIDTH - margin["r"]) if name == "x" else (bottom, top)
        if name != "x" and "domain" in look:
            low, high = look["domain"]
            start, end = (bottom - part * (bottom - top) for part in (low, high))
        found[name] = Axis(
            first=ranges[name][0],
            last=ranges[name][1],
            start=start,
            end=end,
            ticks=ticks[name],
            look=look | {"upright": upright and name == "x"},
        )
    return found


def _values(axis: str, traces: Sequence[Any]) -> list[float]:
    found: list[float] = []
    for trace in traces:
        if axis != "x" and (getattr(trace, "yaxis", None) or "y") != axis:
            continue
        values = getattr(trace, axis[0], None)
        given = [] if values is None else [float(v) for v in values if v is not None]
        error = getattr(trace, "error_y", None) if axis != "x" else None
        spread = error.array if error is not None and error.array is not None else ()
        either = [
            value + sign * float(one)
            for value, one in zip(given, spread, strict=False)
            for sign in (-1, 1)
        ]
        found += [value for value in (*given, *either) if math.isfinite(value)]
    return found


def _range(look: dict[str, Any], values: Sequence[float]) -> tuple[float, float]:
    if "range" in look:
        return look["range"][0], look["range"][1]
    low, high = min(values, default=0.0), max(values, default=1.0)
    beyond = 0.06 * (high - low) or 1.0
    return low - beyond, high + beyond


def _ticks(
    look: dict[str, Any], between: tuple[float, float]
) -> Iterator[tuple[float, str]]:
    if "tickvals" in look:
        yield from zip(look["tickvals"], map(str, look["ticktext"]), strict=True)
        return
    low, high = min(between), max(between)
    step = look.get("dtick") or _step((high - low) / look.get("nticks", 6))
    digits = max(0, -math.floor(math.log10(step)))
    separated = "" if look.get("tickformat") == "d" else ","
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        value = number * step
        yield value, f"{value:{separated}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))


def wide(texts: Iterable[str]) -> float:
    """Return how wide the widest text is, in pixels, at most."""
    return max((len(text) for text in texts), default=0) * _LETTER * SIZE
