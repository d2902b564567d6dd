from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING

import pytest

from lakebt.backtest.costs import CostModel
from lakebt.cli.audit import audit
from lakebt.cli.backtest import backtest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

STRATEGIES = '''
"""Strategies of tests. The file opens the lake itself, as careless ones do."""

from __future__ import annotations

import os

import pandas as pd

import lakebt
from beside import LAST

OUTER = lakebt.Lake.open(os.environ["LAKEBT_LAKE"]).at("SIM")
CLOSES = OUTER.panel("close", symbols=["MKT"])


class Clean:
    def target_weights(self, view):
        closes = view.panel("close", symbols=["MKT"])["MKT"]
        return pd.Series({"MKT": 0.5 if closes.iloc[-1] > closes.mean() else 0.25})


class Global:
    """Keeps the frame of everything in a global of the file."""

    def target_weights(self, view):
        last = CLOSES["MKT"].iloc[-1] / CLOSES["MKT"].iloc[0]
        return pd.Series({"MKT": 0.2 * last})


class Beside:
    """Takes it from a file beside this one."""

    def target_weights(self, view):
        return pd.Series({"MKT": LAST / 1e4})


class Constructor:
    """Is made with the view of everything."""

    def __init__(self, view):
        self.mean = view.panel("close", symbols=["MKT"])["MKT"].mean()

    def target_weights(self, view):
        return pd.Series({"MKT": self.mean / 1e4})


made = Global()


def of_the_view(view):
    return Constructor(view)


class Broken:
    def target_weights(self, view):
        return {}["MKT"]


class Needy:
    def __init__(self, share):
        self.share = share

    def target_weights(self, view): ...
'''

BESIDE = """
import os

import lakebt

OUTER = lakebt.Lake.open(os.environ["LAKEBT_LAKE"]).at("SIM")
LAST = OUTER.panel("close", symbols=["MKT"])["MKT"].iloc[-1]
"""


@pytest.fixture
def mine(tmp_path: Path, lake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEBT_LAKE", str(lake))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    (tmp_path / "beside.py").write_text(BESIDE, encoding="utf-8")
    path = tmp_path / "mine.py"
    path.write_text(STRATEGIES, encoding="utf-8")
    return path


PERIOD = ("--release", "SIM", "--start", "2010-03-01", "--end", "2010-06-30")


@pytest.mark.slow
def test_a_strategy_that_passes_says_so(mine: Path, run: Run) -> None:
    done = run("audit", f"{mine}:Clean", *PERIOD, "--rebalance", "weekly")

    assert done.exit_code == 0, done.stderr
    assert " ".join(done.stdout.split()) == (
        "Clean passed: 18 of 18 decisions stood with the future removed and with it "
        "replaced (seed 0)."
    )


@pytest.mark.parametrize(
    "name", ["Global", "Beside", "Constructor", "made", "of_the_view"]
)
def test_one_that_looks_ahead_is_one_line_and_exit_code_one(
    mine: Path, run: Run, name: str
) -> None:
    done = run("audit", f"{mine}:{name}", *PERIOD)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    told = f"error: {name} looks ahead: decision of 2010-03-01, MKT: "
    assert done.stderr.startswith(told)
    assert done.stderr.endswith("with the future removed\n")


def test_json_is_one_row(mine: Path, run: Run) -> None:
    done = run("audit", f"{mine}:Global", *PERIOD, "--json", "--decisions", 2)

    (row,) = json.loads(done.stdout)
    assert done.exit_code == 1
    assert row["verdict"] == "look_ahead"
    assert (row["session"], row["symbol"]) == ("2010-03-01", "MKT")
    assert row["weight"] != row["other"]
    assert row["how"] == "the future removed"
    assert row["n_decisions"] == 4


def test_the_class_that_takes_the_view_can_be_run_too(mine: Path, run: Run) -> None:
    done = run("backtest", f"{mine}:Constructor", *PERIOD, "--json")

    (row,) = json.loads(done.stdout)
    assert row["strategy"] == "Constructor"
    assert row["audited"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Broken"], "mine.py, line 57, in target_weights: KeyError: 'MKT'"),
        (["Nope"], "has no 'Nope': the strategies in it are Clean, Global"),
        (["Needy"], "Needy needs the arguments share: give them defaults"),
        (["Clean", "--decisions", "0"], "decisions must be a finite number > 0, was 0"),
        (["Clean", "--rebalance", "yearly"], "unknown rebalance 'yearly'"),
        (["Clean", "--min-lead", "10"], "--min-lead '10' has no unit"),
        (["Clean", "--release", "SIMS"], "unknown release 'SIMS'"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], told: str, mine: Path, run: Run
) -> None:
    name, *options = words
    wrong = run("audit", f"{mine}:{name}", *PERIOD, *options)

    assert wrong.exit_code == 1
    assert told in wrong.stderr
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1


def test_it_takes_what_a_backtest_takes_but_what_only_money_needs() -> None:
    ours = inspect.signature(audit).parameters
    theirs = inspect.signature(backtest).parameters
    money = {"capital_usd", "delisting_return", "engine", "report"}

    assert set(theirs) - set(ours) == money.union(CostModel.TERMS)
    for name in ours.keys() & theirs.keys():
        assert ours[name].default == theirs[name].default, name
