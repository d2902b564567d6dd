"""What a strategy holds is found wherever it is, and only if it may tell a future."""

from __future__ import annotations

import datetime as dt
import functools
import types
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pluggy
import pytest

from lakebt.strategy.audit.captures import captured
from lakebt.strategy.audit.surroundings import Surroundings

AFTER = dt.datetime(2021, 2, 1, 14, 20, tzinfo=dt.UTC)
SESSIONS = 100
DAYS = pd.date_range("2020-01-01", "2021-06-30", freq="D")
FRAME = pd.DataFrame({"A": 1.0}, index=DAYS)


def found(value: object) -> list[str]:
    looked = captured(value, after=AFTER, sessions=SESSIONS)
    return list(looked.histories.values())


@dataclass
class Holder:
    """Holds something."""

    held: Any

    def target_weights(self, view: object) -> object: ...


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (FRAME, "a DataFrame up to 2021-06-30"),
        (FRAME.T, "a DataFrame up to 2021-06-30"),
        (FRAME["A"], "a Series up to 2021-06-30"),
        (FRAME.reset_index(names="day"), "a DataFrame up to 2021-06-30"),
        (FRAME.tz_localize("UTC"), "a DataFrame up to 2021-06-30"),
        (FRAME.set_index([DAYS.date, DAYS.year]), "a DataFrame up to 2021-06-30"),
        (FRAME.set_index(DAYS.date), "a DataFrame up to 2021-06-30"),
        (FRAME.to_period("D"), "a DataFrame up to 2021-06-30"),
        (FRAME.reset_index(drop=True), "a DataFrame of 547 x 1"),
        (FRAME.to_numpy(), "an array of 547 x 1"),
        ({day.date(): 1.0 for day in DAYS}, "a dict by date up to 2021-06-30"),
        ([1.0] * 100, "a list of 100 numbers"),
        (pd.Series(1.0, index=pd.DatetimeIndex(["2021-02-01"])), "up to 2021-02-01"),
    ],
)
def test_a_history_is_found(value: object, told: str) -> None:
    (what,) = found(Holder(value))

    assert what.startswith("self.held is ")
    assert told in what
    (nested,) = found(Holder({"inside": [Holder(value)]}))
    assert told in nested


@pytest.mark.parametrize(
    "value",
    [
        FRAME.loc[:"2021-01-31"],  # known before the first decision
        FRAME.iloc[:0],
        pd.Series({"AAA": "tech", "BBB": "banks"}),
        pd.Series(1.0, index=[f"S{n:04d}" for n in range(500)]),  # by symbol
        [f"S{n:04d}" for n in range(500)],
        np.array([f"S{n:04d}" for n in range(500)]),
        np.array([0.2, 0.3, 0.5]),
        {"AAA": 0.5, "BBB": 0.5},
        {dt.date(2020, 12, 31): 1.0},
        (1.0, 2.0),
        DAYS,  # a calendar tells nothing of what happens on its days
        None,
        np,
    ],
)
def test_what_tells_no_future_is_not(value: object) -> None:
    assert found(Holder(value)) == []


def test_it_is_found_where_functions_and_classes_keep_it() -> None:
    local = FRAME

    class Base:
        kept: ClassVar[object] = FRAME * 2.0

    class Mine(Base):
        def target_weights(self, view: object) -> object:
            del view
            return local

        def other(self, frame: object = FRAME * 3.0) -> object:
            return frame

        @property
        def more(self) -> object:
            return [FRAME for _ in range(2)]

    told = found(Mine)

    assert any("Base.kept" in each for each in told)
    assert any("in the closure of target_weights" in each for each in told)
    assert any("a default of other" in each for each in told)
    assert found(Mine()) == told
    assert found(lambda: FRAME) == ["the global FRAME is a DataFrame up to 2021-06-30"]
    assert found(functools.partial(print, FRAME))


def test_it_is_found_in_a_module_that_is_the_user_s_own() -> None:
    own = types.ModuleType("own")
    own.__file__ = "own.py"
    own.PANEL = FRAME  # type: ignore[attr-defined]
    space = {"own": own}
    exec("def make(): return own.PANEL", space)  # noqa: S102 - a function of our own

    assert found(space["make"]) == ["own.PANEL is a DataFrame up to 2021-06-30"]


def test_it_is_found_in_what_has_no_module() -> None:
    """As in a doctest, and wherever code is run without a name."""
    space: dict[str, Any] = {"FRAME": FRAME}
    text = "class Bare:\n    def target_weights(self, view): return FRAME"
    exec(text, space)  # noqa: S102 - a class of our own

    assert found(space["Bare"]) == ["the global FRAME is a DataFrame up to 2021-06-30"]


def test_what_other_people_s_objects_hold_is_found_and_left_alone() -> None:
    theirs = a_package_s_object()
    looked = captured(Holder(theirs), after=AFTER, sessions=SESSIONS)

    assert list(looked.histories.values()) == ["self.fitted is an array of 100"]
    assert all(space is not vars(theirs) for space, _, _ in looked.spaces)


def a_package_s_object() -> object:
    """An object of a package's class, with an array in it."""
    made = pluggy.PluginManager("mine")
    made.fitted = np.ones(SESSIONS)  # type: ignore[attr-defined]
    return made


def test_what_refers_to_itself_is_walked_once() -> None:
    ring: dict[str, object] = {}
    ring["ring"] = ring

    assert found(Holder(ring)) == []


class Log:
    """What a strategy writes into, from wherever it is."""

    lines: ClassVar[list[str]] = ["before"]
    last: ClassVar[object] = None


LOG = Holder({"deep": {"a": [1]}})


def test_everything_is_put_back_as_it_was() -> None:
    kept: dict[str, object] = {"a": 1}
    count = 0

    @functools.cache
    def remembered(number: int) -> int:
        return number

    class Writes:
        def target_weights(self, view: object) -> object:
            nonlocal count
            count += 1
            kept["b"] = remembered(count)
            kept.pop("a", None)
            Log.lines.append("during")
            Log.last = Log.new = view  # type: ignore[attr-defined]
            LOG.held["deep"]["a"].append(2)
            LOG.other = view  # type: ignore[attr-defined]
            return view

    surroundings = Surroundings(captured(Writes, after=AFTER, sessions=SESSIONS))
    for _ in range(2):
        Writes().target_weights("view")
        surroundings.restore()

    assert (count, kept, remembered.cache_info().currsize) == (0, {"a": 1}, 0)
    assert (Log.lines, Log.last, hasattr(Log, "new")) == (["before"], None, False)
    assert (LOG.held, hasattr(LOG, "other")) == ({"deep": {"a": [1]}}, False)
