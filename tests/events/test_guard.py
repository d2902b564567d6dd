"""Every order is decided on what was known before its own deadline."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import LookAheadError
from lakebt.events.clock import Clock
from lakebt.events.guard import plan
from lakebt.events.rules import parse_entries, parse_exits
from lakebt.facts import IndexChange, Vintage
from lakebt.sessions import Sessions
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from lakebt.events.plan import Cell

NYSE = Sessions.of("XNYS")
CLOCK = Clock(sessions=NYSE, min_lead=dt.timedelta(minutes=10))


def vintage(
    symbol: str = "NEW",
    *,
    change_id: str | None = None,
    retracted: bool = False,
    **facts: Any,
) -> Vintage:
    change = IndexChange(
        **{
            "index": "SP500",
            "symbol": symbol,
            "side": "addition",
            "announced": "2022-09-02",
            "effective": "2022-09-19",
            **facts,
        }
    )
    return Vintage(
        change_id=change_id or f"{symbol}", change=change, retracted=retracted
    )


def cells(*vintages: Vintage, entry: str, exit_: str, **options: Any) -> list[Cell]:
    return list(
        plan(
            vintages,
            entries=parse_entries([entry]),
            exits=parse_exits([exit_]),
            clock=CLOCK,
            **options,
        )
    )


def cell(*vintages: Vintage, entry: str, exit_: str, **options: Any) -> Cell:
    (found,) = cells(*vintages, entry=entry, exit_=exit_, **options)
    return found


def entered(found: Cell) -> str:
    assert found.fill is not None, found.empty
    return f"{NYSE.date(found.fill.session)}@{found.fill.at}"


def left(found: Cell) -> list[str]:
    assert found.empty is None, found.empty
    return [f"{NYSE.date(leg.exit.session)}@{leg.exit.at}" for leg in found.legs]


# --- the kinds of leak, each with its clean twin --------------------------------------


def test_buying_before_the_announcement_is_refused() -> None:
    found = cell(vintage(), entry="AD@close", exit_="+1")

    assert found.empty is not None
    assert found.empty.reason is Reason.LOOK_AHEAD
    assert str(found.empty.known_at) == "2022-09-03 03:59:59.999999+00:00"
    assert str(found.empty.needed_by) == "2022-09-02 19:50:00+00:00"


def test_buying_on_the_session_after_the_announcement_is_not() -> None:
    found = cell(vintage(), entry="AD+1@open", exit_="+1")

    assert entered(found) == "2022-09-06@open"
    assert left(found) == ["2022-09-07@close"]


def test_the_effective_date_does_not_give_away_the_announcement() -> None:
    before = cell(vintage(), entry="ED-11@close", exit_="+1")
    after = cell(vintage(), entry="ED-9@close", exit_="+1")

    assert before.empty is not None  # 2 September
    assert before.empty.reason is Reason.LOOK_AHEAD
    assert entered(after) == "2022-09-06@close"


HOLDINGS: dict[str, Any] = {
    "announced": None,
    "effective": None,
    "known_at": "2022-11-28T20:50:55Z",
    "recorded": "2022-11-28T20:50:55Z",
}


def test_trading_on_the_report_date_of_a_later_filing_is_refused() -> None:
    found = cell(vintage(**HOLDINGS), entry="2022-10-03@open", exit_="1w")

    assert found.empty is not None
    assert found.empty.reason is Reason.LOOK_AHEAD
    assert str(found.empty.known_at) == "2022-11-28 20:50:55+00:00"
    assert str(found.empty.needed_by) == "2022-10-03 13:20:00+00:00"


def test_a_filing_of_15_50_55_cannot_be_traded_at_that_close() -> None:
    found = cell(vintage(**HOLDINGS), entry="MD@close", exit_="1w")

    assert found.empty is not None
    assert found.empty.reason is Reason.LOOK_AHEAD
    assert "holdings report" in found.empty.fact


def test_a_filing_of_15_50_55_can_be_traded_at_the_next_open() -> None:
    found = cell(vintage(**HOLDINGS), entry="MD+1@open", exit_="1w")

    assert entered(found) == "2022-11-29@open"


def test_a_filing_a_second_before_the_deadline_can_be_traded_at_that_close() -> None:
    facts = {**HOLDINGS, "known_at": "2022-11-28T20:49:59Z"}
    facts["recorded"] = facts["known_at"]

    assert entered(cell(vintage(**facts), entry="MD@close", exit_="1w")) == (
        "2022-11-28@close"
    )


def test_what_is_known_at_the_deadline_itself_comes_too_late() -> None:
    at = cell(vintage(known_at="2022-09-06T13:20:00Z"), entry="AD+1@open", exit_="+1")
    before = cell(
        vintage(known_at="2022-09-06T13:19:59.999999Z"), entry="AD+1@open", exit_="+1"
    )

    assert at.empty is not None
    assert before.empty is None


# --- vintages -------------------------------------------------------------------------


def postponed(known_at: str) -> tuple[Vintage, Vintage]:
    return vintage(), vintage(effective="2022-09-26", known_at=known_at)


def test_a_postponement_known_in_time_moves_the_entry() -> None:
    found = cell(*postponed("2022-09-15T12:00:00Z"), entry="ED-1@close", exit_="+1")

    assert entered(found) == "2022-09-23@close"
    assert found.event.event_id == "SP500:2022-09-02:2022-09-26"


def test_a_postponement_that_came_after_the_entry_does_not_move_it() -> None:
    found = cell(*postponed("2022-09-17T12:00:00Z"), entry="ED-1@close", exit_="+1")

    assert entered(found) == "2022-09-16@close"
    assert found.event.event_id == "SP500:2022-09-02:2022-09-19"


def test_a_postponement_while_the_position_is_held_moves_the_exit() -> None:
    found = cell(
        *postponed("2022-09-15T12:00:00Z"), entry="AD+1@open", exit_="ED@close"
    )

    assert entered(found) == "2022-09-06@open"
    assert left(found) == ["2022-09-26@close"]


def test_legs_may_leave_on_different_sessions() -> None:
    other = vintage("OTHER")

    found = cell(
        *postponed("2022-09-15T12:00:00Z"), other, entry="AD+1@open", exit_="ED@close"
    )

    assert sorted(left(found)) == ["2022-09-19@close", "2022-09-26@close"]


def test_a_date_moved_to_the_past_lets_the_position_leave_at_the_next_fill() -> None:
    early = vintage(effective="2022-09-12", known_at="2022-09-14T12:00:00Z")

    found = cell(vintage(), early, entry="AD+1@open", exit_="ED@close")

    assert left(found) == ["2022-09-14@close"]


def test_a_retraction_before_the_deadline_leaves_no_event() -> None:
    gone = vintage(known_at="2022-09-05T12:00:00Z", retracted=True)

    assert cells(vintage(), gone, entry="AD+1@open", exit_="+1") == []


def test_a_retraction_after_the_entry_keeps_the_planned_exit() -> None:
    gone = vintage(known_at="2022-09-12T12:00:00Z", retracted=True)

    found = cell(vintage(), gone, entry="AD+1@open", exit_="ED@close")

    assert left(found) == ["2022-09-19@close"]


def test_an_order_belongs_to_the_vintage_in_force_not_to_the_newest() -> None:
    """First 19 September, then the 14th, known on the 16th: too late for both."""
    early = vintage(effective="2022-09-14", known_at="2022-09-16T12:00:00Z")

    found = cell(vintage(), early, entry="ED@close", exit_="+1")

    assert found.empty is not None
    assert found.empty.reason is Reason.LOOK_AHEAD
    assert str(found.empty.known_at) == "2022-09-16 12:00:00+00:00"


def test_a_leg_that_was_not_known_is_not_in_the_event() -> None:
    late = vintage("LATE", known_at="2022-09-10T00:00:00Z")

    found = cell(vintage(), late, entry="AD+1@open", exit_="+1")

    assert [leg.change.symbol for leg in found.legs] == ["NEW"]


def test_a_cell_is_refused_only_if_no_leg_was_known() -> None:
    late = vintage("LATE", known_at="2022-09-10T00:00:00Z")

    assert cell(late, entry="AD+1@open", exit_="+1").empty is not None


def test_legs_shown_by_different_reports_are_events_of_their_own() -> None:
    first = vintage("A", recorded="2022-11-28T20:50:55Z")
    second = vintage("B", recorded="2022-12-15T20:50:55Z")

    found = cells(first, second, entry="MD+1@open", exit_="+1")

    assert [(c.event.event_id, entered(c)) for c in found] == [
        ("SP500:2022-09-02:2022-09-19", "2022-11-29@open"),
        ("SP500:2022-09-02:2022-09-19@2022-12-16", "2022-12-16@open"),
    ]


def test_the_filter_is_asked_of_the_vintage_in_force() -> None:
    reclassified = vintage(cause="merger", known_at="2022-09-12T12:00:00Z")
    first = vintage(cause="discretionary")

    def keep(vintage: Vintage) -> bool:
        return vintage.change.cause == "discretionary"

    early = cells(first, reclassified, entry="AD+1@open", exit_="+1", keep=keep)
    late = cells(first, reclassified, entry="ED@close", exit_="+1", keep=keep)

    assert len(early) == 1
    assert late == []


# --- reasons --------------------------------------------------------------------------


def test_a_rule_without_its_date_has_no_anchor() -> None:
    found = cell(vintage(), entry="MD+1@open", exit_="+1")

    assert found.empty is not None
    assert found.empty.reason is Reason.NO_ANCHOR
    assert found.empty.fact == (
        "no holdings report of addition NEW (SP500), announced 2022-09-02"
    )


def test_a_day_without_a_session_is_told() -> None:
    found = cell(vintage(), entry="2022-09-05@open", exit_="+1")

    assert found.empty is not None
    assert found.empty.reason is Reason.NO_SESSION


@pytest.mark.parametrize(
    ("entry", "exit_"),
    [
        ("ED@close", "ED-1@close"),
        ("ED@close", "+0"),
        ("ED@close", "ED@open"),
        ("2022-09-07@open", "2022-09-07@open"),
    ],
)
def test_an_exit_that_does_not_come_after_its_entry_is_told(
    entry: str, exit_: str
) -> None:
    found = cell(vintage(), entry=entry, exit_=exit_)

    assert found.empty is not None
    assert found.empty.reason is Reason.EXIT_BEFORE_ENTRY


def test_an_entry_at_the_open_may_leave_at_the_same_close() -> None:
    assert left(cell(vintage(), entry="ED@open", exit_="+0")) == ["2022-09-19@close"]


def test_an_exit_on_a_filing_that_came_too_late_is_refused() -> None:
    shown = vintage(recorded="2022-11-28T20:50:55Z")

    late = cell(shown, entry="AD+1@open", exit_="MD@close")
    clean = cell(shown, entry="AD+1@open", exit_="MD+1@open")

    assert late.empty is not None
    assert late.empty.reason is Reason.LOOK_AHEAD
    assert left(clean) == ["2022-11-29@open"]


# --- events ---------------------------------------------------------------------------


def test_an_event_is_one_announcement_with_one_effective_session() -> None:
    found = cells(
        vintage("A"),
        vintage("B", announced="2022-09-02T21:15:00Z", side="deletion"),
        vintage("C", effective="2022-09-17"),  # a Saturday: the same session
        vintage("D", effective="2022-09-20"),
        vintage("E", announced="2022-09-06", effective="2022-09-20"),
        entry="AD+1@open",
        exit_="+1",
    )

    assert {c.event.event_id: len(c.legs) for c in found} == {
        "SP500:2022-09-02:2022-09-19": 3,
        "SP500:2022-09-02:2022-09-20": 1,
        "SP500:2022-09-06:2022-09-20": 1,
    }


def test_changes_with_neither_date_are_one_event_when_known_together() -> None:
    found = cell(
        vintage("A", **HOLDINGS),
        vintage("B", **HOLDINGS),
        entry="MD+1@open",
        exit_="1w",
    )

    assert found.event.event_id == "SP500:known:2022-11-28T20:50:55Z"
    assert len(found.legs) == 2


# --- raise, mask, allow ---------------------------------------------------------------


def test_raise_stops_with_the_fact_and_both_times() -> None:
    with pytest.raises(LookAheadError, match="2022-11-28 20:50:55") as caught:
        cells(
            vintage(**HOLDINGS),
            entry="2022-10-03@open",
            exit_="1w",
            on_look_ahead="raise",
        )
    assert "NEW" in caught.value.fact
    assert str(caught.value.known_at) == "2022-11-28 20:50:55+00:00"
    assert str(caught.value.needed_by) == "2022-10-03 13:20:00+00:00"


def test_raise_lets_a_clean_order_pass() -> None:
    assert cells(vintage(), entry="AD+1@open", exit_="+1", on_look_ahead="raise")


def test_allow_pretends_and_says_so() -> None:
    found = cell(vintage(), entry="AD@close", exit_="AD+1@open", on_look_ahead="allow")

    assert entered(found) == "2022-09-02@close"
    assert left(found) == ["2022-09-06@open"]
    assert found.late


def test_allow_pretends_at_the_exit_too() -> None:
    shown = vintage(recorded="2022-11-28T20:50:55Z")

    found = cell(shown, entry="AD+1@open", exit_="MD@close", on_look_ahead="allow")
    clean = cell(shown, entry="AD+1@open", exit_="MD+1@open", on_look_ahead="allow")

    assert left(found) == ["2022-11-28@close"]
    assert found.late
    assert not clean.late


def test_pretending_does_not_turn_time_around() -> None:
    found = cell(vintage(), entry="AD@close", exit_="AD-1@close", on_look_ahead="allow")

    assert found.empty is not None
    assert found.empty.reason is Reason.EXIT_BEFORE_ENTRY


def test_each_leg_keeps_when_its_facts_were_known() -> None:
    found = cell(
        *postponed("2022-09-15T12:00:00Z"), entry="AD+1@open", exit_="ED@close"
    )

    (leg,) = found.legs
    assert str(leg.entry_known_at) == "2022-09-03 03:59:59.999999+00:00"
    assert str(leg.exit_known_at) == "2022-09-15 12:00:00+00:00"


def test_allow_says_nothing_where_no_late_fact_was_used() -> None:
    found = cell(vintage(), entry="AD+1@open", exit_="+1", on_look_ahead="allow")

    assert not found.late
