from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING

import pytest
from scipy import stats

from lakebt.cli.backtest import backtest
from lakebt.cli.output import plain
from lakebt.lake.lake import Lake
from lakebt.strategy.backtest import Backtest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

STRATEGIES = '''
"""Strategies of tests."""

from __future__ import annotations

import pandas as pd


class Market:
    """Half of the capital short the market: it borrows."""

    def target_weights(self, view):
        return pd.Series({"MKT": -0.5})


class Levered:
    def target_weights(self, view):
        return pd.Series({"MKT": 5.0})


class Broken:
    def target_weights(self, view):
        return {}["MKT"]


class Ahead:
    def target_weights(self, view):
        return view.as_of("2010-12-31T00:00:00Z").read("prices")


class Idle:
    def target_weights(self, view):
        return pd.Series(dtype="float64")
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(STRATEGIES, encoding="utf-8")
    return path


@pytest.fixture
def period(lake: Path) -> tuple[object, ...]:
    dates = ("--start", "2010-03-01", "--end", "2010-06-30")
    return ("--release", "SIM", *dates, "--lake", lake)


@pytest.mark.slow
def test_what_it_earned_and_paid_is_told(
    mine: Path, period: tuple[object, ...], run: Run, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"

    shown = run(
        *("backtest", f"{mine}:Market", *period, "--report", report),
        *("--commission-bps", "1", "--borrow-bps-per-year", "50"),
    )

    told = " ".join(shown.stdout.split())
    assert shown.exit_code == 0, shown.stderr
    assert "Market, release SIM, 2010-03-01 to 2010-06-30: 4 decisions" in told
    assert "±" in told
    assert "over 86 sessions" in told
    assert "Commission: " in told
    assert "Borrow: " in told
    assert "Not audited for look-ahead" in told
    assert report.stat().st_size > 1_000
    assert max(map(len, shown.stdout.splitlines()[:-2])) <= 80


def test_json_is_one_row_with_the_run_s_own_numbers(
    mine: Path, period: tuple[object, ...], run: Run, lake: Path
) -> None:
    shown = run("backtest", f"{mine}:Market", *period, "--json")

    class Market:
        def target_weights(self, view: object) -> object:  # noqa: ARG002
            import pandas as pd  # noqa: PLC0415 - only here

            return pd.Series({"MKT": -0.5})

    same = Backtest(
        Lake.open(lake, create=False).at("SIM"),
        Market(),  # type: ignore[arg-type]
        start="2010-03-01",
        end="2010-06-30",
    ).run()
    (row,) = json.loads(shown.stdout)
    assert row["sharpe"] == same.sharpe()
    assert row["sharpe_se"] == same.sharpe_se()
    assert row["n_returns"] == len(same.returns())
    reach = stats.t.ppf(0.975, row["n_returns"] - 1) * row["sharpe_se"]
    assert row["sharpe_high"] == pytest.approx(row["sharpe"] + reach)
    assert row["sharpe_low"] == pytest.approx(row["sharpe"] - reach)
    known = stats.t.cdf(row["sharpe"] / row["sharpe_se"], row["n_returns"] - 1)
    assert row["psr"] == pytest.approx(known)
    assert (row["start"], row["end"]) == ("2010-03-01", "2010-06-30")
    assert row["stats"] == plain(same.stats()["value"].to_dict())
    assert row["stats"]["total_return"] == pytest.approx(row["net_return"])
    assert row["audited"] is False
    assert row["engine"] == "event"
    assert row["commission_usd"] == 0.0


@pytest.mark.slow
def test_the_reference_engine_says_the_same(
    mine: Path, period: tuple[object, ...], run: Run
) -> None:
    rows = [
        json.loads(
            run(
                "backtest", f"{mine}:Market", *period, "--engine", name, "--json"
            ).stdout
        )[0]
        for name in ("event", "vectorbt")
    ]

    assert [row.pop("engine") for row in rows] == ["event", "vectorbt"]
    sheets = [row.pop("stats") for row in rows]
    assert sheets[0] == pytest.approx(sheets[1], rel=1e-9)
    for name, value in rows[0].items():
        is_number = isinstance(value, float)
        other = rows[1][name]
        assert value == (pytest.approx(other, rel=1e-9) if is_number else other), name


def test_every_argument_of_a_backtest_has_an_option() -> None:
    theirs = inspect.signature(Backtest.__init__).parameters
    ours = inspect.signature(backtest).parameters

    assert set(theirs) - {"self", "view", "costs"} <= set(ours)
    for name in ours.keys() & theirs.keys() - {"strategy", "start", "end"}:
        assert ours[name].default == theirs[name].default, name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Levered"], "gross exposure 5 is above --max-gross 2"),
        (["Broken"], "mine.py, line 23, in target_weights: KeyError: 'MKT'"),
        (["Ahead"], "is later than"),
        (["Idle"], "the strategy held nothing in 4 decisions"),
        (["Nope"], "has no 'Nope': the strategies in it are Market, Levered"),
        (["Market", "--start", "soon"], "start 'soon' is not a date"),
        (["Market", "--end", "2010-02-01"], "no session from start"),
        (["Market", "--end", "2020-01-31"], "is past what the view knows"),
        (["Market", "--rebalance", "yearly"], "unknown rebalance 'yearly'"),
        (["Market", "--fill", "noon"], "unknown fill 'noon'"),
        (["Market", "--engine", "steam"], "unknown engine 'steam'"),
        (["Market", "--min-lead", "10"], "--min-lead '10' has no unit"),
        (["Market", "--half-spread-bps", "-2"], "--half-spread-bps must be"),
        (["Market", "--release", "SIMS"], "unknown release 'SIMS'"),
        (["Market", "--report", "nowhere/r.html"], "the folder nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str],
    told: str,
    mine: Path,
    period: tuple[object, ...],
    run: Run,
) -> None:
    name, *options = words
    wrong = run("backtest", f"{mine}:{name}", *period, *options)

    assert wrong.exit_code == 1
    assert wrong.stdout == ""
    assert told in wrong.stderr
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1
