"""Events in chunks have the figures of all of them at once, to the bit."""

from __future__ import annotations

import dataclasses
import tempfile
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.prices import spill
from lakebt.study import chunks
from lakebt.study.order_reach import reach, reached
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
    """Takes events in chunks of ten changes from then on."""

    def cut() -> None:
        monkeypatch.setattr(chunks, "MANY", 10)
        monkeypatch.setattr(chunks, "CHANGES", 10)

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


def test_what_needs_prices_of_all_sessions_is_not_taken_in_chunks(
    view: lakebt.View, read: list[PriceHistory], tens: Callable[[], None]
) -> None:
    tens()

    swept(view, COSTS[:1], delisting_return=-0.5, on_look_ahead="mask")

    assert not read


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
