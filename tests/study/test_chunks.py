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
from lakebt.errors import UntradeableError
from lakebt.lake.reading import session_bars
from lakebt.lake.reading.session_prices import SessionPrices
from lakebt.prices import spill
from lakebt.study import chunks
from lakebt.study.order_reach import reach, reached
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


def stopped(view: lakebt.View, **more: Any) -> str:
    grid = {**GRID, **more}
    with pytest.raises((lakebt.LookAheadError, UntradeableError)) as told:
        lakebt.Sweep(view, index="IDX", costs=COSTS, **grid).run(record=False)
    return repr(told.value)


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


def test_a_view_that_an_audit_alters_is_not_taken_in_chunks(
    view: lakebt.View, tens: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tens()
    scope = lakebt.Study(view, index="IDX", **GRID)._scope  # noqa: SLF001 - asked of it
    assert chunks.is_chunked(scope)
    pinned = type(view._known.pinned)  # noqa: SLF001 - the lake's own
    monkeypatch.setattr(pinned, "bars_hold_known_by", property(lambda _: 0))
    assert not chunks.is_chunked(scope)


def test_no_order_is_filled_beyond_what_a_chunk_reads(view: lakebt.View) -> None:
    scope = lakebt.Study(view, index="IDX", **GRID)._scope  # noqa: SLF001 - its parts
    for part in scope.parts(9):
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
