r"""What a stock was expected to return: estimated before its event.

``market_adjusted``
    :math:`E r = m`. Nothing is estimated but the deviation of :math:`r - m`. So no
    run-up before the event is taken off again in every session held.
``market``
    :math:`E r = \alpha + \beta m` by least squares [1]_. Of stocks that were added
    because they rose, :math:`\alpha` is that rise.
``constant_mean``
    :math:`E r = \alpha`, the mean.

References
----------
.. [1] A. C. MacKinlay (1997). "Event studies in economics and finance". Journal of
   Economic Literature 35(1), 13-39.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.event_study.event_returns import summed

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.event_study.event_returns import EstimationData


class Model(enum.StrEnum):
    """What a stock is expected to return."""

    MARKET_ADJUSTED = "market_adjusted"
    MARKET = "market"
    CONSTANT_MEAN = "constant_mean"

    @property
    def n_estimated(self) -> int:
        """How many degrees of freedom the deviation loses."""
        return 2 if self is Model.MARKET else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A model of each change, arrays of shape (n_changes,) where nothing is said.

    Attributes
    ----------
    model
    alpha, beta
        Per session; 0 and 1 where nothing is estimated.
    deviation
        Of the residuals, with `Model.n_estimated` degrees of freedom less than returns.
    length
        Returns in the estimation window.
    market_mean, market_squares
        Mean of the market's returns, and the sum of their squared deviations from it.
    residual : ndarray of shape (n_returns,)
        As the estimation data lies.
    """

    model: Model
    alpha: FloatVector
    beta: FloatVector
    deviation: FloatVector
    length: IntVector
    market_mean: FloatVector
    market_squares: FloatVector
    residual: FloatVector

    def variance_factor(self, h: IntVector, market: FloatVector) -> FloatVector:
        r"""Return by what the variance of a session is multiplied over a window.

        .. math:: q = h + h^2 / L + \left(\sum m - h \bar m\right)^2 / S_{mm}

        of the market model, :math:`h + h^2 / L` of the constant mean, and :math:`h`
        where nothing is estimated: what is estimated is shared by all sessions held.

        Parameters
        ----------
        h : ndarray of shape (n_changes,)
            Sessions held.
        market : ndarray of shape (n_changes,)
            Sum of the market's returns in them.
        """
        held = h.astype(np.float64)
        if self.model is Model.MARKET_ADJUSTED:
            return held
        factor = held + held * held / self.length
        if self.model is Model.MARKET:
            apart = market - held * self.market_mean
            factor = factor + apart * apart / self.market_squares
        return factor

    def prediction_factor(self, market: FloatVector, own: IntVector) -> FloatVector:
        """Return by what the variance of single sessions is multiplied, shape of `own`.

        Parameters
        ----------
        market, own : ndarray of shape (n,)
            The market's return in each session, and the change that it is of.
        """
        factor = np.ones(len(own))
        if self.model is Model.MARKET_ADJUSTED:
            return factor
        factor += 1.0 / self.length[own]
        if self.model is Model.MARKET:
            apart = market - self.market_mean[own]
            factor += apart * apart / self.market_squares[own]
        return factor


def fit(estimation: EstimationData, model: Model) -> Fit:
    """Return a model of each change.

    Parameters
    ----------
    estimation
    model

    Returns
    -------
    Fit
        Beta is NaN where the market did not move.
    """
    start = estimation.start
    length = np.diff(start)
    own = np.repeat(np.arange(len(length)), length)
    market_mean = summed(estimation.market, start) / length
    apart = estimation.market - market_mean[own]
    market_squares = summed(apart * apart, start)
    mean = summed(estimation.stock, start) / length
    alpha, beta = np.zeros(len(length)), np.ones(len(length))
    if model is Model.MARKET:
        some = np.where(market_squares > 0.0, market_squares, np.nan)
        beta = summed(apart * (estimation.stock - mean[own]), start) / some
        alpha = mean - beta * market_mean
    elif model is Model.CONSTANT_MEAN:
        alpha, beta = mean, np.zeros(len(length))
    residual = estimation.stock - alpha[own] - beta[own] * estimation.market
    centred = residual - (summed(residual, start) / length)[own]
    variance = summed(centred * centred, start) / (length - model.n_estimated)
    return Fit(
        model=model,
        alpha=alpha,
        beta=beta,
        deviation=np.sqrt(variance),
        length=length,
        market_mean=market_mean,
        market_squares=market_squares,
        residual=residual,
    )
