"""A change is looked at if any of its vintages may be the one that is decided on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from lakebt.events.changes import Changes
from lakebt.events.clock import Clock, anchor_session
from lakebt.events.rules import Anchor
from lakebt.facts import IndexChange, Side, Vintage
from lakebt.sessions import Sessions

CLOCK = Clock(sessions=Sessions.of("XNYS"), min_lead=dt.timedelta(minutes=10))


def told(cause: str, hour: int, *, retracted: bool = False) -> Vintage:
    """Return a vintage of one change."""
    change = IndexChange(
        index="IDX",
        symbol="AAA",
        side=Side.ADDITION,
        announced="2020-03-02T10:00:00Z",
        known_at=f"2020-03-02T{hour}:00:00Z",
        cause=cause,
    )
    return Vintage(change_id="A", change=change, retracted=retracted)


@pytest.mark.parametrize(
    ("vintages", "n_kept", "n_corrected"),
    [
        ([told("merger", 10), told("failure", 12)], 0, 0),
        ([told("merger", 10), told("other", 12)], 1, 1),
        ([told("other", 10), told("other", 12, retracted=True)], 1, 1),
        ([told("merger", 10), told("other", 12, retracted=True)], 0, 0),
        ([told("other", 10)], 1, 0),
        ([told("merger", 10)], 0, 0),
    ],
    ids=["never", "later", "withdrawn", "only withdrawn", "single", "other single"],
)
@pytest.mark.parametrize("asks_derived", [False, True])
def test_what_the_filter_drops_in_every_vintage_is_left_out(
    vintages: list[Vintage], n_kept: int, n_corrected: int, *, asks_derived: bool
) -> None:
    changes = Changes(
        vintages,
        clock=CLOCK,
        keep=lambda vintage: vintage.change.cause == "other",
        asks_derived=asks_derived,
    )

    assert len(changes.histories) == n_kept
    assert len(changes.corrected) == n_corrected


def dated(symbol: str, side: Side, **days: str | None) -> Vintage:
    """Return a change known in 2022, with some days."""
    change = IndexChange(
        index="IDX", symbol=symbol, side=side, known_at="2022-09-06T12:00:00Z", **days
    )
    return Vintage(change_id=f"{symbol} {days}", change=change)


def every_kind() -> list[Vintage]:
    """Return changes with each day on, before and after sessions, outside, and none."""
    days = (None, "2022-09-02", "2022-09-03", "2022-09-05", "1900-01-02", "2199-01-02")
    return [
        dated(symbol, side, announced=None, effective=day)
        for symbol, side in (("B", Side.ADDITION), ("A", Side.DELETION))
        for day in days
    ] + [
        dated("C", Side.ADDITION, announced=f"{day}T22:00:00Z", recorded=shown)
        for day in days[1:5]
        for shown in (None, "2022-09-06T12:00:00Z", "2022-09-10T23:00:00Z")
    ]


@pytest.mark.parametrize("anchor", list(Anchor))
def test_anchors_of_many_are_those_of_each(anchor: Anchor) -> None:
    changes = Changes(every_kind(), clock=CLOCK, keep=lambda _: True)

    each = [
        anchor_session(anchor, changes.histories[n][0].change, CLOCK.sessions)
        for n in changes.simple.tolist()
    ]

    assert None in each
    told = [-1 if session is None else session for session in each]
    assert changes.anchors(anchor).tolist() == told


def test_columns_of_vintages_are_those_of_each() -> None:
    single, corrected = every_kind(), [told("merger", 10), told("other", 12)]
    changes = Changes([*single, *corrected], clock=CLOCK, keep=lambda _: True)
    places = {
        (leg, at): changes.vintage(np.array([leg]), np.array([at]))[0]
        for leg, history in enumerate(changes.histories)
        for at in range(len(history))
    }

    assert sorted(places.values()) == list(range(len(single) + 2))
    for symbols in (("C", "A"), (), ("AAA",), ("C", "A")):
        codes = changes.symbol_codes(symbols)
        for (leg, at), place in places.items():
            change = changes.histories[leg][at].change
            known = change.symbol in symbols
            assert changes.vintages[place].change is change
            assert codes[place] == (symbols.index(change.symbol) if known else -1)
            assert changes.is_addition[place] == (change.side is Side.ADDITION)


def test_events_are_ranked_by_day_and_name_as_they_come() -> None:
    changes = Changes(every_kind(), clock=CLOCK, keep=lambda _: True)
    before = changes.ranks.copy()

    code = changes.event_code(dated("Z", Side.ADDITION, effective="1990-01-03").change)

    assert code == len(before) == len(changes.ranks) - 1
    in_order = [changes.events[n] for n in np.argsort(changes.ranks).tolist()]
    assert in_order == sorted(in_order, key=lambda e: (e.date, e.event_id))
