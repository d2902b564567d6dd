"""What other libraries call the numbers of a tear sheet, and why they differ.

As their code computes them when nothing but the returns, and the benchmark's, is given:
quantstats 0.0.86, empyrical-reloaded 0.7.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.analysis.library_formulas import FORMULAS
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakebt._typing import FloatVector, IntVector

_ROOT = float(np.sqrt(SESSIONS_PER_YEAR))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What a library is given, and what we say of it.

    Attributes
    ----------
    returns
        Fractions.
    month
        A code of each one's month: 12 times the year, and the month from 0 on. Empty
        where they have no date.
    ours
        Our numbers, by name.
    """

    returns: FloatVector
    month: IntVector
    ours: Mapping[str, float]


def _same(name: str) -> Callable[[Asked], float]:
    return lambda asked: asked.ours[name]


def _skew(asked: Asked) -> float:
    n = len(asked.returns)
    return asked.ours["skew"] * float(np.sqrt(n * (n - 1.0))) / (n - 2.0)


def _kurtosis(asked: Asked) -> float:
    n = len(asked.returns)
    if n < 4:
        return float("nan")
    excess = asked.ours["kurtosis"] - 3.0
    return (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)


def _alpha(asked: Asked) -> float:
    daily = asked.ours["alpha"] / SESSIONS_PER_YEAR
    return float(np.power(1.0 + daily, SESSIONS_PER_YEAR)) - 1.0


def _information(asked: Asked) -> float:
    return asked.ours["information_ratio"] / _ROOT


def _months(asked: Asked, *, pick: Callable[[FloatVector], float]) -> float:
    """Return what a calendar month of all years together earned, compounded."""
    month = asked.month % 12
    pooled = [float(np.prod(1.0 + asked.returns[month == m])) for m in set(month)]
    return pick(np.array(pooled)) - 1.0


def _infinite(name: str) -> Callable[[Asked], float]:
    """Return our number; without one, as without a loss, an infinite one."""

    def formula(asked: Asked) -> float:
        ours = asked.ours[name]
        return float("inf") if np.isnan(ours) and asked.ours["cagr"] > 0.0 else ours

    return formula


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryStatistic:
    """A number as a library has it.

    Attributes
    ----------
    call
        Its name there.
    formula
        Gives it.
    setting
        What it does otherwise, with the cure; empty if nothing.
    """

    call: str
    formula: Callable[[Asked], float]
    setting: str = ""


_PER_RETURN = f"per return, not per year: times sqrt({SESSIONS_PER_YEAR})"
_POOLED = "takes a calendar month of all years together: aggregate='ME'"

STATISTICS: dict[str, dict[str, LibraryStatistic]] = {
    "total_return": {
        "quantstats": LibraryStatistic(call="comp", formula=_same("total_return")),
        "empyrical": LibraryStatistic(
            call="cum_returns_final", formula=_same("total_return")
        ),
    },
    "cagr": {
        name: LibraryStatistic(call="cagr", formula=_same("cagr"))
        for name in ("quantstats", "empyrical")
    },
    "volatility": {
        "quantstats": LibraryStatistic(call="volatility", formula=_same("volatility")),
        "empyrical": LibraryStatistic(
            call="annual_volatility", formula=_same("volatility")
        ),
    },
    "sortino": {
        "quantstats": LibraryStatistic(call="sortino", formula=_same("sortino")),
        "empyrical": LibraryStatistic(
            call="sortino_ratio",
            formula=_infinite("sortino"),
            setting="infinite, not NaN, without a loss",
        ),
    },
    "calmar": {
        "quantstats": LibraryStatistic(
            call="calmar",
            formula=_infinite("calmar"),
            setting="divides by zero, or is infinite, without a drawdown",
        ),
        "empyrical": LibraryStatistic(call="calmar_ratio", formula=_same("calmar")),
    },
    "max_drawdown": {
        name: LibraryStatistic(call="max_drawdown", formula=_same("max_drawdown"))
        for name in ("quantstats", "empyrical")
    },
    "best_day": {
        "quantstats": LibraryStatistic(call="best", formula=_same("best_day"))
    },
    "worst_day": {
        "quantstats": LibraryStatistic(call="worst", formula=_same("worst_day"))
    },
    "best_month": {
        "quantstats": LibraryStatistic(
            call="best",
            formula=lambda asked: _months(asked, pick=lambda each: float(each.max())),
            setting=_POOLED,
        ),
        "empyrical": LibraryStatistic(
            call="aggregate_returns", formula=_same("best_month")
        ),
    },
    "worst_month": {
        "quantstats": LibraryStatistic(
            call="worst",
            formula=lambda asked: _months(asked, pick=lambda each: float(each.min())),
            setting=_POOLED,
        ),
        "empyrical": LibraryStatistic(
            call="aggregate_returns", formula=_same("worst_month")
        ),
    },
    "hit_rate": {
        "quantstats": LibraryStatistic(call="win_rate", formula=_same("hit_rate"))
    },
    "skew": {
        "quantstats": LibraryStatistic(
            call="skew",
            formula=_skew,
            setting="corrected for bias: times sqrt(n (n - 1)) / (n - 2)",
        )
    },
    "kurtosis": {
        "quantstats": LibraryStatistic(
            call="kurtosis",
            formula=_kurtosis,
            setting="excess, corrected for bias: (n - 1) / ((n - 2) (n - 3)) "
            "((n + 1) (kurtosis - 3) + 6)",
        )
    },
    "alpha": {
        "quantstats": LibraryStatistic(call="greeks", formula=_same("alpha")),
        "empyrical": LibraryStatistic(
            call="alpha",
            formula=_alpha,
            setting=f"compounded: (1 + alpha / {SESSIONS_PER_YEAR}) ** "
            f"{SESSIONS_PER_YEAR} - 1",
        ),
    },
    "beta": {
        "quantstats": LibraryStatistic(call="greeks", formula=_same("beta")),
        "empyrical": LibraryStatistic(call="beta", formula=_same("beta")),
    },
    "information_ratio": {
        "quantstats": LibraryStatistic(
            call="information_ratio", formula=_information, setting=_PER_RETURN
        ),
        "empyrical": LibraryStatistic(
            call="excess_sharpe", formula=_information, setting=_PER_RETURN
        ),
    },
}
"""By the name of the number, and of the library. Others have no such number."""

OF_BENCHMARK = ("alpha", "beta", "information_ratio")


def takes_prices(library: str, returns: FloatVector) -> bool:
    """Return whether a library takes these returns for prices, whatever is asked."""
    return FORMULAS[library].is_price(returns)
