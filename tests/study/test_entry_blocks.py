"""A study by blocks of entries is the study in one piece, to the bit."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.study import chunks, scope
from lakebt.study.trials import rows_of
from tests.study.many_events import AS_OF, COSTS, GRID, day, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake

WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

DRAWS = 199

OF_FACTS = {"event_study", "placebo", "plot_placebo", "paths", "plot_paths"}
"""What looks at no cell; `report` asks for it all the same."""

YEAR = {"period": ("2019-06-01", "2020-05-31")}

SETS: dict[str, dict[str, Any]] = {
    "pooled": {"costs": COSTS[1]},
    "calendar": {"aggregate": "calendar", "hedge": "MKT", "weighting": "leg", **YEAR},
    "drop_leg": {"missing": "drop_leg", "costs": COSTS[1], "hedge": "MKT", **YEAR},
    "allow": {
        "on_look_ahead": "allow",
        "entries": ["AD@close", "ED-1@close"],
        **YEAR,
    },
    "refused": {"entries": ["AD@close", "AD@open", "ED+900@close"], **YEAR},
    "additions": {
        "side": "additions",
        "size": (2, 9),
        "delisting_return": -0.5,
        **YEAR,
    },
}

BY_ENTRIES = ("pooled", "calendar", "refused")
"""Of which all events are traded at once, too."""


@pytest.fixture(scope="module")
def blocks_lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return fill(tmp_path_factory.mktemp("blocks") / "lake")


@pytest.fixture(scope="module")
def view(blocks_lake: lakebt.Lake) -> lakebt.View:
    return blocks_lake.at("R1")


@pytest.fixture
def by_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes a study one entry at a time from then on."""

    def cut() -> None:
        monkeypatch.setattr(scope, "MOST_CELLS", 1)
        monkeypatch.setattr(scope, "BLOCK", 1)

    return cut


@pytest.fixture
def in_chunks(
    monkeypatch: pytest.MonkeyPatch, by_blocks: Callable[[], None]
) -> Callable[[], None]:
    """Takes it in chunks of forty changes, too."""

    def cut() -> None:
        by_blocks()
        monkeypatch.setattr(chunks, "MANY", 20)
        monkeypatch.setattr(chunks, "CHANGES", 40)

    return cut


@pytest.fixture
def cuts(
    by_blocks: Callable[[], None], in_chunks: Callable[[], None]
) -> dict[str, Callable[[], None]]:
    return {"blocks": by_blocks, "chunks": in_chunks}


@pytest.fixture(scope="module")
def whole(view: lakebt.View) -> Callable[[str], tuple[Any, ...]]:
    """Gives all that one piece says of a set of arguments; asked before a cut."""

    @functools.cache
    def of(name: str) -> tuple[Any, ...]:
        one = study(view, **SETS[name])
        found = one.run(record=False)
        assert found.traded.blocks.is_one
        rows = rows_of(found.traded, run_at=WHEN).drop(columns="seconds")
        return told(found), rows, one.refusals()

    return of


def study(view: lakebt.View, **more: Any) -> lakebt.Study:
    return lakebt.Study(view, index="IDX", **{**GRID, **more})


def told(result: lakebt.Result) -> dict[str, Any]:
    """Return all that a result says: of each public name what it is, or returns.

    Derived from the class, so that a new method is among them.
    """
    names = [name for name in dir(type(result)) if not name.startswith("_")]
    skipped = {"traded", "record", "is_recorded", "report", *OF_FACTS}
    found: dict[str, Any] = {"repr": repr(result)}
    for name in sorted(set(names) - skipped):
        is_figure = name.startswith("plot") or name == "hindsight"
        if not is_figure:
            found |= said(result, name)
    return found


def said(result: lakebt.Result, name: str) -> dict[str, Any]:
    """Return what a name of a result is, or returns with each set of arguments."""
    value = getattr(result, name)
    if not callable(value):
        return {name: plain(value)}
    found = {}
    for arguments in asked(result, value):
        try:
            answer = value(**arguments)
        except lakebt.LakebtError as error:
            answer = f"{type(error).__name__}: {error}"
        found[f"{name}({arguments})"] = in_full(answer)
    return found


