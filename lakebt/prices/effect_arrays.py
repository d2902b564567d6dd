"""What actions make of shares, as arrays for compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.prices.effects import Effect
    from lakebt.prices.history import PriceHistory


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectArrays:
    """Effects, and the bars of all that shares turn into.

    They are what `lakebt.prices.holding_values.fill_values` takes.
    """

    key: IntVector
    kept: FloatVector
    paid: FloatVector
    first_other: IntVector
    other: IntVector
    received: FloatVector
    bars: tuple[IntVector, IntVector, FloatVector, FloatVector]
    span: int

    @cached_property
    def has_any(self) -> BoolVector:
        """Whether anything happened to each symbol, by its code; False for -1."""
        has = np.zeros(len(self.bars[0]) + 1, dtype=bool)
        has[self.key // self.span] = True
        return has

    def between(
        self, codes: IntVector, entered: IntVector, last: IntVector
    ) -> tuple[IntVector, IntVector]:
        """Return where each symbol's effects after its entry begin and end."""
        lo = np.searchsorted(self.key, codes * self.span + entered + 1)
        hi = np.searchsorted(self.key, codes * self.span + last + 1)
        return lo, hi

    @classmethod
    def of(cls, history: PriceHistory, effects: tuple[Effect, ...]) -> EffectArrays:
        """Return effects by symbol and session; symbols without bars come last."""
        span = len(history.sessions)
        place = {symbol: code for code, symbol in enumerate(history.symbols)}
        for effect in effects:
            for symbol in (effect.symbol, *(s for s, _ in effect.received)):
                place.setdefault(symbol, len(place))
        ordered = sorted(effects, key=lambda e: (place[e.symbol], e.session))
        others = [one for effect in ordered for one in effect.received]
        rows = history.newest
        starts = np.searchsorted(history.symbol[rows], np.arange(len(place) + 1))
        return cls(
            key=np.array(
                [place[e.symbol] * span + e.session for e in ordered], dtype=np.int64
            ),
            kept=np.array([e.kept for e in ordered], dtype=np.float64),
            paid=np.array([e.dividend + e.capital for e in ordered], dtype=np.float64),
            first_other=offsets(
                np.array([len(e.received) for e in ordered], dtype=np.int64)
            ),
            other=np.array([place[symbol] for symbol, _ in others], dtype=np.int64),
            received=np.array([shares for _, shares in others], dtype=np.float64),
            bars=(
                starts,
                history.session[rows],
                history.open[rows],
                history.close[rows],
            ),
            span=span,
        )
