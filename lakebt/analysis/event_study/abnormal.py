"""What each change returned beyond what was expected of it, over one window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.event_study.event_returns import summed

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.event_study.event_returns import WindowData
    from lakebt.analysis.event_study.models import Fit


@dataclass(frozen=True, kw_only=True, eq=False)
class Abnormal:
    """Abnormal returns over one window, as fractions; arrays of shape (n_changes,).

    Attributes
    ----------
    car
        The sum of the returns of the stretches held, less what was expected: alpha for
        each close that is reached, and beta times the sum of the market's returns.
    bhar
        What the stock returned over the whole window, less what the market did.
    scar
        `car` over its standard deviation, ``deviation * sqrt(q)``. NaN where the stock
        did not vary.
    q
        See `Fit.variance_factor`.
    h
        Sessions held.
    by_stretch : ndarray of shape (n_stretches,)
        The abnormal return of each stretch.
    """

    car: FloatVector
    bhar: FloatVector
    scar: FloatVector
    q: FloatVector
    h: IntVector
    by_stretch: FloatVector


def abnormal(window: WindowData, fit: Fit) -> Abnormal:
    """Return the abnormal returns of changes over one window.

    Parameters
    ----------
    window, fit
        Of the same changes, in the same order.
    """
    owner = window.owner
    expected = fit.alpha[owner] * window.is_close + fit.beta[owner] * window.market
    by_stretch = window.stock - expected
    h = window.sessions_held
    q = fit.variance_factor(h, summed(window.market, window.start))
    car = summed(by_stretch, window.start)
    deviation = fit.deviation * np.sqrt(q)
    return Abnormal(
        car=car,
        bhar=over_market(window),
        scar=car / np.where(deviation > 0.0, deviation, np.nan),
        q=q,
        h=h,
        by_stretch=by_stretch,
    )


def over_market(window: WindowData) -> FloatVector:
    """Return what each change earned over the market from end to end, as fractions."""
    if not window.n_changes:
        return np.zeros(0)
    begin = window.start[:-1]
    stock = np.multiply.reduceat(1.0 + window.stock, begin)
    market = np.multiply.reduceat(1.0 + window.market, begin)
    over: FloatVector = stock - market
    return over
