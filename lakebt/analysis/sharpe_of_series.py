"""`lakebt.sharpe`: the Sharpe ratio of a return series, with its standard error."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt._messages import as_words
from lakebt.analysis.series import read_series, yearly_sessions
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR
from lakebt.analysis.sharpe_definition import SharpeDefinition
from lakebt.analysis.sharpe_ways import (
    SOURCES,
    Way,
    moments_of,
    ways_of_growth,
    ways_of_mean,
)
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import one_of
from lakebt.values.text import html_repr, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector


FEW = 60
"""From as many returns on, moments and autocorrelation are known well enough."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SharpeRatio:
    """A Sharpe ratio with its error and its definition; `float` gives the number.

    Attributes
    ----------
    value, low, high, error
        The ratio per year, its interval at `confidence`, and its standard error.
    psr
        Probability that the true ratio exceeds `benchmark`.
    min_track_record
        The number of returns that such a ratio needs to exceed the benchmark at
        one-sided 5 %; infinite if it does not exceed it.
    n
        Number of returns.
    skew, kurtosis, rho
        Moments of the returns: kurtosis is 3 for a normal distribution, and `rho` is
        the autocorrelation at lag 1.
    benchmark, confidence
        The arguments.
    definition : SharpeDefinition
        What the ratio is of.
    errors : DataFrame
        Each method for the error: value, error, low, high, source. The index is what
        ``error=`` takes.
    """

    value: float
    low: float
    high: float
    error: float
    psr: float
    min_track_record: float
    n: int
    skew: float
    kurtosis: float
    rho: float
    benchmark: float
    confidence: float
    definition: SharpeDefinition
    errors: pd.DataFrame

    def __float__(self) -> float:
        return self.value

    @as_words
    def __repr__(self) -> str:
        value, low, high = (
            signed(f"{number:z.2f}") for number in (self.value, self.low, self.high)
        )
        return (
            f"Sharpe {value} ({self.confidence:.0%} {low} to {high}), "
            f"above {self.benchmark:g} with probability "
            f"{self.psr:.3f}; {self.n:,} returns, {self._needed}\n{self.definition}"
            f"{self._caution}"
        )

    @property
    def _caution(self) -> str:
        if self.n >= FEW or self.definition.error == SOURCES["lo"]:
            return ""
        return (
            f"\nFewer than {FEW} returns: this error is too small (a test at 5 % "
            f"rejects 7 % of true nulls of 30 returns, 16 % of 5); error='lo' holds if "
            f"they are independent."
        )

    @property
    def _needed(self) -> str:
        if np.isinf(self.min_track_record):
            return f"and no number of them would show more than {self.benchmark:g}"
        return f"{np.ceil(self.min_track_record):,.0f} needed to show it at 5 %"

    def _repr_html_(self) -> str:
        table: str = self.errors.to_html(border=0, float_format="{:.3f}".format)
        note = html.escape(f"skew {self.skew:.2f}, kurtosis {self.kurtosis:.2f}, ")
        return f"{html_repr(self)}{table}<p>{note}rho {self.rho:.3f}</p>"


