"""What is read is the same to the last bit wherever a lake is.

The embedded lake is what all other tests are about, so it is the measure here.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pytest

import lakebt
from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.behaviour.content import CORRECTED, MARKET, NAMES, RETRACTED, fill
from tests.lake.frames import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt.lake import View
    from tests.behaviour.places import Place

pytestmark = [pytest.mark.lake, pytest.mark.slow]

T = TypeVar("T")

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


@functools.cache
def answer(lake: Lake, ask: Callable[..., T], *arguments: Any) -> T:
    """What a lake answers: the measure is asked the same for each kind of place."""
    return ask(lake, *arguments)


def rows(lake: Lake, release: str, tables: tuple[str, ...]) -> list[pd.DataFrame]:
    """What a release holds."""
    return read(lake.at(release), tables)


def rows_of(
    lake: Lake, instant: str, tables: tuple[str, ...]
) -> list[list[pd.DataFrame]]:
    """What was known earlier, in each of the ways in which it is asked for."""
    views = (
        lake.at("R5", as_of=instant),
        lake.at("R5").as_of(instant),
        lake.as_of(instant),
    )
    return [read(view, tables) for view in views]


def read(view: View, tables: tuple[str, ...]) -> list[pd.DataFrame]:
    return [view.read(name) for name in tables]


def panel(lake: Lake, release: str, column: str) -> pd.DataFrame:
    return lake.at(release).panel(column, symbols=sorted(set(MARKET.prices["symbol"])))


def provenance(lake: Lake, release: str) -> dict[str, Any]:
    return lake.at(release).provenance()


def difference(
    lake: Lake, table: str, before: str, after: str
) -> dict[str, pd.DataFrame]:
    """Each part of what changed between two releases."""
    diff = lake.diff(table, before, after)
    parts = ("added", "removed", "changed", "reidentified")
    return {part: getattr(diff, part) for part in parts}


def versions(lake: Lake, key: tuple[str, str]) -> pd.DataFrame:
    return lake.at("R5").vintages("prices", key)


PARTS = ("table", "events", "legs", "orders", "refused")


def study(lake: Lake, release: str) -> list[pd.DataFrame]:
    """Each part of a result."""
    result = lakebt.Study(
        lake.at(release),
        index="SIM",
        entries=["AD+1@open", "ED-1@close", "ED@close"],
        exits=["+1", "2w"],
        hedge="MKT",
        costs=lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=50.0),
    ).run()
    return [getattr(result, part)() for part in PARTS]


def same_rows(
    found: list[pd.DataFrame],
    wanted: list[pd.DataFrame],
    *told: str,
    names: tuple[str, ...],
) -> None:
    """Check that frames have the same rows, in the same order.

    Parameters
    ----------
    found, wanted
    told
        What was asked for, if they differ.
    names
        Of the frames.
    """
    for name, here, there in zip(names, found, wanted, strict=True):
        pd.testing.assert_frame_equal(
            here, there, check_exact=True, obj=" ".join((name, *told))
        )


def test_the_ledger_and_the_digests_are_the_same(lake: Lake, measure: Lake) -> None:
    found, wanted = lake.releases(), answer(measure, Lake.releases)

    assert tuple(found["name"]) == NAMES
    pd.testing.assert_frame_equal(
        found.drop(columns="committed_at"), wanted.drop(columns="committed_at")
    )
    for name in NAMES:
        here, there = provenance(lake, name), answer(measure, provenance, name)
        assert here["digests"] == there["digests"]
        assert set(here["snapshots"]) == set(there["snapshots"])
    assert lake.doctor().ok


def test_a_release_reads_the_same(lake: Lake, measure: Lake) -> None:
    for release in NAMES:
        tables = (*TABLES, "earnings") if release >= "R4" else TABLES
        found = rows(lake, release, tables)
        same_rows(found, answer(measure, rows, release, tables), release, names=tables)


def test_an_earlier_instant_reads_the_same(lake: Lake, measure: Lake) -> None:
    for instant in EARLIER:
        found = rows_of(lake, instant, TABLES)
        wanted = answer(measure, rows_of, instant, TABLES)
        for way, here, there in zip("123", found, wanted, strict=True):
            same_rows(here, there, instant, way, names=TABLES)


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
    pd.testing.assert_frame_equal(versions(lake, key), answer(measure, versions, key))


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
    found = {}
    for asked in (
        ("etf_holdings", "R4", "R5"),
        ("prices", "R1", "R2"),
        ("index_changes", "R2", "R3"),
    ):
        found[asked[0]] = here = difference(lake, *asked)
        for part, wanted in answer(measure, difference, *asked).items():
            pd.testing.assert_frame_equal(here[part], wanted)
    assert list(found["etf_holdings"]["added"]["symbol"]) == ["NEW"]
    assert list(found["etf_holdings"]["removed"]["symbol"]) == ["OLD"]
    assert len(found["prices"]["changed"]) == 1


@pytest.mark.parametrize("release", ["R1", "R5"])
def test_a_panel_is_the_same_to_the_last_bit(
    lake: Lake, measure: Lake, release: str
) -> None:
    for column in ("close", "volume"):
        found, again = panel(lake, release, column), panel(lake, release, column)
        wanted = answer(measure, panel, release, column)

        assert found.index.equals(wanted.index), column
        assert list(found.columns) == list(wanted.columns), column
        bits = wanted.to_numpy().tobytes()
        assert found.to_numpy().tobytes() == bits, column
        assert again.to_numpy().tobytes() == bits, column  # what is kept of it


@pytest.mark.parametrize("release", ["R1", "R5"])
def test_a_study_is_the_same_to_the_last_bit(
    lake: Lake, measure: Lake, release: str
) -> None:
    found, wanted = study(lake, release), answer(measure, study, release)

    same_rows(found, wanted, release, names=PARTS)
    assert len(found[0]) == 6


def said(lake: Lake) -> list[str]:
    """What is said of what is not there."""
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


def test_what_is_not_there_is_said_the_same(lake: Lake, measure: Lake) -> None:
    assert said(lake) == answer(measure, said)
