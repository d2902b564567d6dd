"""A change is looked at if any of its vintages may be the one that is decided on."""

from __future__ import annotations

import datetime as dt

import pytest

from lakebt.events.changes import Changes
from lakebt.events.clock import Clock
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
