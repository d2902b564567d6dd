"""Sessions against dates typed by hand, each with its reason."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import TYPE_CHECKING, Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.tseries.holiday import AbstractHolidayCalendar

from lakebt.errors import InvalidArgumentError
from lakebt.sessions import (
    Sessions,
    exposed_from,
    half_session,
    is_close,
    session_of,
)

if TYPE_CHECKING:
    from lakebt.sessions import At

NYSE = Sessions.of()
FRIDAY = dt.date(2022, 9, 2)  # before Labor Day

CLOSED = {
    "2001-09-11": "attacks on New York",
    "2001-09-14": "the exchange reopened on Monday the 17th",
    "2004-06-11": "mourning for President Reagan",
    "2007-01-02": "mourning for President Ford",
    "2012-10-29": "hurricane Sandy",
    "2012-10-30": "hurricane Sandy, second day",
    "2018-12-05": "mourning for President G. H. W. Bush",
    "2021-04-02": "Good Friday",
    "2021-12-24": "Christmas on a Saturday, observed on Friday",
    "2022-01-17": "Martin Luther King, Jr. Day",
    "2022-02-21": "Washington's Birthday",
    "2022-04-15": "Good Friday",
    "2022-05-30": "Memorial Day",
    "2022-06-20": "Juneteenth on a Sunday, the first one observed",
    "2022-07-04": "Independence Day",
    "2022-09-03": "Saturday",
    "2022-09-04": "Sunday",
    "2022-09-05": "Labor Day",
    "2022-11-24": "Thanksgiving",
    "2022-12-26": "Christmas on a Sunday, observed on Monday",
    "2023-01-02": "New Year on a Sunday, observed on Monday",
    "2025-01-09": "mourning for President Carter",
}
OPEN = {
    "2001-09-10": "the Monday before the attacks",
    "2001-09-17": "the Monday after the attacks",
    "2021-06-18": "Juneteenth was not yet a holiday of the exchange",
    "2021-12-31": "New Year on a Saturday is not observed on Friday",
    "2022-10-10": "Columbus Day: banks close, the exchange does not",
    "2022-11-11": "Veterans Day: banks close, the exchange does not",
    "2022-11-25": "the day after Thanksgiving, a short one",
}
# Opens and closes as UTC, from clocks in New York: 09:30 and 16:00 unless said.
HOURS = {
    "2022-03-11": ("14:30", "21:00", "the Friday before the clocks go forward"),
    "2022-03-14": ("13:30", "20:00", "the Monday after"),
    "2022-11-04": ("13:30", "20:00", "the Friday before the clocks go back"),
    "2022-11-07": ("14:30", "21:00", "the Monday after"),
    "2019-07-03": ("13:30", "17:00", "13:00 before Independence Day"),
    "2020-12-24": ("14:30", "18:00", "13:00 on Christmas Eve"),
    "2022-11-25": ("14:30", "18:00", "13:00 after Thanksgiving"),
    "2022-09-02": ("13:30", "20:00", "an ordinary day of summer"),
    "2022-11-28": ("14:30", "21:00", "an ordinary day of winter"),
}
# As the exchange counted them.
SESSIONS_IN_YEAR = {2001: 248, 2012: 250, 2019: 252, 2020: 253, 2021: 252, 2022: 251}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def dates(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array(texts, dtype="datetime64[D]")


@pytest.mark.parametrize("text", CLOSED)
def test_exchange_was_closed(text: str) -> None:
    assert NYSE.number(day(text)) is None, CLOSED[text]


@pytest.mark.parametrize("text", OPEN)
def test_exchange_was_open(text: str) -> None:
    number = NYSE.number(day(text))

    assert number is not None, OPEN[text]
    assert NYSE.date(number) == day(text)


@pytest.mark.parametrize("text", HOURS)
def test_opens_and_closes_follow_the_clock_of_new_york(text: str) -> None:
    opens, closes, why = HOURS[text]
    number = NYSE.on_or_after(day(text))

    found = [NYSE.instant(number, at).strftime("%F %H:%M") for at in ("open", "close")]

    assert found == [f"{text} {opens}", f"{text} {closes}"], why


@pytest.mark.parametrize("year", SESSIONS_IN_YEAR)
def test_year_has_as_many_sessions_as_the_exchange_held(year: int) -> None:
    first = NYSE.on_or_after(dt.date(year, 1, 1))
    last = NYSE.on_or_before(dt.date(year, 12, 31))

    assert last - first + 1 == SESSIONS_IN_YEAR[year]


def test_session_after_the_friday_before_labor_day_is_tuesday() -> None:
    friday = NYSE.on_or_before(FRIDAY)

    assert NYSE.date(friday + 1) == day("2022-09-06")


@pytest.mark.parametrize("text", ["2022-09-02", "2022-09-03", "2022-09-05"])
def test_long_weekend_belongs_to_the_friday_before_it(text: str) -> None:
    assert NYSE.date(NYSE.on_or_before(day(text))) == FRIDAY


@pytest.mark.parametrize("text", ["2022-09-03", "2022-09-05", "2022-09-06"])
def test_first_session_on_or_after_a_long_weekend_is_tuesday(text: str) -> None:
    assert NYSE.date(NYSE.on_or_after(day(text))) == day("2022-09-06")


@given(st.dates(dt.date(1980, 1, 2), dt.date(2049, 12, 31)))
def test_no_session_lies_between_before_and_after(today: dt.date) -> None:
    before, after = NYSE.on_or_before(today), NYSE.on_or_after(today)

    assert NYSE.date(before) <= today <= NYSE.date(after)
    assert after - before == (0 if NYSE.number(today) is not None else 1)
    assert NYSE.numbers(dates(today.isoformat()))[0] == (
        before if after == before else -1
    )


@pytest.mark.slow
@given(st.integers(0, len(NYSE) - 1))
def test_session_opens_before_it_closes_on_a_weekday_of_new_york(number: int) -> None:
    opens, closes = NYSE.instant(number, "open"), NYSE.instant(number, "close")

    assert opens < closes
    assert opens.date() == closes.date() == NYSE.date(number)
    assert NYSE.date(number).weekday() < 5


def test_numbers_of_many_days_at_once() -> None:
    friday = NYSE.on_or_before(FRIDAY)

    numbers = NYSE.numbers(dates("2022-09-02", "2022-09-05", "2022-09-06"))

    assert numbers.tolist() == [friday, -1, friday + 1]


def test_days_outside_the_calendar_have_no_number() -> None:
    assert NYSE.numbers(dates("1970-01-02", "2051-01-03")).tolist() == [-1, -1]
    assert NYSE.numbers(dates()).tolist() == []


@pytest.mark.parametrize("text", ["1979-12-31", "1980-01-01", "2050-01-03"])
def test_date_outside_the_calendar_is_refused(text: str) -> None:
    message = f"{text} is outside the calendar of XNYS, .* 1980-01-02 to 2049-12-31"

    for find in (NYSE.on_or_before, NYSE.on_or_after, NYSE.number):
        with pytest.raises(InvalidArgumentError, match=message):
            find(day(text))


@pytest.mark.parametrize("number", [-1, len(NYSE)])
def test_offset_that_leaves_the_calendar_does_not_wrap(number: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"no session number {number}: the"):
        NYSE.date(number)
    with pytest.raises(InvalidArgumentError, match=f"no session number {number}: the"):
        NYSE.instant(number, "open")


def test_an_unknown_exchange_is_refused() -> None:
    with pytest.raises(
        InvalidArgumentError,
        match="unknown exchange 'NOWHERE': pass a code such as XNYS",
    ):
        Sessions.of("NOWHERE")


def test_a_calendar_that_cannot_be_made_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        msg = "Special dates [1, 2] are not sessions."
        raise ValueError(msg)

    monkeypatch.setattr(exchange_calendars, "get_calendar", broken)

    with pytest.raises(
        InvalidArgumentError,
        match="exchange 'XSTO' has no calendar: exchange_calendars 4",
    ):
        Sessions("XSTO")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exchange", "session", "closed"),
    [
        ("XTAE", "2022-09-04", "2022-09-02"),  # Sundays, and no Fridays
        ("XTAE", "2026-01-09", "2026-01-11"),  # the other way round since 2026
        ("XKRX", "1995-03-04", "1999-03-06"),  # Saturdays until 1998
        ("XBOM", "2024-01-20", "2024-01-27"),  # one Saturday for a holiday
        ("XBOM", "2025-02-01", "2025-02-08"),  # one for the budget
    ],
)
def test_weeks_that_differ_have_their_sessions(
    exchange: str, session: str, closed: str
) -> None:
    calendar = Sessions.of(exchange)

    assert calendar.number(day(session)) is not None
    assert calendar.number(day(closed)) is None


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["XBOM", "XKRX", "XMOS", "XTAE"])
def test_sessions_are_the_days_that_the_library_takes_for_such(
    exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of each week's own days, which no version of pandas answers otherwise."""
    calendar = Sessions.of(exchange)
    # Ten years beyond the calendar, not 150: the library asks for all there are.
    monkeypatch.setattr(AbstractHolidayCalendar, "end_date", pd.Timestamp(2060, 1, 1))
    kind: Any = exchange_calendars.calendar_utils._default_calendar_factories[exchange]  # noqa: SLF001
    offset = kind.day.func(object.__new__(kind))
    every = pd.date_range(calendar.days[0], calendar.days[-1])
    weeks = offset._business_days_all_index.get_indexer(every)  # noqa: SLF001
    assert (weeks >= 0).all()

    found = []
    for number in np.unique(weeks):
        own = every[weeks == number]
        week = offset._custom_business_day_for(own[0])  # noqa: SLF001
        days = own.to_numpy().astype("datetime64[D]")
        found.append(days[np.is_busday(days, busdaycal=week.calendar)])
        for edge in own[[0, -1]]:
            assert offset.is_on_offset(edge) == (
                calendar.number(edge.date()) is not None
            )

    assert np.sort(np.concatenate(found)).tolist() == calendar.days.tolist()


