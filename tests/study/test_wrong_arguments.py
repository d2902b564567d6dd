"""Whatever is passed for an argument, what is said is one line of lakebt's own."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import UnknownNameError
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Asked = Callable[[lakebt.Lake, Any], object]

WRONG: list[Any] = [
    *(0, True, float("nan"), 10**400, 1 + 2j, b"x", object(), [], {}, (), ...),
    *(
        pd.NA,
        pd.NaT,
        pd.Series([1]),
        pd.DataFrame(),
        np.array([1]),
        np.datetime64(0, "s"),
    ),
    *(dt.date(2010, 3, 1), dt.timedelta(1), "", "[/]", "a\nb", "x" * 10_000, int),
]


class Half:
    """Half of the capital in the market."""

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002
        return pd.Series({"MKT": 0.5})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    market = simulated_market(seed=7, n_events=4, n_members=2)
    made = lakebt.Lake.open(tmp_path_factory.mktemp("wrong") / "lake")
    made.publish(market.tables, release="R", as_of=market.as_of)
    return made


@pytest.fixture(scope="module")
def result(lake: lakebt.Lake) -> lakebt.Result:
    return lakebt.Study(
        lake.at("R"), index="SIM", entries=["AD+1@open"], exits=["+1"]
    ).run()


def study(lake: lakebt.Lake, **changed: Any) -> object:
    given = {"index": "SIM", "entries": ["AD+1@open"], "exits": ["+1"], **changed}
    return lakebt.Study(given.pop("view", lake.at("R")), **given)


def backtest(lake: lakebt.Lake, **changed: Any) -> object:
    given = {"start": "2010-03-01", "end": "2010-04-30", **changed}
    return lakebt.Backtest(given.pop("view", lake.at("R")), Half(), **given)


def asking(made: Callable[..., object], name: str) -> Asked:
    """Make something of a lake, with one argument that is wrong."""
    return lambda lake, wrong: made(lake, **{name: wrong})


OF_STUDY = ("view", "side", "missing", "on_look_ahead", "costs", "size")
OF_BACKTEST = ("view", "rebalance", "costs", "start", "fill")

ASKED: dict[str, Asked] = {
    **{f"study {name}": asking(study, name) for name in OF_STUDY},
    **{f"backtest {name}": asking(backtest, name) for name in OF_BACKTEST},
    "release": lambda lake, wrong: lake.at(wrong),
    "column": lambda lake, wrong: lake.at("R").panel(wrong),
    "costs": lambda _, wrong: lakebt.CostModel(commission_bps=wrong),
}
FINE: dict[str, list[Any]] = {
    "costs": [0],
    "backtest start": [dt.date(2010, 3, 1)],
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: repr(one)[:20])
def test_a_wrong_argument_is_refused_in_one_line(
    lake: lakebt.Lake, asked: str, wrong: Any
) -> None:
    if any(type(wrong) is type(one) and wrong == one for one in FINE.get(asked, ())):
        ASKED[asked](lake, wrong)
        return
    with pytest.raises(lakebt.LakebtError) as caught:
        ASKED[asked](lake, wrong)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("wrong", [0, None, 1.5, pd.NA, ["MKT"], pd.Series(["MKT"])])
def test_a_hedge_that_is_no_symbol_is_refused(lake: lakebt.Lake, wrong: Any) -> None:
    if wrong is None:
        study(lake, hedge=wrong)
        return
    with pytest.raises(lakebt.LakebtError, match="hedge must be text"):
        study(lake, hedge=wrong)


@pytest.mark.parametrize("wrong", [None, 0, pd.NA, pd.Series([1]), ["AD+1@open"]])
def test_a_rule_that_is_no_text_is_unknown(result: lakebt.Result, wrong: Any) -> None:
    with pytest.raises(UnknownNameError, match="Known: "):
        result.by_year(entry=wrong, exit="+1")


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [None, 0, pd.NA])
def test_a_place_that_is_no_path_is_one_line(
    result: lakebt.Result, wrong: Any, tmp_path: Path
) -> None:
    with pytest.raises(lakebt.LakebtError, match="must be a path"):
        result.report(wrong)
    with pytest.raises(lakebt.LakebtError, match="closed must be a list of days"):
        lakebt.Lake.open(tmp_path / "lake", closed=wrong)


def test_a_lake_is_no_view(lake: lakebt.Lake) -> None:
    for made in (study, backtest):
        with pytest.raises(lakebt.LakebtError, match=r"pass lake.at\(release\)"):
            made(lake, view=lake)
