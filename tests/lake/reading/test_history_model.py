"""Vintages against a dictionary, however they arrived: slow, obvious code.

A vintage is a key, when it was known, and a value or a retraction. What a view must
show is one sentence: per key the newest row known by its instant, retractions dropped,
in that order. The same rows arrive here in every order and in every grouping into
releases, so a release may bring what was known before something it holds already.
"""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import NothingKnownError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.reading.holdings import Reports
from lakebt.lake.tables.rows import newest
from lakebt.lake.tables.schemas import ETF_HOLDINGS
from lakebt.sessions import Sessions
from tests.lake.frames import clock
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.lake.reading.view import View

pytestmark = [pytest.mark.lake, pytest.mark.slow]

CUTOFF = clock()
TICK = dt.timedelta(microseconds=1)
START = dt.datetime(2022, 9, 1, 12, tzinfo=dt.UTC)
NYSE = Sessions.of()


class Row(NamedTuple):
    """One vintage of one key, and the release it arrived with."""

    key: Any
    known_at: dt.datetime
    value: Any
    retracted: bool
    arrival: int


def obvious(rows: Iterable[Row], instant: dt.datetime) -> dict[Any, Any]:
    """What is known at an instant, by the definition."""
    held: dict[Any, Row] = {}
    for row in rows:
        before = held.get(row.key)
        if row.known_at <= instant and (
            before is None or before.known_at < row.known_at
        ):
            held[row.key] = row
    return {key: row.value for key, row in held.items() if not row.retracted}


def arrived(rows: Iterable[Row], release: int) -> list[Row]:
    return [row for row in rows if row.arrival <= release]


# --- prices: four vintages of a key, every arrival, every pattern of retractions -----

KNOWN = [START + dt.timedelta(days=30 + number) for number in range(4)]
ARRIVALS = list(itertools.product(range(1, 5), repeat=4))
PATTERNS = list(itertools.product([False, True], repeat=4))
FIRST = NYSE.on_or_after(START.date())


def every_arrival() -> list[Row]:
    """A symbol for each of 256 arrivals, a session for each of 16 patterns.

    Arrival (3, 1, 1, 2) is that of a key whose first vintage came with the third
    release; pattern (no, yes, no, no) that of one reinstated after a retraction.
    """
    return [
        Row(
            key=("S" + "".join(map(str, arrival)), NYSE.date(FIRST + number)),
            known_at=KNOWN[place],
            value=10.0 + place / 4,
            retracted=pattern[place],
            arrival=arrival[place],
        )
        for arrival in ARRIVALS
        for number, pattern in enumerate(PATTERNS)
        for place in range(4)
    ]


def price_frame(rows: Iterable[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(*row.key, row.known_at, row.value, row.retracted) for row in rows],
        columns=["symbol", "session", "known_at", "close", "retracted"],
    )
    close = frame["close"]
    return frame.assign(open=close, high=close, low=close, basis="raw")


@pytest.fixture(scope="module")
def prices() -> list[Row]:
    return every_arrival()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, prices: list[Row]) -> Lake:
    """Four releases, between them every arrival of every pattern."""
    lake = Lake.open(tmp_path_factory.mktemp("history") / "lake", clock=clock)
    changes = every_change()
    for release in range(1, 5):
        tables = {"prices": price_frame(r for r in prices if r.arrival == release)}
        if some := [row for row in changes if row.arrival == release]:
            tables["index_changes"] = change_frame(some)
        lake.publish(tables, release=f"R{release}", as_of=CUTOFF)
    return lake


INSTANTS = [
    instant for known in KNOWN for instant in (known - TICK, known, known + TICK)
] + [CUTOFF]


def read_prices(view: View) -> dict[Any, Any]:
    frame = view.read("prices")
    keys = zip(frame["symbol"], frame["session"].dt.date, strict=True)
    return dict(zip(keys, frame["close"], strict=True))


