"""What each number of a tear sheet is: its unit, its definition and its source."""

from __future__ import annotations

from dataclasses import dataclass

from lakebt.analysis.sharpe import SESSIONS_PER_YEAR

FRACTION, YEARLY, RATIO = "fraction", "fraction a year", "ratio a year"

_YEAR = f"{SESSIONS_PER_YEAR}"


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition of one number: its unit, meaning and source."""

    unit: str
    definition: str
    source: str


OF_RETURNS = {
    "total_return": Definition(
        FRACTION, "product of 1 + return, less 1", "GIPS (2020), linked returns"
    ),
    "cagr": Definition(
        YEARLY,
        f"(1 + total return) ** ({_YEAR} / sessions), less 1; NaN if more than all "
        f"was lost",
        "GIPS (2020), annualised returns",
    ),
    "volatility": Definition(
        YEARLY,
        f"standard deviation (ddof 1) times sqrt({_YEAR})",
        "sample standard deviation",
    ),
    "sharpe": Definition(RATIO, "", "Sharpe (1994)"),
    "sharpe_se": Definition(RATIO, "standard error of sharpe", ""),
    "sortino": Definition(
        RATIO,
        f"mean times {_YEAR} over the root of the mean square of min(return, 0), times "
        f"sqrt({_YEAR}); NaN without a loss",
        "Sortino and van der Meer (1991), target 0",
    ),
    "calmar": Definition(
        RATIO,
        "cagr over the depth of max_drawdown; NaN without one",
        "Young (1991), over the whole period",
    ),
    "max_drawdown": Definition(
        FRACTION,
        "lowest of equity over its highest so far, less 1, equity starting at 1; 0 "
        "if it never fell; when: the trough",
        "Magdon-Ismail and Atiya (2004)",
    ),
    "drawdown_fall": Definition(
        "sessions",
        "of max_drawdown, from peak to trough; when: the peak, NaT if that is the "
        "start",
        "counted",
    ),
    "drawdown_length": Definition(
        "sessions",
        "of max_drawdown, from peak to recovery, or to the end; when: the recovery, "
        "NaT if there is none yet",
        "counted",
    ),
    "best_day": Definition(FRACTION, "highest return; when: its session", "counted"),
    "worst_day": Definition(FRACTION, "lowest return; when: its session", "counted"),
    "best_month": Definition(
        FRACTION,
        "highest return of a calendar month, compounded, parts of months as they are; "
        "when: its last session",
        "counted",
    ),
    "worst_month": Definition(
        FRACTION,
        "lowest return of a calendar month, compounded, parts of months as they are; "
        "when: its last session",
        "counted",
    ),
    "hit_rate": Definition(
        FRACTION, "returns above 0, of those that are not 0", "counted"
    ),
    "skew": Definition(
        "number",
        "third central moment over deviation ** 3 (ddof 0)",
        "Joanes and Gill (1998), g1",
    ),
    "kurtosis": Definition(
        "number",
        "fourth central moment over deviation ** 4 (ddof 0): 3 if normal",
        "Joanes and Gill (1998), g2 + 3",
    ),
    "n_returns": Definition("sessions", "number of daily returns", "counted"),
}
"""Numbers of the returns alone, in the order shown."""

OF_HELD = {
    "turnover": Definition("multiple of value a year", "", "counted"),
    "exposure": Definition("multiple of value", "", "counted"),
    "time_held": Definition(
        FRACTION, "sessions with an exposure that is not 0, of all", "counted"
    ),
}
"""Numbers of what was held."""

OF_BENCHMARK = {
    "alpha": Definition(
        YEARLY,
        f"(mean less beta times the benchmark's mean) times {_YEAR}",
        "Jensen (1968), without a risk-free rate",
    ),
    "beta": Definition(
        "number",
        "covariance with the benchmark over its variance; NaN if that is 0",
        "Sharpe (1964)",
    ),
    "correlation": Definition(
        "number", "with the benchmark; NaN if either does not vary", "Pearson (1895)"
    ),
    "tracking_error": Definition(
        YEARLY,
        f"standard deviation (ddof 1) of return less benchmark's, times sqrt({_YEAR})",
        "Grinold and Kahn (1999)",
    ),
    "information_ratio": Definition(
        RATIO,
        f"mean of return less benchmark's over its standard deviation (ddof 1), times "
        f"sqrt({_YEAR}); NaN if that does not vary",
        "Goodwin (1998)",
    ),
    "benchmark_return": Definition(
        FRACTION,
        "total return of the benchmark in the same sessions",
        "as total_return",
    ),
}
"""Numbers against a benchmark."""
