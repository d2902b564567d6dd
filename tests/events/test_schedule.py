"""The guard's decisions as columns are those of the guard, cell by cell."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, LakebtError, LookAheadError
from lakebt.events.clock import Clock
from lakebt.events.guard import plan
from lakebt.events.rules import parse_entries, parse_exits
from lakebt.events.schedule import Schedule, schedule
from lakebt.facts import IndexChange, Vintage
from lakebt.sessions import Sessions
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.events.guard import OnLookAhead
    from lakebt.events.plan import Cell

NYSE = Sessions.of("XNYS")
LEADS = (dt.timedelta(0), dt.timedelta(minutes=10), dt.timedelta(days=2))

# Days around a holiday (Labor Day) and an early close, and where the calendar ends.
AUTUMN = (dt.date(2022, 8, 31), dt.date(2022, 9, 13))
BEGINNING = (dt.date(1980, 1, 2), dt.date(1980, 1, 11))
END = (dt.date(2049, 12, 20), dt.date(2049, 12, 31))

ENTRIES = (
    *("AD@close", "AD+1@open", "AD+1@close", "AD-2@open", "AD+3@open"),
    *("ED@open", "ED-1@close", "ED@close", "ED-4@open", "ED+2@close"),
    *("MD@close", "MD+1@open", "MD-1@close", "MD+2@open", "AD-9999@open"),
)
EXITS = (
    *("+0", "+0@open", "+1", "+2@open", "+9999", "1w", "2w@open"),
    *("AD@close", "AD+2@open", "AD+4", "ED@open", "ED-1@close", "ED+3", "ED+9999"),
    *("MD@close", "MD+1@open", "MD+5", "MD-3@open"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What both are asked."""

    vintages: tuple[Vintage, ...]
    entries: tuple[str, ...]
    exits: tuple[str, ...]
    lead: dt.timedelta = dt.timedelta(minutes=10)
    on_look_ahead: str = "mask"
    side: str | None = None
    cause: str | None = None
    is_recorded: bool | None = None

    def keep(self, vintage: Vintage) -> bool:
        change = vintage.change
        return (
            (self.side is None or change.side == self.side)
            and (self.cause is None or change.cause == self.cause)
            and self.is_recorded in {None, change.recorded is not None}
        )

    def of(self, decide: Callable[..., Any]) -> Any:
        return decide(
            self.vintages,
            entries=parse_entries(self.entries),
            exits=parse_exits(self.exits),
            clock=Clock(sessions=NYSE, min_lead=self.lead),
            keep=self.keep,
            on_look_ahead=cast("OnLookAhead", self.on_look_ahead),
        )


@functools.cache  # what is drawn from is made once: making it takes longer
def days(span: tuple[dt.date, dt.date]) -> st.SearchStrategy[dt.date]:
    return st.dates(*span)


@functools.cache
def instants(span: tuple[dt.date, dt.date]) -> st.SearchStrategy[dt.datetime]:
    """Anywhere in the span, and on the deadlines of its fills themselves."""
    begin = dt.datetime.combine(span[0], dt.time(6), tzinfo=dt.UTC)
    end = dt.datetime.combine(span[1], dt.time(22), tzinfo=dt.UTC)
    hours = (end - begin) // dt.timedelta(hours=1)
    anywhere = st.builds(
        lambda number: begin + number * dt.timedelta(hours=1), st.integers(0, hours)
    )
    lo, hi = NYSE.on_or_after(span[0]), NYSE.on_or_before(span[1])
    on_deadlines = st.builds(
        lambda session, at, lead, off: NYSE.instant(session, at) - lead + off,
        st.integers(lo, hi),
        st.sampled_from(("open", "close")),
        st.sampled_from(LEADS[:2]),
        st.sampled_from((dt.timedelta(0), -dt.timedelta(microseconds=1))),
    )
    return st.one_of(anywhere, on_deadlines)


