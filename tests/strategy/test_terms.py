"""The arguments of a backtest are listed once; what is derived from them is held."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.cli.backtest import backtest as command
from lakebt.inputs.roles import Decides
from lakebt.sources.simulated import simulated_market
from lakebt.strategy.backtest import Backtest
from lakebt.strategy.terms import Terms
from lakebt.sweep.strategies import VARIED
from lakebt.values.keys import content_key

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

USUAL: dict[str, Any] = {"start": "2010-02-01", "end": "2010-06-30"}

OTHERS: dict[str, Any] = {
    "start": "2010-03-01",
    "end": "2010-05-28",
    "rebalance": "weekly",
    "fill": "close",
    "max_gross": 3.0,
    "capital_usd": 5e4,
    "costs": lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=300.0),
    "min_lead": "601s",
    "delisting_return": -0.3,
}


class Hold:
    """Half of it in the market."""

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002 - whatever it knows
        return pd.Series({"MKT": self.share})


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    market = simulated_market(seed=4, n_events=4, n_members=4, before=12, after=110)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("terms") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def test_every_parameter_of_a_backtest_is_a_field_with_a_role() -> None:
    parameters = inspect.signature(Backtest.__init__).parameters
    of_parse = inspect.signature(Terms.parse).parameters

    assert set(parameters) - {"self", "view", "strategy"} == set(Terms.names())
    assert set(OTHERS) == set(Terms.names())
    assert all(parameters[name].default == of_parse[name].default for name in of_parse)
    assert set(VARIED) == set(Terms.names()) - {"costs"}


@pytest.mark.parametrize("name", OTHERS)
def test_each_term_is_written_and_read_and_makes_its_own_trial(
    view: lakebt.View, name: str
) -> None:
    usual, other = Terms.parse(**USUAL), Terms.parse(**{**USUAL, name: OTHERS[name]})
    runs = [
        Backtest(view, Hold, **asked).run(record=False)
        for asked in (USUAL, {**USUAL, name: OTHERS[name]})
    ]

    read = Terms.read(other.rule(), other.plain()["costs"])

    refuses = name in Terms.names(Decides.REFUSAL)
    assert {n: getattr(read, n) for n in Terms.names(~Decides.REFUSAL)} == {
        n: getattr(other, n) for n in Terms.names(~Decides.REFUSAL)
    }
    assert (content_key(usual.plain()) == content_key(other.plain())) is refuses
    assert (runs[0].id == runs[1].id) is refuses


def test_every_term_has_an_option_with_its_default() -> None:
    parameters = inspect.signature(command).parameters
    usual = Terms.parse(**USUAL)

    for option, value in usual.options(always=Terms.names()).items():
        name = option.removeprefix("--").replace("-", "_")
        if name not in USUAL:
            assert str(parameters[name].default) == value, name


def test_a_run_without_a_delisting_return_is_the_trial_that_it_was() -> None:
    usual = Terms.parse(**USUAL)

    assert "delisting_return" not in usual.rule()
    assert Terms.parse(**USUAL, delisting_return=-1).rule()["delisting_return"] == -1.0


@pytest.mark.parametrize("value", [-1.01, float("nan"), float("inf"), True, "half"])
def test_a_delisting_returns_no_less_than_everything_lost(value: Any) -> None:
    with pytest.raises(ValueError, match="delisting_return must be a finite number"):
        Terms.parse(**USUAL, delisting_return=value)


def test_a_parameter_of_the_strategy_makes_another_trial(view: lakebt.View) -> None:
    ids = {
        Backtest(view, Hold(share), **USUAL).run(record=False).id
        for share in (0.5, 0.25)
    }

    assert len(ids) == 2


@pytest.mark.slow
def test_the_page_tells_every_term_and_counts_the_sessions(
    view: lakebt.View, tmp_path: Path
) -> None:
    # 2010-05-31 is Memorial Day: the four sessions after it are the week's.
    asked = {**OTHERS, "start": "2010-05-31", "end": "2010-06-04", "fill": "open"}

    run = Backtest(view, Hold(0.375), **asked).run(record=False)

    run.report(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text("utf-8")
    assert len(run.returns()) == 4
    assert "2010-06-01 to 2010-06-04, 4 sessions" in page
    assert "2010-05-31 to" not in page
    assert "2010-05-30" not in page
    assert "2010-06-01 to 2010-06-04" in run._repr_html_()
    for text in (
        *("2010-05-31", "weekly", "601s", "50,000", "commission 1 bps"),
        *("share=0.375", run.id, run.traded.origin.code, run.traded.source),
    ):
        assert text in page, text
