"""A rule prints back as it was written, and says what is wrong with it."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import LakebtError
from lakebt.events.rules import (
    Anchor,
    AnchorRule,
    DateRule,
    SessionsLater,
    WeeksLater,
    parse_entries,
    parse_entry,
    parse_exit,
    parse_exits,
)

AT = st.sampled_from(["open", "close"])


@given(
    anchor=st.sampled_from(Anchor),
    offset=st.integers(-30, 30),
    at=AT,
    plus=st.booleans(),
)
def test_an_anchored_entry_is_what_it_says(
    *, anchor: Anchor, offset: int, at: str, plus: bool
) -> None:
    written = "" if offset == 0 and not plus else f"{offset:+d}"
    text = f"{anchor}{written}@{at}"

    rule = parse_entry(text)

    assert isinstance(rule, AnchorRule)
    assert (rule.anchor, rule.offset, rule.at) == (anchor, offset, at)
    assert str(rule) == text


@given(day=st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1)), at=AT)
def test_a_date_is_an_entry(day: dt.date, at: str) -> None:
    rule = parse_entry(f"{day}@{at}")

    assert isinstance(rule, DateRule)
    assert (rule.date, rule.at, str(rule)) == (day, at, f"{day}@{at}")


def test_an_exit_is_at_the_close_unless_the_open_is_written() -> None:
    assert [parse_exit(text).at for text in ("+1", "1w", "ED", "2022-10-03")] == [
        "close"
    ] * 4
    assert [parse_exit(f"{text}@open").at for text in ("+1", "1w", "ED+2")] == [
        "open"
    ] * 3


def test_an_exit_counts_sessions_or_weeks() -> None:
    later, weeks = parse_exit("+0"), parse_exit("4w")

    assert isinstance(later, SessionsLater)
    assert later.sessions == 0
    assert isinstance(weeks, WeeksLater)
    assert (weeks.weeks, str(weeks)) == (4, "4w")


@pytest.mark.parametrize(
    "text",
    ["", "AD+1@noon", "XD@open", "ad+1@open", "AD +1@open", "+1", "1w", "tomorrow"],
)
def test_an_entry_that_does_not_parse_names_itself_and_the_cure(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a rule: write an anchor") as caught:
        parse_entry(text)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, LakebtError)


def test_an_entry_must_say_when() -> None:
    with pytest.raises(
        ValueError, match=r"'AD\+1' does not say when: write AD\+1@open"
    ):
        parse_entry("AD+1")


@pytest.mark.parametrize("text", ["", "0w", "-1", "1", "w", "+1@noon", "ED++1"])
def test_an_exit_that_does_not_parse_names_itself_and_the_cure(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a rule: write \+1") as caught:
        parse_exit(text)
    assert repr(text) in str(caught.value)


def test_a_date_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2022-02-30 is not a date"):
        parse_entry("2022-02-30@open")


def test_a_grid_is_a_list_of_different_rules() -> None:
    with pytest.raises(ValueError, match=r"entries must be a list, was the text"):
        parse_entries("AD+1@open")
    with pytest.raises(ValueError, match=r"exits is empty"):
        parse_exits([])
    with pytest.raises(ValueError, match=r"'\+1' is given twice"):
        parse_exits(["+1", "1w", "+1"])
