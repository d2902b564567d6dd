"""The marks of a picture's axes: which values are marked, and how they are written."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 6
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240)
"""Steps of days that are counted in months, in months."""

_DECADE = 10.0
_ONE_TWO_FIVE = (1, 2, 5)


def ticks_of(
    look: dict[str, Any], between: tuple[float, float]
) -> Iterator[tuple[float, str]]:
    """Return where the marks of an axis are, as it counts, and what they say.

    Parameters
    ----------
    look
        The axis in a layout of Plotly; under ``names`` what stands across.
    between
        Its ends: of days as ordinals, of a logarithmic axis as powers of ten.
    """
    low, high = min(between), max(between)
    if "tickvals" in look:
        yield from zip(look["tickvals"], map(str, look["ticktext"]), strict=True)
    elif "names" in look:
        yield from enumerate(look["names"])
    elif look.get("type") == "date":
        yield from _days(low, high, most=look.get("nticks", _MOST))
    elif look.get("type") == "log":
        yield from _powers(look, low, high)
    else:
        yield from _numbers(look, low, high)


def _numbers(
    look: dict[str, Any], low: float, high: float
) -> Iterator[tuple[float, str]]:
    step = look.get("dtick") or _step((high - low) / look.get("nticks", _MOST))
    form = str(look.get("tickformat", ""))
    unit = "%" if form.endswith("%") else ""
    scale = 100 if unit else 1
    digits = max(0, -math.floor(math.log10(step * scale) + 1e-9))
    separated = "" if form == "d" else ","
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        value = number * step
        text = f"{scale * value:{separated}.{digits}f}{unit}"
        yield value, text.replace("-", "\N{MINUS SIGN}")


def _powers(
    look: dict[str, Any], low: float, high: float
) -> Iterator[tuple[float, str]]:
    """Mark 1, 2 and 5 of each power, or as a linear axis where there are few."""
    first, last = 10.0**low, 10.0**high
    if last < _DECADE * first:
        marked = [value for value, _ in _numbers(look, first, last)]
    else:
        powers = range(math.floor(low), math.ceil(high) + 1)
        values = (n * 10.0**power for power in powers for n in _ONE_TWO_FIVE)
        marked = [value for value in values if first <= value <= last]
    for value in marked:
        if value > 0:
            yield math.log10(value), f"{value:,.10g}"


def _days(low: float, high: float, *, most: int) -> Iterator[tuple[float, str]]:
    """Mark firsts of months or years; a few days by themselves."""
    first, last = (dt.date.fromordinal(int(end)) for end in (low, high))
    months = (last.year - first.year) * 12 + last.month - first.month
    if months < 2:
        step = max(1, math.ceil((high - low + 1) / most))
        for ordinal in range(int(low), int(high) + 1, step):
            yield float(ordinal), dt.date.fromordinal(ordinal).isoformat()
        return
    each = next((n for n in _MONTHS if months / n < most), _MONTHS[-1])
    begin = first.year * 12 + first.month - 1
    for month in range(-(-begin // each) * each, begin + months + 1, each):
        day = dt.date(month // 12, month % 12 + 1, 1)
        if low <= day.toordinal() <= high:
            text = f"{day:%Y}" if each >= 12 else f"{day:%Y-%m}"
            yield float(day.toordinal()), text


def _step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))