@pytest.mark.parametrize("release", [1, 2, 3, 4])
def test_every_arrival_of_four_vintages_reads_as_the_dictionary(
    lake: Lake, prices: list[Row], release: int
) -> None:
    whole = lake.at(f"R{release}")
    there = arrived(prices, release)
    with pytest.raises(NothingKnownError, match="the earliest known_at is 2022-09"):
        lake.at(f"R{release}", as_of=START)
    for instant in INSTANTS:
        known = obvious(there, instant)
        view = lake.at(f"R{release}", as_of=instant)

        assert read_prices(view) == known
        assert read_prices(whole.as_of(instant)) == known
        cells = view.panel("close").melt(
            var_name="symbol", value_name="close", ignore_index=False
        )
        cells = cells.dropna().reset_index()
        keys = zip(cells["symbol"], cells["session"].dt.date, strict=True)
        assert dict(zip(keys, cells["close"], strict=True)) == known


def test_the_newest_release_is_read_the_same_by_instant_alone(
    lake: Lake, prices: list[Row]
) -> None:
    for instant in INSTANTS:
        assert read_prices(lake.as_of(instant)) == obvious(prices, instant)


def test_prices_that_size_orders_follow_the_same_dictionary(
    lake: Lake, prices: list[Row]
) -> None:
    """What the study reads: every vintage, asked for each instant by itself."""
    symbols = sorted({row.key[0] for row in prices})
    history = lake.at("R4").price_history(symbols)
    for known in KNOWN:
        there = lake.at("R4", as_of=known).price_history(symbols).known_at
        assert len(there) == sum(row.known_at <= known for row in prices)
    for instant in INSTANTS:
        in_time = obvious(prices, instant - TICK)  # strictly before the deadline
        last: dict[str, tuple[dt.date, float]] = {}
        for (symbol, day), close in in_time.items():
            last[symbol] = max(last.get(symbol, (day, close)), (day, close))
        for symbol in symbols:
            found = history.last_close(symbol, before=instant)
            expected = last[symbol][1] if symbol in last else np.nan
            np.testing.assert_equal(found, expected)


# --- index changes: every place of the event among the instants of its vintages ------

TOLD = [START + dt.timedelta(days=10 * number) for number in range(1, 4)]
EFFECTIVE = [(START + dt.timedelta(days=days)).date() for days in (5, 15, 25, 35)]


def every_change() -> list[Row]:
    """Three vintages in every arrival and pattern; four effective dates around them."""
    return [
        Row(
            key=f"{''.join(map(str, arrival))}-{''.join('vr'[r] for r in gone)}-{when}",
            known_at=TOLD[place],
            value=(f"S{place}", when),
            retracted=gone[place],
            arrival=arrival[place],
        )
        for arrival in itertools.product(range(1, 4), repeat=3)
        for gone in itertools.product([False, True], repeat=3)
        for when in EFFECTIVE
        for place in range(3)
    ]


def announced(key: str) -> str:
    """A day of its own for each change: two of one day would be one fact."""
    arrival, gone, when = key.split("-", 2)
    number = int(arrival, 4) * 8 + int(gone.replace("v", "0").replace("r", "1"), 2)
    place = EFFECTIVE.index(dt.date.fromisoformat(when))
    day = dt.date(2002, 1, 1) + dt.timedelta(days=4 * number + place)
    return day.isoformat()


def change_frame(rows: Iterable[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "change_id": row.key,
                "index": "SP500",
                "symbol": row.value[0],
                "side": "addition",
                "announced": announced(row.key),
                "effective": row.value[1],
                "known_at": row.known_at,
                "retracted": row.retracted,
            }
            for row in rows
        ]
    )