def asked(result: lakebt.Result, method: Any) -> list[dict[str, Any]]:
    """Return arguments of a method: of everything, of a rule, and of an event."""
    parameters = inspect.signature(method).parameters
    draws = {"draws": DRAWS} if "draws" in parameters else {}
    of_rule = {"entry", "exit"}
    needed = {
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
    }
    assert needed <= {"entry", "exit", "event"}, f"how is {method.__name__} asked?"
    found: list[dict[str, Any]] = [] if needed else [draws]
    if of_rule <= set(parameters):
        rule = {"entry": result.entries[-1], "exit": result.exits[1]}
        event = result.traded.by_event.events[-1].event_id
        if "event" in parameters:
            found += [{"event": event, **rule}]
        if "event" not in needed:
            found += [rule, {**rule, "entry": result.entries[0]}]
        if "event" in parameters and not needed:
            found += [{"event": event}, {"event": event, "exit": result.exits[0]}]
            found += [{"event": "IDX:none"}, {"event": event, "entry": "AD+9@open"}]
    return found


def in_full(value: Any) -> Any:
    """Return what can be compared: of a test or a sheet all that it says unasked."""
    if type(value).__module__.startswith("vectorbt."):
        return value.value()
    if not type(value).__module__.startswith("lakebt."):
        return plain(value)
    found = {"repr": repr(value)}
    for name in dir(type(value)):
        if not name.startswith(("_", "plot", "report", "to_")):
            part = getattr(value, name)
            found[name] = plain(part() if inspect.ismethod(part) else part)
    return found


def plain(value: Any) -> Any:
    """Return what can be compared."""
    if type(value).__module__.startswith("lakebt."):
        return repr(value)
    return value


def check_same(one: Any, other: Any, where: str) -> None:
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            check_same(one[key], other[key], f"{where} {key}")
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=where)
        assert one.attrs == other.attrs
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_exact=True, obj=where)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert one == other or one != one, where  # noqa: PLR0124 - NaN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "name"),
    [*(("chunks", name) for name in SETS), *(("blocks", name) for name in BY_ENTRIES)],
)
def test_a_result_says_the_same(
    view: lakebt.View,
    whole: Callable[[str], tuple[Any, ...]],
    cuts: dict[str, Callable[[], None]],
    how: str,
    name: str,
) -> None:
    one, rows, refusals = whole(name)
    cuts[how]()

    several = study(view, **SETS[name])
    found = several.run(record=False)

    made = found.traded.blocks
    assert not made.is_one
    assert (made.chunks is None) == (how == "blocks")
    check_same(told(found), one, "result")
    pd.testing.assert_frame_equal(
        rows_of(found.traded, run_at=WHEN).drop(columns="seconds"),
        rows,
        check_exact=True,
    )
    pd.testing.assert_frame_equal(several.refusals(), refusals, check_exact=True)
    assert made._last is not None  # noqa: SLF001 - one entry is kept
    assert "whole" not in made.__dict__, "all cells were made at once"
    assert how == "blocks" or "history" not in made.__dict__, "all prices were read"


def unannounced() -> pd.DataFrame:
    """Events without an announcement, each second of which is put off for a session.

    They count under their effective day, so that each entry has other days.
    """
    told, put_off = [], []
    for number in range(14):
        first = 60 + 12 * number
        for symbol, side in ((number, "addition"), (number + 5, "deletion")):
            row = {
                "change_id": f"U{number}-{side}",
                "index": "UNA",
                "symbol": f"S{symbol % 12:02}",
                "side": side,
                "effective": day(first),
                "known_at": noon(first - 8),
            }
            told.append(row)
            if number % 2:
                moved = {"effective": day(first + 1), "known_at": noon(first - 2)}
                put_off.append({**row, **moved})
    return pd.DataFrame([*told, *put_off])


