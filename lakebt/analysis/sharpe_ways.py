"""The ways to the error of one series' Sharpe ratio, and what each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.sharpe_inference import (
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_error,
)
from lakebt.analysis.sharpe_serial import (
    autocorrelation,
    error_of_mean,
    eta,
    lo_serial_error,
)
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt._typing import FloatVector

SOURCES = {
    "moments": "Lopez de Prado, Lipton and Zoonekynd (2026), equation 3",
    "lo": "Lo (2002), independent returns",
    "lo_serial": "Lo (2002), returns that follow each other",
    "growth": "delta method with the covariance of Newey and West (1987)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to the error; ratios are of a year.

    Attributes
    ----------
    value, error
        Its ratio, and the standard error of it.
    psr
        Probability that the true ratio exceeds the benchmark.
    needed
        Returns that would show it at one-sided 5 %.
    """

    value: float
    error: float
    psr: float
    needed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Of returns: plain kurtosis, 3 of a normal series, and autocorrelation."""

    skew: float = 0.0
    kurtosis: float = 3.0
    rho: float = 0.0


def moments_of(values: FloatVector) -> Moments:
    """Return the moments of returns that vary."""
    apart = values - values.mean()
    variance = float((apart**2).mean())
    return Moments(
        skew=float((apart**3).mean()) / variance**1.5,
        kurtosis=float((apart**4).mean()) / variance**2,
        rho=autocorrelation(values),
    )


def ways_of_mean(
    values: FloatVector, *, year: float, ddof: int, benchmark: float
) -> dict[str, Way]:
    """Return the mean over the deviation with each error, by the name of the error."""
    ratio = float(values.mean()) / float(values.std(ddof=ddof))
    moments = moments_of(values)
    q = max(round(year), 1)
    scale = eta(q, moments.rho ** np.arange(1.0, q))
    return {
        "moments": _of_moments(ratio, len(values), moments, year, benchmark=benchmark),
        "lo": _of_moments(ratio, len(values), Moments(), year, benchmark=benchmark),
        "lo_serial": _of_estimate(
            ratio * scale,
            lo_serial_error(values) * scale,
            len(values),
            benchmark=benchmark,
        ),
    }


def ways_of_growth(
    values: FloatVector, *, year: float, ddof: int, benchmark: float
) -> dict[str, Way]:
    """Return yearly growth over yearly deviation, with its error.

    Raises
    ------
    InvalidArgumentError
        If a return lost all there was.
    """
    worst = float(values.min())
    if worst <= -1.0:
        msg = (
            f'returns must be above -1 for mean="geometric", was {worst:g} (row '
            f'{int(values.argmin())}): all was lost; use mean="arithmetic"'
        )
        raise InvalidArgumentError(msg)
    logs = np.log1p(values)
    growth = float(np.exp(year * logs.mean()))
    deviation = float(values.std(ddof=ddof)) * float(np.sqrt(year))
    ratio = (growth - 1.0) / deviation
    apart = values - values.mean()
    influence = year * growth * (logs - logs.mean()) / deviation - ratio / 2.0 * (
        apart**2 / float((apart**2).mean()) - 1.0
    )
    error = error_of_mean(influence)
    return {"growth": _of_estimate(ratio, error, len(values), benchmark=benchmark)}


def _of_moments(
    ratio: float, n: int, moments: Moments, year: float, *, benchmark: float
) -> Way:
    """Return what eq. 3 says; the probability is that of a test at the benchmark."""
    root = float(np.sqrt(year))
    given = {
        "skew": moments.skew,
        "kurtosis": moments.kurtosis,
        "rho": moments.rho,
    }
    limit = benchmark / root
    return Way(
        value=ratio * root,
        error=float(sharpe_error(ratio, n, **given)) * root,
        psr=float(
            probabilistic_sharpe(ratio, n, benchmark=limit, at="benchmark", **given)
        ),
        needed=float(minimum_track_record(ratio, benchmark=limit, alpha=0.05, **given)),
    )


def _of_estimate(value: float, error: float, n: int, *, benchmark: float) -> Way:
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - scipy takes 0.1 s

    score = (value - benchmark) / error if error > 0.0 else float("nan")
    needed = n * (float(ndtri(0.95)) / score) ** 2 if score > 0.0 else float("inf")
    return Way(value=value, error=error, psr=float(ndtr(score)), needed=needed)
