"""How a fact changed, against a slow model that knows every vintage."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.reading import in_force as in_force_module
from tests.lake.conftest import make_published
from tests.lake.earnings import calendar
from tests.lake.frames import AS_OF, Q1_KNOWN, bars, changes, clock, q1, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lakebt.lake import View

pytestmark = pytest.mark.lake

AAA = ("AAA", "2022Q3")


def make_corrected(path: Path) -> None:
    make_published(path)
    lake = Lake.open(path, clock=clock)
    postponed = calendar(announced="2022-09-12T12:00:00Z", retracted=[False, True])
    postponed.loc[0, "reports"] = "2022-10-27"
    lake.publish({"earnings": postponed}, release="R2", as_of=AS_OF)
    better = calendar(announced="2022-09-20T12:00:00Z", reports="2022-10-27")
    better["eps_usd"] = 1.75
    lake.publish({"earnings": better.iloc[:1]}, release="R3", as_of=AS_OF)


ORIGINALS = {"corrected": make_corrected}


@pytest.fixture
def corrected(lake: Lake) -> Lake:
    """AAA is postponed, then its estimate is corrected; BBB withdraws its date."""
    return lake


def told(frame: pd.DataFrame, *columns: str) -> list[list[Any]]:
    return frame[list(columns)].to_numpy().tolist()


def test_each_vintage_says_what_it_changed(corrected: Lake) -> None:
    found = corrected.at("R3").vintages("earnings", AAA)

    shown = ("reports", "eps_usd", "retracted", "in_force", "changed")
    assert list(found.columns) == [
        *("symbol", "period", "announced", "reports", "eps_usd", "confirmed"),
        *("known_at", "retracted", "in_force", "changed"),
    ]
    first, second = pd.Timestamp("2022-10-20"), pd.Timestamp("2022-10-27")
    assert told(found, *shown) == [
        [first, 1.5, False, False, ()],
        [second, 1.5, False, False, ("announced", "reports")],
        [second, 1.75, False, True, ("announced", "eps_usd")],
    ]
    assert found["known_at"].is_monotonic_increasing
    assert found["in_force"].dtype == bool


def test_a_view_shows_no_vintage_from_after_its_instant(corrected: Lake) -> None:
    view = corrected.at("R3")

    second = view.as_of("2022-09-12T12:00:00Z").vintages("earnings", AAA)
    first = view.as_of("2022-09-12T11:59:59.999999Z").vintages("earnings", AAA)

    assert list(second["in_force"]) == [False, True]
    assert list(first["in_force"]) == [True]
    assert list(first["reports"]) == [pd.Timestamp("2022-10-20")]


def test_after_a_retraction_no_vintage_is_in_force(corrected: Lake) -> None:
    view = corrected.at("R3")

    found = view.vintages("earnings", ("BBB", "2022Q3"))
    before = view.as_of("2022-09-12T11:00:00Z").vintages("earnings", ("BBB", "2022Q3"))

    assert told(found, "retracted", "in_force", "changed") == [
        [False, False, ()],
        [True, False, ("announced", "retracted")],
    ]
    assert list(before["in_force"]) == [True]


def test_a_release_has_only_the_vintages_published_until_then(corrected: Lake) -> None:
    counts = [
        len(corrected.at(release).vintages("earnings", AAA))
        for release in ("R1", "R2", "R3")
    ]

    assert counts == [1, 2, 3]


def test_of_a_fact_not_yet_known_a_strategy_sees_no_vintage(corrected: Lake) -> None:
    view = corrected.at("R3").for_decision(utc("2022-09-01T20:00:00+00:00"))

    found = view.vintages("earnings", AAA).iloc[:0]

    empty = view.vintages("earnings", ("BBB", "2022Q3"))
    assert empty.empty
    assert list(empty.columns) == list(found.columns)
    kinds = [name for name in found.columns if name != "confirmed"]  # a flag, or null
    assert dict(empty.dtypes[kinds]) == dict(found.dtypes[kinds])


@pytest.mark.parametrize(
    "key",
    [AAA, list(AAA), {"period": "2022Q3", "symbol": "AAA"}],
    ids=["tuple", "list", "mapping"],
)
def test_a_key_is_given_by_column_or_in_order(corrected: Lake, key: object) -> None:
    assert len(corrected.at("R3").vintages("earnings", key)) == 3


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("AAA", r"the key of earnings is \(symbol, period\), and was asked for as 'A"),
        (("AAA",), r"was asked for as \('AAA',\)"),
        (("AAA", "2022Q3", "x"), "and was asked for as"),
        ({"symbol": "AAA"}, "and was asked for as"),
        ({"symbol": "AAA", "period": "2022Q3", "reports": 1}, "and was asked for as"),
        (("AAA", 3), "key period: 3 is not text"),
        (("AAA", None), "key period: None is not text"),
        ((["AAA", "BBB"], "2022Q3"), "key symbol: .* is not text"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(
    published: Lake, key: object, message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        published.at("R1").vintages("earnings", key)


@pytest.mark.parametrize("few", [200_000, 0], ids=["read whole", "filter pushed down"])
@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("aaa", "2022Q3"), r"'\(aaa, 2022Q3\)'. Did you mean '\(AAA, 2022Q3\)'\?"),
        (
            ("AAA", "2022Q4"),
            r"Did you mean '\(AAA, 2022Q3\)'\? Known: \(AAA, 2022Q3\)",
        ),
        (("ZZZ", "1"), r"unknown key of earnings '\(ZZZ, 1\)'. Known: "),
    ],
)
def test_a_key_that_no_row_has_is_named_with_those_like_it(
    published: Lake,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    key: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.setattr(in_force_module, "FEW_ROWS", few)

    with pytest.raises(UnknownNameError, match=message):
        published.at("R1").vintages("earnings", key)


def test_keys_that_are_not_yet_known_are_not_told(corrected: Lake) -> None:
    view = corrected.at("R3").as_of("2022-09-01T20:00:00Z")

    with pytest.raises(UnknownNameError) as failed:
        view.vintages("earnings", ("BBC", "2022Q3"))

    assert failed.value.known == ("(AAA, 2022Q3)",)


@pytest.mark.parametrize("few", [200_000, 0], ids=["read whole", "filter pushed down"])
def test_a_bar_has_vintages_too(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(in_force_module, "FEW_ROWS", few)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    fixed = bars(("2022-09-02",), ("BBB",), known_at=pd.Timestamp("2022-09-09T12:00Z"))
    lake.publish({"prices": fixed}, release="R2", as_of=AS_OF)
    view = lake.at("R2")

    found = view.vintages("prices", ("BBB", dt.date(2022, 9, 2)))

    assert list(found["close"]) == [13.0, 10.0]
    assert list(found["changed"]) == [(), ("open", "high", "low", "close")]
    assert list(view.vintages("prices", ("BBB", "2022-09-02"))["close"]) == [13.0, 10.0]
    with pytest.raises(UnknownNameError, match=r"Did you mean '\(BBB, 2022-09-0"):
        view.vintages("prices", ("BBB", "2022-09-03"))
    with pytest.raises(InvalidArgumentError, match="key session: 'today' is not a"):
        view.vintages("prices", ("BBB", "today"))


def test_a_postponed_change_has_two_vintages(lake: Lake) -> None:
    lake.publish({"index_changes": changes()}, release="R1", as_of=AS_OF)
    (first,) = (
        row
        for row in lake.at("R1").read("index_changes").to_dict("records")
        if row["symbol"] == "NEW"
    )
    late = changes(
        change_id=first["change_id"],
        effective=dt.date(2022, 9, 26),
        known_at=pd.Timestamp("2022-09-14T20:00:00Z"),
    )
    lake.publish({"index_changes": late.iloc[:1]}, release="R2", as_of=AS_OF)

    found = lake.at("R2").vintages("index_changes", first["change_id"])

    assert list(found["effective"]) == [
        pd.Timestamp("2022-09-19"),
        pd.Timestamp("2022-09-26"),
    ]
    assert list(found["changed"]) == [(), ("effective",)]
    assert list(found["in_force"]) == [False, True]


def test_of_holdings_the_rows_are_told_as_they_were_reported(lake: Lake) -> None:
    amended = q1(known_at=pd.Timestamp("2022-06-03T12:00:00Z"), weight_pct=[40.0, 60.0])
    both = pd.concat([q1(), amended], ignore_index=True)
    lake.publish({"etf_holdings": both}, release="R1", as_of=AS_OF)

    found = lake.at("R1").vintages(
        "etf_holdings", {"fund": "IVV", "date": "2022-03-31", "isin": "US0000000002"}
    )

    assert list(found["known_at"]) == [
        pd.Timestamp(Q1_KNOWN),
        pd.Timestamp("2022-06-03T12:00:00Z"),
    ]
    assert list(found["weight_pct"]) == [50.0, 60.0]
    assert list(found["changed"]) == [(), ("weight_pct",)]
    assert "status" not in found.columns


def test_an_unknown_table_is_named(published: Lake) -> None:
    with pytest.raises(UnknownNameError, match="unknown table 'earning'"):
        published.at("R1").vintages("earning", "x")


# --- the model ---------------------------------------------------------------------

DAY = dt.timedelta(days=1)
START = utc("2022-09-01T00:30:00+00:00")


class Event(NamedTuple):
    """A row of the table of notes: what is said of a key, and from when."""

    key: str
    known: int
    said: str | None
    retracted: bool


def instant(number: int) -> dt.datetime:
    return START + number * DAY


def in_force(events: Iterable[Event], now: int) -> dict[str, str | None]:
    """Walk through time, one event after another."""
    state: dict[str, str | None] = {}
    for event in sorted(events, key=lambda event: event.known):
        if event.known > now:
            break
        if event.retracted:
            state.pop(event.key, None)
        else:
            state[event.key] = event.said
    return state


def rows(events: Sequence[Event]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": [event.key for event in events],
            "said": pd.Series([event.said for event in events], dtype="str"),
            "known_at": [pd.Timestamp(instant(event.known)) for event in events],
            "retracted": [event.retracted for event in events],
        }
    )


def check(view: View, events: Sequence[Event], *, last: int) -> None:
    """Compare a view at every instant with the model."""
    earliest = min(event.known for event in events)
    for now in range(earliest, last + 1):
        for early in (dt.timedelta(0), DAY - dt.timedelta(microseconds=1)):
            known = view.as_of(instant(now) + early)
            found = known.read("notes")
            shown = {
                key: None if pd.isna(said) else said
                for key, said in zip(found["key"], found["said"], strict=True)
            }
            assert shown == in_force(events, now)
            for key in {event.key for event in events}:
                mine = sorted(
                    (event for event in events if event.key == key),
                    key=lambda event: event.known,
                )
                decided = known.for_decision(known.instant)
                told_of = decided.vintages("notes", key)
                heard = [event for event in mine if event.known <= now]
                assert list(told_of["known_at"]) == [
                    pd.Timestamp(instant(event.known)) for event in heard
                ]
                assert list(told_of["retracted"]) == [e.retracted for e in heard]
                standing = [*[False] * (len(heard) - 1), key in shown][: len(heard)]
                assert list(told_of["in_force"]) == standing
                assert list(told_of["changed"]) == [
                    () if number == 0 else differing(heard[number - 1], event)
                    for number, event in enumerate(heard)
                ]


def differing(before: Event, after: Event) -> tuple[str, ...]:
    return tuple(
        name
        for name in ("said", "retracted")
        if getattr(before, name) != getattr(after, name)
    )


def notes(path: Path) -> Lake:
    lake = Lake.open(path, clock=clock)
    lake.declare("notes", key=["key"], columns={"key": "text", "said": "text?"})
    return lake


@pytest.mark.slow
def test_every_order_of_event_and_knowledge_gives_what_the_model_says(
    path: Path,
) -> None:
    """Four vintages of a fact become known in any order, whatever is published first.

    One thing is said of it, another, that it is withdrawn, and the first again. A key
    for each of the 24 orders; four releases bring the vintages in one order, so that
    they come late, or early, in every way.
    """
    what = (("one", False), ("two", False), (None, True), ("one", False))
    orders = list(itertools.permutations(range(4)))
    lake = notes(path)
    published: list[Event] = []
    for release, (said, retracted) in enumerate(what):
        events = [
            Event(f"k{number}", order[release], said, retracted)
            for number, order in enumerate(orders)
        ]
        lake.publish({"notes": rows(events)}, release=f"R{release}", as_of=AS_OF)
        published += events
        check(lake.at(f"R{release}"), published, last=4)


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Releases of rows, no two of the same key and `known_at`."""
    places = st.tuples(st.sampled_from("abc"), st.integers(0, 5))
    drawn = draw(st.lists(places, min_size=1, max_size=9, unique=True))
    said = st.sampled_from([None, "one", "two"])
    events = [
        Event(key, known, draw(said), draw(st.booleans())) for key, known in drawn
    ]
    cuts = draw(st.lists(st.integers(1, 3), min_size=len(events), max_size=len(events)))
    releases: dict[int, list[Event]] = {}
    for event, release in zip(events, cuts, strict=True):
        releases.setdefault(release, []).append(event)
    return [releases[release] for release in sorted(releases)]


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories())
def test_any_history_reads_as_the_model_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[Event]]
) -> None:
    lake = notes(tmp_path_factory.mktemp("notes"))
    published: list[Event] = []
    for number, events in enumerate(history):
        lake.publish({"notes": rows(events)}, release=f"R{number}", as_of=AS_OF)
        published += events
        check(lake.at(f"R{number}"), published, last=5)
