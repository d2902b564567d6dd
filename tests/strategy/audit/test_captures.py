"""What a strategy holds is found wherever it is, and only if it may tell a future."""

from __future__ import annotations

import array
import collections
import ctypes
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import json
import logging
import operator
import pathlib
import pickle
import re
import sqlite3
import sys
import threading
import types
import zoneinfo
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pluggy
import pyarrow as pa
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar

from lakebt.strategy.audit.captures import captured
from lakebt.strategy.audit.surroundings import Surroundings

AFTER = dt.datetime(2021, 2, 1, 14, 20, tzinfo=dt.UTC)
SESSIONS = 100
DAYS = pd.date_range("2020-01-01", "2021-06-30", freq="D")
FRAME = pd.DataFrame({"A": 1.0}, index=DAYS)


def found(value: object) -> list[str]:
    looked = captured(value, after=AFTER, many=SESSIONS)
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
        FRAME.loc["2021-01-01":"2021-01-31"],  # short, and known before
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


MORE = pd.date_range("2021-02-01", periods=SESSIONS)
WINNERS = pd.Series([f"S{n % 7}" for n in range(SESSIONS)], index=MORE)
BY_DAY = {str(day.date()): name for day, name in zip(MORE, WINNERS, strict=True)}
NAMES = WINNERS.to_list()


def with_attributes(value: Any) -> Any:
    value.table = BY_DAY
    return value


def with_attrs(value: pd.Series) -> pd.Series:
    value.attrs["table"] = BY_DAY
    return value


def closure_of_closures(kept: object) -> object:
    return lambda: lambda: kept


