"""Pieces of a sweep, done one by one, come to what the sweep comes to at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import LakeError, LookAheadError, UnknownNameError, UntradeableError
from lakebt.lake.api.trials import trials_of
from lakebt.lake.tables.frames import frame
from lakebt.lake.trials.normalisation import checked
from lakebt.lake.trials.origin import code_version
from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.sessions import Sessions
from lakebt.sweep import passes as local
from lakebt.sweep.passes import Memory, passes
from lakebt.sweep.spark import pieces as cutting
from lakebt.sweep.spark.bundle import Bundle
from lakebt.sweep.spark.messages import (
    CELLS,
    ERROR,
    FILE,
    ROWS,
    TRIALS,
    pack_error,
    pack_prices,
    unpack_error,
    unpack_prices,
)
from lakebt.sweep.spark.pieces import place_of, portions
from lakebt.sweep.spark.work import check_code, do, together
from tests.sweep import moved
from tests.sweep.moved import EVERYTHING, N_EVENTS, covering, grid, in_order, same
from tests.sweep.spark.here import NOW, at_once, done

if TYPE_CHECKING:
    import lakebt
    from lakebt.sweep.sweep import Sweep

pytestmark = [pytest.mark.lake]

NYSE = Sessions.of("XNYS")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return moved.fill(tmp_path_factory.mktemp("moved") / "lake")


def test_six_sweeps_have_every_pair_of_values() -> None:
    asked = covering()
    for one, other in itertools.combinations(EVERYTHING, 2):
        pairs = {
            (str(a), str(b)) for grid in asked for a in grid[one] for b in grid[other]
        }
        assert len(pairs) == 4


@pytest.fixture(scope="module")
def sweeps(lake: lakebt.Lake) -> list[tuple[Sweep, pd.DataFrame]]:
    """Sweeps, and the cells of each run at once."""
    made = [grid(lake.at("R1"), **asked) for asked in covering()]
    return [(sweep, at_once(sweep)) for sweep in made]


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2, 50])
def test_however_the_events_are_cut_every_column_is_the_same_to_the_bit(
    sweeps: list[tuple[Sweep, pd.DataFrame]], parts: int
) -> None:
    for sweep, expected in sweeps:
        found, kinds = done(sweep, parts=parts)

        assert set(kinds) == {TRIALS if parts == 1 else CELLS}
        assert len(expected) == len(sweep) >= 2**2 * 2 * 9
        same(in_order(found), expected)
    everything = pd.concat([expected for _, expected in sweeps])
    assert (everything["n_events"] >= N_EVENTS - 3).any()
    assert (everything["n_refused"] > 0).any()
    assert (everything["n_untradeable"] > 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_files_hold_what_is_handed_back_as_rows(lake: lakebt.Lake, parts: int) -> None:
    sweep = grid(lake.at("R1"), aggregate=["pooled", "calendar"], gross=[0.3, 1.7])
    laid_out = trials_of(lake.at("R1")).layout()

    found, kinds = done(sweep, parts=parts, laid_out=laid_out)
    _, few = done(grid(lake.at("R1")), laid_out=laid_out, parts=1)

    assert set(kinds) == {FILE if parts == 1 else CELLS}
    assert len(found) < 4  # of 8 studies, with their results
    assert set(few) == {TRIALS}
    kept = pd.concat(sweep.run(record=False)._kept)  # noqa: SLF001 - as recorded
    cells = kept[kept["kind"] == "cell"]
    ours, theirs = (frame(checked(rows)) for rows in (pd.concat(found), cells))
    same(in_order([ours]), in_order([theirs]))


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_by_entries_and_levels_too(
    lake: lakebt.Lake, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    asked = {name: EVERYTHING[name] for name in ("gross", "aggregate", "side")}
    sweep = grid(lake.at("R1"), **asked)
    monkeypatch.setattr(cutting, "JOINED", 1)
    monkeypatch.setattr(local, "AT_ONCE", 2 * N_EVENTS * 3)

    found, kinds = done(sweep, parts=parts)

    assert kinds == {ROWS if parts == 1 else CELLS: 2 * 2 * 2 * 2 * 3 * parts}
    same(in_order(found), at_once(sweep))


def test_there_are_pieces_enough_for_every_core(lake: lakebt.Lake) -> None:
    asked = {name: EVERYTHING[name] for name in ("gross", "capital_usd", "side")}
    sweep = grid(lake.at("R1"), **asked)

    few, many = (
        portions(
            passes(sweep.points, known=frozenset(), memory=Memory("event")),
            engine="event",
            cores=cores,
        )
        for cores in (1, 100)
    )

    assert len(few.units) == 2  # a book for each side
    assert len(many.units) == 2 * 2 * 2 * 2  # and one for each size and cost
    assert few.n_cells == many.n_cells == len(sweep)
    known = frozenset(sweep.ids) - set(sweep.points[0].ids[1][3:6])
    left = portions(
        passes(sweep.points, known=known, memory=Memory("event")),
        engine="event",
        cores=1,
        known=known,
    )
    assert left.n_cells == 3
    assert [told.entries for told in left.specs] == [("ED@close",)]


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 4])
def test_changes_of_the_caller_s_own_are_cut_as_those_of_the_lake(
    lake: lakebt.Lake, parts: int
) -> None:
    view = lake.at("R1")
    own = view.changes(index="SIM")[:20]
    sweep = grid(view, index=None, changes=own, aggregate=["pooled", "calendar"])

    found, _ = done(sweep, parts=parts)

    same(in_order(found), at_once(sweep))


def test_prices_arrive_as_they_were_sent(lake: lakebt.Lake) -> None:
    history = lake.at("R1").price_history(["ADD0001", "ADD0004", "DEL0002", "MKT"])

    sent = pack_prices(history, ["MKT", "ADD0004", "NOBODY"])
    arrived = unpack_prices(sent, sessions=NYSE)

    expected = lake.at("R1").price_history(["ADD0004", "MKT"])
    assert arrived.symbols == expected.symbols == ("ADD0004", "MKT")
    assert arrived.basis == expected.basis
    for name in ("symbol", "session", "known_at", "open", "close", "retracted"):
        np.testing.assert_array_equal(getattr(arrived, name), getattr(expected, name))


def test_actions_arrive_with_the_prices_of_what_comes_of_them(
    lake: lakebt.Lake,
) -> None:
    plain = lake.at("R1").price_history(["ADD0001", "ADD0004", "DEL0002", "MKT"])
    history = replace(plain, actions=chain("ADD0004", "DEL0002", "MKT"))

    arrived = unpack_prices(pack_prices(history, ["ADD0004"]), sessions=NYSE)
    none = unpack_prices(pack_prices(history, ["ADD0001"]), sessions=NYSE)

    assert arrived.symbols == ("ADD0004", "DEL0002", "MKT")
    assert repr(arrived.actions.final) == repr(history.actions.final)  # NaN is in both
    assert len(arrived.volume) == len(arrived.symbol)
    assert none.symbols == ("ADD0001",)
    assert len(none.actions) == 0


def chain(*symbols: str) -> ActionHistory:
    """Each is renamed to the next."""
    n = len(symbols) - 1
    count = np.arange(n)
    return ActionHistory(
        symbols=symbols,
        action_ids=tuple(symbols[:-1]),
        action=count,
        symbol=count,
        other=count + 1,
        kind=np.full(n, ActionKind.RENAME.code, dtype=np.int8),
        session=100 + count,
        cash=np.full(n, np.nan),
        ratio=np.full(n, np.nan),
        known_at=count,
        retracted=np.zeros(n, dtype=bool),
        labels=("",) * n,
    )


@pytest.mark.parametrize(
    "error",
    [
        LookAheadError("the fact", NOW, None),
        UntradeableError("no event"),
        UnknownNameError("symbol", "AAX", ["AAA"]),
    ],
)
def test_an_error_arrives_as_it_was_raised(error: Exception) -> None:
    arrived = unpack_error(pack_error(error))  # type: ignore[arg-type]  # they are ours

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)


@pytest.mark.parametrize(
    ("asked", "raised"),
    [
        ({"on_look_ahead": "raise"}, LookAheadError),
        ({"missing": "raise"}, UntradeableError),
    ],
)
def test_what_stops_a_sweep_is_not_cut_and_is_the_local_error(
    lake: lakebt.Lake, asked: dict[str, str], raised: type[Exception]
) -> None:
    sweep = grid(lake.at("R1"), **asked)
    with pytest.raises(raised) as here:
        sweep.run(record=False)

    points = passes(sweep.points, known=frozenset(), memory=Memory("event"))
    cut = portions(points, engine="event", cores=8, parts=3)
    for unit in cut.units:  # its levels apart, but never its events or entries
        (one,) = do(
            unit.works[0],
            prices=cut.prices.__getitem__,
            run_at=NOW,
            bundle=Bundle(""),
        )

        assert unit.is_whole
        entries = list(sweep.points[0].entries)
        assert unit.works[0].arguments["entries"] == entries
        assert one.kind == ERROR
        assert str(unpack_error(one.payload)) == str(here.value)


def test_a_part_that_fails_fails_every_study_of_which_it_is_one(
    lake: lakebt.Lake,
) -> None:
    sweep = grid(lake.at("R1"), aggregate=["pooled", "calendar"])
    points = passes(sweep.points, known=frozenset(), memory=Memory("event"))
    cut = portions(points, engine="event", cores=1, parts=2)
    one, other = cut.units[0].works
    lost = replace(one, place=replace(one.place, release="R9"))
    told: dict[str, Any] = {"run_at": NOW, "bundle": Bundle("")}

    for works, kind in (((lost, other), ERROR), ((one, other), TRIALS)):
        found = [
            done
            for work in works
            for done in do(work, prices=cut.prices.__getitem__, **told)
        ]
        for number, spec in one.specs:
            parts = [done for done in found if done.number == number]
            joined = [*together(spec, parts, **told), *told["bundle"].handed()]
            assert len(parts) == 2
            assert [done.kind for done in joined] == [kind]
    assert len(one.specs) == 2


def test_other_code_is_refused() -> None:
    check_code(code_version())
    with pytest.raises(LakeError, match=r"driver 0\.0\+beef.*Install the same"):
        check_code("0.0+beef")


def test_a_place_says_where_and_nothing_secret(lake: lakebt.Lake) -> None:
    place = place_of(lake.at("R1"))

    assert dict(place.address).keys() == {"path", "exchange"}
    assert place.view().provenance() == lake.at("R1").provenance()
