"""Abnormal returns and their tests, against statsmodels, slow loops and hand tables."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lakebt.analysis.event_study.abnormal import abnormal, over_market
from lakebt.analysis.event_study.correlation import mean_correlation
from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
from lakebt.analysis.event_study.models import Model, fit
from lakebt.analysis.event_study.ranks import generalised_sign, grank_t, mid_ranks
from lakebt.analysis.event_study.tests import (
    Cases,
    Row,
    money_tests,
    typical_tests,
)
from lakebt.errors import InvalidArgumentError

N, LENGTH, HELD = 9, 60, 4
DATE = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4])
ANNOUNCED = np.array([100, 100, 100, 130, 145, 145, 190, 260, 260])


def sample(seed: int = 0) -> tuple[EstimationData, WindowData]:
    """Nine changes on five dates; some of them miss a few sessions."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0005, 0.01, 400)
    shared = rng.normal(0.0, 0.008, 400)
    stock, indexed, session, place, lengths = [], [], [], [], []
    held, held_market, held_session, at_close = [], [], [], []
    for announced in ANNOUNCED.tolist():
        days = np.arange(announced - LENGTH - 5, announced - 5)
        days = days[rng.random(LENGTH) > 0.05]
        own = 0.001 + 1.2 * market[days] + shared[days] + rng.normal(0, 0.01, len(days))
        stock.append(own)
        indexed.append(market[days])
        session.append(days)
        place.append(days - (announced - LENGTH - 5))
        lengths.append(len(days))
        window = np.arange(announced + 1, announced + 1 + HELD)
        held.append(market[window] + shared[window] + rng.normal(0, 0.02, HELD))
        held_market.append(market[window])
        held_session.append(window)
        at_close.append([True] * (HELD - 1) + [False])
    return (
        EstimationData(
            stock=np.concatenate(stock),
            market=np.concatenate(indexed),
            session=np.concatenate(session),
            place=np.concatenate(place),
            start=np.cumsum([0, *lengths]),
        ),
        WindowData(
            stock=np.concatenate(held),
            market=np.concatenate(held_market),
            session=np.concatenate(held_session),
            start=np.arange(0, HELD * N + 1, HELD),
            is_close=np.concatenate(at_close),
        ),
    )


CASES = Cases(date=DATE, announced=ANNOUNCED, longest=HELD + 1)


def part(values: np.ndarray, start: np.ndarray, n: int) -> np.ndarray:
    return values[start[n] : start[n + 1]]


# --- models ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(N))
def test_the_market_model_is_that_of_statsmodels(n: int, sm: Any) -> None:
    data, window = sample()
    found = fit(data, Model.MARKET)
    y, x = part(data.stock, data.start, n), part(data.market, data.start, n)
    theirs = sm.OLS(y, sm.add_constant(x)).fit()

    assert found.alpha[n] == pytest.approx(theirs.params[0])
    assert found.beta[n] == pytest.approx(theirs.params[1])
    assert found.deviation[n] == pytest.approx(math.sqrt(theirs.mse_resid))
    # The variance of a sum of forecasts: that of the errors, and what is estimated.
    over = part(window.market, window.start, n)
    row = np.array([len(over), over.sum()])
    variance = theirs.mse_resid * len(over) + row @ theirs.cov_params() @ row
    q = abnormal(window, found).q[n]
    assert q * found.deviation[n] ** 2 == pytest.approx(variance)


def test_the_other_models_are_means_and_differences() -> None:
    data, _ = sample()
    adjusted, constant = (
        fit(data, Model.MARKET_ADJUSTED),
        fit(data, Model.CONSTANT_MEAN),
    )

    for n in range(N):
        y, x = part(data.stock, data.start, n), part(data.market, data.start, n)
        assert (adjusted.alpha[n], adjusted.beta[n]) == (0.0, 1.0)
        assert adjusted.deviation[n] == pytest.approx((y - x).std(ddof=1))
        assert constant.alpha[n] == pytest.approx(y.mean())
        assert constant.deviation[n] == pytest.approx(y.std(ddof=1))


@pytest.mark.parametrize("model", Model)
def test_abnormal_returns_by_a_loop(model: Model) -> None:
    data, window = sample()
    model_ = fit(data, model)
    found = abnormal(window, model_)

    for n in range(N):
        r, m = part(window.stock, window.start, n), part(window.market, window.start, n)
        closes = part(window.is_close, window.start, n).sum()
        expected = model_.alpha[n] * closes + model_.beta[n] * m.sum()
        assert found.car[n] == pytest.approx(r.sum() - expected)
        assert found.bhar[n] == pytest.approx(np.prod(1 + r) - np.prod(1 + m))
        length = data.start[n + 1] - data.start[n]
        q = float(HELD)
        if model is not Model.MARKET_ADJUSTED:
            q += HELD**2 / length
        if model is Model.MARKET:
            x = part(data.market, data.start, n)
            squares = ((x - x.mean()) ** 2).sum()
            q += (m.sum() - HELD * x.mean()) ** 2 / squares
        assert found.q[n] == pytest.approx(q)
        scar = found.car[n] / (model_.deviation[n] * math.sqrt(q))
        assert found.scar[n] == pytest.approx(scar)