@st.composite
def histories(
    draw: st.DrawFn, *, number: int, span: tuple[dt.date, dt.date]
) -> list[Vintage]:
    """Draw a change with its vintages: told, corrected, withdrawn, told again."""
    side = draw(st.sampled_from(("addition", "deletion")))
    found = []
    count = draw(st.sampled_from((1, 1, 1, 2, 4)))
    for known_at in draw(st.sets(instants(span), min_size=count, max_size=count)):
        announced = draw(st.none() | days(span) | instants(span))
        effective = draw(st.none() | days(span))
        if announced is not None and effective is not None:
            day = announced.date() if isinstance(announced, dt.datetime) else announced
            effective = max(effective, day)
        change = IndexChange(
            index="SP500",
            symbol=f"S{number}",
            side=side,
            announced=announced,
            effective=effective,
            known_at=known_at,
            recorded=draw(st.none() | instants(span)),
            cause=draw(st.sampled_from((None, "merger", "discretionary"))),
        )
        found.append(
            Vintage(
                change_id=f"C{number}",
                change=change,
                retracted=draw(st.sampled_from((False, False, False, True))),
            )
        )
    return found


def common(vintages: list[Vintage], *, shared: IndexChange) -> list[Vintage]:
    """Give vintages the dates of another, so that they are legs of its event."""
    return [
        Vintage(
            change_id=vintage.change_id,
            change=IndexChange(
                index="SP500",
                symbol=vintage.change.symbol,
                side=vintage.change.side,
                announced=shared.announced,
                effective=shared.effective,
                known_at=vintage.change.known_at,
                recorded=vintage.change.recorded,
                cause=vintage.change.cause,
            ),
            retracted=vintage.retracted,
        )
        for vintage in vintages
    ]


@st.composite
def asked(
    draw: st.DrawFn, *, span: tuple[dt.date, dt.date] = AUTUMN, how: str | None = None
) -> Asked:
    """Draw changes, and ask every rule of them."""
    vintages: list[Vintage] = []
    for number in range(draw(st.integers(1, 5))):
        own = draw(histories(number=number, span=span))
        is_of_another = draw(st.booleans())
        if vintages and is_of_another:
            own = common(own, shared=draw(st.sampled_from(vintages)).change)
        vintages += own
    entered, left = draw(days(span)), draw(days(span))
    return Asked(
        vintages=tuple(draw(st.permutations(vintages))),
        entries=(*ENTRIES, f"{entered}@open"),
        exits=(*EXITS, f"{left}@close"),
        lead=draw(st.sampled_from(LEADS)),
        on_look_ahead=how or draw(st.sampled_from(("mask", "allow"))),
        side=draw(st.sampled_from((None, None, "addition", "deletion"))),
        cause=draw(st.sampled_from((None, None, "merger"))),
        is_recorded=draw(st.sampled_from((None, None, True, False))),
    )


def answer(
    question: Asked, decide: Callable[..., Any]
) -> tuple[Any, LakebtError | None]:
    """Return what is answered, or why a question is not answered at all."""
    try:
        return question.of(decide), None
    except (LookAheadError, InvalidArgumentError) as error:
        return None, error


def same(question: Asked) -> Schedule | None:
    """Ask both and compare every cell; None where both refuse to answer."""
    expected: Sequence[Cell]
    found: Schedule
    expected, error = answer(question, plan)
    found, other = answer(question, schedule)
    assert type(other) is type(error)
    if isinstance(error, LookAheadError) and isinstance(other, LookAheadError):
        assert str(other) == str(error)
        assert (other.fact, other.known_at) == (error.fact, error.known_at)
        assert other.needed_by == error.needed_by
    if error is not None:
        return None
    assert len(expected) == len(found) * len(question.exits)
    places = ((slot, n) for slot in range(len(found)) for n in range(len(found.exits)))
    for cell, (slot, exit_) in zip(expected, places, strict=True):
        same_cell(cell, found, slot, exit_)
    return found


def same_cell(cell: Cell, found: Schedule, slot: int, exit_: int) -> None:
    assert found.cell(slot, exit_) == cell
    assert found.slot(cell.event.event_id, cell.entry) == slot
    assert found.events[found.event[slot]] == cell.event
    assert str(found.entries[found.entry[slot]]) == cell.entry
    assert str(found.exits[exit_]) == cell.exit
    assert found.row[slot] == (-1 if cell.fill is None else cell.fill.row)
    code = found.reason[slot, exit_]
    assert (None if code == 0 else Reason.of_code(code)) == (
        None if cell.empty is None else cell.empty.reason
    )
    rows = [leg.exit.row for leg in cell.legs]
    assert found.exit_row[slot, exit_] == max(rows, default=-1)
    assert found.apart[slot, exit_] == (len(set(rows)) > 1)
    assert found.late[slot, exit_] == cell.late
    if cell.legs:
        assert found.vintages(slot) == tuple(leg.change for leg in cell.legs)
        codes, changes = found.vintages_of(np.arange(*found.start[slot : slot + 2]))
        assert [changes[code] for code in codes] == [leg.change for leg in cell.legs]


