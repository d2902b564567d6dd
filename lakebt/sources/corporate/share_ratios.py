"""Ratios of shares as people write them, and the fraction that a decimal stands for."""

from __future__ import annotations

import math
import re
from fractions import Fraction

MOST = 20
"""How large both numbers of a fraction may be for it to be one of small numbers."""

MOST_WHOLE = 250
"""How large the other may be where one of them is 1, as in a reverse split."""

CLOSE = 3e-4
"""How far a decimal may lie from what it stands for, relatively: LEAN's 0.3333."""

_PAIR = re.compile(
    r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:/|:|\s?-?for-?\s?)\s*([0-9]+(?:\.[0-9]+)?)\s*\Z",
    re.IGNORECASE,
)


def read_ratio(text: str) -> float | None:
    """Return how many shares one becomes, as people write it: new, then old.

    Parameters
    ----------
    text
        A number, or two: ``"1/3"``, ``"3:2"``, ``"1-for-10"``.

    Returns
    -------
    float or None
        None if it is neither, or the second number is 0.

    Examples
    --------
    >>> read_ratio("0.125"), read_ratio("3:2"), read_ratio("1-for-10")
    (0.125, 1.5, 0.1)
    >>> read_ratio("1/3") == 1 / 3, read_ratio("three")
    (True, None)
    """
    if pair := _PAIR.match(text):
        new, old = map(Fraction, pair.groups())
        return float(new / old) if old else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def meant(ratio: float) -> Fraction | None:
    """Return the fraction of small numbers that a stored ratio stands for.

    Parameters
    ----------
    ratio
        Shares that one becomes, as a vendor stores it.

    Returns
    -------
    Fraction or None
        With both numbers at most `MOST`, or one of them 1 and the other at most
        `MOST_WHOLE`, and no further than `CLOSE` away; of several the one of the
        smallest numbers. None if there is none, or it is 1: a vendor that tells a
        spin-off as a split stores such ratios.

    Examples
    --------
    AAPL 2014, a third of a share, and the spin-off of WBD as vendors store them:

    >>> print(meant(7.00000700001), meant(0.3333), meant(1.324))
    7 1/3 None
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return None
    larger = max(ratio, 1 / ratio)
    for least in range(1, MOST + 1):
        most = round(larger * least)
        if most > (MOST_WHOLE if least == 1 else MOST):
            return None
        if abs(most / least / larger - 1) <= CLOSE and most != least:
            return Fraction(most, least) if ratio > 1 else Fraction(least, most)
    return None