def test_what_is_not_finite_or_too_short_is_refused() -> None:
    data, window = sample()
    spoilt = window.stock.copy()
    spoilt[3] = np.nan

    with pytest.raises(InvalidArgumentError, match=r"stock must be finite.*at 3"):
        replace(window, stock=spoilt)
    with pytest.raises(InvalidArgumentError, match="has 1 returns"):
        replace(data, start=np.append(data.start[:-1], data.start[-2] + 1))


# --- tests ----------------------------------------------------------------------------


def rows(model: Model = Model.MARKET_ADJUSTED, seed: int = 0) -> dict[str, Row]:
    data, window = sample(seed)
    model_ = fit(data, model)
    found = abnormal(window, model_)
    over = over_market(window)
    tests = [
        *money_tests(over, window, CASES, draws=999, seed=0),
        *typical_tests(found, model_, data, CASES, draws=999, seed=0),
    ]
    assert len({row.name for row in tests}) == len(tests) == 15
    return {row.name: row for row in tests}


def test_the_clustered_t_is_that_of_statsmodels(sm: Any) -> None:
    _, window = sample()
    over = over_market(window)
    groups = {"groups": DATE, "use_correction": True}
    theirs = sm.OLS(over, np.ones(N)).fit(
        cov_type="cluster", cov_kwds=groups, use_t=True
    )
    # statsmodels multiplies by (N - 1) / (N - 1) too: one parameter.
    found = rows()["clustered t"]

    assert found.statistic == pytest.approx(theirs.tvalues[0])
    assert found.p == pytest.approx(theirs.pvalues[0])
    assert found.degrees == 4
    low, high = theirs.conf_int()[0]
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.estimate == pytest.approx(over.mean())


def test_textbook_tests_by_hand() -> None:
    data, window = sample()
    found = abnormal(window, fit(data, Model.MARKET))
    tests = rows(Model.MARKET)
    lengths = np.diff(data.start)

    error = found.car.std(ddof=1) / 3
    assert tests["cross-sectional t of CAR"].statistic == pytest.approx(
        found.car.mean() / error
    )
    patell = found.scar.sum() / math.sqrt(((lengths - 2) / (lengths - 4)).sum())
    assert tests["Patell"].statistic == pytest.approx(patell)
    bmp = found.scar.mean() / (found.scar.std(ddof=1) / 3)
    assert tests["BMP"].statistic == pytest.approx(bmp)
    r = mean_correlation(data, fit(data, Model.MARKET).residual, date=DATE)
    adjusted = bmp * math.sqrt((1 - r) / (1 + 8 * r))
    assert tests["adjusted BMP"].statistic == pytest.approx(adjusted)
    assert tests["adjusted BMP"].degrees == 8


def test_the_correlation_is_over_all_pairs() -> None:
    data, _ = sample()
    residual = fit(data, Model.MARKET_ADJUSTED).residual
    total = 0.0
    for one, other in itertools.combinations(range(N), 2):
        if DATE[one] != DATE[other]:
            continue
        mine = dict(
            zip(
                part(data.session, data.start, one),
                part(residual, data.start, one),
                strict=True,
            )
        )
        theirs = dict(
            zip(
                part(data.session, data.start, other),
                part(residual, data.start, other),
                strict=True,
            )
        )
        common = sorted(set(mine) & set(theirs))
        pair = np.array([[mine[t], theirs[t]] for t in common])
        total += np.corrcoef(pair.T)[0, 1]

    found = mean_correlation(data, residual, date=DATE)
    assert found == pytest.approx(total / (N * (N - 1) / 2))
    assert mean_correlation(data, residual, date=np.arange(N)) == 0.0


