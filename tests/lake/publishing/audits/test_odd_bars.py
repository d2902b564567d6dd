"""Runs of bars without a trade, and bases that change: a slow loop finds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lakebt.errors import AuditWarning
from tests.lake.frames import bars

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.lake.lake import Lake

pytestmark = pytest.mark.lake

AS_OF = "2022-12-31T00:00:00Z"
DAYS = tuple(f"2022-10-{day:02}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14))


def random_bars(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = bars(DAYS)
    frame["volume"] = rng.choice([0.0, 0.0, 5.0, np.nan], len(frame))
    frame["basis"] = rng.choice(["raw", "raw", "raw", "total_return"], len(frame))
    return frame[rng.random(len(frame)) < 0.9].reset_index(drop=True)


def obvious(
    frame: pd.DataFrame,
) -> tuple[set[tuple[str, str, int]], set[tuple[str, ...]]]:
    """Symbol, last day and length of each run; symbol, day and both bases."""
    runs: set[tuple[str, str, int]] = set()
    changed: set[tuple[str, ...]] = set()
    for symbol, own in frame.groupby("symbol"):
        rows: dict[str, Any] = {str(r.session): r for r in own.itertuples()}
        length, last = 0, ""
        for day in (*DAYS, "end"):
            row = rows.get(day)
            if row is not None and row.volume == 0.0:
                length += 1
            else:
                if length > 1:
                    runs.add((str(symbol), DAYS[(*DAYS, "end").index(day) - 1], length))
                length = 0
            if row is not None:
                if last and last != row.basis:
                    changed.add((str(symbol), day, str(row.basis), str(last)))
                last = str(row.basis)
    return runs, changed


@pytest.mark.parametrize("seed", range(6))
def test_a_loop_finds_the_same(lake: Lake, seed: int) -> None:
    frame = random_bars(seed)

    report = lake.audit({"prices": frame}, release="R1", as_of=AS_OF)

    runs, changed = obvious(frame)
    idle, other = (report.rows("prices", name) for name in ("untraded", "rebased"))
    days = idle["session"].dt.date.astype(str)
    assert set(zip(idle["symbol"], days, idle["bars"], strict=True)) == runs
    days = other["session"].dt.date.astype(str)
    found = zip(
        other["symbol"], days, other["basis"], other["previous_basis"], strict=True
    )
    assert set(found) == changed
    assert runs or changed


def test_a_new_bar_is_seen_beside_those_of_the_lake(lake: Lake) -> None:
    old, new = bars(DAYS[:2]).assign(volume=0.0), bars(DAYS[2:4]).assign(volume=0.0)
    with pytest.warns(AuditWarning) as caught:
        lake.publish({"prices": old}, release="R1", as_of=AS_OF)
    (told,) = caught[0].message.report.warnings  # type: ignore[union-attr]
    assert told.message.startswith("2 runs of bars with a volume of 0")

    report = lake.audit(
        {"prices": new.assign(basis="total_return")}, release="R2", as_of=AS_OF
    )

    found = {finding.audit: finding for finding in report.warnings}
    assert list(found["untraded"].rows["bars"]) == [3, 3], "one of them is the lake's"
    assert "total_return after raw" in found["rebased"].message
    named = {"prices": new}
    assert not lake.audit(named, release="R2", as_of=AS_OF, fail_on=["untraded"]).ok


def test_bars_with_a_trade_now_and_then_are_told_no_run(lake: Lake) -> None:
    frame = bars(DAYS).assign(volume=lambda f: f["session"].astype(str).isin(DAYS[::2]))

    report = lake.audit(
        {"prices": frame.assign(volume=frame["volume"].astype(float))},
        release="R1",
        as_of=AS_OF,
    )

    assert report.findings.empty
