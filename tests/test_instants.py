"""An instant is UTC and aware; a bare date is known from the end of its day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError
from lakebt.instants import (
    EPOCH,
    TICK,
    end_of_day,
    in_new_york,
    new_york_day,
    parse_date,
    parse_instant,
    parse_published,
    system_clock,
)

ACCEPTED = dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC)
TOKYO = dt.timezone(dt.timedelta(hours=9))


@pytest.mark.parametrize(
    "value",
    [
        "2022-11-28T20:50:55Z",
        "2022-11-28 20:50:55+00:00",
        "2022-11-28T15:50:55-05:00",
        ACCEPTED,
        dt.datetime(2022, 11, 29, 5, 50, 55, tzinfo=TOKYO),
        pd.Timestamp("2022-11-28 15:50:55", tz="America/New_York"),
    ],
    ids=str,
)
def test_instant_is_read_from_any_zone(value: object) -> None:
    instant = parse_instant(value, what="as_of")

    assert instant == ACCEPTED
    assert instant.tzinfo is dt.UTC
    assert type(instant) is dt.datetime, "a Timestamp would leak pandas into values"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2022-11-28T20:50:55", r"as_of 2022-11-28 20:50:55 has no time zone"),
        (
            "2022-11-28",
            r"only the day is known, 2022-11-29T04:59:59.999999Z, the end",
        ),
        (dt.datetime(2022, 11, 28), r"as_of 2022-11-28 00:00:00 has no time"),  # noqa: DTZ001
        ("soon", r"as_of 'soon' is not an instant"),
        ("", r"as_of '' is not an instant"),
        ("2022-02-30T00:00:00Z", r"as_of '2022-02-30T00:00:00Z' is not an instant"),
        (dt.date(2022, 11, 28), r"as_of datetime.date\(2022, 11, 28\) is not an ins"),
        (pd.NaT, r"as_of NaT is not an instant"),
        (None, r"as_of None is not an instant"),
        (1_669_668_655, r"as_of 1669668655 is not an instant"),
        (np.datetime64("2022-11-28"), r"as_of .*2022-11-28.* is not an instant"),
        ("0001-01-01T00:00:00+05:00", r"as_of 0001-01-01.* is outside the years 1678"),
        ("9999-12-31T23:59:59-05:00", r"as_of 9999-12-31.* is outside the years 1678"),
    ],
    ids=str,
)
def test_what_is_no_instant_is_refused_by_name(value: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parse_instant(value, what="as_of")


@pytest.mark.parametrize(
    "value",
    [
        "2022-09-19",
        dt.date(2022, 9, 19),
        dt.datetime(2022, 9, 19),  # noqa: DTZ001 - naive midnight is how frames hold dates
        pd.Timestamp("2022-09-19"),
        np.datetime64("2022-09-19"),
        np.datetime64("2022-09-19T00:00:00", "ns"),
    ],
    ids=repr,
)
def test_date_is_read_from_what_frames_hold(value: object) -> None:
    day = parse_date(value, what="effective")

    assert day == dt.date(2022, 9, 19)
    assert type(day) is dt.date


@pytest.mark.parametrize(
    "value",
    [
        "2022-9-19",
        "19.09.2022",
        "2022-02-30",
        "2022-09-19T00:00:00Z",
        "２０２２-09-19",  # noqa: RUF001 - digits, but not ours
        20220919,
        dt.datetime(2022, 9, 19, 16),  # noqa: DTZ001
        ACCEPTED,
        pd.NaT,
        np.datetime64("NaT"),
        np.datetime64("2022"),
        np.datetime64("2022-09-19T00:00:00.000000001"),
        None,
    ],
    ids=repr,
)
def test_what_is_no_date_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"effective .* is not a date"):
        parse_date(value, what="effective")


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        # Clocks went forward at 02:00 on Sunday 2022-03-13, and back on 2022-11-06.
        ("2022-03-12", "2022-03-13T04:59:59.999999+00:00"),
        ("2022-03-13", "2022-03-14T03:59:59.999999+00:00"),
        ("2022-09-02", "2022-09-03T03:59:59.999999+00:00"),
        ("2022-11-05", "2022-11-06T03:59:59.999999+00:00"),
        ("2022-11-06", "2022-11-07T04:59:59.999999+00:00"),
    ],
)
def test_bare_date_is_known_at_the_end_of_its_day_in_new_york(
    day: str, utc: str
) -> None:
    assert parse_published(day, what="announced").isoformat() == utc
    assert end_of_day(dt.date.fromisoformat(day)).isoformat() == utc


@pytest.mark.parametrize("midnight", [pd.Timestamp("2022-09-02"), dt.date(2022, 9, 2)])
def test_column_of_dates_means_days_and_not_midnights(midnight: dt.date) -> None:
    published = parse_published(midnight, what="announced")

    assert published == parse_published("2022-09-02", what="announced")


def test_published_instant_is_kept_as_it_is() -> None:
    assert parse_published("2022-09-02T17:15:00-04:00", what="announced") == (
        dt.datetime(2022, 9, 2, 21, 15, tzinfo=dt.UTC)
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2022-02-30", r"announced '2022-02-30' is not a date"),
        ("2022-09-02T17:15:00", r"announced 2022-09-02 17:15:00 has no time zone"),
        (pd.NaT, r"announced NaT is not an instant"),
        ("9999-12-31", r"announced 9999-12-31 is outside the years 1678 to 2261"),
    ],
)
def test_what_was_not_published_is_refused_by_name(value: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parse_published(value, what="announced")


@given(
    day=st.dates(dt.date(1980, 1, 1), dt.date(2049, 12, 31)),
    later=st.integers(min_value=1, max_value=10**9),
)
def test_end_of_day_is_the_last_instant_of_that_day(day: dt.date, later: int) -> None:
    last = end_of_day(day)

    assert new_york_day(last) == day
    assert new_york_day(last + later * TICK) > day


@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))  # noqa: DTZ001
def test_instant_survives_being_written_and_read(naive: dt.datetime) -> None:
    instant = naive.replace(tzinfo=dt.UTC)

    assert parse_instant(instant.isoformat(), what="as_of") == instant
    assert EPOCH + (instant - EPOCH) // TICK * TICK == instant


def test_evening_in_london_is_the_day_before_in_new_york() -> None:
    night = dt.datetime(2022, 9, 3, 3, 0, tzinfo=dt.UTC)

    assert new_york_day(night) == dt.date(2022, 9, 2)
    assert in_new_york(night) == "2022-09-02 23:00:00 New York"


def test_system_clock_is_aware_and_moves_forward() -> None:
    first, second = system_clock(), system_clock()

    assert first.tzinfo is dt.UTC
    assert first <= second
