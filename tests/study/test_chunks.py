"""Events in chunks have the figures of all of them at once, to the bit."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.lake.reading import session_bars
from lakebt.lake.reading.session_prices import SessionPrices
from lakebt.prices import spill
from lakebt.prices.cut_off import CutOffError
from lakebt.study import chunk, chunks, empty_cells, scope
from lakebt.study.hindsight_scope import HindsightScope
from lakebt.study.lookup import Lookup
from lakebt.study.order_reach import reach, reached
from lakebt.study.panel_data import why_no_panel
from lakebt.sweep import passes
from lakebt.sweep.recorder import Recorder
from tests.study.many_events import COSTS, GRID, N_EVENTS, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.prices.history import PriceHistory

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    return fill(tmp_path_factory.mktemp("chunks") / "lake").at("R1")


@pytest.fixture
def tens(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes events in chunks of ten changes from then on, and a rule at a time."""

    def cut() -> None:
        monkeypatch.setattr(chunks, "MANY", 10)
        monkeypatch.setattr(chunks, "CHANGES", 10)
        monkeypatch.setattr(passes, "BLOCK", 200)
        monkeypatch.setattr(session_bars, "AT_ONCE", 5_000)  # two parts of the bars

    return cut


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[PriceHistory]:
    """The prices that chunks wrote to temporary files, one after the other."""
    made: list[PriceHistory] = []
    init = spill.Spill.__init__

    def counted(self: spill.Spill, history: PriceHistory) -> None:
        made.append(history)
        init(self, history)

    monkeypatch.setattr(spill.Spill, "__init__", counted)
    return made


def swept(view: lakebt.View, costs: Sequence[lakebt.CostModel], **more: Any) -> Any:
    sweep = lakebt.Sweep(view, index="IDX", costs=costs, **GRID, **more)
    rows = sweep.run(record=False)._rows  # noqa: SLF001 - with digests of every event
    return rows.drop(columns=["run_at", "seconds"])


def n_bytes(history: PriceHistory) -> int:
    arrays = [getattr(history, field.name) for field in dataclasses.fields(history)]
    return sum(each.nbytes for each in arrays if isinstance(each, np.ndarray))


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"hedge": "MKT"},
        {
            "missing": "drop_leg",
            "on_look_ahead": "allow",
            "period": ("2018-06-01", "2021-12-31"),
        },
        {"aggregate": "calendar", "hedge": [None, "MKT"], "gross": [0.5, 1.0]},
    ],
    ids=["hedged", "drop_leg", "calendar"],
)
def test_chunks_of_events_come_to_what_all_come_to(
    view: lakebt.View,
    read: list[PriceHistory],
    tens: Callable[[], None],
    more: dict[str, Any],
) -> None:
    at_once = swept(view, COSTS, **more)
    assert not read
    tens()

    in_chunks = swept(view, COSTS, **more)

    pd.testing.assert_frame_equal(at_once, in_chunks, check_exact=True)
    assert at_once["n_events"].max() > N_EVENTS / 2
    assert len(read) >= 8


def test_a_chunk_reads_its_sessions_and_of_a_halted_share_all(
    view: lakebt.View, read: list[PriceHistory], tens: Callable[[], None]
) -> None:
    tens()

    swept(view, COSTS[:1])

    longest = max(int(np.ptp(history.session)) for history in read)
    assert longest > 400  # HALT alone, from its first bar on
    is_whole = [h for h in read if len(h.cut) and not h.cut.all()]
    whole = {
        symbol
        for history in is_whole
        for symbol, cut in zip(history.symbols, history.cut, strict=True)
        if not cut
    }
    assert whole == {"HALT", "NEW"}
    others = [h for h in read if h.cut.all()]
    # Ten changes are some five events, eleven sessions apart; two of the corrected one.
    assert sorted(int(np.ptp(h.session)) for h in others)[-2] < 130
    # The benchmark looks at a process; here it is the arrays that are counted.
    whole_of = view.price_history(read[0].symbols)
    assert max(map(n_bytes, read)) < n_bytes(whole_of) / 3