@pytest.mark.parametrize("release", [1, 2, 3, 4])
def test_every_arrival_of_a_change_reads_as_the_dictionary(
    lake: Lake, release: int
) -> None:
    there = arrived(every_change(), release)
    whole = lake.at(f"R{release}")
    for told in TOLD:
        for instant in (told - TICK, told, told + TICK):
            if instant < TOLD[0]:
                continue  # nothing is known yet, which is an error
            known = obvious(there, instant)
            view = lake.at(f"R{release}", as_of=instant)

            frame = view.read("index_changes")
            values = zip(frame["symbol"], frame["effective"].dt.date, strict=True)
            assert dict(zip(frame["change_id"], values, strict=True)) == known
            facts = whole.as_of(instant).changes(index="SP500")
            told_as = [(c.known_at, c.symbol, c.effective) for c in facts]
            newest = {
                r.key: r
                for r in sorted(there, key=lambda row: row.known_at)
                if r.known_at <= instant
            }
            assert sorted(told_as) == sorted(
                (r.known_at, *r.value) for r in newest.values() if not r.retracted
            )


def test_every_vintage_of_a_change_is_shown_once_it_was_known(lake: Lake) -> None:
    for release, instant in itertools.product(range(1, 5), TOLD):
        there = arrived(every_change(), release)
        view = lake.at(f"R{release}", as_of=instant)

        found = view.change_vintages(index="SP500")

        expected = sorted((r.key, r.known_at) for r in there if r.known_at <= instant)
        assert [(v.change_id, v.change.known_at) for v in found] == expected
        retracted = {(r.key, r.known_at) for r in there if r.retracted}
        assert {
            (v.change_id, v.change.known_at) for v in found if v.retracted
        } == retracted & set(expected)


def test_how_a_fact_changed_is_told_up_to_the_instant_and_no_further(
    lake: Lake,
) -> None:
    changes = every_change()
    keys = sorted({row.key for row in changes})[::31]
    for release, instant in itertools.product(range(1, 4), TOLD):
        view, unknown = lake.at(f"R{release}", as_of=instant), set()
        decided = view.for_decision(instant)
        for key in keys:
            there = [row for row in arrived(changes, release) if row.key == key]
            if not any(row.known_at <= instant for row in there):
                assert decided.vintages("index_changes", key).empty
                unknown.add(key)
                continue
            known = sorted(row.known_at for row in there if row.known_at <= instant)
            by_instant = {row.known_at: row for row in there}

            found = view.vintages("index_changes", key)

            assert list(found["known_at"]) == known
            rows = [by_instant[told] for told in known]
            assert list(found["symbol"]) == [row.value[0] for row in rows]
            assert list(found["retracted"]) == [row.retracted for row in rows]
            shown = list(found.loc[found["in_force"], "symbol"])
            assert shown == [r.value[0] for r in rows[-1:] if not r.retracted]
        for key in sorted(unknown)[:2]:  # the error takes longer: it looks for others
            with pytest.raises(UnknownNameError, match="key of index_changes"):
                view.vintages("index_changes", key)


# --- any history, of prices and of reports --------------------------------------------

DAYS = [NYSE.date(FIRST + number) for number in range(4)]
HOURS = range(6)


def at(hours: int) -> dt.datetime:
    """An instant after the last of the days has closed."""
    return dt.datetime(2022, 9, 8, 0, 30, tzinfo=dt.UTC) + dt.timedelta(hours=hours)


BARS = st.lists(
    st.sampled_from(
        list(
            itertools.product(
                itertools.product(["AAA", "BBB", "CCC"], DAYS),
                map(at, HOURS),
                map(float, range(100, 110)),
                [False, True],
                range(1, 4),
            )
        )
    ).map(Row._make),
    min_size=1,
    max_size=25,
    unique_by=lambda row: (row.key, row.known_at),
)
VERSIONS = st.lists(
    st.sampled_from(
        list(
            itertools.product(
                DAYS[:3],
                map(at, HOURS),
                # More than half of any other, so each replaces the list it follows.
                [frozenset(isins) for isins in ("ABC", "AB", "AC", "BC")],
                [False],
                range(1, 4),
            )
        )
    ).map(Row._make),
    min_size=1,
    max_size=6,
    unique_by=lambda row: (row.key, row.known_at),
)


