"""Bars of many symbols, each over its own sessions, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceWindows:
    """Bars of many symbols, each over its own sessions, one after the other.

    Attributes
    ----------
    opens, closes : ndarray of shape (n_bars,)
        NaN where there is no bar. Of a share to which something happened since its
        entry: what it has become, at its prices.
    base : ndarray of shape (n_windows,)
        ``base + session`` is the bar of a session.
    starts : ndarray of shape (n_windows,)
        Where each window begins.
    cash : ndarray of shape (n_held,)
        What was got beside, for the last `n_held` bars: those of shares to which
        something happened.
    held_marks : ndarray of shape (n_held,)
        The marks of those.
    unlent, lent : ndarray of shape (n_bars,)
        What of the marks has no borrow rate told, and the rest times its rate, in basis
        points per year; empty where no rate is told at all.
    """

    opens: FloatVector
    closes: FloatVector
    base: IntVector
    starts: IntVector
    cash: FloatVector = field(default_factory=lambda: np.zeros(0))
    held_marks: FloatVector = field(default_factory=lambda: np.zeros(0))
    unlent: FloatVector = field(default_factory=lambda: np.zeros(0))
    lent: FloatVector = field(default_factory=lambda: np.zeros(0))

    def with_rates(self, rates: FloatVector) -> PriceWindows:
        """Return these windows, at the borrow rates of their bars; NaN for none."""
        is_told = np.isfinite(rates)
        return replace(
            self,
            unlent=np.where(is_told, 0.0, self.marks),
            lent=np.where(is_told, self.marks * rates, 0.0),
        )

    def with_held(self, held: PriceWindows) -> PriceWindows:
        """Return these windows, and those of shares to which something happened."""
        n_bars = len(self.opens)
        return replace(
            self,
            opens=np.concatenate([self.opens, held.opens]),
            closes=np.concatenate([self.closes, held.closes]),
            base=np.concatenate([self.base, held.base + n_bars]),
            cash=held.cash,
            held_marks=held.held_marks,
            unlent=np.concatenate([self.unlent, held.unlent]),
            lent=np.concatenate([self.lent, held.lent]),
        )

    @cached_property
    def marks(self) -> FloatVector:
        """The closes with each gap filled by the last close before it.

        A gap at the start of a window stays: nothing can be held there.
        """
        closes = self.closes[: len(self.closes) - len(self.held_marks)]
        place = np.arange(len(closes))
        last = np.maximum.accumulate(np.where(np.isnan(closes), -1, place))
        begins = np.repeat(self.starts, np.diff(np.append(self.starts, len(closes))))
        filled: FloatVector = np.where(
            last >= begins, closes[np.maximum(last, 0)], np.nan
        )
        if len(self.held_marks):
            filled = np.concatenate([filled, self.held_marks])
        return filled
