"""Shares that change their tickers, and rates of borrowing them, on Spark as here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.sweep.sweep import Sweep
from tests.engines.engine import ON_SPARK
from tests.lake.original import Original
from tests.study.test_identity import AS_OF, CHANGES, NAMES, OF_THE_DAY, SESSIONS, told
from tests.sweep.moved import same

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = ON_SPARK

RATES = pd.DataFrame(
    [
        {
            "symbol": symbol,
            "session": day,
            "rate_bps_per_year": 900.0 + 10.0 * number,
            "available": True,
        }
        for symbol in ("FB", "META", "SPY")
        for number, day in enumerate(SESSIONS)
    ]
)


def fill(path: Path, *, rates: bool = True) -> lakebt.Lake:
    tables: dict[str, Any] = {
        "index_changes": CHANGES,
        "prices": OF_THE_DAY,
        "corporate_actions": told(),
        "instruments": pd.DataFrame(NAMES),
    }
    if rates:
        tables["borrow"] = RATES
    lake = lakebt.Lake.open(path)
    lake.publish(tables, release="R", as_of=AS_OF)
    return lake


def grid(view: lakebt.View, **asked: Any) -> Sweep:
    costs = [lakebt.CostModel(), lakebt.CostModel(borrow_bps_per_year=80.0)]
    rules: dict[str, Any] = {
        "entries": ["AD+1@open", "ED@close"],
        "exits": ["ED@close", "2w"],
    }
    made = {"hedge": [None, "SPY"], "side": ["both", "additions"], **asked}
    return Sweep(
        view, index="SP500", costs=costs, missing=["drop_leg"], **rules, **made
    )


@pytest.mark.usefixtures("shared_spark")
def test_a_sweep_joins_changes_bars_actions_and_rates_as_here(
    tmp_path_factory: pytest.TempPathFactory, shared_spark: SparkSession
) -> None:
    assert shared_spark.sparkContext.defaultParallelism == 2
    here, there = (
        lakebt.Lake.open(
            Original(tmp_path_factory.mktemp(name), fill).restored(), create=False
        )
        for name in ("one", "two")
    )
    local = grid(here.at("R")).run()
    found = grid(there.at("R")).run(engine="spark")

    assert found.n_run == local.n_run == 2 * 2 * 2 * 2 * 2
    same(found.table(), local.table())
    flat = grid(fill(tmp_path_factory.mktemp("flat") / "lake", rates=False).at("R"))
    assert not flat.run().table()["net_bps"].equals(local.table()["net_bps"])
