"""Remarks of an event study on its own figures: run-ups, and two answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.event_study.models import Model
from lakebt.backtest.costs import BPS
from lakebt.report import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.analysis.event_study.event_returns import WindowData
    from lakebt.analysis.event_study.models import Fit
    from lakebt.analysis.event_study.tests import Row

LEVEL = 0.05
"""A p-value up to this one counts as an answer."""


def of_intercept(fitted: Fit, window: WindowData) -> str:
    """Return the mean intercept of a model, and what it alone adds to the mean CAR.

    Stocks that were added because they rose have a rise as their intercept, which is
    taken off again in every session held.

    Parameters
    ----------
    fitted, window
        Of the same changes.

    Returns
    -------
    str
        Empty where no intercept is estimated, or of no change.
    """
    if fitted.model is Model.MARKET_ADJUSTED or not len(fitted.alpha):
        return ""
    alone = -float((fitted.alpha * window.closes).mean()) / BPS
    mean = float(fitted.alpha.mean()) / BPS
    return (
        f"The mean intercept is {mean:+z,.1f} bp a session, which alone makes a mean "
        f"CAR of {alone:+z,.1f} bp."
    )


def of_two_answers(rows: Iterable[Row]) -> str:
    """Return a sentence if the money and the typical stock give different answers.

    Money is what signs of dates, and of blocks, both show; the typical stock moves
    where signs of dates and the adjusted BMP both say so.

    Parameters
    ----------
    rows
        All tests of one window and side.

    Returns
    -------
    str
        Empty where both say the same, or one of them nothing.
    """
    by_name = {row.name: row for row in rows}
    if "adjusted BMP" not in by_name:
        return ""
    earned = _answer(by_name["sign flips"], by_name["block flips"])
    typical = _answer(by_name["sign flips of SCAR"], by_name["adjusted BMP"])
    if earned is None or typical is None or earned == typical:
        return ""
    money, stock = by_name["sign flips"], by_name["adjusted BMP"]
    what = {1: "rose", 0: "did not move beyond chance", -1: "fell"}[typical]
    money_words = {
        1: "money was made",
        0: "no money was made or lost beyond chance",
        -1: "money was lost",
    }[earned]
    return (
        f"Two answers: the typical stock {what} (adjusted BMP t "
        f"{stock.statistic:+.2f}, {_p(stock)}), and {money_words} "
        f"({money.estimate / BPS:+z,.1f} bp, sign flips {_p(money)}). The first counts "
        f"each stock by its own volatility, the second by what it earned."
    )


def _p(row: Row) -> str:
    return f"p {words.p_value(row.p)}"


def _answer(*rows: Row) -> int | None:
    """Return the sign that all show, 0 where one shows none; None without a p-value."""
    ps = [row.p for row in rows]
    if any(math.isnan(p) for p in ps):
        return None
    return int(np.sign(rows[0].statistic)) if max(ps) <= LEVEL else 0