def test_only_who_was_there_before_is_looked_for_in_the_whole_table(
    view: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tens()
    asked: list[tuple[str, ...]] = []
    between = SessionPrices.between

    def told(
        self: SessionPrices, symbols: Sequence[str], first: int, last: int
    ) -> PriceHistory:
        if not first:
            asked.append(tuple(symbols))
        return between(self, symbols, first, last)

    monkeypatch.setattr(SessionPrices, "between", told)

    swept(view, COSTS[:1])

    assert set(asked) == {("HALT",)}  # NEW is asked for, and begins with its event


@pytest.fixture(scope="module")
def adjusted(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    path = tmp_path_factory.mktemp("adjusted") / "lake"
    with pytest.warns(lakebt.AuditWarning, match="corporate_actions stale"):
        return fill(path, adjusted=True).at("R1")


@pytest.fixture(scope="module")
def instruments(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    path = tmp_path_factory.mktemp("instruments") / "lake"
    with pytest.warns(lakebt.AuditWarning, match="corporate_actions stale"):
        return fill(path, adjusted=True, instruments=True).at("R1")


def test_bars_on_several_bases_are_read_once(
    adjusted: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    rows_between = session_bars.rows_between

    def told(pinned: Any, symbols: Any, columns: tuple[str, ...], **more: Any) -> Any:
        asked.append(columns)
        return rows_between(pinned, symbols, columns, **more)

    monkeypatch.setattr(session_bars, "rows_between", told)
    tens()

    swept(adjusted, COSTS[:1], period=("2019-01-01", "2019-12-31"))

    assert asked
    assert all("basis" in columns and "close" in columns for columns in asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("adjusted", {"hedge": "MKT", "delisting_return": -0.5}),
        ("instruments", {"missing": "drop_leg", "delisting_return": 0.1}),
    ],
    ids=["adjusted", "instruments"],
)
def test_bars_that_are_adjusted_or_joined_are_cut_too(
    name: str,
    more: dict[str, Any],
    request: pytest.FixtureRequest,
    read: list[PriceHistory],
    tens: Callable[[], None],
) -> None:
    view = request.getfixturevalue(name)
    at_once = swept(view, COSTS, **more)
    assert not read
    tens()

    in_chunks = swept(view, COSTS, **more)

    pd.testing.assert_frame_equal(at_once, in_chunks, check_exact=True)
    assert at_once["n_events"].max() > N_EVENTS / 2
    assert len(read) >= 8
    whole = {
        symbol
        for history in read
        if not history.cut.all()
        for symbol, cut in zip(history.symbols, history.cut, strict=True)
        if not cut
    }
    assert "WHEN" in whole  # what it was spun off at lies long before
    assert read[0].units is not None
    assert read[0].units is read[-1].units  # looked for once
    # What is far from a chunk's orders acts on its bars, and is not among its actions.
    assert "S04-split-590" not in read[0].actions.action_ids
    assert "OLD-rename-300" in read[0].actions.action_ids


def told(view: lakebt.View, *, is_slow: bool) -> dict[str, pd.DataFrame]:
    """Return what of a study rests on prices of more than its own orders."""
    study = lakebt.Study(
        view, index="IDX", hedge="MKT", delisting_return=-0.5, costs=COSTS[1], **GRID
    )
    found = study.run(record=False)
    rule = {"entry": "ED@close", "exit": "2w"}
    slow = {
        "placebo": lambda: found.placebo(3, before=2, after=3),
        "hindsight": lambda: found.hindsight().table(),
    }
    return {name: slow[name]() for name in slow if is_slow} | {
        "surface": found.surface(),
        "legs": found.legs(),
        "flows": found.flows(exit="2w"),
        "orders": found.orders(**rule),
        "refused": found.refused(),
        "stability": found.stability(**rule).table(),
        "stats": found.stats(**rule),
        "paths": found.paths(),
        "far": found.paths(by="symbol", before=200, after=100),
        "causes": found.causes().to_frame(),
        "upcoming": study.upcoming(),
        "summary": pd.DataFrame([found.summary()]),
    }


def test_of_instruments_a_hedge_without_prices_is_told(
    instruments: lakebt.View, tens: Callable[[], None]
) -> None:
    tens()
    with pytest.raises(InvalidArgumentError, match="hedge 'NOBODY' has no prices"):
        lakebt.Study(instruments, index="IDX", hedge="NOBODY", **GRID).run()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adjusted", "instruments"])
def test_a_study_in_chunks_says_the_same_of_bars_beyond_its_orders(
    name: str,
    request: pytest.FixtureRequest,
    read: list[PriceHistory],
    tens: Callable[[], None],
) -> None:
    view = request.getfixturevalue(name)
    at_once = told(view, is_slow=name == "adjusted")
    assert not read
    tens()

    in_chunks = told(view, is_slow=name == "adjusted")

    assert read
    for what, table in at_once.items():
        pd.testing.assert_frame_equal(
            in_chunks[what], table, check_exact=True, obj=what
        )
    assert "cash_dividend" in set(at_once["flows"]["kind"])


def test_of_many_events_and_few_cells_the_cells_are_kept(
    view: lakebt.View, tens: Callable[[], None]
) -> None:
    tens()
    asked: list[tuple[int, int]] = []

    traded = (
        lakebt.Study(view, index="IDX", **GRID)
        .run(record=False, progress=lambda *told: asked.append(told))
        .traded
    )

    blocks = traded.blocks
    assert [block.entries for block in blocks] == [tuple(GRID["entries"])]
    assert next(iter(blocks)) is blocks.of(2) is traded.block("ED@close")
    pieces = list(blocks.pieces())
    assert len(pieces) > 5
    assert sum(len(piece.schedule) for piece in pieces) == len(traded.schedule)
    assert asked == sorted(asked)
    assert asked[-1] == (len(traded.by_event.events),) * 2
    assert "at most 10 changes" in why_no_panel(traded)


def test_what_would_run_with_a_hedge_is_counted_in_chunks_too(
    view: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (scope, chunk, chunks, empty_cells):
        monkeypatch.setattr(module, "MARKET", "MKT")
    study = lakebt.Study(view, index="IDX", **GRID)
    at_once = study.run(record=False).summary()
    tens()

    assert study.run(record=False).summary() == at_once
    assert re.search(r'`hedge="MKT"` would run \d+', at_once)


def test_a_cell_is_told_by_bars_before_its_chunk(
    view: lakebt.View, tens: Callable[[], None]
) -> None:
    tens()
    study = lakebt.Study(view, index="IDX", hedge="MKT", **GRID)
    traded = study.run(record=False).traded
    halted = (
        (piece, piece.chunk)
        for piece in traded.blocks.pieces()
        if piece.chunk is not None and "HALT" in piece.chunk.symbols
    )
    piece, own = next(halted)
    plan, (first, last) = piece.schedule, reached(piece.schedule)
    slot = next(n for n in range(len(plan)) if "HALT" in str(plan.vintages(n)))
    source = own._source  # noqa: SLF001 - fewer of its sessions
    few = source.between(own.symbols, first - chunk.BEFORE, last)
    asked = piece.scope.arguments, plan, piece.cells, few

    with pytest.raises(CutOffError):
        Lookup(*asked).deal([(slot, 0)])

    found = Lookup(*asked, in_full=own.in_full).deal([(slot, 0)])
    for lookup in (piece.lookup, traded.lookup):
        event = plan.events[plan.event[slot]].event_id
        rule = {"entry": str(plan.entries[plan.entry[slot]]), "exit_": "+1"}
        (known,) = lookup.each(event=event, **rule)
        assert known.trade is not None
        assert found[0][0].trade is not None
        assert found[0][0].trade.positions == known.trade.positions


def stopped(view: lakebt.View, **more: Any) -> str:
    grid = {**GRID, **more}
    with pytest.raises((lakebt.LookAheadError, UntradeableError)) as told:
        lakebt.Sweep(view, index="IDX", costs=COSTS, **grid).run(record=False)
    return repr(told.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"missing": "raise"}, "NEVER: the view has none"),
        (
            {
                "on_look_ahead": "raise",
                "missing": "raise",
                "entries": ["ED@close", "ED-7@close", "AD@open"],
            },
            "ED-7@close to .1 wanted addition S00",
        ),
    ],
    ids=["missing", "look_ahead"],
)
def test_the_first_error_is_the_first_of_all_chunks_and_rules(
    adjusted: lakebt.View,
    read: list[PriceHistory],
    tens: Callable[[], None],
    more: dict[str, Any],
    said: str,
) -> None:
    at_once = stopped(adjusted, **more)
    assert not read
    tens()

    assert stopped(adjusted, **more) == at_once
    assert re.search(said, at_once)
    assert read


@pytest.mark.slow
def test_what_stops_records_nothing_unless_nothing_is_missing(
    adjusted: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {**GRID, "missing": "raise", "on_look_ahead": "raise"}
    whole = {**more, "period": ("2018-07-10", "2018-08-20")}
    at_once = swept(adjusted, COSTS, **{n: whole[n] for n in set(whole) - set(GRID)})
    tens()

    trials: list[pd.DataFrame] = []
    monkeypatch.setattr(Recorder, "add", lambda _, rows, **__: trials.append(rows))
    with pytest.raises(UntradeableError):
        lakebt.Sweep(adjusted, index="IDX", costs=COSTS, **more).run(record=False)
    assert not trials
    monkeypatch.undo()
    tens()
    clean = swept(adjusted, COSTS, **{n: whole[n] for n in set(whole) - set(GRID)})
    pd.testing.assert_frame_equal(at_once, clean, check_exact=True)


def test_prices_that_are_altered_are_not_taken_in_chunks(
    view: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tens()
    asked = lakebt.Study(view, index="IDX", **GRID)._scope  # noqa: SLF001 - of it
    assert chunks.is_chunked(asked)
    for is_adjusted in (False, True):
        other = HindsightScope(asked, knowledge="newest", retro_adjusted=is_adjusted)
        assert chunks.is_chunked(other) is not is_adjusted
    pinned = type(view._known.pinned)  # noqa: SLF001 - the lake's own
    monkeypatch.setattr(pinned, "bars_hold_known_by", property(lambda _: 0))
    assert not chunks.is_chunked(asked)


def test_no_order_is_filled_beyond_what_a_chunk_reads(view: lakebt.View) -> None:
    whole = lakebt.Study(view, index="IDX", **GRID)._scope  # noqa: SLF001 - its parts
    for part in whole.parts(9):
        first, last = reach(part)
        least, most = reached(part.schedule)
        assert first <= least
        assert most <= last


def test_a_full_disk_is_told_with_the_place_and_the_cure(
    view: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tens()

    class Full:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(
        lakebt.LakebtError, match=r"MB of prices .* No space left .* in TMPDIR"
    ):
        swept(view, COSTS[:1])