def sharpe(
    returns: FloatVector | pd.Series[float] | Sequence[float],
    *,
    risk_free: float | pd.Series[float] = 0.0,
    sessions_per_year: float | str = SESSIONS_PER_YEAR,
    ddof: int = 1,
    mean: str = "arithmetic",
    error: str = "moments",
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> SharpeRatio:
    """Return the Sharpe ratio of a return series, with its standard error.

    The returns must be those of one portfolio, one after the other. For events that
    share dates this error is too small: use that of `lakebt.Result.table`.

    Parameters
    ----------
    returns : Series or array of shape (n_returns,)
        Fractions, in order; at least 3, not all equal. Zero for a session without a
        position.
    risk_free
        Subtracted from each return: a fraction per return, or a series with the labels
        of all returns.
    sessions_per_year
        A number, or an exchange whose calendar has it: ``XNYS``.
    ddof
        The ddof of the standard deviation: 1, or 0.
    mean
        ``arithmetic``, or ``geometric``: yearly growth over yearly deviation.
    error
        ``moments`` [1]_: with skewness, kurtosis and autocorrelation; ``lo`` [2]_: for
        independent returns; ``lo_serial``: the same with autocorrelation, which changes
        the yearly ratio too. A geometric mean has an error of its own.
    benchmark
        The yearly ratio to exceed.
    confidence
        The level of the interval, between 0 and 1, with normal quantiles.

    Returns
    -------
    SharpeRatio
        The ratio, its errors and what it is of.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used: NaN, infinite, unsorted, constant or too few
        returns. The message names the value, the place and the cure.
    UnknownNameError
        If a word is unknown.

    References
    ----------
    .. [1] M. Lopez de Prado, A. Lipton and V. Zoonekynd (2026). "How to use the Sharpe
       ratio", equation 3.
    .. [2] A. W. Lo (2002). "The statistics of Sharpe ratios". Financial Analysts
       Journal 58(4), 36-52.

    Examples
    --------
    >>> import numpy as np
    >>> returns = np.random.default_rng(1).normal(0.0005, 0.01, 504)
    >>> found = sharpe(returns)
    >>> round(float(found), 3), round(found.low, 3), round(found.high, 3)
    (0.194, -1.046, 1.434)
    >>> found.errors["error"].round(3).to_dict()
    {'moments': 0.633, 'lo': 0.707, 'lo_serial': 0.699}
    """
    one_of(mean, ("arithmetic", "geometric"), what="mean")
    how = one_of(error, ("moments", "lo", "lo_serial"), what="error")
    _check_numbers(ddof=ddof, benchmark=benchmark, confidence=confidence)
    if mean == "geometric" and how != "moments":
        msg = f"error={error!r} is of an arithmetic mean: leave one of the two out"
        raise InvalidArgumentError(msg)
    series = read_series(returns, risk_free)
    year = yearly_sessions(sessions_per_year, series.index)
    look = ways_of_growth if mean == "geometric" else ways_of_mean
    ways = look(series.numbers, year=year, ddof=int(ddof), benchmark=float(benchmark))
    name = how if how in ways else "growth"
    way, moments = ways[name], moments_of(series.numbers)
    errors = _table(ways, confidence)
    low, high = errors[["low", "high"]].to_numpy()[errors.index.get_loc(name)]
    return SharpeRatio(
        value=way.value,
        low=float(low),
        high=float(high),
        error=way.error,
        psr=way.psr,
        min_track_record=way.needed,
        n=len(series.numbers),
        skew=moments.skew,
        kurtosis=moments.kurtosis,
        rho=moments.rho,
        benchmark=float(benchmark),
        confidence=float(confidence),
        definition=SharpeDefinition(
            of="returns",
            window=series.window,
            sessions_per_year=year,
            risk_free=series.risk_free,
            ddof=int(ddof),
            mean=mean,
            scale="eta" if name == "lo_serial" else "sqrt",
            error=SOURCES[name],
        ),
        errors=errors,
    )


def _table(ways: dict[str, Way], confidence: float) -> pd.DataFrame:
    from scipy.special import ndtri  # noqa: PLC0415 - scipy takes 0.1 s

    width = float(ndtri(0.5 + confidence / 2.0))
    rows = {
        name: (
            way.value,
            way.error,
            way.value - width * way.error,
            way.value + width * way.error,
            SOURCES[name],
        )
        for name, way in ways.items()
    }
    columns = ["value", "error", "low", "high", "source"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _check_numbers(*, ddof: Any, benchmark: Any, confidence: Any) -> None:
    if ddof not in {0, 1}:
        msg = f"ddof must be 0 or 1, was {ddof!r}"
        raise InvalidArgumentError(msg)
    if not isinstance(benchmark, int | float | np.number) or not np.isfinite(benchmark):
        msg = f"benchmark must be a finite ratio a year, was {benchmark!r}"
        raise InvalidArgumentError(msg)
    is_number = isinstance(confidence, int | float | np.number)
    if not is_number or not 0.0 < confidence < 1.0:
        msg = f"confidence must be between 0 and 1, was {confidence!r}: 0.95 for 95 %"
        raise InvalidArgumentError(msg)