def noon(number: int) -> pd.Timestamp:
    return pd.Timestamp(f"{day(number)} 12:30", tz="UTC")


def test_entries_whose_events_are_of_other_days_are_scored_on_the_days_of_all(
    blocks_lake: lakebt.Lake, by_blocks: Callable[[], None]
) -> None:
    blocks_lake.publish({"index_changes": unannounced()}, release="R2", as_of=AS_OF)
    grid: dict[str, Any] = {
        "entries": ["ED-5@close", "ED@close"],
        "exits": ["+1", "+3"],
    }
    asked = lakebt.Study(blocks_lake.at("R2"), index="UNA", **grid)
    one = asked.run(record=False)
    days = [days_of(one, entry) for entry in grid["entries"]]
    assert days[0] - days[1]
    assert days[1] - days[0]
    wanted = in_full(one.significance(draws=DRAWS))
    by_blocks()

    several = lakebt.Study(blocks_lake.at("R2"), index="UNA", **grid).run(record=False)

    assert not several.traded.blocks.is_one
    check_same(in_full(several.significance(draws=DRAWS)), wanted, "significance")


def days_of(result: lakebt.Result, entry: str) -> set[str]:
    """The days that the events of one entry count under."""
    events = result.events()
    names = events.loc[events["entry"] == entry, "event_id"]
    return {name.split(":")[2] for name in names}


@pytest.mark.parametrize(
    "more",
    [
        {"missing": "raise"},
        {"missing": "raise", "entries": ["ED@close", "AD+1@open"]},
        {"on_look_ahead": "raise", "entries": ["ED-1@close", "AD@close", "AD@open"]},
        {"entries": ["ED@close", "ED+1@open"], "exits": ["AD+1@open", "AD+2@open"]},
        {"period": ("2031-01-01", "2031-12-31")},
        {"hedge": "NOBODY"},
    ],
    ids=["unpriced", "later", "ahead", "before", "nothing", "hedge"],
)
def test_the_first_error_is_the_same(
    view: lakebt.View, cuts: dict[str, Callable[[], None]], more: dict[str, Any]
) -> None:
    said = []
    for how in ("whole", "blocks", "chunks"):
        if how in cuts:
            cuts[how]()
        with pytest.raises((lakebt.LakebtError, ValueError)) as caught:
            study(view, **more).run(record=False)
        said.append((type(caught.value), str(caught.value)))

    assert said[0] == said[1] == said[2]


def test_all_cells_at_once_are_made_when_asked(
    view: lakebt.View, by_blocks: Callable[[], None]
) -> None:
    one = study(view).run(record=False).traded
    by_blocks()
    told: list[tuple[int, int]] = []

    several = study(view).run(
        record=False, progress=lambda done, total: told.append((done, total))
    )

    assert told[-1][0] == told[-1][1]
    assert len(told) == len(GRID["entries"])
    assert told == sorted(told)
    traded = several.traded
    for name in ("reason", "net", "mean", "n_legs", "held"):
        of_all = getattr(traded.cells, name), getattr(one.cells, name)
        np.testing.assert_array_equal(*of_all, err_msg=name)
    assert len(traded.schedule) == len(one.schedule)
    assert sum(1 for _ in traded.lookup.each(exit_="+1")) == len(one.schedule)


def test_a_study_of_few_cells_is_one_block_that_is_kept(view: lakebt.View) -> None:
    blocks = study(view).run(record=False).traded.blocks

    assert [block.entries for block in blocks] == [tuple(GRID["entries"])]
    assert next(iter(blocks)) is blocks.of(2) is blocks.whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["calendar", "refused"])
def test_a_page_is_the_same(
    view: lakebt.View, by_blocks: Callable[[], None], tmp_path: Path, name: str
) -> None:
    paths = [tmp_path / "one.html", tmp_path / "several.html"]
    more = {**SETS[name], **YEAR}
    study(view, **more).run(record=False).report(paths[0])
    by_blocks()

    study(view, **more).run(record=False).report(paths[1])

    assert paths[0].read_bytes() == paths[1].read_bytes()
