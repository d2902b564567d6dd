"""The Sharpe ratios of many rules at once, each with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.clusters import effective_number
from lakebt.analysis.event_series import series_of
from lakebt.analysis.ratio_error import ErrorMethod
from lakebt.analysis.sharpe import ratio_of_moments

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.pooling import Pooling
    from lakebt.analysis.traded_events import Traded


_FEWEST = 0.5
"""Degrees of freedom; with less, an interval is wider than a number is good for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """What each rule comes to, arrays of shape (n_rules,).

    Attributes
    ----------
    sharpe, standard_error
        Per year; NaN with fewer than two returns, or none that vary.
    method, degrees
        How the error was computed, and the degrees of freedom of its t; NaN without.
    n_returns, n_events, n_dates, n_effective_dates
        What they rest on; the last is how many dates with the same number of events
        are worth as much.
    mean, deviation
        Of the daily net returns, as fractions; the deviation has ddof 1.
    most_open, mean_open
        Of a calendar portfolio: the most events that are open at once, and their mean
        number over the sessions in which any is. 0 and NaN otherwise.
    reweighted
        Of a calendar portfolio: what its open events traded to keep their weights, each
        as a multiple of its share of the capital, mean per event. 0 otherwise.
    """

    sharpe: FloatVector
    standard_error: FloatVector
    method: npt.NDArray[np.object_]
    degrees: FloatVector
    n_returns: IntVector
    n_events: IntVector
    n_dates: IntVector
    n_effective_dates: FloatVector
    mean: FloatVector
    deviation: FloatVector
    most_open: IntVector
    mean_open: FloatVector
    reweighted: FloatVector

    def interval(self) -> tuple[FloatVector, FloatVector]:
        """Return the 95 % interval of each ratio, with t of its degrees of freedom."""
        from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

        reach = self._error * stdtrit(self._degrees, 0.975)
        return self.sharpe - reach, self.sharpe + reach

    def above_zero(self) -> FloatVector:
        """Return the probability of t that each true ratio is above zero."""
        from scipy.special import stdtr  # noqa: PLC0415 - scipy takes 0.1 s

        probability: FloatVector = stdtr(self._degrees, self.sharpe / self._error)
        return probability

    @property
    def _error(self) -> FloatVector:
        """The errors; an infinite t is empty."""
        return np.where(self.standard_error > 0.0, self.standard_error, np.nan)

    @property
    def _degrees(self) -> FloatVector:
        return np.where(self.degrees >= _FEWEST, self.degrees, np.nan)


def surface(traded: Traded, *, n_rules: int, pooling: Pooling) -> Surface:
    """Return the Sharpe ratio of each rule over its events.

    Parameters
    ----------
    traded
        In any order.
    n_rules
        Rules without a traded event have NaN.
    pooling
        How the events become one series.

    Returns
    -------
    Surface
        The standard errors are those of `lakebt.analysis.ratio_error`.
    """
    order = np.lexsort((traded.date, traded.rule))
    cuts = np.searchsorted(traded.rule[order], np.arange(n_rules + 1))
    rules = (traded.of(order[cuts[n] : cuts[n + 1]]) for n in range(n_rules))
    return surface_of(rules, n_rules=n_rules, pooling=pooling)


def surface_of(rules: Iterable[Traded], *, n_rules: int, pooling: Pooling) -> Surface:
    """Return the Sharpe ratio of each rule; see `surface`.

    Parameters
    ----------
    rules
        The events of one rule after the other, each by date.
    n_rules
        The number of rules.
    pooling
        How the events become one series.
    """
    result = Surface(
        sharpe=np.full(n_rules, np.nan),
        standard_error=np.full(n_rules, np.nan),
        method=np.full(n_rules, ErrorMethod.NONE, dtype=object),
        degrees=np.full(n_rules, np.nan),
        n_returns=np.zeros(n_rules, dtype=np.int64),
        n_events=np.zeros(n_rules, dtype=np.int64),
        n_dates=np.zeros(n_rules, dtype=np.int64),
        n_effective_dates=np.zeros(n_rules),
        mean=np.full(n_rules, np.nan),
        deviation=np.full(n_rules, np.nan),
        most_open=np.zeros(n_rules, dtype=np.int64),
        mean_open=np.full(n_rules, np.nan),
        reweighted=np.zeros(n_rules),
    )
    for rule, events in enumerate(rules):
        if len(events.first):
            result.n_events[rule] = len(events.first)
            _fill(result, rule, events, pooling)
    return result


def _fill(result: Surface, rule: int, events: Traded, pooling: Pooling) -> None:
    is_new = np.append(True, events.date[1:] != events.date[:-1])
    dates = np.cumsum(is_new) - 1
    counts = np.bincount(dates)
    effective = effective_number(counts)
    series = series_of(events, dates, pooling)
    result.most_open[rule], result.mean_open[rule] = series.most_open, series.mean_open
    result.reweighted[rule] = series.reweighted
    result.n_returns[rule], result.n_dates[rule] = series.count, len(counts)
    result.n_effective_dates[rule] = effective
    result.mean[rule] = series.mean
    if series.count > 1:
        result.deviation[rule] = np.sqrt(series.m2 / (series.count - 1))
    value = float(ratio_of_moments(series.count, series.mean, series.m2))
    result.sharpe[rule] = value
    if np.isnan(value):
        return
    error = series.error(value, len(counts), effective)
    result.standard_error[rule] = error.value
    result.degrees[rule] = error.degrees
    result.method[rule] = error.method
