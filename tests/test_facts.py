"""An index change that cannot be true cannot be made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pickle
from typing import Any

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.facts import IndexChange, Side, Vintage, default_change_id

PENN: dict[str, Any] = {
    "index": "SP500",
    "symbol": "PENN",
    "side": "deletion",
    "announced": "2022-09-02",
    "effective": "2022-09-19",
}
END_OF_2_SEPTEMBER = dt.datetime(2022, 9, 3, 3, 59, 59, 999999, tzinfo=dt.UTC)
PRESS_RELEASE = dt.datetime(2022, 9, 2, 21, 15, tzinfo=dt.UTC)


def change(**changed: Any) -> IndexChange:
    return IndexChange(**(PENN | changed))


def test_words_become_values() -> None:
    penn = change()

    assert penn.side is Side.DELETION
    assert penn.announced == END_OF_2_SEPTEMBER
    assert penn.effective == dt.date(2022, 9, 19)


def test_announced_day_is_known_only_when_it_is_over() -> None:
    assert change().known_at == END_OF_2_SEPTEMBER


def test_announced_instant_is_known_at_once() -> None:
    assert change(announced="2022-09-02T21:15:00Z").known_at == PRESS_RELEASE


def test_known_at_that_was_given_is_kept() -> None:
    penn = change(known_at="2022-09-05T12:00:00Z")

    assert penn.known_at == dt.datetime(2022, 9, 5, 12, tzinfo=dt.UTC)
    assert penn.announced == END_OF_2_SEPTEMBER


def test_change_read_from_a_filing_needs_no_announcement() -> None:
    seen = IndexChange(
        index="SP500",
        symbol="PENN",
        side=Side.DELETION,
        known_at="2022-11-28T20:50:55Z",
        recorded="2022-11-28T20:50:55Z",
    )

    assert seen.announced is None
    assert seen.recorded == seen.known_at


def test_change_may_take_effect_on_the_day_it_is_announced() -> None:
    assert change(effective="2022-09-02").effective == dt.date(2022, 9, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"side": "added"}, "SP500 PENN: side must be one of addition, deletion, was"),
        ({"side": None}, "side must be one of addition, deletion, was None"),
        ({"cause": "takeover"}, "cause must be one of discretionary, merger, .*takeov"),
        ({"cause": float("nan")}, "cause must be one of .*, was nan"),
        ({"announced_quality": "good"}, "one of exact, derived, news, was 'good'"),
        ({"symbol": ""}, "symbol of an index change must be a name, was ''"),
        ({"symbol": float("nan")}, "symbol of an index change must be .* was nan"),
        ({"index": " "}, "index of an index change must be a name, was ' '"),
        ({"announced": "soon"}, "SP500 PENN: announced 'soon' is not an instant"),
        ({"announced": pd.NaT}, "SP500 PENN: announced NaT is not an instant"),
        ({"effective": "19 Sept"}, "SP500 PENN: effective '19 Sept' is not a date"),
        ({"known_at": "2022-09-02"}, "known_at 2022-09-02 00:00:00 has no time zone"),
        ({"recorded": "2022-09-30"}, "recorded 2022-09-30 00:00:00 has no time zone"),
        ({"announced": None}, "pass known_at or announced: nothing says when"),
        (
            {"effective": "2022-09-01"},
            "SP500 PENN: effective 2022-09-01 precedes announced 2022-09-02",
        ),
    ],
    ids=str,
)
def test_impossible_change_is_refused_by_name(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        change(**changed)


def test_evening_announcement_counts_as_its_day_in_new_york() -> None:
    """21:00 on 2 September is 3 September in UTC, and no later than the 2nd at home."""
    penn = change(announced="2022-09-03T01:00:00Z", effective="2022-09-02")

    assert penn.change_id == "SP500:PENN:deletion:2022-09-02"


def test_postponed_change_keeps_its_key() -> None:
    assert change(effective="2022-09-23").change_id == change().change_id


def test_key_falls_back_to_the_effective_date_and_then_to_when_it_was_known() -> None:
    known = {"announced": None, "known_at": "2022-09-30T21:00:00Z"}

    assert change(**known).change_id == "SP500:PENN:deletion:2022-09-19"
    assert change(**known, effective=None).change_id == "SP500:PENN:deletion:2022-09-30"


def test_key_reads_as_written() -> None:
    day = dt.date(2022, 9, 2)

    assert default_change_id("NDX", "A.B", Side.ADDITION, day) == (
        "NDX:A.B:addition:2022-09-02"
    )


def test_value_is_frozen_hashable_and_travels() -> None:
    penn = change()

    with pytest.raises(dataclasses.FrozenInstanceError, match="symbol"):
        penn.symbol = "PVH"  # type: ignore[misc]
    assert {penn, change()} == {penn}
    assert pickle.loads(pickle.dumps(penn)) == penn  # noqa: S301 - our own bytes
    assert dataclasses.replace(penn, symbol="PVH").known_at == penn.known_at


def test_vintage_says_whether_it_withdraws() -> None:
    penn = change()

    first = Vintage(change_id=penn.change_id, change=penn)
    second = dataclasses.replace(first, retracted=True)

    assert (first.retracted, second.retracted) == (False, True)
    assert second.change == penn
