"""The lake against a dictionary: slow, obvious code that says what must be true."""

from __future__ import annotations

import datetime as dt
import tempfile
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lakebt.errors import ReleaseExistsError
from lakebt.instants import EPOCH
from lakebt.lake import Lake
from lakebt.lake.holdings import Reports
from lakebt.lake.rows import newest
from lakebt.lake.schemas import ETF_HOLDINGS
from tests.lake.frames import clock

SESSIONS = [dt.date(2022, 9, day) for day in (1, 2, 6, 7)]


class Bar(NamedTuple):
    """One vintage: `hours` after the open of September until it was known."""

    symbol: str
    session: dt.date
    hours: int
    close: float
    retracted: bool

    @property
    def known_at(self) -> dt.datetime:
        return dt.datetime(2022, 9, 8, tzinfo=dt.UTC) + dt.timedelta(hours=self.hours)


BARS = st.lists(
    st.builds(
        Bar,
        symbol=st.sampled_from(["AAA", "BBB", "CCC"]),
        session=st.sampled_from(SESSIONS),
        hours=st.integers(0, 5),
        close=st.integers(1, 9).map(float),
        retracted=st.booleans(),
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda bar: (bar.symbol, bar.session, bar.hours),
)


def obvious(bars: list[Bar], instant: dt.datetime) -> dict[tuple[str, dt.date], float]:
    """What is known at an instant, by the definition."""
    held: dict[tuple[str, dt.date], Bar] = {}
    for bar in sorted(bars, key=lambda bar: bar.known_at):
        if bar.known_at <= instant:
            held[bar.symbol, bar.session] = bar
    return {key: bar.close for key, bar in held.items() if not bar.retracted}


def as_frame(bars: list[Bar]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            {
                "symbol": bar.symbol,
                "session": bar.session,
                "known_at": bar.known_at,
                "retracted": bar.retracted,
                "close": bar.close,
            }
            for bar in bars
        ]
    )
    return frame.assign(
        open=frame["close"], high=frame["close"], low=frame["close"], basis="raw"
    )


def as_panel(known: dict[tuple[str, dt.date], float], symbols: list[str]) -> list[Any]:
    if not known:
        return []
    days = [session for _, session in known]
    rows = [day for day in SESSIONS if min(days) <= day <= max(days)]
    return [[known.get((symbol, day)) for symbol in symbols] for day in rows]


