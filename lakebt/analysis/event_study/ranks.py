"""Tests of the typical stock: ranks and signs. They are about the median."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector
    from lakebt.analysis.event_study.abnormal import Abnormal
    from lakebt.analysis.event_study.event_returns import EstimationData
    from lakebt.analysis.event_study.models import Fit


def grank_t(
    abnormal: Abnormal, fit: Fit, estimation: EstimationData
) -> tuple[float, float]:
    r"""Return the generalised rank statistic, and its degrees of freedom.

    Each change's residuals over the prediction errors of its model, and one value for
    its whole window, SCAR over the deviation of all SCARs, are ranked together, equal
    ones with the mean of their ranks; with :math:`U_t` the mean over changes of rank
    over :math:`T + 1`, less a half, of the :math:`T` columns,

    .. math:: Z = U_0 \Big/ \sqrt{\tfrac{1}{T} \sum_t \tfrac{n_t}{n} U_t^2}, \qquad
       t = Z \sqrt{(T - 2) / (T - 1 - Z^2)}

    has :math:`T - 2` degrees of freedom [1]_.

    Parameters
    ----------
    abnormal, fit, estimation
        Of the same changes.

    Returns
    -------
    statistic, degrees : float
        NaN with fewer than two changes.

    References
    ----------
    .. [1] J. W. Kolari and S. Pynnonen (2011). "Nonparametric rank tests for event
       studies". Journal of Empirical Finance 18(5), 953-971.
    """
    n = len(abnormal.scar)
    spread = float(np.std(abnormal.scar, ddof=1)) if n > 1 else 0.0
    if not spread > 0.0:
        return float("nan"), float("nan")
    columns = int(estimation.place.max()) + 2
    values = np.full((n, columns), np.nan)
    length = fit.length
    own = np.repeat(np.arange(n), length)
    inflation = np.sqrt(fit.prediction_factor(estimation.market, own))
    values[own, estimation.place + 1] = fit.residual / (fit.deviation[own] * inflation)
    values[:, 0] = abnormal.scar / spread
    has = ~np.isnan(values)
    ranks = mid_ranks(np.where(has, values, np.inf))
    scaled = np.where(has, ranks / (has.sum(axis=1, keepdims=True) + 1.0) - 0.5, 0.0)
    counts = has.sum(axis=0)
    used = counts > 0
    mean = scaled.sum(axis=0)[used] / counts[used]
    total = int(used.sum())
    scale = np.sqrt((counts[used] / n * mean * mean).sum() / total)
    z = float(mean[0] / scale) if scale > 0.0 else float("nan")
    left = total - 1.0 - z * z
    statistic = z * np.sqrt((total - 2.0) / left) if left > 0.0 else float("nan")
    return float(statistic), total - 2.0


def mid_ranks(values: FloatPanel) -> FloatPanel:
    """Return the rank of each value in its row, from 1; the mean of those of a tie."""
    order = np.argsort(values, axis=1)
    ascending = np.take_along_axis(values, order, axis=1)
    n, width = values.shape
    place = np.arange(1.0, width + 1.0)
    is_new = np.ones((n, width), dtype=np.bool_)
    is_new[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ranks = np.empty((n, width))
    np.put_along_axis(ranks, order, np.broadcast_to(place, (n, width)), axis=1)
    tied = np.flatnonzero(~is_new.all(axis=1))
    if len(tied):
        new, end = is_new[tied], np.ones((len(tied), width), dtype=np.bool_)
        end[:, :-1] = new[:, 1:]
        first = np.maximum.accumulate(np.where(new, place, 0.0), axis=1)
        backwards = np.where(end, place, width)[:, ::-1]
        last = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
        ranks[tied[:, None], order[tied]] = (first + last) / 2.0
    return ranks


def generalised_sign(abnormal: Abnormal, fit: Fit, estimation: EstimationData) -> float:
    r"""Return the generalised sign statistic.

    :math:`(w - N p) / \sqrt{N p (1 - p)}` with :math:`w` the number of positive CARs
    and :math:`p` the share of positive residuals before the event, mean over changes
    [1]_.

    Parameters
    ----------
    abnormal, fit, estimation
        Of the same changes.

    Returns
    -------
    float
        NaN where all residuals have one sign.

    References
    ----------
    .. [1] A. R. Cowan (1992). "Nonparametric event study tests". Review of
       Quantitative Finance and Accounting 2(4), 343-358.
    """
    n = len(abnormal.car)
    positive = _share(fit.residual, estimation)
    variance = n * positive * (1.0 - positive)
    if not variance > 0.0:
        return float("nan")
    return float(((abnormal.car > 0.0).sum() - n * positive) / np.sqrt(variance))


def _share(residual: FloatVector, estimation: EstimationData) -> float:
    positive = np.add.reduceat(
        (residual > 0.0).astype(np.float64), estimation.start[:-1]
    )
    return float((positive / np.diff(estimation.start)).mean())
