"""What is read is the same to the last bit wherever a lake is.

The embedded lake is what all other tests are about, so it is the measure here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.behaviour.content import CORRECTED, MARKET, NAMES, RETRACTED, fill
from tests.lake.frames import clock

if TYPE_CHECKING:
    from lakebt.lake import View
    from tests.behaviour.places import Place

pytestmark = [pytest.mark.lake, pytest.mark.slow]

TABLES = ("prices", "index_changes", "etf_holdings")

EARLIER = ("2010-04-13T21:54:27Z", "2010-06-01T12:00:00Z", "2010-12-31T00:00:00Z")
"""The instant of an announcement, that of a report, and one of nothing."""


@pytest.fixture(scope="session")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same in an embedded lake."""
    lake = Lake.open(tmp_path_factory.mktemp("measure") / "lake", clock=clock)
    fill(lake)
    return lake


@pytest.fixture
def lake(filled: Place) -> Lake:
    """The lake as a new process opens it."""
    return filled.open()


def same_rows(found: View, wanted: View, tables: tuple[str, ...]) -> None:
    """Check that two views read the same rows, in the same order."""
    for name in tables:
        pd.testing.assert_frame_equal(
            found.read(name), wanted.read(name), check_exact=True, obj=name
        )


def test_the_ledger_and_the_digests_are_the_same(lake: Lake, measure: Lake) -> None:
    found, wanted = lake.releases(), measure.releases()

    assert tuple(found["name"]) == NAMES
    pd.testing.assert_frame_equal(
        found.drop(columns="committed_at"), wanted.drop(columns="committed_at")
    )
    for name in NAMES:
        here, there = (each.at(name).provenance() for each in (lake, measure))
        assert here["digests"] == there["digests"]
        assert set(here["snapshots"]) == set(there["snapshots"])
    assert lake.doctor().ok


@pytest.mark.parametrize("release", NAMES)
def test_a_release_reads_the_same(lake: Lake, measure: Lake, release: str) -> None:
    declared = ("earnings",) if release >= "R4" else ()

    same_rows(lake.at(release), measure.at(release), (*TABLES, *declared))


@pytest.mark.parametrize("instant", EARLIER)
def test_an_earlier_instant_reads_the_same(
    lake: Lake, measure: Lake, instant: str
) -> None:
    pairs = [
        (lake.at("R5", as_of=instant), measure.at("R5", as_of=instant)),
        (lake.at("R5").as_of(instant), measure.at("R5").as_of(instant)),
        (lake.as_of(instant), measure.as_of(instant)),
    ]

    for found, wanted in pairs:
        same_rows(found, wanted, TABLES)


def test_corrections_and_retractions_are_known_from_their_instant_on(
    lake: Lake, measure: Lake
) -> None:
    symbol, session = CORRECTED
    where = {"symbol": symbol}

    def close(view: View) -> float:
        bars = view.read("prices", where=where).set_index("session")["close"]
        return float(bars[pd.Timestamp(session)])

    before, after = close(lake.at("R1")), close(lake.at("R2"))
    assert after == before * 1.05
    assert close(lake.at("R5")) == after
    assert close(lake.at("R2", as_of="2010-12-31T00:00:00Z")) == before
    assert list(lake.at("R2").read("index_changes")["symbol"]).count(RETRACTED) == 1
    assert RETRACTED not in set(lake.at("R3").read("index_changes")["symbol"])
    assert len(lake.at("R5").changes(index="SIM")) == len(MARKET.index_changes) - 1
    key = (symbol, session)
    pd.testing.assert_frame_equal(
        lake.at("R5").vintages("prices", key), measure.at("R5").vintages("prices", key)
    )


def test_holdings_have_the_status_that_follows_from_the_report_before(
    lake: Lake,
) -> None:
    found = lake.at("R5").read("etf_holdings", where={"fund": "F"})
    assert dict(zip(found["symbol"], found["status"], strict=True)) == {
        "OLD": "expired",
        "BOTH": "unchanged",
        "NEW": "new",
    }
    first = lake.at("R4").read("etf_holdings", where={"fund": "F"})
    assert set(first["status"]) == {"new"}


def test_a_diff_is_the_same(lake: Lake, measure: Lake) -> None:
    holdings = lake.diff("etf_holdings", "R4", "R5")
    assert list(holdings.added["symbol"]) == ["NEW"]
    assert list(holdings.removed["symbol"]) == ["OLD"]
    for table, before, after in (
        ("etf_holdings", "R4", "R5"),
        ("prices", "R1", "R2"),
        ("index_changes", "R2", "R3"),
    ):
        found, wanted = (each.diff(table, before, after) for each in (lake, measure))
        for part in ("added", "removed", "changed", "reidentified"):
            pd.testing.assert_frame_equal(getattr(found, part), getattr(wanted, part))
    assert len(lake.diff("prices", "R1", "R2").changed) == 1


@pytest.mark.parametrize("column", ["close", "volume"])
@pytest.mark.parametrize("release", ["R1", "R5"])
def test_a_panel_is_the_same_to_the_last_bit(
    lake: Lake, measure: Lake, release: str, column: str
) -> None:
    symbols = sorted(set(MARKET.prices["symbol"]))
    found, again, wanted = (
        each.at(release).panel(column, symbols=symbols)
        for each in (lake, lake, measure)  # what is kept of it, too
    )

    assert found.index.equals(wanted.index)
    assert list(found.columns) == list(wanted.columns)
    bits = wanted.to_numpy().tobytes()
    assert found.to_numpy().tobytes() == bits
    assert again.to_numpy().tobytes() == bits


@pytest.mark.parametrize("release", ["R1", "R5"])
def test_a_study_is_the_same_to_the_last_bit(
    lake: Lake, measure: Lake, release: str
) -> None:
    def run(lake: Lake) -> lakebt.Result:
        return lakebt.Study(
            lake.at(release),
            index="SIM",
            entries=["AD+1@open", "ED-1@close", "ED@close"],
            exits=["+1", "2w"],
            hedge="MKT",
            costs=lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=50.0),
        ).run()

    found, wanted = run(lake), run(measure)

    for part in ("table", "events", "legs", "orders", "refused"):
        pd.testing.assert_frame_equal(
            getattr(found, part)(), getattr(wanted, part)(), check_exact=True, obj=part
        )
    assert len(found.table()) == 6


def test_what_is_not_there_is_said_the_same(lake: Lake, measure: Lake) -> None:
    def said(lake: Lake) -> list[str]:
        words = []
        for ask in (
            lambda: lake.at("R9"),
            lambda: lake.at("R1", as_of="2022-01-01T00:00:00Z"),
            lambda: lake.as_of("1999-01-01T00:00:00Z"),
            lambda: lake.at("R1").changes(index="SP500"),
            lambda: lake.at("R1").panel("close", symbols=["NONE"]),
        ):
            with pytest.raises(LakebtError, match=r"\w") as caught:
                ask()
            words.append(f"{type(caught.value).__name__}: {caught.value}")
        return words

    assert said(lake) == said(measure)
