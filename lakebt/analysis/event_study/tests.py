r"""Tests of abnormal returns: does it earn money, and does the typical stock move.

Each is as its source has it; which holds for events that share dates is another
question, see `lakebt.analysis.calibration`.

==================  ==========================================  ====================
test                statistic                                   reference
==================  ==========================================  ====================
cross-sectional t   mean over standard error                    t(N - 1)
clustered t         mean over the CR1 error by date             t(G - 1)
sign flips          sums by date, signs flipped                 all vectors, or draws
block flips         sums by block of the calendar               the same
Ibragimov-Mueller   means of q periods                          t(q - 1)
calendar time       mean of the open changes, each session      t(T - 1)
Patell              sum of SCARs, normal                        normal
BMP                 mean SCAR over its standard error           t(N - 1)
adjusted BMP        the same, for correlation of one date       t(N - 1)
clustered BMP       mean SCAR over the CR1 error by date        t(G - 1)
GRANK-T             ranks                                       t(T - 2)
generalised sign    signs                                       normal
==================  ==========================================  ====================

The papers are named for their tests. Of [3]_ and of those in `ranks` abstract and place
were looked up, not the text: a formula is what the functions here say it is, and tests
hold each against statsmodels or a slow loop.

References
----------
.. [1] J. M. Patell (1976). "Corporate forecasts of earnings per share and stock price
   behavior". Journal of Accounting Research 14(2), 246-276.
.. [2] E. Boehmer, J. Musumeci and A. B. Poulsen (1991). "Event-study methodology under
   conditions of event-induced variance". Journal of Financial Economics 30(2), 253-272.
.. [3] J. W. Kolari and S. Pynnonen (2010). "Event study testing with cross-sectional
   correlation of abnormal returns". Review of Financial Studies 23(11), 3996-4025.
.. [4] R. Ibragimov and U. K. Mueller (2010). "t-statistic based correlation and
   heterogeneity robust inference". Journal of Business and Economic Statistics 28(4),
   453-468.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.event_study.correlation import mean_correlation
from lakebt.analysis.event_study.ranks import generalised_sign, grank_t
from lakebt.analysis.resampling.blocks import by_block, calendar_blocks
from lakebt.analysis.resampling.flips import sign_flip_p
from lakebt.analysis.years import clustered_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.event_study.abnormal import Abnormal
    from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
    from lakebt.analysis.event_study.models import Fit

MONEY, TYPICAL = "money", "typical stock"
"""What is asked: whether it earns money, or whether the typical stock moves."""

_FEWEST_PERIODS, _MOST_PERIODS, _DATES_A_PERIOD = 8, 12, 2


@dataclass(frozen=True, kw_only=True)
class Row:
    """One test of one window.

    Attributes
    ----------
    name, question
        Which test, and what it asks.
    n, n_dates
        Changes and announcement dates.
    estimate, low, high
        What the mean change returned over the market (`money`), or its mean CAR, as
        fractions, and its 95 % interval; NaN where the test gives none.
    statistic, degrees
        NaN where it cannot be computed; `degrees` is infinite of a normal reference,
        and NaN where signs are flipped.
    p
        Two-sided.
    """

    name: str
    question: str
    n: int
    n_dates: int
    estimate: float
    low: float
    high: float
    statistic: float
    degrees: float
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases:
    """The changes of one window, and when they were announced.

    Attributes
    ----------
    date : ndarray of shape (n_changes,)
        Codes of announcement dates.
    announced : ndarray of shape (n_changes,)
        Numbers of the sessions of the announcements.
    longest
        Sessions from an announcement to the end of its window, at most.
    """

    date: IntVector
    announced: IntVector
    longest: int

    @property
    def n_dates(self) -> int:
        """How many announcement dates there are."""
        return len(np.unique(self.date))

    @property
    def by_date(self) -> IntVector:
        """The date of each change, from 0 without gaps."""
        return np.unique(self.date, return_inverse=True)[1].astype(np.int64)

    @property
    def block(self) -> IntVector:
        """The block of the calendar of each change: twice the longest window."""
        return calendar_blocks(self.announced, length=2 * max(self.longest, 1))


def money_tests(
    over: FloatVector, window: WindowData, cases: Cases, *, draws: int, seed: int
) -> Iterator[Row]:
    """Give the tests of what was earned over the market, by all that had prices.

    Parameters
    ----------
    over : ndarray of shape (n_changes,)
        Returns over the market from end to end, as fractions.
    window, cases
        Of the same changes.
    draws, seed
        Of signs.
    """
    make = _Rows(over, cases, MONEY)
    yield from make.means(draws=draws, seed=seed)
    yield make.periods()
    yield make.calendar(window)


def typical_tests(
    found: Abnormal,
    fit: Fit,
    estimation: EstimationData,
    cases: Cases,
    *,
    draws: int,
    seed: int,
) -> Iterator[Row]:
    """Give the tests of abnormal returns, of changes with an estimation window.

    Parameters
    ----------
    found, fit, estimation, cases
        Of the same changes.
    draws, seed
        Of signs.
    """
    plain = _Rows(found.car, cases, TYPICAL)
    yield plain.cross_sectional("cross-sectional t of CAR")
    yield plain.clustered("clustered t of CAR")
    make = _Rows(found.scar, cases, TYPICAL, estimate=_mean(found.car))
    n = len(found.scar)
    extra = fit.model.n_estimated
    if fit.model.value == "market_adjusted":
        weight = (fit.length - 1.0) / (fit.length - 3.0)
    else:
        weight = (fit.length - extra) / (fit.length - extra - 2.0)
    patell = _ratio(float(found.scar.sum()), float(np.sqrt(weight.sum())))
    yield make.row("Patell", patell, float("inf"))
    bmp = _ratio(_mean(found.scar), _error(found.scar))
    yield make.row("BMP", bmp, n - 1.0)
    r = mean_correlation(estimation, fit.residual, date=cases.date)
    shrunk = (1.0 - r) / (1.0 + (n - 1.0) * r)
    adjusted = bmp * np.sqrt(shrunk) if shrunk > 0.0 else float("nan")
    yield make.row("adjusted BMP", float(adjusted), n - 1.0)
    yield make.clustered("clustered BMP", is_scaled=True)
    yield make.flips("sign flips of SCAR", cases.by_date, draws=draws, seed=seed)
    yield make.row("GRANK-T", *grank_t(found, fit, estimation))
    sign = generalised_sign(found, fit, estimation)
    yield make.row("generalised sign", sign, float("inf"))


class _Rows:
    """Rows of tests of some values.

    Parameters
    ----------
    values, cases, question
    estimate
        What stands beside the statistic; the mean of the values, if not given.
    """

    def __init__(
        self,
        values: FloatVector,
        cases: Cases,
        question: str,
        *,
        estimate: float | None = None,
    ) -> None:
        self.values, self.cases, self.question = values, cases, question
        self.estimate = _mean(values) if estimate is None else estimate

    def row(
        self,
        name: str,
        statistic: float,
        degrees: float,
        *,
        error: float = float("nan"),
        p: float | None = None,
    ) -> Row:
        """Return a row; its interval from an error, where there is one."""
        from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

        if p is None:
            p = float(2.0 * stdtr(degrees, -abs(statistic))) if degrees > 0 else np.nan
        reach = float(stdtrit(degrees, 0.975)) * error if degrees > 0 else np.nan
        return Row(
            name=name,
            question=self.question,
            n=len(self.values),
            n_dates=self.cases.n_dates,
            estimate=self.estimate,
            low=self.estimate - reach,
            high=self.estimate + reach,
            statistic=statistic,
            degrees=degrees,
            p=p,
        )

    def means(self, *, draws: int, seed: int) -> Iterator[Row]:
        """Give the tests of the mean."""
        yield self.cross_sectional("cross-sectional t")
        yield self.clustered("clustered t")
        yield self.flips("sign flips", self.cases.by_date, draws=draws, seed=seed)
        yield self.flips("block flips", self.cases.block, draws=draws, seed=seed)

    def cross_sectional(self, name: str) -> Row:
        error = _error(self.values)
        statistic = _ratio(_mean(self.values), error)
        return self.row(name, statistic, len(self.values) - 1.0, error=error)

    def clustered(self, name: str, *, is_scaled: bool = False) -> Row:
        """Cluster by date; of values that are scaled there is no interval."""
        if not len(self.values):
            return self.row(name, float("nan"), float("nan"))
        mean, error = clustered_mean(
            self.values,
            group=np.zeros(len(self.values), dtype=np.int64),
            date=self.cases.by_date,
        )
        degrees = self.cases.n_dates - 1.0
        return self.row(
            name,
            _ratio(float(mean[0]), float(error[0])),
            degrees if degrees > 0 else float("nan"),
            error=float("nan") if is_scaled else float(error[0]),
        )

    def flips(self, name: str, group: IntVector, *, draws: int, seed: int) -> Row:
        sums = by_block(self.values[:, None], group)[:, 0]
        size = float(np.sqrt((sums * sums).sum()))
        p = sign_flip_p(sums, draws=draws, seed=seed)
        statistic = float("nan") if np.isnan(p) else _ratio(float(sums.sum()), size)
        return self.row(name, statistic, float("nan"), p=p)

    def periods(self) -> Row:
        """Return the t of the means of contiguous periods with as many dates each."""
        dates = self.cases.by_date
        n_dates = self.cases.n_dates
        q = min(_MOST_PERIODS, n_dates // _DATES_A_PERIOD)
        if q < _FEWEST_PERIODS:
            return self.row("Ibragimov-Mueller", float("nan"), float("nan"))
        order = np.argsort(self.cases.announced, kind="stable")
        rank = np.zeros(n_dates, dtype=np.int64)
        seen, first = np.unique(dates[order], return_index=True)
        rank[seen[np.argsort(first)]] = np.arange(n_dates)
        period = rank[dates] * q // n_dates
        means = np.bincount(period, self.values) / np.bincount(period)
        statistic = _ratio(_mean(means), _error(means))
        return self.row("Ibragimov-Mueller", statistic, q - 1.0)

    def calendar(self, window: WindowData) -> Row:
        """Return the t of the mean over the market of the open changes, by session."""
        if not len(self.values):
            return self.row("calendar time", float("nan"), float("nan"))
        session = np.unique(window.session, return_inverse=True)[1]
        over = window.stock - window.market
        daily = np.bincount(session, over) / np.bincount(session)
        statistic = _ratio(_mean(daily), _error(daily))
        return self.row("calendar time", statistic, len(daily) - 1.0)


def _mean(values: FloatVector) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _error(values: FloatVector) -> float:
    if len(values) < 2:
        return float("nan")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0.0 else float("nan")
