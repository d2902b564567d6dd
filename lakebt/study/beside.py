"""Other authors' tests of a study's best rule, shown beside the verdict.

The deflated Sharpe ratio, the test of superior predictive ability and the probability
of backtest overfitting take returns for independent, or one error for all draws. Events
share dates and sessions, and where they do, these three are wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.resampling.overfitting import overfitting_probability
from lakebt.analysis.resampling.superior import superior_p
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR
from lakebt.analysis.sharpe_maximum import deflated_sharpe, expected_maximum_sharpe
from lakebt.lake.api.trials import trials_of
from lakebt.study.tables import returns
from lakebt.study.trials import cell_ids, family

if TYPE_CHECKING:
    from lakebt._typing import FloatVector
    from lakebt.analysis.resampling.scores import Scores
    from lakebt.study.trading import TradedStudy

_FEWEST_RETURNS = 3
"""Below this many, returns have no skewness to speak of."""

_LIMITS = {
    "n_trials": "rules with a ratio in the lake's trials of this family, and here",
    "expected_maximum_sharpe": "per session: what the best of so many comes to",
    "deflated_sharpe": "no test: returns of one date, and rules, are not independent",
    "spa": "one error for all draws: rejects too often with few or skewed dates",
    "overfitting": "of the choice, not of an effect: about 0.5 of rules without skill",
}


def beside(
    traded: TradedStudy, scores: Scores, *, draws: int, seed: int
) -> pd.DataFrame:
    """Return other authors' tests; see `Significance.beside`.

    Parameters
    ----------
    traded
        The study.
    scores
        Of every rule that could be traded.
    draws, seed
        Of the blocks, for the test of superior predictive ability.
    """
    ratios = _tried(traded)
    variance = float(ratios.var(ddof=1)) if len(ratios) > 1 else float("nan")
    figures = {
        "n_trials": float(len(ratios)),
        "expected_maximum_sharpe": (
            expected_maximum_sharpe(len(ratios), variance)
            if len(ratios) > 1
            else float("nan")
        ),
        "deflated_sharpe": _deflated(traded, len(ratios), variance),
        "spa": superior_p(scores.sums, block=scores.block, draws=draws, seed=seed),
        "overfitting": overfitting_probability(scores.sums, scores.counts),
    }
    return pd.DataFrame(
        {"value": figures, "limit": _LIMITS},
        index=pd.Index(list(figures), name="measure"),
    )


def _own(traded: TradedStudy) -> pd.Series:
    """Return the ratio of each rule, a year; NaN where it used a late fact."""
    table = traded.table
    return table["sharpe"].where(table["is_point_in_time"].astype(bool))


def _tried(traded: TradedStudy) -> FloatVector:
    """Return the ratios, per session, of all rules that were tried in this family."""
    plain = traded.arguments.plain()
    ledger = trials_of(traded.view).trials(
        {"study": family(plain), "kind": "cell", "is_point_in_time": True},
        ["rule_id", "sharpe"],
    )
    # The newest of a rule that was run on several releases; here, what is here.
    tried = dict(zip(ledger["rule_id"], ledger["sharpe"], strict=True))
    ids = cell_ids(plain, traded.arguments.costs, traded.origin)
    tried.update(zip((rule for _, rule, _ in ids), _own(traded), strict=True))
    ratios = np.array(list(tried.values()), dtype=np.float64)
    per_session: FloatVector = ratios[np.isfinite(ratios)] / np.sqrt(SESSIONS_PER_YEAR)
    return per_session


def _deflated(traded: TradedStudy, n_trials: int, variance: float) -> float:
    """Return the deflated Sharpe ratio of the highest one of the study."""
    own = _own(traded).to_numpy(dtype=np.float64)
    if n_trials < 2 or np.isnan(own).all():
        return float("nan")
    best = int(np.nanargmax(own))
    rule = traded.table.iloc[best]
    series = returns(traded, entry=str(rule["entry"]), exit_=str(rule["exit"]))
    values = series.to_numpy(dtype=np.float64)
    if len(values) < _FEWEST_RETURNS:
        return float("nan")
    apart = values - values.mean()
    variance_of_best = float((apart**2).mean())
    return deflated_sharpe(
        float(own[best]) / np.sqrt(SESSIONS_PER_YEAR),
        len(values),
        n_trials=n_trials,
        variance=variance,
        skew=float((apart**3).mean()) / variance_of_best**1.5,
        kurtosis=float((apart**4).mean()) / variance_of_best**2,
    )
