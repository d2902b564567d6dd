"""What is decided together lies in one part of the events."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.events.event_parts import EventParts
from lakebt.events.plan import Event
from lakebt.facts import IndexChange, Side, Vintage
from lakebt.sessions import Sessions
from tests.sweep.moved import N_EVENTS, fill

if TYPE_CHECKING:
    from pathlib import Path

NYSE = Sessions.of("XNYS")


@pytest.mark.lake
def test_what_was_ever_of_one_event_lies_in_one_part(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake")
    vintages = lake.at("R1").change_vintages(index="SIM")

    parts = EventParts(vintages, NYSE).cut(100)

    told = [{vintage.change_id for vintage in part} for part in parts if part]
    assert sum(map(len, parts)) == len(vintages) == 4 * N_EVENTS + 3
    every = list(itertools.chain.from_iterable(told))
    assert sorted(every) == sorted({v.change_id for v in vintages})
    # Change 9 was of the third event, and became one of the fourth.
    (both,) = (ids for ids in told if "C9" in ids)
    assert both == {f"C{n}" for n in range(8, 16)}
    assert {"C4", "C5", "C6", "C7"} in told


def test_parts_are_as_large_as_each_other_and_in_the_order_of_time() -> None:
    days = pd.bdate_range("2020-01-06", periods=23)  # noqa: TID251 - any days will do
    changes = [
        IndexChange(
            index="SIM",
            symbol=f"S{number}",
            side=Side.ADDITION,
            announced=day.strftime("%Y-%m-%dT22:00:00Z"),
        )
        for number, day in enumerate(days)
    ]
    vintages = [Vintage(change_id=c.change_id, change=c) for c in reversed(changes)]

    parts = EventParts(vintages, NYSE).cut(5)

    assert sorted(map(len, parts)) == [4, 4, 5, 5, 5]
    for part, following in itertools.pairwise(parts):
        assert max(v.change.known_at for v in part) < min(
            v.change.known_at for v in following
        )
    assert EventParts([], NYSE).cut(2) == [(), ()]


@pytest.mark.lake
def test_around_an_event_is_the_group_it_is_in(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake")
    vintages = lake.at("R1").change_vintages(index="SIM")
    parts = EventParts(vintages, NYSE)
    groups = [set(part) for part in parts.cut(N_EVENTS) if part]

    for vintage in vintages:
        name = Event.of(vintage.change, NYSE).event_id
        (own,) = (group for group in groups if vintage in group)
        for asked in (name, f"{name}@2022-09-06"):
            assert parts.around(asked) == tuple(v for v in vintages if v in own)
    assert parts.around("SIM:2022-09-0") == ()
