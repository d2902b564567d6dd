"""How the residuals of changes that were announced on one day move together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.event_study.event_returns import EstimationData

FEWEST_COMMON = 30
"""Two changes with fewer sessions in common have no correlation to speak of."""


def mean_correlation(
    estimation: EstimationData, residual: FloatVector, *, date: IntVector
) -> float:
    """Return the mean correlation of residuals over all pairs of changes.

    Parameters
    ----------
    estimation
        Where the residuals lie.
    residual : ndarray of shape (n_returns,)
    date : ndarray of shape (n_changes,)
        Codes of announcement dates. A pair of different dates counts as 0: it is among
        the pairs, and has no sessions in common that would tell [1]_.

    Returns
    -------
    float
        NaN with fewer than two changes.

    References
    ----------
    .. [1] J. W. Kolari and S. Pynnonen (2010). "Event study testing with
       cross-sectional correlation of abnormal returns". Review of Financial Studies
       23(11), 3996-4025.
    """
    n = estimation.n_changes
    if n < 2:
        return float("nan")
    total = 0.0
    order = np.argsort(date, kind="stable")
    cuts = np.flatnonzero(np.diff(date[order])) + 1
    for group in np.split(order, cuts):
        if len(group) > 1:
            total += _pairs(_panel(estimation, residual, group))
    return total / (n * (n - 1) / 2.0)


def _panel(
    estimation: EstimationData, residual: FloatVector, group: IntVector
) -> FloatPanel:
    """Return residuals by change and session; NaN where there is none."""
    parts = [slice(estimation.start[c], estimation.start[c + 1]) for c in group]
    first = min(int(estimation.session[part][0]) for part in parts)
    last = max(int(estimation.session[part][-1]) for part in parts)
    panel = np.full((len(group), last - first + 1), np.nan)
    for row, part in enumerate(parts):
        panel[row, estimation.session[part] - first] = residual[part]
    return panel


def _pairs(panel: FloatPanel) -> float:
    """Return the sum of the correlations of all pairs of rows."""
    has = ~np.isnan(panel)
    values, some = np.where(has, panel, 0.0), has.astype(np.float64)
    square = values * values
    count = _products(some, some)
    sums = _products(values, some)  # of the row, where the other has one too
    squares = _products(square, some)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = _products(values, values) - sums * sums.T / count
        variance = squares - sums * sums / count
        correlation = covariance / np.sqrt(variance * variance.T)
    upper = np.triu(np.ones(count.shape, dtype=bool), 1)
    good = upper & (count >= FEWEST_COMMON) & np.isfinite(correlation)
    return float(correlation[good].sum())


def _products(one: FloatPanel, other: FloatPanel) -> FloatPanel:
    """Return the products of all pairs of rows, added in one order on any machine."""
    products: FloatPanel = np.einsum("it,jt->ij", one, other, optimize=False)
    return products