def test_another_exchange_has_its_own_holidays() -> None:
    london = Sessions.of("XLON")

    assert london.number(day("2022-09-05")) is not None, "no Labor Day in London"
    assert london.number(day("2022-09-19")) is None, "funeral of Queen Elizabeth"


def test_calendar_is_made_once_and_travels_as_a_name() -> None:
    assert Sessions.of("XNYS") is NYSE
    assert pickle.loads(pickle.dumps(NYSE)) is NYSE  # noqa: S301 - our own bytes
    assert repr(NYSE) == "Sessions('XNYS')"


def test_what_is_shared_cannot_be_written() -> None:
    for shared in (NYSE.days, NYSE.instants("open"), NYSE.instants("close")):
        with pytest.raises(ValueError, match="read-only"):
            shared[0] = shared[1]


@given(st.integers(0, len(NYSE) - 1), st.sampled_from(("open", "close")))
def test_a_half_session_names_a_session_and_its_open_or_close(
    session: int, at: At
) -> None:
    half = half_session(session, at)
    assert session_of(half) == session
    assert is_close(half) is (at == "close")
    assert exposed_from(half) == (session if at == "open" else session + 1)


def test_half_sessions_are_in_the_order_of_their_instants() -> None:
    halves = np.arange(2 * len(NYSE))
    closes = is_close(halves)
    instants = np.where(
        closes,
        NYSE.instants("close")[session_of(halves)],
        NYSE.instants("open")[session_of(halves)],
    )
    assert (np.diff(instants) > 0).all()
    numbers = np.arange(len(NYSE))
    assert half_session(numbers, "open").tolist() == halves[~closes].tolist()
    assert half_session(numbers, "close").tolist() == halves[closes].tolist()
    assert exposed_from(halves[:3]).tolist() == [0, 1, 1]