@given(bars=BARS, hours=st.integers(-1, 6))
def test_newest_agrees_with_a_dictionary(bars: list[Bar], hours: int) -> None:
    instant = dt.datetime(2022, 9, 8, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    rows = pa.Table.from_pandas(as_frame(bars), preserve_index=False)
    rows = rows.set_column(
        rows.schema.get_field_index("known_at"),
        "known_at",
        rows["known_at"].cast(pa.timestamp("us", tz="UTC")),
    )

    found = newest(rows, key=("symbol", "session"), as_of=instant)

    read = {(bars[i].symbol, bars[i].session): bars[i].close for i in found}
    assert read == obvious(bars, instant)


@pytest.mark.lake
@settings(max_examples=15)
@given(bars=BARS, split=st.integers(0, 25), hours=st.integers(0, 6))
def test_views_agree_with_a_dictionary_however_the_rows_were_published(
    bars: list[Bar], split: int, hours: int
) -> None:
    instant = dt.datetime(2022, 9, 8, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    symbols = sorted({bar.symbol for bar in bars})
    with tempfile.TemporaryDirectory() as directory:
        lake = Lake.open(directory, clock=clock)
        for number, part in enumerate((bars[:split], bars[split:])):
            if part:
                lake.publish(
                    {"prices": as_frame(part)}, release=f"R{number}", as_of=clock()
                )
        if min(bar.known_at for bar in bars) > instant:
            return
        view = lake.as_of(instant)
        frame = view.read("prices")
        panel = view.panel("close", symbols=symbols)
        history = view.price_history(symbols)

    known = obvious(bars, instant)
    read = zip(frame["symbol"], frame["session"].dt.date, frame["close"], strict=True)
    assert {(symbol, day): close for symbol, day, close in read} == known
    values = panel.astype(object).where(panel.notna(), None).to_numpy().tolist()
    assert values == as_panel(known, symbols)
    assert len(history.symbol) == sum(bar.known_at <= instant for bar in bars)
    if known:
        first, last = (view.sessions.number(day) for day in (SESSIONS[0], SESSIONS[-1]))
        assert first is not None
        assert last is not None
        closes = history.window(symbols, first, last)[1::2]
        expected = [[known.get((s, day), np.nan) for s in symbols] for day in SESSIONS]
        np.testing.assert_array_equal(closes, expected)


class Version(NamedTuple):
    """A report of fund F as accepted at one instant."""

    date: int
    known_at: int
    isins: frozenset[str]


VERSIONS = st.lists(
    st.builds(
        Version,
        date=st.integers(1, 3),
        known_at=st.integers(10, 15),
        isins=st.frozensets(st.sampled_from("ABC"), min_size=2),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda version: (version.date, version.known_at),
)


@given(versions=VERSIONS, instant=st.integers(9, 16))
def test_status_agrees_with_two_sets(versions: list[Version], instant: int) -> None:
    rows = [
        {
            "fund": "F",
            "date": dt.date(1970, 1, version.date),
            "isin": isin,
            "known_at": EPOCH + dt.timedelta(days=version.known_at),
            "symbol": isin.lower(),
            "retracted": False,
        }
        for version in versions
        for isin in version.isins
    ]
    reports = Reports(pa.Table.from_pylist(rows, schema=ETF_HOLDINGS.arrow))

    known = reports.known(EPOCH + dt.timedelta(days=instant))

    lists: dict[int, frozenset[str]] = {}
    for version in sorted(versions, key=lambda version: version.known_at):
        if version.known_at <= instant:
            lists[version.date] = version.isins
    newest_first = [lists[date] for date in sorted(lists, reverse=True)]
    nothing: frozenset[str] = frozenset()
    now, before, *_ = [*newest_first, nothing, nothing]
    expected = {isin: "unchanged" if isin in before else "new" for isin in now}
    expected |= dict.fromkeys(before - now, "expired")
    read = zip(known["isin"].to_pylist(), known["status"].to_pylist(), strict=True)
    assert dict(read) == expected


class ManyReleases(RuleBasedStateMachine):
    """Every release reads as it did when it was published, whatever came after."""

    @initialize()
    def empty_lake(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.lake = Lake.open(self.directory.name, clock=clock)
        self.rows: list[Bar] = []
        self.held: dict[str, tuple[list[Bar], list[Bar]]] = {}

    @rule(bars=BARS, name=st.sampled_from(["R1", "R2", "R3", "r1"]))
    def publish(self, bars: list[Bar], name: str) -> None:
        taken = {(bar.symbol, bar.session, bar.hours) for bar in self.rows}
        fresh = [b for b in bars if (b.symbol, b.session, b.hours) not in taken]
        if not fresh:
            return
        frame = {"prices": as_frame(fresh)}
        if name.lower() in {held.lower() for held in self.held}:
            with pytest.raises(ReleaseExistsError, match=name):
                self.lake.publish(frame, release=name, as_of=clock())
        else:
            self.lake.publish(frame, release=name, as_of=clock())
            self.rows = [*self.rows, *fresh]
            self.held[name] = (self.rows, fresh)

    @rule(name=st.sampled_from(["R1", "R2", "R3"]))
    def publish_again(self, name: str) -> None:
        if name in self.held:
            frame = as_frame(self.held[name][1][::-1])
            self.lake.publish({"prices": frame}, release=name, as_of=clock())

    @rule()
    def reopen(self) -> None:
        self.lake = Lake.open(self.directory.name, create=False, clock=clock)

    @invariant()
    def every_release_reads_as_it_was(self) -> None:
        assert list(self.lake.releases()["name"]) == list(self.held)
        for name, (rows, _) in self.held.items():
            frame = self.lake.at(name).read("prices")
            days = frame["session"].dt.date
            read = zip(frame["symbol"], days, frame["close"], strict=True)
            assert {(s, d): c for s, d, c in read} == obvious(rows, clock())

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.directory.cleanup()


ManyReleases.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestManyReleases = pytest.mark.slow(pytest.mark.lake(ManyReleases.TestCase))