@pytest.mark.slow
@given(question=asked())
def test_every_cell_is_the_one_the_guard_decides_alone(question: Asked) -> None:
    same(question)


@pytest.mark.slow
@settings(max_examples=40)
@given(question=asked(span=END))
def test_it_is_so_where_the_calendar_ends(question: Asked) -> None:
    without_weeks = tuple(rule for rule in question.exits if "w" not in rule)

    same(question)
    same(replace(question, exits=without_weeks))


@pytest.mark.slow
@settings(max_examples=40)
@given(question=asked(span=BEGINNING))
def test_it_is_so_where_the_calendar_begins(question: Asked) -> None:
    same(question)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    question=asked(how="raise"),
    entries=st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=2, unique=True),
    exits=st.lists(st.sampled_from(EXITS), min_size=1, max_size=2, unique=True),
)
def test_both_stop_at_the_same_order(
    question: Asked, entries: list[str], exits: list[str]
) -> None:
    same(replace(question, entries=tuple(entries), exits=tuple(exits)))


@pytest.mark.slow
@settings(max_examples=30)
@given(question=asked())
def test_the_order_of_the_vintages_does_not_matter(question: Asked) -> None:
    one = question.of(schedule)
    two = replace(question, vintages=question.vintages[::-1]).of(schedule)

    assert one.events == two.events
    for name in ("event", "entry", "row", "start", "at", "exit_row", "reason", "late"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


# --- by hand --------------------------------------------------------------------------


def vintage(symbol: str = "NEW", *, retracted: bool = False, **facts: Any) -> Vintage:
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
    return Vintage(change_id=symbol, change=change, retracted=retracted)


def table(*vintages: Vintage, entries: Sequence[str], exits: Sequence[str]) -> Any:
    """Return a line per cell: event, rule, and the fills or the reason."""
    found = same(Asked(vintages=vintages, entries=tuple(entries), exits=tuple(exits)))
    assert found is not None

    def fill(row: int) -> str:
        return f"{NYSE.date(row // 2):%m-%d}@{'close' if row % 2 else 'open'}"

    return [
        (
            found.events[found.event[slot]].event_id.removeprefix("SP500:"),
            str(found.entries[found.entry[slot]]),
            str(rule),
            str(Reason.of_code(found.reason[slot, n]))
            if found.reason[slot, n]
            else f"{fill(found.row[slot])} {fill(found.exit_row[slot, n])}",
        )
        for slot in range(len(found))
        for n, rule in enumerate(found.exits)
    ]


def test_one_event_of_two_legs_and_every_reason_the_guard_has() -> None:
    legs = vintage("NEW"), vintage("OLD", side="deletion")

    found = table(
        *legs,
        entries=("AD@close", "AD+1@open", "MD@close", "2022-09-05@open"),
        exits=("+0", "1w", "ED@close", "AD@close", "MD+1@open", "2022-09-05@close"),
    )

    event = "2022-09-02:2022-09-19"
    exits = ("+0", "1w", "ED@close", "AD@close", "MD+1@open", "2022-09-05@close")
    entered = (
        *("09-06@open 09-06@close", "09-06@open 09-13@close"),
        *("09-06@open 09-19@close", "exit_before_entry", "no_anchor", "no_session"),
    )
    assert found == [
        *((event, "AD@close", exit_, "look_ahead") for exit_ in exits),
        *((event, "AD+1@open", *two) for two in zip(exits, entered, strict=True)),
        *((event, "MD@close", exit_, "no_anchor") for exit_ in exits),
        *((event, "2022-09-05@open", exit_, "no_session") for exit_ in exits),
    ]


def test_legs_that_holdings_show_on_different_days_are_events_of_their_own() -> None:
    legs = (
        vintage("A", recorded="2022-11-28T20:50:55Z"),
        vintage("B", recorded="2022-11-29T20:50:55Z"),
        vintage("C"),  # in none of them: no report shows it
    )

    assert table(*legs, entries=("MD+1@open", "AD+1@open"), exits=("+1",)) == [
        ("2022-09-02:2022-09-19", "MD+1@open", "+1", "11-29@open 11-30@close"),
        ("2022-09-02:2022-09-19", "AD+1@open", "+1", "09-06@open 09-07@close"),
        (
            "2022-09-02:2022-09-19@2022-11-30",
            *("MD+1@open", "+1", "11-30@open 12-01@close"),
        ),
    ]


def test_a_postponement_moves_what_was_not_yet_due_and_parts_the_legs() -> None:
    moved = vintage("A", effective="2022-09-26", known_at="2022-09-15T12:00:00Z")
    legs = vintage("A"), moved, vintage("B")

    found = same(Asked(vintages=legs, entries=("AD+1@open",), exits=("+1", "ED@close")))

    assert found is not None
    assert found.apart.tolist() == [[False, True]]
    assert NYSE.date(int(found.exit_row[0, 1]) // 2) == dt.date(2022, 9, 26)


def test_a_report_of_the_exits_own_deadline_comes_too_late_for_it() -> None:
    at = vintage("A", recorded="2022-11-28T20:50:00Z")
    before = vintage("A", recorded="2022-11-28T20:49:59.999999Z")
    rules: dict[str, Any] = {"entries": ("AD+1@open",), "exits": ("MD@close",)}

    assert table(at, **rules)[0][3] == "look_ahead"
    assert table(before, **rules)[0][3] == "09-06@open 11-28@close"


def test_a_change_withdrawn_in_time_is_no_event() -> None:
    gone = vintage(known_at="2022-09-05T12:00:00Z", retracted=True)

    assert table(vintage(), gone, entries=("AD+1@open",), exits=("+1",)) == []
    assert table(vintage(retracted=True), entries=("AD+1@open",), exits=("+1",)) == []


def test_nothing_to_trade_is_no_slot() -> None:
    found = same(Asked(vintages=(), entries=("AD+1@open",), exits=("+1", "1w")))

    assert found is not None
    assert len(found) == 0
    assert found.events == ()
    assert found.exit_row.shape == found.reason.shape == (0, 2)
    assert found.count_empty().empty
    assert found.slot("SP500:2022-09-02:2022-09-19", "AD+1@open") is None


def test_what_the_filter_drops_is_no_leg() -> None:
    legs = vintage("A"), vintage("B", side="deletion")

    found = same(
        Asked(vintages=legs, entries=("AD+1@open",), exits=("+1",), side="deletion")
    )

    assert found is not None
    assert [change.symbol for change in found.vintages(0)] == ["B"]


def test_raise_tells_of_the_oldest_event_under_the_first_entry() -> None:
    young = vintage("A", announced="2022-09-09", effective="2022-09-20")
    old = vintage("B")
    question = Asked(
        vintages=(young, old),
        entries=("AD+1@open", "AD@close"),
        exits=("+1",),
        on_look_ahead="raise",
    )

    assert same(question) is None
    with pytest.raises(LookAheadError, match=r"AD@close to \+1 wanted addition B"):
        question.of(schedule)
    with pytest.raises(LookAheadError, match=r"AD@close to \+1 wanted addition B"):
        question.of(plan)


def test_empty_cells_are_counted_by_rule_and_reason() -> None:
    legs = vintage("A"), vintage("B", announced="2022-09-09", effective="2022-09-20")

    found = same(
        Asked(vintages=legs, entries=("AD@close", "AD+1@open"), exits=("+1", "MD+1"))
    )

    assert found is not None
    counts = found.count_empty()
    assert counts.to_dict("list") == {
        "entry": ["AD@close", "AD@close", "AD+1@open"],
        "exit": ["+1", "MD+1", "MD+1"],
        "reason": ["look_ahead", "look_ahead", "no_anchor"],
        "n_events": [2, 2, 2],
        "n_total": [2, 2, 2],
    }


def test_an_exit_past_the_end_of_the_calendar_has_no_session() -> None:
    late = vintage(announced="2049-12-28", effective="2049-12-30")

    found = same(
        Asked(vintages=(late,), entries=("AD+1@open",), exits=("+2", "+3", "ED+9"))
    )

    assert found is not None
    assert [
        Reason.of_code(code).value if code else None for code in found.reason[0]
    ] == [*(None, "no_session", "no_session")]
    found = same(Asked(vintages=(late,), entries=("AD+1@open",), exits=("1w",)))

    assert found is not None
    assert Reason.of_code(found.reason[0, 0]) is Reason.NO_SESSION


# --- what a late fact changes ---------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=60)
@given(question=asked(how="allow"), limit=st.sampled_from((None, (1, 1), (2, 5))))
def test_what_is_not_said_to_be_late_is_as_if_it_were_masked(
    question: Asked, limit: tuple[int, int] | None
) -> None:
    """No cell is lost, and one that is not stamped is the same to the last leg."""
    try:
        allowed, masked = (
            replace(question, on_look_ahead=how).of(
                functools.partial(schedule, size=limit)
            )
            for how in ("allow", "mask")
        )
    except InvalidArgumentError:
        return
    for slot in range(len(masked)):
        event = masked.events[masked.event[slot]].event_id
        entry = str(masked.entries[masked.entry[slot]])
        # Late legs that would enter before it take its name, and it gets a longer one.
        name = event.partition("@")[0]
        named = [e.event_id for e in allowed.events if e.event_id.startswith(name)]
        if masked.row[slot] >= 0:
            assert any(allowed.slot(one, entry) is not None for one in named)
    for slot in range(len(allowed)):
        event = allowed.events[allowed.event[slot]].event_id
        entry = str(allowed.entries[allowed.entry[slot]])
        for exit_ in np.flatnonzero(~allowed.late[slot]).tolist():
            twin = masked.slot(event, entry)
            assert twin is not None
            one, two = allowed.cell(slot, exit_), masked.cell(twin, exit_)
            assert (one.fill, one.legs) == (two.fill, two.legs)
            assert allowed.reason[slot, exit_] == masked.reason[twin, exit_]


def test_a_leg_that_came_too_late_stamps_the_event_that_it_joins() -> None:
    """Without it the event is traded, with it nothing may be: both are told apart."""
    late = vintage("LATE", known_at="2022-09-10T00:00:00Z")
    question = Asked(
        vintages=(vintage(), late),
        entries=("AD+1@open", "ED-1@close"),
        exits=("+1", "AD@close"),
        on_look_ahead="allow",
    )

    found = same(question)

    assert found is not None
    # By ED-1 everything is known. Before it enters nobody leaves, late or not.
    assert found.late.tolist() == [[True, False], [False, False]]
    assert found.reason[0, 1] == Reason.EXIT_BEFORE_ENTRY.code


def test_a_late_leg_does_not_decide_on_the_size_of_an_event() -> None:
    late = vintage("LATE", known_at="2022-09-10T00:00:00Z")
    question = Asked(
        vintages=(vintage(), late),
        entries=("AD+1@open",),
        exits=("+1",),
        on_look_ahead="allow",
    )

    one, two = (
        question.of(functools.partial(schedule, size=size)) for size in ((1, 1), (2, 2))
    )

    assert one.late.tolist() == [[True]]
    assert len(two) == 0


# --- a filter sees what was known -----------------------------------------------------

SHOWN = "2022-11-28T20:50:55Z"


@pytest.mark.parametrize(
    ("is_recorded", "expected"),
    [(True, ["MD+1@open"]), (False, ["AD+1@open", "2022-10-03@open"])],
)
def test_a_filter_sees_what_holdings_show_once_they_do(
    *, is_recorded: bool, expected: list[str]
) -> None:
    """An entry of September is not chosen by what the holdings of November show."""
    question = Asked(
        vintages=(vintage(recorded=SHOWN),),
        entries=("AD+1@open", "2022-10-03@open", "MD+1@open"),
        exits=("+1",),
        is_recorded=is_recorded,
    )

    found = same(question)

    assert found is not None
    assert [str(found.entries[n]) for n in found.entry.tolist()] == expected
    assert (found.reason == 0).all()


def test_of_an_order_that_comes_too_late_the_filter_sees_the_late_fact() -> None:
    question = Asked(
        vintages=(vintage(recorded=SHOWN),),
        entries=("MD@close",),
        exits=("+1",),
        is_recorded=True,
    )

    for how in ("mask", "allow"):
        found = same(replace(question, on_look_ahead=how))
        assert found is not None
        assert len(found) == 1
