"""What other libraries say about the same returns: run, by formula, and why."""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.analysis.library_formulas import FORMULAS
from lakebt.study import concordance as module

RETURNS = np.random.default_rng(8).normal(0.001, 0.01, 200)
DAYS = pd.date_range("2021-01-04", periods=200)
LIBRARIES = ["vectorbt", "quantstats", "empyrical"]

CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a rate": {"risk_free": 0.0001},
    "a series of rates": {"risk_free": pd.Series(np.linspace(0, 2e-4, 200), DAYS)},
    "a year of 251": {"sessions_per_year": 251},
    "ddof 0": {"ddof": 0},
    "growth": {"mean": "geometric"},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_says_what_its_formula_says(name: str, case: str) -> None:
    pytest.importorskip(name)

    row = lakebt.concordance(pd.Series(RETURNS, DAYS), **CASES[case]).loc[name]

    assert row["how"].startswith("run ")
    assert row["sharpe"] == pytest.approx(row["formula"], rel=1e-12)
    assert "not explained" not in row["setting"]
    assert (abs(row["difference"]) > 1e-12) == bool(row["setting"])


def test_each_difference_has_its_one_setting() -> None:
    def settings(**given: Any) -> dict[str, str]:
        frame = lakebt.concordance(pd.Series(RETURNS, DAYS), **given)
        return {str(name): words for name, words in frame["setting"].items()}

    year = "365 periods a year, not 252: year_freq='252 days'"
    assert settings() == {
        "lakebt": "",
        "vectorbt": year,
        "quantstats": "",
        "empyrical": "",
    }
    assert settings(risk_free=0.0001)["quantstats"] == (
        "takes the risk-free rate for one a year: (1 + rate) ** 252 - 1"
    )
    assert settings(sessions_per_year=251)["empyrical"] == (
        "252 periods a year, not 251: annualization=251"
    )
    assert settings(ddof=0)["vectorbt"] == f"{year}; ddof 1, not 0: ddof=0"
    assert "cannot be told" in settings(mean="geometric")["quantstats"]


def test_the_cure_cures() -> None:
    """A library told the setting says what lakebt says."""
    quantstats = pytest.importorskip("quantstats")
    empyrical = pytest.importorskip("empyrical")
    pytest.importorskip("vectorbt")
    series = pd.Series(RETURNS, DAYS)

    ours = float(lakebt.sharpe(series, ddof=0))
    theirs = series.vbt.returns(freq="1D", year_freq="252 days")  # type: ignore[attr-defined]
    assert float(theirs.sharpe_ratio(ddof=0)) == pytest.approx(ours, rel=1e-12)
    ours = float(lakebt.sharpe(series, sessions_per_year=251))
    assert empyrical.sharpe_ratio(series, annualization=251) == pytest.approx(
        ours, rel=1e-12
    )
    ours = float(lakebt.sharpe(series, risk_free=0.0001))
    yearly = (1 + 0.0001) ** 252 - 1
    assert float(quantstats.stats.sharpe(series, rf=yearly)) == pytest.approx(
        ours, rel=1e-12
    )


def test_by_hand() -> None:
    returns = np.array([0.01, 0.0, 0.02])  # mean and deviation 1 %

    found = {name: one.ratio(returns, 0.0) for name, one in FORMULAS.items()}

    assert found == pytest.approx(
        {
            "vectorbt": math.sqrt(365),
            "quantstats": math.sqrt(252),
            "empyrical": math.sqrt(252),
        }
    )


def test_returns_that_look_like_prices() -> None:
    """To quantstats: a series that never fell, and once more than doubled."""
    pytest.importorskip("quantstats")
    returns = pd.Series([0.5, 1.5, 0.1, 0.2, 0.4], DAYS[:5])

    row = lakebt.concordance(returns).loc["quantstats"]

    assert row["sharpe"] == pytest.approx(row["formula"], rel=1e-12)
    assert row["setting"] == "takes returns >= 0 with one above 1 for prices"


def test_what_is_not_installed_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        importlib.import_module("quantstats")

    frame = lakebt.concordance(RETURNS)

    assert frame["how"].to_dict() == {
        "lakebt": "run",
        **dict.fromkeys(LIBRARIES, "formula"),
    }
    assert frame["sharpe"]["vectorbt"] == pytest.approx(
        frame["sharpe"]["lakebt"] * math.sqrt(365 / 252)
    )


