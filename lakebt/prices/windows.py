"""Bars of many symbols, each over its own sessions, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
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
        NaN where there is no bar.
    base : ndarray of shape (n_windows,)
        ``base + session`` is the bar of a session.
    starts : ndarray of shape (n_windows,)
        Where each window begins.
    """

    opens: FloatVector
    closes: FloatVector
    base: IntVector
    starts: IntVector

    @cached_property
    def marks(self) -> FloatVector:
        """The closes with each gap filled by the last close before it.

        A gap at the start of a window stays: nothing can be held there.
        """
        place = np.arange(len(self.closes))
        last = np.maximum.accumulate(np.where(np.isnan(self.closes), -1, place))
        begins = np.zeros(len(place), dtype=np.int64)
        begins[self.starts] = self.starts
        begins = np.maximum.accumulate(begins)
        filled: FloatVector = np.where(
            last >= begins, self.closes[np.maximum(last, 0)], np.nan
        )
        return filled
