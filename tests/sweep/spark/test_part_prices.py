"""Parts of events trade by the prices of their own sessions as by all, to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.errors import InvalidArgumentError
from lakebt.lake.reading import session_prices
from lakebt.study.chunk import BEFORE
from lakebt.study.order_reach import reach
from lakebt.sweep.passes import Memory, passes
from lakebt.sweep.spark import part_prices
from lakebt.sweep.spark.bundle import Bundle
from lakebt.sweep.spark.messages import CELLS, CUT, ERROR, unpack_error, unpack_prices
from lakebt.sweep.spark.pieces import portions
from lakebt.sweep.spark.work import do
from tests.study.many_events import COSTS, GRID, day, fill
from tests.sweep.moved import in_order, same
from tests.sweep.spark.here import NOW, at_once, done

if TYPE_CHECKING:
    from lakebt.lake.reading.view import View
    from lakebt.sweep.spark.pieces import Portions
    from lakebt.sweep.sweep import Sweep

pytestmark = pytest.mark.lake

QUIET = {"period": (str(day(120)), str(day(200)))}
"""When no share is new, or was halted."""


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return fill(tmp_path_factory.mktemp("plain") / "lake").at("R1")


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> View:
    path = tmp_path_factory.mktemp("acted") / "lake"
    with pytest.warns(lakebt.AuditWarning, match="corporate_actions stale"):
        return fill(path, adjusted=True, instruments=True).at("R1")


def asked(view: View, **more: Any) -> Sweep:
    return lakebt.Sweep(view, index="IDX", costs=COSTS, **GRID, **more)


def itself(view: View) -> View:
    """Executors would read by another one."""
    return view


def cut(sweep: Sweep, **how: Any) -> Portions:
    todo = passes(sweep.points, known=frozenset(), memory=Memory("event"))
    return portions(todo, engine="event", share=itself, **{"cores": 1, **how})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more", "parts"),
    [
        ("view", {"hedge": [None, "HALT"], "missing": "drop_leg"}, 7),
        ("view", {"on_look_ahead": "allow"}, 1),
        ("acted", {"hedge": "MKT", "delisting_return": -0.5}, 7),
    ],
    ids=["plain", "one part", "acted"],
)
def test_parts_by_their_own_sessions_come_to_the_whole(
    name: str, more: dict[str, Any], parts: int, request: pytest.FixtureRequest
) -> None:
    sweep = asked(request.getfixturevalue(name), **more)

    found, kinds = done(sweep, parts=parts, share=itself)

    assert kinds[CUT] > 0  # HALT's last close lies long before its event
    same(in_order(found), at_once(sweep))


def test_where_nothing_is_lacking_no_session_but_those_of_orders_is_read(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = asked(view, **QUIET)
    spans: list[tuple[int, int]] = []
    really: Any = vars(session_prices)["bars_between"]

    def told(*asked: Any, sessions: tuple[int, int], **more: Any) -> Any:
        spans.append(sessions)
        return really(*asked, sessions=sessions, **more)

    monkeypatch.setattr(session_prices, "bars_between", told)
    found, kinds = done(sweep, parts=4, share=itself)

    assert set(kinds) == {CELLS}
    # Announced in session 128, the first event's first order is filled in the next;
    # of one that is announced in 161 a leg's effective date is put off to 370.
    begin, end = (view.sessions.on_or_after(day(number)) for number in (129, 370))
    spans = [span for span in spans if span != (0, 0)]  # of the others' parts
    assert spans
    # The volumes of thirty sessions count, and 21 more are there for a last close.
    assert min(first for first, _ in spans) == begin - 30 - BEFORE
    assert max(last for _, last in spans) == end + 11  # two weeks, and one more
    same(in_order(found), at_once(sweep))


def test_one_unit_is_looked_at_before_the_others_trade_by_the_same_prices(
    view: View,
) -> None:
    sweep = asked(view, gross=[0.3, 0.6])
    units, count = cut(sweep, parts=2, cores=4).units, 2 * len(COSTS)
    assert len(units) == count

    found, kinds = done(sweep, parts=2, share=itself, cores=4)

    # One part has HALT: the first unit lacks it, or the first whose volume counts.
    assert kinds[CUT] == 1
    assert kinds[CELLS] == 2 * count + 1
    same(in_order(found), at_once(sweep))


def test_an_order_beyond_what_was_expected_has_all_prices_read(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = asked(view, **QUIET)
    least, most = reach(sweep.points[0].scope)
    monkeypatch.setattr(part_prices, "reach", lambda _: (least + 9, most - 9))

    found, kinds = done(sweep, parts=1, share=itself)

    assert kinds[CUT] == 1
    same(in_order(found), at_once(sweep))


def test_a_hedge_has_prices_if_it_has_them_in_any_session(view: View) -> None:
    halted = {"hedge": "HALT", "period": (str(day(310)), str(day(330)))}
    sweep = asked(view, **halted)
    found, _ = done(sweep, parts=1, share=itself)
    same(in_order(found), at_once(sweep))

    unknown = cut(asked(view, hedge="NOBODY"), parts=2)
    for work in unknown.units[0].works:
        told = do(
            work,
            prices=unknown.prices.__getitem__,
            run_at=NOW,
            bundle=Bundle(""),
        )
        errors = [unpack_error(one.payload) for one in told if one.kind == ERROR]
        assert len(errors) == len(work.specs)
        assert type(errors[0]) is InvalidArgumentError
        assert "hedge 'NOBODY' has no prices" in str(errors[0])


def test_what_is_told_of_other_sessions_arrives_with_the_prices(acted: View) -> None:
    made = cut(asked(acted, delisting_return=0.1), parts=3)
    for packed in made.prices.values():
        history = unpack_prices(packed, sessions=acted.sessions)
        assert history.cut.all()
        assert len(history.cut) == len(history.symbols)
        assert history.units is not None
        assert not history.units.are_raw