# Begin and end: as the exchanges' pages and the library's records have them.
@pytest.mark.parametrize(
    ("exchange", "first", "year", "count"),
    [
        ("XTKS", "1997-01-06", 2019, 241),
        ("XSHG", "1990-12-03", 2019, 244),
        ("XBOM", "1997-01-01", 2019, 245),
    ],
)
def test_a_calendar_of_a_shorter_span_works_within_it(
    exchange: str, first: str, year: int, count: int
) -> None:
    sessions = Sessions.of(exchange)

    assert str(sessions.days[0]) == first
    within = [d for d in sessions.days if str(d).startswith(str(year))]
    assert abs(len(within) - count) <= 1
    with pytest.raises(InvalidArgumentError, match=f"calendar of {exchange}, which"):
        sessions.on_or_after(day("1979-12-31"))


def test_a_calendar_travels_with_its_closed_days() -> None:
    hong_kong = Sessions("XHKG", closed=["2023-09-08", "2023-09-01"])

    again = pickle.loads(pickle.dumps(hong_kong))  # noqa: S301 - our own

    assert again.name == hong_kong.name == "XHKG closed 2023-09-01 2023-09-08"
    assert (again.days == hong_kong.days).all()
    assert len(again) == len(Sessions.of("XHKG")) - 2


def test_the_library_is_left_as_it_was() -> None:
    holidays = exchange_calendars.exchange_calendar.HolidayCalendar.holidays

    Sessions("XBOM")

    assert exchange_calendars.exchange_calendar.HolidayCalendar.holidays is holidays
    every = exchange_calendars.get_calendar("XLON").regular_holidays.holidays()
    assert every[-1].year == 2200


def test_athens_keeps_the_orthodox_easter() -> None:
    athens = Sessions.of("ASEX")

    assert athens.number(day("2022-04-25")) is None, "Monday after the Orthodox Easter"
    assert athens.number(day("2022-04-19")) is not None, "Tuesday after the Western one"