@pytest.mark.parametrize("chosen", list(Model))
def test_ranks_by_a_slow_loop(chosen: Model) -> None:
    data, window = sample()
    model = fit(data, chosen)
    found = abnormal(window, model)
    n_columns = LENGTH + 1
    spread = found.scar.std(ddof=1)
    table: list[dict[int, float]] = []
    for n in range(N):
        x = part(data.market, data.start, n)
        squares = ((x - x.mean()) ** 2).sum()
        row = {0: found.scar[n] / spread}
        for place, value, m in zip(
            part(data.place, data.start, n),
            part(model.residual, data.start, n),
            x,
            strict=True,
        ):
            extra = {
                Model.MARKET: 1 / len(x) + (m - x.mean()) ** 2 / squares,
                Model.CONSTANT_MEAN: 1 / len(x),
                Model.MARKET_ADJUSTED: 0.0,
            }[chosen]
            row[int(place) + 1] = value / (model.deviation[n] * math.sqrt(1 + extra))
        table.append(row)
    means = []
    for column in range(n_columns):
        scaled = []
        for row in table:
            if column in row:
                rank = sum(value <= row[column] for value in row.values())
                scaled.append(rank / (len(row) + 1) - 0.5)
        if scaled:
            means.append((len(scaled), np.mean(scaled)))
    total = len(means)
    z = means[0][1] / math.sqrt(sum(k / N * u * u for k, u in means) / total)
    t = z * math.sqrt((total - 2) / (total - 1 - z * z))

    statistic, degrees = grank_t(found, model, data)
    assert statistic == pytest.approx(t)
    assert degrees == total - 2


def test_what_is_equal_has_the_mean_of_its_ranks() -> None:
    values = np.random.default_rng(3).integers(0, 6, (7, 20)).astype(np.float64)
    values[0] = 1.0

    assert np.array_equal(mid_ranks(values), stats.rankdata(values, axis=1))


def test_signs_by_hand() -> None:
    data, window = sample()
    model = fit(data, Model.MARKET_ADJUSTED)
    found = abnormal(window, model)
    share = np.mean(
        [(part(model.residual, data.start, n) > 0).mean() for n in range(N)]
    )
    w = (found.car > 0).sum()

    assert generalised_sign(found, model, data) == pytest.approx(
        (w - N * share) / math.sqrt(N * share * (1 - share))
    )


def test_flips_are_of_sums_by_date() -> None:
    _, window = sample()
    over = over_market(window)
    sums = np.array([over[date == DATE].sum() for date in range(5)])
    every = [
        abs(sum(s * x for s, x in zip(signs, sums, strict=True)))
        for signs in itertools.product([-1, 1], repeat=5)
    ]
    found = rows()["sign flips"]

    assert found.statistic == pytest.approx(sums.sum() / math.sqrt((sums**2).sum()))
    seen = abs(sums.sum()) * (1 - 1e-12)
    assert found.p == pytest.approx(np.mean([x >= seen for x in every]))


def test_periods_and_sessions_by_hand() -> None:
    rng = np.random.default_rng(3)
    n_dates = 20
    announced = np.arange(n_dates) * 30
    values = rng.normal(0.01, 0.02, n_dates)
    window = WindowData(
        stock=np.repeat(values, 2) / 2,
        market=np.zeros(2 * n_dates),
        session=(announced[:, None] + np.array([1, 2])).ravel(),
        start=np.arange(0, 2 * n_dates + 1, 2),
        is_close=np.ones(2 * n_dates, dtype=bool),
    )
    cases = Cases(date=np.arange(n_dates), announced=announced, longest=3)
    found = {
        row.name: row for row in money_tests(values, window, cases, draws=99, seed=0)
    }

    means = values.reshape(10, 2).mean(axis=1)  # ten periods of two dates each
    t = means.mean() / (means.std(ddof=1) / math.sqrt(10))
    assert found["Ibragimov-Mueller"].statistic == pytest.approx(t)
    assert found["Ibragimov-Mueller"].degrees == 9
    daily = np.repeat(values, 2) / 2
    t = daily.mean() / (daily.std(ddof=1) / math.sqrt(40))
    assert found["calendar time"].statistic == pytest.approx(t)


def test_one_date_shows_nothing_but_what_was_estimated_before() -> None:
    data, window = sample()
    model = fit(data, Model.MARKET_ADJUSTED)
    cases = Cases(
        date=np.zeros(N, dtype=np.int64), announced=np.full(N, 100), longest=5
    )
    found = {
        row.name: row
        for row in (
            *money_tests(over_market(window), window, cases, draws=99, seed=0),
            *typical_tests(
                abnormal(window, model), model, data, cases, draws=99, seed=0
            ),
        )
    }

    empty = {name for name, row in found.items() if math.isnan(row.p)}
    assert empty == {
        *("clustered t", "sign flips", "block flips", "Ibragimov-Mueller"),
        *("clustered t of CAR", "clustered BMP", "sign flips of SCAR"),
    }
    assert not math.isnan(found["adjusted BMP"].p)
