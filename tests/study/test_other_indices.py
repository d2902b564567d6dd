"""No index is special: its name is data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.lake.lake import Lake
from lakebt.sources.rebalances import convert_rebalances
from lakebt.sources.simulated import simulated_market
from lakebt.study.study import Study

if TYPE_CHECKING:
    from pathlib import Path

INDICES = ("SIM", "NDX100", "Russell 2000")


@pytest.mark.lake
@pytest.mark.slow
def test_a_study_gives_the_same_under_every_name(tmp_path: Path) -> None:
    market = simulated_market(seed=3, n_events=2)
    changes = [market.index_changes.assign(index=index) for index in INDICES]
    lake = Lake.open(tmp_path / "lake")
    tables = {"prices": market.prices, "index_changes": pd.concat(changes)}
    lake.publish(tables, release="R1", as_of=market.as_of)
    view = lake.at("R1")
    terms: dict[str, Any] = {
        "entries": ["AD+1@open"],
        "exits": ["+5"],
        "hedge": market.market,
    }

    legs = []
    for index in INDICES:
        found = Study(view, index=index, **terms).run().legs()
        legs.append(found.loc[:, [not n.startswith("event") for n in found.columns]])

    assert len(legs[0]) > 0
    for other in legs[1:]:
        pd.testing.assert_frame_equal(legs[0], other)


def test_a_list_of_any_index_becomes_changes() -> None:
    rows = pd.DataFrame(
        {
            "index_name": ["Nasdaq-100", "Russell 2000", "DJIA"],
            "announcement_date": "2022-12-09",
            "effective_date": "2022-12-19",
            "added": ["FANG", "AAA", "BBB"],
            "removed": None,
        }
    )

    found = convert_rebalances(rows).frame

    assert found["index"].tolist() == ["NDX100", "Russell 2000", "DJIA"]
