"""Lakes, views, studies and results are sent to other processes, and copied."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, LakebtError, ReleaseEndedError
from lakebt.sources.simulated import simulated_market
from tests.lake.frames import AS_OF, NOW, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


class Market:
    """Holds the market."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        assert view.release
        return pd.Series({"MKT": 1.0})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    market = simulated_market(seed=1, n_events=3)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("travel") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - just written


@pytest.mark.parametrize("another", [sent, copy.deepcopy], ids=["sent", "copied"])
def test_another_one_says_the_same(lake: lakebt.Lake, another: Any) -> None:
    view = lake.at("R1")
    rules: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["+1", "ED-1@close"]}
    study = lakebt.Study(view, index="SIM", where={"index": ["SIM"]}, **rules)
    result = study.run(record=False)
    backtest = lakebt.Backtest(view, Market(), start="2010-02-01", end="2010-04-30")
    run = backtest.run(record=False)

    assert repr(another(lake)) == repr(lake)
    pd.testing.assert_frame_equal(another(lake).releases(), lake.releases())
    assert another(view).provenance() == view.provenance()
    assert repr(another(study)) == repr(study)
    table = another(study).run(record=False).table()
    pd.testing.assert_frame_equal(table, result.table())
    pd.testing.assert_frame_equal(another(result).orders(), result.orders())
    assert another(result).traded.result_id == result.traded.result_id
    pd.testing.assert_frame_equal(another(run).orders(), run.orders())


def test_a_clock_that_cannot_be_sent_is_one_line(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=lambda: NOW)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    for value in (lake, lake.at("R1")):
        with pytest.raises(InvalidArgumentError, match="cannot be pickled: give"):
            pickle.dumps(value)


def test_a_lake_with_a_spark_session_says_how_to_open_it(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    lake._storage.spark = object()  # type: ignore[assignment]  # noqa: SLF001 - no Java

    with pytest.raises(
        InvalidArgumentError, match=r"open it where .* Lake\.open\(path="
    ):
        pickle.dumps(lake)


def test_a_lake_that_moved_away_is_told_where_it_is_opened(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    data = pickle.dumps(lake)
    (tmp_path / "lake").rename(tmp_path / "moved")

    with pytest.raises(LakebtError, match="does not exist"):
        pickle.loads(data)  # noqa: S301 - just written


def test_a_view_held_while_its_release_ends_says_so(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.publish(
        {"prices": bars(known_at=pd.Timestamp("2022-12-30T12:00:00Z"))},
        release="R2",
        as_of=AS_OF,
    )
    held, living, data = lake.at("R1"), lake.at("R2"), pickle.dumps(lake.at("R1"))
    lake.drop("R1", because="a test")
    for file in (tmp_path / "lake").rglob("*.parquet"):
        if "/prices/" in str(file):
            file.unlink()

    with pytest.raises(ReleaseEndedError, match=r"'R1' ended at .*: a test"):
        held.read("prices")
    with pytest.raises(ReleaseEndedError, match=r"'R1' ended at .*: a test"):
        held.panel("close")
    with pytest.raises(ReleaseEndedError, match=r"'R1' ended at .*: a test"):
        pickle.loads(data)  # noqa: S301 - just written
    with pytest.raises(LakebtError, match="is gone"):
        living.read("prices")
