"""Anchors are sessions: weekends, holidays, early closes and daylight saving."""

from __future__ import annotations

import datetime as dt

import pytest

from lakebt.events.clock import Clock, Fill, anchor_session, parse_lead
from lakebt.events.rules import (
    Anchor,
    SessionsLater,
    WeeksLater,
    parse_entry,
    parse_exit,
)
from lakebt.facts import IndexChange
from lakebt.sessions import Sessions

NYSE = Sessions.of("XNYS")
CLOCK = Clock(sessions=NYSE, min_lead=dt.timedelta(minutes=10))


def change(announced: str | None, effective: str | None = None) -> IndexChange:
    return IndexChange(
        index="SP500",
        symbol="NEW",
        side="addition",
        announced=announced,
        effective=effective,
        known_at=None if announced else "2022-01-01T00:00:00Z",
    )


def day(anchor: Anchor, of: IndexChange) -> str:
    session = anchor_session(anchor, of, NYSE)
    assert session is not None
    return str(NYSE.date(session))


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        ("2022-09-02", "2022-09-02"),  # Friday
        ("2022-09-03", "2022-09-02"),  # Saturday
        ("2022-09-05", "2022-09-02"),  # Labor Day
        ("2022-09-02T21:15:00Z", "2022-09-02"),  # 17:15 New York, the same Friday
        ("2022-09-03T03:30:00Z", "2022-09-02"),  # 23:30 New York, still Friday
        ("2022-09-06T12:00:00Z", "2022-09-06"),  # Tuesday before the open
    ],
)
def test_ad_is_the_session_on_or_before_the_day_in_new_york(
    announced: str, expected: str
) -> None:
    assert day(Anchor.AD, change(announced)) == expected


@pytest.mark.parametrize(
    ("effective", "expected"),
    [
        ("2022-09-19", "2022-09-19"),  # Monday
        ("2022-09-17", "2022-09-19"),  # Saturday
        ("2022-11-24", "2022-11-25"),  # Thanksgiving
    ],
)
def test_ed_is_the_session_on_or_after_the_date(effective: str, expected: str) -> None:
    assert day(Anchor.ED, change("2022-09-02", effective)) == expected


def test_md_is_the_session_on_or_before_the_day_the_report_was_known() -> None:
    shown = IndexChange(
        index="SP500",
        symbol="NEW",
        side="addition",
        announced="2022-09-02",
        recorded="2022-11-28T20:50:55Z",
    )

    assert day(Anchor.MD, shown) == "2022-11-28"


def test_a_change_without_the_date_has_no_anchor() -> None:
    assert anchor_session(Anchor.ED, change("2022-09-02"), NYSE) is None
    assert anchor_session(Anchor.AD, change(None, "2022-09-19"), NYSE) is None
    assert anchor_session(Anchor.MD, change("2022-09-02"), NYSE) is None


def fill(text: str, of: IndexChange) -> Fill:
    found = CLOCK.anchored(parse_entry(text), of)
    assert found is not None
    return found


def test_the_session_after_a_friday_evening_is_tuesday_after_labor_day() -> None:
    found = fill("AD+1@open", change("2022-09-02"))

    assert found.instant.isoformat() == "2022-09-06T13:30:00+00:00"  # 09:30 EDT
    assert found.deadline.isoformat() == "2022-09-06T13:20:00+00:00"


def test_daylight_saving_moves_the_open_in_utc() -> None:
    before = fill("2022-11-04@open", change("2022-09-02"))
    after = fill("2022-11-07@open", change("2022-09-02"))

    assert before.instant.hour == 13
    assert after.instant.hour == 14


def test_an_early_close_moves_the_deadline() -> None:
    found = fill("2022-11-25@close", change("2022-09-02"))  # after Thanksgiving: 13:00

    assert found.instant.isoformat() == "2022-11-25T18:00:00+00:00"
    assert found.deadline.isoformat() == "2022-11-25T17:50:00+00:00"


def test_a_date_without_a_session_has_no_fill() -> None:
    assert CLOCK.anchored(parse_entry("2022-09-05@open"), change("2022-09-02")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+0", "2022-09-06"),
        ("+1", "2022-09-07"),
        ("1w", "2022-09-13"),
        ("3w", "2022-09-27"),
    ],
)
def test_exits_count_from_the_entry(text: str, expected: str) -> None:
    rule = parse_exit(text)
    assert isinstance(rule, SessionsLater | WeeksLater)

    found = CLOCK.from_entry(rule, fill("AD+1@open", change("2022-09-02")))

    assert found is not None
    assert (str(NYSE.date(found.session)), found.at) == (expected, "close")


def test_a_week_that_ends_on_a_holiday_leaves_on_the_next_session() -> None:
    rule = parse_exit("1w")
    assert isinstance(rule, WeeksLater)
    thursday = fill("2022-11-17@open", change("2022-09-02"))

    found = CLOCK.from_entry(rule, thursday)  # 24 November is Thanksgiving

    assert found is not None
    assert str(NYSE.date(found.session)) == "2022-11-25"


def test_the_first_fill_after_an_instant_has_a_later_deadline() -> None:
    deadline = fill("2022-11-28@close", change("2022-09-02")).deadline

    on_time = CLOCK.first_after(deadline - dt.timedelta(microseconds=1), "close")
    late = CLOCK.first_after(deadline, "close")

    assert on_time is not None
    assert late is not None
    assert str(NYSE.date(on_time.session)) == "2022-11-28"
    assert str(NYSE.date(late.session)) == "2022-11-29"


def test_the_first_fill_after_a_friday_evening_is_on_the_next_session() -> None:
    evening = dt.datetime(2022, 9, 2, 23, 0, tzinfo=dt.UTC)

    found = CLOCK.first_after(evening, "open")

    assert found is not None
    assert str(NYSE.date(found.session)) == "2022-09-06"


def test_a_row_counts_half_sessions() -> None:
    opened = fill("2022-09-06@open", change("2022-09-02"))
    closed = fill("2022-09-06@close", change("2022-09-02"))

    assert closed.row - opened.row == 1
    assert opened.row == 2 * opened.session


@pytest.mark.parametrize("value", ["soon", "-1min", "31D", None])
def test_a_lead_is_a_duration_that_makes_sense(value: str) -> None:
    with pytest.raises(ValueError, match="min_lead"):
        parse_lead(value)
