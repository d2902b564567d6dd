"""What is planted in simulated markets is found, and nothing where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.study.significance import Significance

JUMP_BPS = 500.0


def judged(folder: Path, *, seed: int, drift_bps: float) -> Significance:
    market = simulated_market(
        seed=seed,
        n_events=60,
        n_members=2,
        jump_bps=JUMP_BPS,
        drift_bps=drift_bps,
        reversal_bps=0.0,
    )
    lake = lakebt.Lake.open(folder)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    study = lakebt.Study(
        lake.at("R1"),
        index="SIM",
        entries=["AD@close", "AD+1@open", "ED-1@close"],
        exits=["+1", "1w", "2w"],
    )
    return study.run(record=False).significance(999)


@pytest.mark.slow
@pytest.mark.lake
def test_the_drift_is_claimed_and_the_jump_is_not(tmp_path: Path) -> None:
    mask = judged(tmp_path / "lake", seed=0, drift_bps=380.0).mask()

    assert mask.loc["AD+1@open"].any()
    assert not mask.loc["AD@close"].any()


@pytest.mark.slow
@pytest.mark.lake
def test_without_a_drift_nearly_nothing_is_claimed(tmp_path: Path) -> None:
    # A test of 5 % claims in three or more of five markets once in 900 times; the
    # benchmark has a hundred.
    claims = [
        judged(tmp_path / str(seed), seed=seed, drift_bps=0.0).mask().to_numpy().any()
        for seed in range(5)
    ]

    assert sum(claims) <= 2
