"""Panels from the cache on disk are those the lake would give, or there are none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import BrokenReleaseError, InvalidArgumentError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.reading.view import View
from lakebt.lake.storage import panel_cache as disk
from lakebt.sessions import Sessions
from tests.lake.frames import AS_OF, bars, changes, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lake

DAYS = [dt.date(2022, 9, day) for day in (1, 2, 6, 7)]
START = dt.datetime(2022, 9, 8, 0, 30, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own, for panels of any size."""
    monkeypatch.setattr(disk, "LEAST_BYTES", 0)
    monkeypatch.setenv("LAKEBT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "panels"


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} if folder.exists() else set()


def fresh(path: Path) -> Lake:
    """The lake as another process finds it."""
    return Lake.open(path, create=False, clock=clock)


def make_corrected(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    november = pd.Timestamp("2022-11-01T12:00:00Z")
    lake.publish({"prices": bars()}, release="R1", as_of="2022-10-01T00:00:00Z")
    fixed = bars(("2022-09-02",), ("AAA",), known_at=november, close=10.9)
    lake.publish({"prices": fixed}, release="R2", as_of=AS_OF)


ORIGINALS = {"corrected": make_corrected}


@pytest.fixture
def corrected(path: Path) -> Path:
    """Bars known at their closes, and one corrected in November."""
    return path


def close(path: Path, as_of: str | None = None, release: str = "R2") -> float:
    panel = fresh(path).at(release, as_of=as_of).panel("close")
    return float(panel["AAA"].loc["2022-09-02"])


def test_an_earlier_view_never_gets_a_later_views_panel(
    corrected: Path, cache: Path
) -> None:
    assert close(corrected) == 10.9
    assert len(files(cache)) == 1

    assert close(corrected, "2022-11-01T11:59:59.999999Z") == 12.0

    # And the other way round, and each again.
    assert close(corrected) == 10.9
    assert close(corrected, "2022-11-01T11:59:59.999999Z") == 12.0
    assert close(corrected, "2022-09-30T00:30:00Z") == 12.0
    assert close(corrected, "2022-11-01T12:00:00Z") == 10.9


def test_views_of_all_that_was_known_share_one_file(
    corrected: Path, cache: Path
) -> None:
    for instant in (None, "2022-11-01T12:00:00Z", "2022-12-01T00:30:00Z"):
        assert close(corrected, instant) == 10.9
    later = fresh(corrected).as_of("2023-03-01T00:00:00Z").panel("close")
    assert later["AAA"].tolist() == [10.0, 10.9, 14.0]

    assert len(files(cache)) == 1


def test_a_release_keeps_its_panel_when_the_next_corrects_it(corrected: Path) -> None:
    assert close(corrected, release="R1") == 12.0
    assert close(corrected, release="R2") == 10.9
    assert close(corrected, release="R1") == 12.0


def test_a_panel_found_is_the_panel_made(corrected: Path, cache: Path) -> None:
    asked: dict[str, Any] = {
        "symbols": ["BBB", "AAA"],
        "start": "2022-09-02",
        "end": "2022-09-05",
    }
    made = fresh(corrected).at("R2").panel("open", **asked)
    (file,) = files(cache)

    found = fresh(corrected).at("R2").panel("open", **asked)

    pd.testing.assert_frame_equal(found, made, check_freq=True)
    assert found.columns.dtype == made.columns.dtype
    assert files(cache) == {file}
    found.loc[:, "AAA"] = -1.0
    pd.testing.assert_frame_equal(
        fresh(corrected).at("R2").panel("open", **asked), made
    )


def test_what_is_asked_differently_is_kept_apart(corrected: Path) -> None:
    view = fresh(corrected).at("R2")
    panels = [
        view.panel("close"),
        view.panel("open"),
        view.panel("close", symbols=["AAA"]),
        view.panel("close", symbols=["BBB", "AAA"]),
        view.panel("close", start="2022-09-02"),
        view.panel("close", end="2022-09-02"),
    ]
    again = fresh(corrected).at("R2")
    shapes = [panel.shape for panel in panels]

    assert shapes == [(3, 2), (3, 2), (3, 1), (3, 2), (2, 2), (2, 2)]
    pd.testing.assert_frame_equal(again.panel("close", end="2022-09-02"), panels[5])
    pd.testing.assert_frame_equal(again.panel("close", start="2022-09-02"), panels[4])
    pd.testing.assert_frame_equal(
        again.panel("close", symbols=["BBB", "AAA"]), panels[3]
    )
    pd.testing.assert_frame_equal(again.panel("close", symbols=["AAA"]), panels[2])
    pd.testing.assert_frame_equal(again.panel("open"), panels[1])


def test_a_spoilt_file_gives_the_right_panel(corrected: Path, cache: Path) -> None:
    assert close(corrected) == 10.9
    (name,) = files(cache)
    content = (cache / name).read_bytes()
    (cache / name).write_bytes(content[:-8] + b"\0" * 8)

    assert close(corrected) == 10.9
    assert (cache / name).read_bytes() == content


@pytest.fixture
def tables(corrected: Path) -> Iterator[SqlCatalog]:
    """The lake's tables as another program sees them."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{corrected}/catalog.db")
    yield catalog
    catalog.engine.dispose()


def test_a_broken_release_is_refused_though_its_panel_is_kept(
    corrected: Path, cache: Path, tables: SqlCatalog
) -> None:
    assert close(corrected, release="R1") == 12.0
    assert len(files(cache)) == 1
    table = tables.load_table("quant.prices")
    moved = table.metadata.refs["R2"].snapshot_id
    table.manage_snapshots().create_tag(moved, "R1").commit()

    with pytest.raises(BrokenReleaseError, match="its tag was moved to snapshot"):
        fresh(corrected).at("R1")


def test_of_a_lost_file_only_what_is_kept_can_be_had(corrected: Path) -> None:
    assert close(corrected) == 10.9
    for file in (corrected / "warehouse/quant/prices/data").rglob("*.parquet"):
        file.unlink()

    assert close(corrected) == 10.9
    with pytest.raises(BrokenReleaseError, match=r"the file \S+\.parquet is gone"):
        fresh(corrected).at("R2").panel("open")


def test_errors_are_the_same_when_the_panel_is_kept(lake: Lake, path: Path) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    changed = changes(symbol=["ZZZ", "YYY"])
    lake.publish({"index_changes": changed}, release="R2", as_of=AS_OF)
    symbols = ["AAA", "ZZZ"]

    # ZZZ is a name of R2, though it has no bars, and R1 never heard of it.
    panel = fresh(path).at("R2").panel("close", symbols=symbols)
    assert panel["ZZZ"].isna().all()
    with pytest.raises(UnknownNameError, match="'ZZZ'"):
        fresh(path).at("R1").panel("close", symbols=symbols)
    view = fresh(path).at("R1")
    view.panel("close", symbols=["AAA"])
    with pytest.raises(InvalidArgumentError, match="'AAA' is asked for twice"):
        view.panel("close", symbols=["AAA", "AAA"])
    with pytest.raises(UnknownNameError, match="column 'Close'"):
        view.panel("Close", symbols=["AAA"])
    with pytest.raises(InvalidArgumentError, match="start 2022-09-02 is after end"):
        view.panel("close", symbols=["AAA"], start="2022-09-02", end="2022-09-01")


def test_a_number_is_no_symbol_though_its_text_is(lake: Lake, path: Path) -> None:
    listed = bars(symbols=("700", "AAA"))
    lake.publish({"prices": listed}, release="R1", as_of=AS_OF)
    fresh(path).at("R1").panel("close", symbols=["700"])

    with pytest.raises(InvalidArgumentError, match="symbol must be text, was 700"):
        fresh(path).at("R1").panel("close", symbols=[700])  # type: ignore[list-item]


def test_a_calendar_that_learnt_of_a_closed_day_makes_the_panel_anew(
    lake: Lake, path: Path
) -> None:
    days = ("2022-09-01", "2022-09-06")
    lake.publish({"prices": bars(days)}, release="R1", as_of=AS_OF)
    view = fresh(path).at("R1")
    assert len(view.panel("close")) == 3  # the 2nd is a session without bars
    learnt = Sessions("XNYS")
    learnt.days = learnt.days[learnt.days != np.datetime64("2022-09-02")]
    pinned = fresh(path).at("R1")._pinned  # noqa: SLF001 - another day's calendar
    pinned = dataclasses.replace(pinned, sessions=learnt)

    panel = View(pinned, instant=view.instant).panel("close")

    assert [str(day.date()) for day in panel.index] == list(days)


def test_the_cache_can_be_turned_off(
    corrected: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBT_CACHE", "off")

    assert close(corrected) == 10.9
    assert not cache.exists()


def test_a_size_that_is_no_number_is_told(
    corrected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBT_CACHE_BYTES", "2GB")

    with pytest.raises(InvalidArgumentError, match=r"LAKEBT_CACHE_BYTES .* was '2GB'"):
        close(corrected)


def test_nothing_in_a_file_says_where_the_lake_is(corrected: Path, cache: Path) -> None:
    close(corrected)

    (name,) = files(cache)
    content = (cache / name).read_bytes()
    assert str(corrected).encode() not in content
    assert b"warehouse" not in content
    assert b"R2" not in content


def test_a_backtests_every_decision_leaves_no_file(
    corrected: Path, cache: Path
) -> None:
    """Of all it asks for as of earlier instants, what had to be read is kept: one."""
    lake = fresh(corrected)
    for day in pd.date_range("2022-09-10", "2022-10-30"):
        lake.at("R2", as_of=day.tz_localize("UTC")).panel("close")

    assert len(files(cache)) == 1


VINTAGES = st.lists(
    st.tuples(
        st.sampled_from(["AAA", "BBB", "CCC"]),
        st.sampled_from(DAYS),
        st.integers(0, 4),
        st.integers(1, 9).map(float),
        st.booleans(),
    ),
    min_size=1,
    max_size=15,
    unique_by=lambda bar: bar[:3],
)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    vintages=VINTAGES,
    asked=st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from([None, ["AAA"], ["CCC", "BBB", "AAA"]])
        ),
        min_size=2,
        max_size=12,
    ),
)
def test_whatever_was_asked_before_the_panel_is_the_same(
    vintages: list[tuple[str, dt.date, int, float, bool]],
    asked: list[tuple[int, list[str] | None]],
) -> None:
    frame = pd.DataFrame(
        vintages, columns=["symbol", "session", "hours", "close", "retracted"]
    )
    hours = frame.pop("hours")
    frame["known_at"] = START + pd.to_timedelta(hours, unit="h")
    price = frame["close"]
    frame = frame.assign(open=price, high=price, low=price, basis="raw")
    there = set(frame["symbol"])
    with (
        tempfile.TemporaryDirectory() as directory,
        pytest.MonkeyPatch.context() as env,
    ):
        path = Path(directory) / "lake"
        Lake.open(path, clock=clock).publish(
            {"prices": frame}, release="R", as_of=clock()
        )
        for hour, symbols in asked:
            if hour < hours.min() or not there.issuperset(symbols or ()):
                continue
            panels = []
            for kept in ("off", f"{directory}/cache"):
                env.setenv("LAKEBT_CACHE", kept)
                view = fresh(path).as_of(START + dt.timedelta(hours=hour))
                decided = view.for_decision(view.instant)
                panels.append(decided.panel("close", symbols=symbols))
            pd.testing.assert_frame_equal(panels[0], panels[1])
