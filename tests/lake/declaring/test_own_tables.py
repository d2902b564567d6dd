"""A table of one's own reaches a strategy through the view at its deadline alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from tests.strategies.lakes import bars

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

pytestmark = pytest.mark.lake

AS_OF = "2022-12-31T00:00:00Z"
DEADLINE = pd.Timestamp("2022-10-03T09:20:00", tz="America/New_York").tz_convert("UTC")
TICK = pd.Timedelta(microseconds=1)
DAY = pd.Timedelta(days=1)


def row(
    symbol: str, known_at: pd.Timestamp, reports: str, *, retracted: bool = False
) -> dict[str, object]:
    return {
        "symbol": symbol,
        "period": "2022Q3",
        "reports": reports,
        "known_at": known_at,
        "retracted": retracted,
    }


class Calendar:
    """Keeps what it was shown, and holds nothing."""

    def __init__(self) -> None:
        self.seen: dict[dt.datetime, dict[str, str]] = {}
        self.vintages: list[int] = []

    def target_weights(self, view: lakebt.View) -> pd.Series:
        found = view.read("earnings")
        days = found["reports"].dt.strftime("%m-%d")
        self.seen[view.instant] = dict(zip(found["symbol"], days, strict=True))
        self.vintages.append(len(view.vintages("earnings", ("AAA", "2022Q3"))))
        return pd.Series({"AAA": 0.5})


@pytest.fixture
def lake(tmp_path: Path) -> lakebt.Lake:
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.declare(
        "earnings",
        key=["symbol", "period"],
        columns={"symbol": "text", "period": "text", "reports": "date"},
    )
    lake.publish(
        {"prices": bars("AAA", "2022-09-01", "2022-11-30")}, release="R0", as_of=AS_OF
    )
    return lake


def decide(lake: lakebt.Lake, rows: list[dict[str, object]]) -> Calendar:
    """Publish rows, and take the one decision for the open of 3 October."""
    lake.publish({"earnings": pd.DataFrame(rows)}, release="R1", as_of=AS_OF)
    strategy = Calendar()
    lakebt.Backtest(lake.at("R1"), strategy, start="2022-10-03", end="2022-10-07").run()
    return strategy


def test_what_is_known_just_before_the_deadline_is_seen_and_at_it_no_longer(
    lake: lakebt.Lake,
) -> None:
    strategy = decide(
        lake,
        [
            row("AAA", DEADLINE - TICK, "2022-10-20"),
            row("BBB", DEADLINE, "2022-10-20"),
            row("CCC", DEADLINE + TICK, "2022-10-20"),
        ],
    )

    assert strategy.seen == {DEADLINE - TICK: {"AAA": "10-20"}}


def test_a_correction_is_seen_from_its_own_known_at(lake: lakebt.Lake) -> None:
    rows = [
        *(row(name, DEADLINE - DAY, "2022-10-20") for name in ("AAA", "BBB")),
        row("AAA", DEADLINE - TICK, "2022-10-27"),
        row("BBB", DEADLINE, "2022-10-27"),
    ]

    strategy = decide(lake, rows)

    assert strategy.seen == {DEADLINE - TICK: {"AAA": "10-27", "BBB": "10-20"}}
    assert strategy.vintages == [2]


def test_a_retraction_hides_a_fact_from_its_own_known_at(lake: lakebt.Lake) -> None:
    rows = [
        *(row(name, DEADLINE - DAY, "2022-10-20") for name in ("AAA", "BBB")),
        row("AAA", DEADLINE - TICK, "2022-10-20", retracted=True),
        row("BBB", DEADLINE, "2022-10-20", retracted=True),
    ]

    strategy = decide(lake, rows)

    assert strategy.seen == {DEADLINE - TICK: {"BBB": "10-20"}}
    assert strategy.vintages == [2]


def test_what_becomes_known_later_moves_no_earlier_decision(lake: lakebt.Lake) -> None:
    first = [row("AAA", DEADLINE - DAY, "2022-10-20")]
    before = decide(lake, first)
    late = [
        row("AAA", DEADLINE + DAY, "2022-10-27"),
        row("ZZZ", DEADLINE, "2022-10-04"),
    ]
    lake.publish({"earnings": pd.DataFrame(late)}, release="R2", as_of=AS_OF)
    after = Calendar()

    runs = [
        lakebt.Backtest(
            lake.at(release),
            strategy,
            start="2022-10-03",
            end="2022-10-07",
            rebalance="daily",
        ).run()
        for release, strategy in (("R1", Calendar()), ("R2", after))
    ]

    assert after.seen[DEADLINE - TICK] == before.seen[DEADLINE - TICK]
    assert list(after.seen.values())[1:] == [
        {"AAA": "10-20", "ZZZ": "10-04"},
        *[{"AAA": "10-27", "ZZZ": "10-04"}] * 3,
    ]
    pd.testing.assert_frame_equal(runs[0].orders(), runs[1].orders())


@pytest.mark.slow
def test_a_run_says_which_snapshot_of_the_table_it_read(
    lake: lakebt.Lake, tmp_path: Path
) -> None:
    lake.publish(
        {"earnings": pd.DataFrame([row("AAA", DEADLINE - DAY, "2022-10-20")])},
        release="R1",
        as_of=AS_OF,
    )
    view = lake.at("R1")

    report = tmp_path / "report.html"
    lakebt.Backtest(
        view, Calendar(), start="2022-10-03", end="2022-10-07"
    ).run().report(report)

    snapshot = view.provenance()["snapshots"]["earnings"]
    assert isinstance(snapshot, int)
    assert str(snapshot) in report.read_text(encoding="utf-8")