@pytest.mark.parametrize(
    "value",
    [
        BY_DAY,
        {day.toordinal(): name for day, name in zip(MORE, WINNERS, strict=True)},
        {day.value: name for day, name in zip(MORE, WINNERS, strict=True)},
        {
            np.int64(day.timestamp()): name
            for day, name in zip(MORE, WINNERS, strict=True)
        },
        {int(f"{day:%Y%m%d}"): name for day, name in zip(MORE, WINNERS, strict=True)},
        {("S1", day): 1.0 for day in BY_DAY},
        list(BY_DAY.items()),
        WINNERS.rename("it").reset_index().to_dict("records"),
        FRAME["A"].rolling(3),
        FRAME["A"].groupby(level=0),
        collections.deque(NAMES),
        WINNERS.to_frame("it").to_records(),
        WINNERS.to_numpy(dtype=object),
        WINNERS.to_numpy(dtype=str),
        np.array(NAMES).astype("S2"),
        WINNERS.to_list(),
        tuple(NAMES),
        WINNERS.reset_index(drop=True),
        pd.Categorical(NAMES),
        dict(enumerate(NAMES)),
        {str(n): name for n, name in enumerate(NAMES)},
        array.array("d", range(SESSIONS)),
        np.eye(10),
        [[float(n) for n in range(10)] for _ in range(10)],
        {"2021-03": "S1", "2021-04": "S2"},
        {2021: "S1", 2022: "S2"},
        {"2021Q1": "S1"},
        {"Mar 2021": "S1"},
        {"03/02/2021": "S1"},
        {"S1": dt.date(2021, 3, 1)},
        [("S1", "2021-03-01"), ("S2", "2021-04-01")],
        [(737850, "S1"), (737860, "S2")],
        frozenset(BY_DAY.items()),
        frozenset(BY_DAY),
        set(MORE),
        MORE[[0, 3, 4]],
        MORE.to_numpy()[:3],
        types.MappingProxyType(BY_DAY),
        types.SimpleNamespace(d2021_03_01="S1"),
        collections.ChainMap(BY_DAY),
        collections.UserDict(BY_DAY),
        collections.defaultdict(str, BY_DAY),
        BY_DAY.get,
        BY_DAY.values(),
        (name for name in NAMES),
        iter(NAMES),
        zip(MORE, NAMES, strict=True),
        functools.partial(max, BY_DAY),
        functools.lru_cache(lambda kept=BY_DAY: kept),
        lambda: lambda: BY_DAY,
        closure_of_closures(BY_DAY),
        pa.table({"it": NAMES}),
        json.dumps(BY_DAY),
        ",".join(NAMES),
        pickle.dumps(BY_DAY),
        int.from_bytes(pickle.dumps(BY_DAY)),
        np.poly1d([1.0, 2.0]),
        np.str_(json.dumps(BY_DAY)),
        np.bytes_(json.dumps(BY_DAY).encode()),
        np.frompyfunc(lambda day: BY_DAY[day], 1, 1),
        np.vectorize(lambda day: BY_DAY[day]),
        np.dtype("f8", metadata=BY_DAY),
        memoryview(array.array("d", range(200))),
        re.compile("|".join(BY_DAY)),
        operator.itemgetter(*BY_DAY),
        operator.methodcaller("get", BY_DAY),
        pd.offsets.CustomBusinessDay(holidays=list(BY_DAY)),
        decimal.Decimal(int.from_bytes(pickle.dumps(BY_DAY))),
        fractions.Fraction(int.from_bytes(pickle.dumps(BY_DAY)), 7),
        slice(BY_DAY),
        types.CellType(BY_DAY),
        (ctypes.c_double * 200)(),
        type("Buffer", (io.StringIO,), {})(json.dumps(BY_DAY)),
        type("Told", (Exception,), {})(BY_DAY),
        with_attributes(functools.partial(print)),
        with_attributes(functools.lru_cache(print)),
        with_attrs(pd.Series({"S1": 1.0})),
        type("Mine", (), {"__table__": BY_DAY}),
        sqlite3.connect(":memory:"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_may_be_by_time_is_found(value: object) -> None:
    assert found(Holder(value))
    assert found(Holder({"deep": [Holder(value)]}))
    if isinstance(value, sqlite3.Connection):
        value.close()


@pytest.mark.parametrize(
    "value",
    [
        {"window": 20, "names": ["S1", "S2"], "deep": {"levels": (5, 10, 20, 60)}},
        {"tech": ["S1", "S2"], "oil": [f"S{n}" for n in range(500)]},
        {f"S{n}": 0.1 for n in range(500)},
        [("S1", 0.5), ("S2", 0.5)],
        {"capital": 50_000, "most": 2000},
        {1: 0.5, 2: 0.3},
        ["AGN-201503"],
        dt.date(2021, 3, 1),
        "2021-03-01",
        "select * from quant.eps where eps > 3 and eps < 9 order by eps",
        pd.DataFrame({"sector": ["tech"] * 500}, index=[f"S{n}" for n in range(500)]),
        pd.offsets.BDay(3),
        np.random.default_rng(1),
        np.mean,
        functools.partial(np.mean, axis=0),
        lambda x: x + 1,
        re.compile("S1"),
        logging.getLogger("mine"),
        threading.Lock(),
        pathlib.Path("mine"),
        dataclasses.make_dataclass("Setting", ["window"])(20),
        enum.Enum("Speed", {"SLOW": 20, "FAST": 5}),
        object(),
        pd.IndexSlice,
        np.add,
        decimal.Decimal("0.1"),
        decimal.Context(),
        fractions.Fraction(1, 3),
        slice("2020-01-01", "2021-03-01"),
        operator.itemgetter("S1"),
        pd.offsets.CustomBusinessDay(calendar=USFederalHolidayCalendar()),
        type("Told", (Exception,), {})("it failed"),
        type("Mine", (), {"__version__": "1.2.3", "__hash__": None}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_configuration_is_not_accused(value: object) -> None:
    assert found(Holder(value)) == []


def test_it_is_found_in_what_a_function_imports_and_in_its_constants() -> None:
    own = types.ModuleType("lakebt_test_own")
    own.__file__ = "own.py"
    own.PANEL = FRAME  # type: ignore[attr-defined]
    sys.modules["lakebt_test_own"] = own
    space: dict[str, Any] = {}
    text = (
        "def imports():\n    import lakebt_test_own as own\n    return own.PANEL\n"
        "def says():\n    return {'2021-03-01': 1, '2021-03-02': 2, '2021-03-03': 3,"
        " '2021-03-04': 4}\n"
        "def looks_up(view):\n    return view.vintages('eps', ('S1', '2021-03-31'))\n"
    )
    exec(text, space)  # noqa: S102 - functions of our own

    assert found(space["imports"]) == [
        "lakebt_test_own.PANEL is a DataFrame up to 2021-06-30"
    ]
    assert found(space["says"])
    assert found(space["looks_up"]) == []
    del sys.modules["lakebt_test_own"]


def own_module(name: str, text: str, file: str | None) -> types.ModuleType:
    """Return a module that is imported, as one of the user's own."""
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(__file__=file, PANEL=FRAME)
    exec(text, vars(module))  # noqa: S102 - code of our own
    return module


@pytest.mark.parametrize(
    "text",
    [
        "import lakebt_own_data as own\ndef rule(): return own.PANEL",
        "import lakebt_own\ndef rule(): return lakebt_own.data.PANEL",
        "import lakebt_own\ndef rule(): return lakebt_own.asked.MADE",
        "def rule():\n    from .data import PANEL\n    return PANEL",
        "def rule():\n    from . import data\n    return data.PANEL",
        "import sys\ndef rule(): return sys.modules['lakebt_own.data'].PANEL",
        "import sys\nPANEL = FRAME\ndef rule(): return sys.modules[__name__].PANEL",
        (
            "import importlib as i\n"
            "def rule(): return i.import_module('lakebt_own.data').PANEL"
        ),
        "PANEL = FRAME\ndef rule(): return rule.__globals__['PANEL']",
        (
            "import inspect\nPANEL = FRAME\n"
            "def rule(): return inspect.currentframe().f_globals['PANEL']"
        ),
        (
            "import lakebt_own_data\nclass Rule:\n    data = lakebt_own_data\n"
            "    def decide(self): return self.data.PANEL\nrule = Rule()"
        ),
        (
            "import lakebt_own_data as own\ndef make(data):\n"
            "    return lambda: data.PANEL\nrule = make(own)"
        ),
        "def rule(): return rule.__doc__\nrule.__doc__ = TEXT",
        (
            "class Rule:\n    def decide(self): return self.__doc__\n"
            "Rule.__doc__ = TEXT\nrule = Rule()"
        ),
        (
            "import dataclasses as d\n@d.dataclass\nclass Rule:\n"
            "    held: dict = d.field(default_factory=lambda: FRAME)\nrule = Rule"
        ),
        (
            "import dataclasses as d\n@d.dataclass(slots=True)\nclass Rule:\n"
            "    held: object = BY_DAY.get\nrule = Rule"
        ),
    ],
)
@pytest.mark.parametrize("file", ["own.py", None])
def test_it_is_found_in_a_module_however_it_is_come_by(
    text: str, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    own = own_module("lakebt_own", "", file)
    own.data = own_module("lakebt_own.data", "", file)  # type: ignore[attr-defined]
    lazy = "HIDDEN = PANEL\ndef __getattr__(name): return HIDDEN"
    own.asked = own_module("lakebt_own.asked", lazy, file)  # type: ignore[attr-defined]
    own_module("lakebt_own_data", "", file)
    space = vars(own_module("lakebt_own.rules", "", file))
    del space["PANEL"]
    space |= {"FRAME": FRAME, "BY_DAY": BY_DAY, "TEXT": json.dumps(BY_DAY)}
    space["__package__"] = "lakebt_own"
    exec(text, space)  # noqa: S102 - of our own

    assert found(space["rule"])


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
    looked = captured(Holder(theirs), after=AFTER, many=SESSIONS)

    assert list(looked.histories.values()) == [
        "self.held is a PluginManager, which an audit cannot make anew"
    ]
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

    surroundings = Surroundings(captured(Writes, after=AFTER, many=SESSIONS))
    for _ in range(2):
        Writes().target_weights("view")
        surroundings.restore()

    assert (count, kept, remembered.cache_info().currsize) == (0, {"a": 1}, 0)
    assert (Log.lines, Log.last, hasattr(Log, "new")) == (["before"], None, False)
    assert (LOG.held, hasattr(LOG, "other")) == ({"deep": {"a": [1]}}, False)


@pytest.mark.parametrize(
    ("zone", "told"), [("Asia/Hong_Kong", 0), ("America/New_York", 1)]
)
def test_a_day_is_the_exchange_s(zone: str, told: int) -> None:
    """Tuesday, 9:20 in Hong Kong: Monday's bar is known; in New York it is Monday."""
    first = dt.datetime(2021, 3, 2, 1, 20, tzinfo=dt.UTC)
    monday = pd.Series(1.0, index=pd.DatetimeIndex(["2021-03-01"]))

    looked = captured(
        Holder(monday), after=first, many=SESSIONS, zone=zoneinfo.ZoneInfo(zone)
    )

    assert len(looked.histories) == told
