"""The colours, light and dark. Red to blue is safe for colour-blind readers [1]_.

References
----------
.. [1] C. A. Brewer. "ColorBrewer 2.0", scheme RdBu; M. Okabe and K. Ito (2008). "Color
   universal design", for the two sides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

ThemeName: TypeAlias = Literal["light", "dark"]
Rgb: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One set of colours, as ``#rrggbb``."""

    paper: str
    ink: str
    muted: str
    rule: str
    addition: str
    deletion: str
    shade: str
    hatch: str
    negative: str
    middle: str
    positive: str
    cursor: str


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b1f24",
    muted="#5b6470",
    rule="#e2e5e9",
    addition="#0072b2",
    deletion="#c85200",
    shade="#f0d9a8",
    hatch="#b4bac2",
    negative="#b2182b",
    middle="#f4f5f6",
    positive="#2166ac",
    cursor="#f0b000",
)

DARK = Theme(
    paper="#14171b",
    ink="#e7eaed",
    muted="#9aa4af",
    rule="#2d333a",
    addition="#56b4e9",
    deletion="#f09a4a",
    shade="#6b5626",
    hatch="#59616b",
    negative="#e46a57",
    middle="#262b31",
    positive="#5aa5e6",
    cursor="#ffd166",
)

THEMES: dict[ThemeName, Theme] = {"light": LIGHT, "dark": DARK}


def rgb(colour: str) -> Rgb:
    """Return the three parts of ``#rrggbb``.

    Examples
    --------
    >>> rgb("#0072b2")
    (0, 114, 178)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def faded(colour: str, alpha: float) -> str:
    """Return `colour` with an opacity, as CSS writes it."""
    red, green, blue = rgb(colour)
    return f"rgba({red}, {green}, {blue}, {alpha:.3g})"


def diverging(value: float, *, limit: float, theme: Theme = LIGHT) -> Rgb:
    """Return the colour of `value` on the scale from -`limit` to `limit`.

    Zero has the colour of the middle; what lies outside has that of the end.

    Examples
    --------
    >>> diverging(0.0, limit=2.0) == rgb(LIGHT.middle)
    True
    >>> diverging(-9.0, limit=2.0) == rgb(LIGHT.negative)
    True
    """
    share = 0.0 if limit <= 0 else max(-1.0, min(1.0, value / limit))
    end = rgb(theme.positive if share > 0 else theme.negative)
    middle = rgb(theme.middle)
    red, green, blue = (
        round(m + abs(share) * (e - m)) for m, e in zip(middle, end, strict=True)
    )
    return red, green, blue


def readable_on(colour: Rgb) -> Rgb:
    """Return black or white, whichever is easier to read on `colour`."""
    red, green, blue = colour
    bright = math.sqrt(0.299 * red**2 + 0.587 * green**2 + 0.114 * blue**2)
    return (16, 18, 20) if bright > 140 else (255, 255, 255)