def test_what_another_version_says_is_not_explained_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ask", lambda *_: 1.234)

    frame = lakebt.concordance(RETURNS)

    assert frame["setting"]["empyrical"].startswith("not explained: run ")
    assert frame["sharpe"]["empyrical"] == 1.234


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(200),
        pd.period_range("2001-01", periods=200, freq="M"),
        pd.date_range("2021-01-04", periods=200, tz="America/New_York"),
    ],
    ids=["numbers", "months", "a zone"],
)
def test_labels_of_any_kind(index: pd.Index[Any]) -> None:
    frame = lakebt.concordance(pd.Series(RETURNS, index))

    plain = lakebt.concordance(RETURNS)
    pd.testing.assert_frame_equal(frame, plain, check_exact=True)


def test_the_definition_goes_with_the_frame() -> None:
    frame = lakebt.concordance(pd.Series(RETURNS, DAYS))

    assert "times sqrt(252)" in frame.attrs["definition"]
    with pytest.raises(lakebt.LakebtError, match="at least 3, were 1"):
        lakebt.concordance([0.1])


# --- the numbers of a tear sheet ------------------------------------------------------

MARKET = pd.Series(np.random.default_rng(9).normal(0.0, 0.01, 200), DAYS, name="M")


def test_every_number_is_as_the_libraries_have_it_or_explained() -> None:
    pytest.importorskip("quantstats")
    pytest.importorskip("empyrical")
    series = pd.concat(
        [
            pd.Series(RETURNS, DAYS),
            pd.Series(RETURNS[::-1], pd.date_range("2022-01-03", periods=200)),
        ]
    )
    market = pd.Series(np.tile(MARKET, 2), series.index)

    found = lakebt.concordance(series, of="all", benchmark=market)

    theirs = found[found.index.get_level_values("library") != "lakebt"]
    assert (theirs["how"].str.startswith("run ")).all()
    np.testing.assert_allclose(theirs["value"], theirs["formula"], rtol=1e-12)
    assert not theirs["setting"].str.contains("not explained").any()
    differs = {str(label[0]) for label in theirs.index[theirs["setting"] != ""]}
    assert differs == {
        *("best_month", "worst_month", "skew", "kurtosis", "alpha"),
        "information_ratio",
    }
    same = theirs["setting"] == ""
    assert (theirs["difference"].abs() < 1e-12)[same].all()
    assert len(theirs) == 27
    assert theirs.loc[("best_month", "quantstats"), "setting"] == (
        "takes a calendar month of all years together: aggregate='ME'"
    )


@pytest.mark.parametrize(
    ("returns", "statistic", "setting"),
    [
        ([0.01, 0.0, 0.02], "sortino", "infinite, not NaN, without a loss"),
        ([0.01, 0.0, 0.02], "calmar", "divides by zero, or is infinite"),
        ([0.5, 1.5, 0.1, 0.2], "volatility", "takes returns >= 0 with one above 1"),
    ],
)
def test_what_has_no_number_here_is_explained(
    returns: list[float], statistic: str, setting: str
) -> None:
    pytest.importorskip("quantstats")
    pytest.importorskip("empyrical")

    found = lakebt.concordance(returns, of=statistic)

    assert found["setting"].str.startswith(setting).any()
    assert not found["setting"].str.contains("not explained").any()


def test_a_number_that_needs_something_says_what() -> None:
    with pytest.raises(lakebt.LakebtError, match="give its returns"):
        lakebt.concordance(RETURNS, of="beta")
    with pytest.raises(lakebt.LakebtError, match="unknown statistic 'sorting'"):
        lakebt.concordance(RETURNS, of="sorting")
    # Without dates there is no month, without a benchmark none of its numbers.
    names = set(lakebt.concordance(RETURNS, of="all").index.get_level_values(0))
    assert not names & {"best_month", "worst_month", "alpha", "beta"}


def test_numbers_of_what_is_not_installed_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {"of": "all", "benchmark": MARKET}
    run = lakebt.concordance(pd.Series(RETURNS, DAYS), **asked)
    for name in ("quantstats", "empyrical"):
        monkeypatch.setitem(sys.modules, name, None)

    computed = lakebt.concordance(pd.Series(RETURNS, DAYS), **asked)

    assert set(computed["how"]) == {"run", "formula"}
    pd.testing.assert_frame_equal(
        computed.drop(columns="how"), run.drop(columns="how"), rtol=1e-10
    )
