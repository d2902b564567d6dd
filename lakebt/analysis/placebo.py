"""The path of events that were none: the same ones at random other dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.path import EventAxis, median_lead
from lakebt.prices.total_return import ReturnPrices
from lakebt.sessions import half_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.path import PathLeg
    from lakebt.prices.history import PriceHistory

_BPS = 1e4


def placebo_path(
    legs: Sequence[PathLeg],
    history: PriceHistory,
    *,
    market: str | None,
    draws: int,
    seed: int,
    before: int,
    after: int,
) -> pd.DataFrame:
    r"""Return what the average path comes to at random other dates.

    In each draw all legs of an announcement date move by the same number of sessions,
    drawn evenly from those at which each of them has its whole window among its prices
    and away from its symbol's true windows. Legs of a date without one in common move
    each by its own; a leg without any is left out. Lengths from AD to ED stay.

    Parameters
    ----------
    legs
        One per change.
    history
        Prices of the legs' symbols and of `market`.
    market
        The symbol whose return is taken off; None takes nothing off.
    draws
        How many, at least 1.
    seed
        Of the dates.
    before, after
        Sessions shown before AD and after ED: the window.

    Returns
    -------
    DataFrame
        A row per point and side, as `lakebt.analysis.path.event_path` has them: `x`,
        `label`, `side`; `mean_bps` over the draws, `low_bps` and `high_bps`, their 2.5
        and 97.5 percentiles; `observed_bps`, of the same legs at their own dates;
        `p_value`, the part of draws at least as far from their mean as that, the true
        dates counted as one of them [1]_; `n`, the legs that moved; and `draws`.
        ``attrs`` has ``n_left_out``, the legs that could not.

    Notes
    -----
    NaN rule: a leg without a price of its own or of the market at a point is left out
    there, of that draw; a point without any leg in a draw has NaN.

    References
    ----------
    .. [1] B. Phipson and G. K. Smyth (2010). "Permutation P-values should never be
       zero". Statistical Applications in Genetics and Molecular Biology 9(1), 39.
    """
    axis = EventAxis(
        before=before, after=after, median=median_lead(legs) if legs else 1
    )
    rng = np.random.default_rng(seed)
    priced = [_priced(leg, legs, history, axis=axis, market=market) for leg in legs]
    totals: dict[str, _Total] = {}
    n_left_out = 0
    for date in sorted({leg.date for leg in legs}):
        of_date = [each for each in priced if each.leg.date == date]
        movable = [each for each in of_date if len(each.shifts)]
        n_left_out += len(of_date) - len(movable)
        if not movable:
            continue
        common = movable[0].shifts
        for each in movable[1:]:
            common = np.intersect1d(common, each.shifts, assume_unique=True)
        together = rng.choice(common, size=draws) if len(common) else None
        for each in movable:
            own = rng.choice(each.shifts, size=draws) if together is None else together
            totals.setdefault(
                each.leg.side, _Total.of(draws=draws, points=len(axis.x()))
            ).add(each.returns(own), each.returns(np.zeros(1, dtype=np.int64))[0])
    leads = {max(leg.effective - leg.announced, 1) for leg in legs}
    labels = axis.labels(exact=leads <= {axis.median})
    frames = [
        totals[side].frame(axis, labels, side)
        for side in ("addition", "deletion")
        if side in totals
    ]
    columns = [
        *("x", "label", "side", "mean_bps", "low_bps", "high_bps"),
        *("observed_bps", "p_value", "n", "draws"),
    ]
    paths = pd.concat(frames) if frames else pd.DataFrame(columns=columns)
    paths = paths.sort_values(["x", "side"], kind="stable").reset_index(drop=True)
    paths.attrs["n_left_out"] = n_left_out
    return paths[columns]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Priced:
    """A leg with all its prices, and by how many sessions it may move."""

    leg: PathLeg
    own: FloatVector
    market: FloatVector
    at: int
    rows: IntVector
    shifts: IntVector
    axis: EventAxis

    def returns(self, shifts: IntVector) -> FloatPanel:
        """Return the path over the market for each shift, shape (n, n_points)."""
        start = 2 * (self.at - self.axis.before + shifts)
        places = start[:, None] + np.maximum(self.rows, 0)
        inside = (places >= 0) & (places < len(self.own)) & (self.rows >= 0)
        places = np.clip(places, 0, len(self.own) - 1)
        base = start + half_session(self.axis.before, "close")
        base = np.clip(base, 0, len(self.own) - 1)[:, None]
        excess = (
            self.own[places] / self.own[base] - self.market[places] / self.market[base]
        )
        returns: FloatPanel = np.where(inside, excess, np.nan)
        return returns


def _priced(
    leg: PathLeg,
    legs: Sequence[PathLeg],
    history: PriceHistory,
    *,
    axis: EventAxis,
    market: str | None,
) -> _Priced:
    """Return a leg with its prices and its shifts."""
    code = int(history.codes([leg.symbol])[0])
    rows = history.session[history.symbol == code] if code >= 0 else np.zeros(0, int)
    if not len(rows):
        rows = np.array([leg.announced])
    first, last = int(rows.min()), int(rows.max())
    prices = ReturnPrices(history)
    own = prices.window([leg.symbol], first, last)[:, 0]
    index = np.ones(len(own))
    if market is not None:
        index = prices.window([market], first, last)[:, 0]
    length = max(leg.effective - leg.announced, 1)
    starts = np.arange(first + axis.before, last - length - axis.after + 1)
    taken = np.zeros(len(starts), dtype=bool)
    for true in legs:
        if true.symbol == leg.symbol:
            its_end = max(true.effective, true.announced + 1) + axis.after
            its_start = true.announced - axis.before
            taken |= (starts - axis.before <= its_end) & (
                starts + length + axis.after >= its_start
            )
    closes = own[1::2][starts - first] if len(starts) else np.zeros(0)
    taken |= ~np.isfinite(closes)
    return _Priced(
        leg=leg,
        own=own,
        market=index,
        at=leg.announced - first,
        rows=axis.rows(leg),
        shifts=(starts[~taken] - leg.announced).astype(np.int64),
        axis=axis,
    )


@dataclass(kw_only=True, eq=False)
class _Total:
    """Sums over legs: of each draw, and at their own dates."""

    sums: FloatPanel
    counts: FloatPanel
    observed: FloatVector
    n_observed: FloatVector
    n: int = field(default=0)

    @classmethod
    def of(cls, *, draws: int, points: int) -> _Total:
        return cls(
            sums=np.zeros((draws, points)),
            counts=np.zeros((draws, points)),
            observed=np.zeros(points),
            n_observed=np.zeros(points),
        )

    def add(self, moved: FloatPanel, observed: FloatVector) -> None:
        self.sums += np.nan_to_num(moved)
        self.counts += np.isfinite(moved)
        self.observed += np.nan_to_num(observed)
        self.n_observed += np.isfinite(observed)
        self.n += 1

    def frame(self, axis: EventAxis, labels: list[str], side: str) -> pd.DataFrame:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self.sums / self.counts
            observed = self.observed / self.n_observed
        has = np.isfinite(means).all(axis=0)
        low, middle, high = (np.full(means.shape[1], np.nan) for _ in range(3))
        low[has], high[has] = np.percentile(means[:, has], [2.5, 97.5], axis=0)
        middle[has] = means[:, has].mean(axis=0)
        far = (np.abs(means - middle) >= np.abs(observed - middle)).sum(axis=0)
        p_value = np.where(
            has & np.isfinite(observed), (1.0 + far) / (1.0 + len(means)), np.nan
        )
        return pd.DataFrame(
            {
                "x": axis.x(),
                "label": labels,
                "side": side,
                "mean_bps": _BPS * middle,
                "low_bps": _BPS * low,
                "high_bps": _BPS * high,
                "observed_bps": _BPS * observed,
                "p_value": p_value,
                "n": self.n,
                "draws": len(means),
            }
        )
