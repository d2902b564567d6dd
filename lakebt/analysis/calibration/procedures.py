"""Every test of one replication: its p-value, and what was claimed of many rules."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from lakebt.analysis.calibration.simulation import simulate, simulate_rules
from lakebt.analysis.event_study.abnormal import abnormal, over_market
from lakebt.analysis.event_study.models import Model, fit
from lakebt.analysis.event_study.tests import money_tests, typical_tests
from lakebt.analysis.pooling import Aggregate, Pooling
from lakebt.analysis.resampling.blocks import by_block, calendar_blocks
from lakebt.analysis.resampling.family import family_wise_p
from lakebt.analysis.resampling.judgement import FEWEST_BLOCKS, FEWEST_FOR_PAIRS
from lakebt.analysis.resampling.superior import superior_p
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR, lo_standard_error
from lakebt.analysis.sharpe_inference import probabilistic_sharpe
from lakebt.analysis.sharpe_maximum import deflated_sharpe
from lakebt.analysis.surface import surface
from lakebt.analysis.traded_events import Traded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.analysis.calibration.designs import Design
    from lakebt.analysis.calibration.simulation import Rules, Sample

DRAWS = 399
"""Of signs and blocks in each replication: 5 % are whole numbers of them."""

LEVEL = 0.05


def p_values(design: Design, *, seed: int, replication: int) -> dict[str, float]:
    """Return two-sided p-values of every test of one replication.

    Parameters
    ----------
    design, seed, replication
        See `lakebt.analysis.calibration.simulation.simulate`.

    Returns
    -------
    dict of str to float
        NaN where a test says nothing.
    """
    sample = simulate(design, seed=seed, replication=replication)
    p_by_test = _event_tests(sample, Model(design.model), seed=replication)
    return {**p_by_test, **_sharpe_tests(sample)}


def _event_tests(sample: Sample, model: Model, *, seed: int) -> dict[str, float]:
    fitted = fit(sample.estimation, model)
    returns = abnormal(sample.window, fitted)
    over = over_market(sample.window)
    rows = [
        *money_tests(over, sample.window, sample.cases, draws=DRAWS, seed=seed),
        *typical_tests(
            returns, fitted, sample.estimation, sample.cases, draws=DRAWS, seed=seed
        ),
    ]
    return {row.name: row.p for row in rows}


def _sharpe_tests(sample: Sample) -> dict[str, float]:
    """Return p of a Sharpe ratio of zero, by each error."""
    from scipy.special import ndtr  # noqa: PLC0415 - scipy takes 0.1 s

    window, over = sample.window, sample.window.stock - sample.window.market
    events = _traded(sample, over)
    p_by_test = {}
    for how in Aggregate:
        known = surface(events, n_rules=1, pooling=Pooling(how=how)).above_zero()
        p_by_test[f"Sharpe, {how}"] = float(2.0 * min(known[0], 1.0 - known[0]))
    ratio = float(over.mean() / over.std(ddof=1))
    yearly = ratio * np.sqrt(SESSIONS_PER_YEAR)
    by_lo = abs(yearly) / lo_standard_error(yearly, len(over))
    z = (over - over.mean()) / over.std()
    above = float(
        probabilistic_sharpe(
            ratio,
            len(window.stock),
            skew=float((z**3).mean()),
            kurtosis=float((z**4).mean()),
            at="ratio",
        )
    )
    p_by_test["Sharpe, Lo's error"] = float(2.0 * ndtr(-by_lo))
    p_by_test["Sharpe, PSR"] = 2.0 * min(above, 1.0 - above)
    return p_by_test


def _traded(sample: Sample, over: FloatVector) -> Traded:
    window, n = sample.window, sample.window.n_changes
    held = window.sessions_held
    mean = np.add.reduceat(over, window.start[:-1]) / held
    apart = (over - mean[window.owner]) ** 2
    return Traded(
        rule=np.zeros(n, dtype=np.int64),
        date=sample.cases.by_date,
        first=window.session[window.start[:-1]],
        n_returns=held,
        mean=mean,
        m2=np.add.reduceat(apart, window.start[:-1]),
        n_legs=np.ones(n, dtype=np.int64),
        start=window.start[:-1],
        final=over[window.start[1:] - 1],
        held=over,
    )


def tried(design: Design, *, seed: int, replication: int) -> dict[str, float]:
    """Return what `p_values` or, of many rules, `claims` gives."""
    of = p_values if design.n_rules == 1 else claims
    return of(design, seed=seed, replication=replication)


def claims(design: Design, *, seed: int, replication: int) -> dict[str, float]:
    """Return the smallest p of any of many rules, one-sided, by each procedure.

    Parameters
    ----------
    design, seed, replication
        See `lakebt.analysis.calibration.simulation.simulate_rules`.

    Returns
    -------
    dict of str to float
        NaN where a procedure says nothing: what is not claimed is not rejected.
    """
    rules = simulate_rules(design, seed=seed, replication=replication)
    scores = rules.scores()
    ones = np.ones_like(scores)
    sums = by_block(scores, rules.date)
    counts = np.repeat(np.bincount(rules.date)[:, None] * 1.0, len(rules.hold), axis=1)
    day = rules.announced[np.searchsorted(rules.date, np.arange(len(sums)))]
    block = calendar_blocks(day, length=2 * int(rules.hold.max()))

    def best(
        how: Literal["pairs", "flips"],
        at: IntVector | None,
        parts: tuple[FloatPanel, FloatPanel] = (sums, counts),
    ) -> float:
        p = family_wise_p(
            *parts, block=at, draws=DRAWS, seed=replication, how=how, at_once=DRAWS
        )
        return float(np.nanmin(p.p_family))

    flips, pairs = best("flips", block), best("pairs", block)
    n_blocks = int(block.max()) + 1
    by_date = np.arange(len(sums))
    is_apart = n_blocks == len(sums)  # a block is a date, and the draws are the same
    decides = pairs if n_blocks >= FEWEST_FOR_PAIRS else flips
    superior = partial(superior_p, sums, block=by_date, draws=DRAWS, seed=replication)
    return {
        "any clustered t": _any_t(sums, counts),
        "SPA, one error": superior(),
        "StepM, one error": superior(is_consistent=False),
        "deflated Sharpe, N = 200": 1.0 - _deflated(rules, len(rules.hold)),
        "deflated Sharpe, effective N": 1.0 - _deflated(rules, _effective(scores)),
        "flips of events": best("flips", None, (scores, ones)),
        "flips of dates": flips if is_apart else best("flips", None),
        "flips of blocks": flips,
        "pairs of dates": pairs if is_apart else best("pairs", None),
        "pairs of blocks": pairs,
        "what significance() decides by": (
            decides if n_blocks >= FEWEST_BLOCKS else float("nan")
        ),
    }


def _any_t(sums: FloatPanel, counts: FloatPanel) -> float:
    from scipy.special import stdtr  # noqa: PLC0415 - scipy takes 0.1 s

    n, n_dates = counts.sum(axis=0), len(sums)
    mean = sums.sum(axis=0) / n
    squares = ((sums - mean * counts) ** 2).sum(axis=0)
    error = np.sqrt(n_dates / (n_dates - 1.0) * squares) / n
    return float(stdtr(n_dates - 1.0, -(mean / error).max()))


def _effective(scores: FloatPanel) -> float:
    """Return how many independent rules these are worth.

    The exponential of the entropy of the eigenvalues of their correlation (O. Roy and
    M. Vetterli (2007). "The effective rank". EUSIPCO, 606-610).
    """
    share = np.linalg.eigvalsh(np.corrcoef(scores.T)) / scores.shape[1]
    some = share[share > 0.0]
    return float(np.exp(-(some * np.log(some)).sum()))


def _deflated(rules: Rules, n_trials: float) -> float:
    """Return the deflated Sharpe ratio of the best rule, of so many trials."""
    moments = list(_moments(rules))
    n = len(rules.returns) * rules.hold
    m1, m2, m3, m4 = (each / n for each in moments)
    variance = m2 - m1 * m1
    ratio = m1 / np.sqrt(variance)
    at = int(ratio.argmax())
    third = m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
    return deflated_sharpe(
        float(ratio[at]),
        int(n[at]),
        n_trials=float(n_trials),
        variance=float(ratio.var(ddof=1)),
        skew=float(third[at] / variance[at] ** 1.5),
        kurtosis=float(fourth[at] / variance[at] ** 2),
    )


def _moments(rules: Rules) -> Iterator[FloatVector]:
    """Give sums of powers of the returns of each rule, the first to the fourth."""
    for power in range(1, 5):
        total = np.append(0.0, np.cumsum((rules.returns**power).sum(axis=0)))
        yield total[rules.entry + rules.hold] - total[rules.entry]