def obvious_status(versions: list[Row], instant: dt.datetime) -> dict[str, str]:
    """The newest report known at an instant, against the one before it by date."""
    lists = obvious(versions, instant)
    newest_first = [lists[date] for date in sorted(lists, reverse=True)]
    nothing: frozenset[str] = frozenset()
    now, before, *_ = [*newest_first, nothing, nothing]
    status = {isin: "unchanged" if isin in before else "new" for isin in now}
    return status | dict.fromkeys(before - now, "expired")


def report_rows(versions: Iterable[Row]) -> list[dict[str, Any]]:
    return [
        {
            "fund": "F",
            "date": version.key,
            "isin": isin,
            "known_at": version.known_at,
            "symbol": isin.lower(),
            "retracted": False,
        }
        for version in versions
        for isin in version.value
    ]


@given(bars=BARS, hours=st.integers(-1, 6))
def test_newest_agrees_with_a_dictionary(bars: list[Row], hours: int) -> None:
    rows = pa.Table.from_pandas(price_frame(bars), preserve_index=False)
    place = rows.schema.get_field_index("known_at")
    known_at = rows["known_at"].cast(pa.timestamp("us", tz="UTC"))
    rows = rows.set_column(place, "known_at", known_at)

    found = newest(rows, key=("symbol", "session"), as_of=at(hours))

    assert {bars[i].key: bars[i].value for i in found} == obvious(bars, at(hours))


@given(versions=VERSIONS, hours=st.integers(-1, 6))
def test_status_agrees_with_two_sets(versions: list[Row], hours: int) -> None:
    rows = pa.Table.from_pylist(report_rows(versions), schema=ETF_HOLDINGS.arrow)

    known = Reports(rows).known(at(hours))

    read = zip(known["isin"].to_pylist(), known["status"].to_pylist(), strict=True)
    assert dict(read) == obvious_status(versions, at(hours))


def as_panel(known: dict[Any, float], symbols: list[str]) -> list[Any]:
    days = [session for _, session in known] or [DAYS[-1], DAYS[0]]
    rows = [day for day in DAYS if min(days) <= day <= max(days)] if known else []
    return [[known.get((symbol, day)) for symbol in symbols] for day in rows]


@settings(max_examples=times(6, 60))
@given(bars=BARS, versions=VERSIONS)
def test_views_agree_with_a_dictionary_however_the_rows_arrived(
    bars: list[Row], versions: list[Row]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        lake = Lake.open(directory, clock=clock)
        published = []
        for release in range(1, 4):
            tables = {}
            if some := [row for row in bars if row.arrival == release]:
                tables["prices"] = price_frame(some)
            if some := [row for row in versions if row.arrival == release]:
                tables["etf_holdings"] = pd.DataFrame(report_rows(some))
            if tables:
                lake.publish(tables, release=f"R{release}", as_of=CUTOFF)
                published.append(release)
        for release, hours in itertools.product(published, range(6)):
            there, reports = arrived(bars, release), arrived(versions, release)
            if all(row.known_at > at(hours) for row in there + reports):
                continue
            view = lake.at(f"R{release}", as_of=at(hours))
            known = obvious(there, at(hours))
            assert read_prices(view) == known
            held = view.read("etf_holdings")
            status = dict(zip(held["isin"], held["status"], strict=True))
            assert status == obvious_status(reports, at(hours))
            if not there:
                continue
            symbols = sorted({row.key[0] for row in there})
            decided = view.for_decision(view.instant)
            panel = decided.panel("close", symbols=symbols).astype(object)
            values = panel.where(panel.notna(), None).to_numpy().tolist()
            assert values == as_panel(known, symbols)
            history = view.price_history(symbols)
            assert len(history.symbol) == sum(r.known_at <= at(hours) for r in there)
            if known:
                closes = history.window(symbols, FIRST, FIRST + 3)[1::2]
                expected = [[known.get((s, d), np.nan) for s in symbols] for d in DAYS]
                np.testing.assert_array_equal(closes, expected)
