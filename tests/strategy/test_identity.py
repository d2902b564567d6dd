"""Two strategies have one identity if they do the same, and two if they do not."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import inspect
import linecache
import os
import pickle
import re
import subprocess
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from lakebt.strategy.factory import load_class
from lakebt.strategy.identity import identity_of
from lakebt.strategy.trials import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def identity(strategy: object) -> str:
    return identity_of(strategy, name="Mine")


def in_a_closure(window: int) -> object:
    class Mine:
        def target_weights(self, view: Any) -> Any:
            return view.panel("close").iloc[-window:]

    return Mine()


class Private:
    def __init__(self, window: int) -> None:
        self._window = window

    def target_weights(self, view: Any) -> Any: ...


class Slots:
    __slots__ = ("__share", "window")

    def __init__(self, window: int) -> None:
        self.window, self.__share = window, window / 2

    def target_weights(self, view: Any) -> Any: ...


class OfTuple(NamedTuple):
    window: int

    def target_weights(self, view: Any) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Holder:
    held: Any

    def target_weights(self, view: Any) -> Any: ...


class Speed(enum.Enum):
    SLOW = 20
    FAST = 5


def of_a_class_attribute(window: int) -> object:
    return type("Mine", (Private,), {"width": window})(1)


def of_a_default(window: int) -> object:
    class Mine:
        def target_weights(self, view: Any, window: int = window) -> Any:
            return view, window

    return Mine()


def of_a_source(text: str, **names: Any) -> object:
    """As a notebook does: a class of a cell, without a file."""
    space: dict[str, Any] = {"__name__": "__main__", **names}
    exec(compile(text, "<cell>", "exec"), space)  # noqa: S102 - code of our own
    return space["Mine"]()


def of_no_module(window: int) -> object:
    """As a program does that makes a class in a namespace without a name."""
    space: dict[str, Any] = {"window": window}
    exec(  # noqa: S102 - code of our own
        "def target_weights(self, view): return window\n"
        "Mine = type('Mine', (), {'target_weights': target_weights})",
        space,
    )
    assert not hasattr(space["Mine"], "__module__")
    return space["Mine"]()


def of_a_cell(window: int) -> object:
    return of_a_source(
        "class Mine:\n    def target_weights(self, view):\n"
        f"        return view.panel('close').iloc[-{window}:]"
    )


def of_a_global(window: int) -> object:
    text = "class Mine:\n    def target_weights(self, view):\n        return WINDOW"
    return of_a_source(text, WINDOW=window)


def of_a_helper(window: int) -> object:
    own = types.ModuleType("own")
    own.__file__ = "own.py"
    space = vars(own)
    exec(f"def signal(x): return x * {window}", space)  # noqa: S102 - of our own
    text = "class Mine:\n    def target_weights(self, view): return own.signal(view)"
    return of_a_source(text, own=own)


def of_a_base(window: int) -> object:
    text = (
        f"class Base:\n    def look(self): return {window}\n"
        "class Mine(Base):\n    def target_weights(self, view): return self.look()"
    )
    return of_a_source(text)


def of_a_default_that_is_made(window: int) -> object:
    @dataclasses.dataclass
    class Mine:
        window: int = dataclasses.field(default_factory=lambda: window)

        def target_weights(self, view: Any) -> Any: ...

    return Mine


def of_a_default_in_a_slot(window: int) -> object:
    text = (
        f"import dataclasses\n@dataclasses.dataclass(slots=True)\nclass Made:\n"
        f"    window: int = {window}\n"
        "def Mine(): return Made"
    )
    return of_a_source(text)


def of_a_name_like_the_language_s(window: int) -> object:
    return type("Mine", (Private,), {"__window__": window})(1)


def own_module(window: int) -> Any:
    own = types.ModuleType("own")
    own.WINDOW = window  # type: ignore[attr-defined]
    return own


def of_a_module_in_a_closure(window: int) -> object:
    own = own_module(window)

    class Mine:
        def target_weights(self, view: Any) -> Any:
            return view, own.WINDOW

    return Mine()


def of_a_module_that_is_held(window: int) -> object:
    class Mine:
        def __init__(self) -> None:
            self.settings = own_module(window)

        def target_weights(self, view: Any) -> Any:
            return view, self.settings.WINDOW

    return Mine()


def of_its_own_text(window: int) -> object:
    class Mine:
        def target_weights(self, view: Any) -> Any:
            return view, self.__doc__

    Mine.__doc__ = f"window: {window}"
    return Mine()


def of_an_attribute(value: Any, window: int) -> object:
    value.window = window
    return Holder(value)


def of_attrs(window: int) -> object:
    series = pd.Series([1.0])
    series.attrs["window"] = window
    return Holder(series)


def weights(*symbols: str) -> pd.Series:
    return pd.Series(0.25, index=list(symbols))


def labels(*symbols: str) -> np.ndarray[Any, Any]:
    return np.array(symbols, dtype=object)


def of_a_class(text: str) -> Any:
    """As a notebook does: a class `X`, of which the strategy holds an object."""
    names = {"dataclasses": dataclasses, "enum": enum, "functools": functools}
    made = f"{text}\nclass Mine:\n    def __init__(self): self.held = X()"
    return of_a_source(made, **names)


OWN_METHODS = (
    "def __lt__(self, other): return {n}",
    "def __eq__(self, other): return {n}\n    __hash__ = None",
    "def __init__(self): self.b = max({n}, 30)",
    "def __setattr__(self, name, value): self.__dict__[name] = value, {n}",
)
"""What a dataclass would write, had the user not."""


def of_an_own_method(number: int) -> Callable[[int], object]:
    def make(n: int) -> object:
        method = OWN_METHODS[number].format(n=n)
        return of_a_class(
            f"@dataclasses.dataclass\nclass X:\n    a: int = 1\n    {method}"
        )

    return make


def of_an_order(n: int) -> object:
    asked = f"order={n == 5}"
    return of_a_class(f"@dataclasses.dataclass({asked})\nclass X:\n    a: int = 1")


def of_what_is_compared(n: int) -> object:
    field = f"dataclasses.field(default=1, compare={n == 5})"
    return of_a_class(f"@dataclasses.dataclass\nclass X:\n    a: int = {field}")


def of_a_setter(way: str) -> Callable[[int], object]:
    return lambda n: of_a_class(
        "class X:\n    @property\n    def a(self): return 1\n"
        f"    @a.{way}\n    def a(self, *_): self.b = {n}"
    )


def of_a_metaclass(n: int) -> object:
    return of_a_class(f"class M(type):\n    k = {n}\nclass X(metaclass=M): pass")


def of_a_choice_by_type(n: int) -> object:
    return of_a_source(
        "@functools.singledispatch\ndef f(x): return 0\n"
        f"@f.register\ndef _(x: int): return {n}\n"
        "class Mine:\n    def target_weights(self, view): return f(1)",
        functools=functools,
    )


def of_a_subclass(base: type, *given: Any) -> Callable[[int], object]:
    return lambda n: Holder(type("Own", (base,), {"window": n})(*given))


MAKERS: tuple[Callable[[int], object], ...] = (
    in_a_closure,
    Private,
    Slots,
    OfTuple,
    Holder,
    of_a_class_attribute,
    of_a_default,
    of_a_cell,
    of_no_module,
    of_a_global,
    of_a_helper,
    of_a_base,
    lambda n: Holder(lambda x: x + n),
    lambda n: Holder((lambda x: x + 1) if n == 5 else (lambda x: x - 1)),
    lambda n: Holder(pd.DataFrame({"A": [1.0, n]})),
    lambda n: Holder(pd.Series(1.0, index=pd.date_range("2021-01-01", periods=n))),
    lambda n: Holder(
        pd.Series(["a", "b"], dtype="category").cat.add_categories([str(n)])
    ),
    lambda n: Holder([weights("A", "B"), weights("A", "B" if n == 5 else "C")]),
    lambda n: Holder([weights("A", "B"), weights(*("AB" if n == 5 else "BA"))]),
    lambda n: Holder(weights("A", "B") * n),
    lambda n: Holder(labels("A", "B") if n == 5 else labels("A", "B")[None]),
    lambda n: Holder(np.arange(n)),
    lambda n: Holder(np.array([None, n], dtype=object)),
    lambda n: Holder(np.random.default_rng(n)),
    lambda n: Holder({"a": {"b": [n]}}),
    lambda n: Holder({n, 1}),
    lambda n: Holder(collections.deque([1, 2], maxlen=n)),
    lambda n: Holder(functools.partial(max, n)),
    lambda n: Holder(functools.partial(dict, **{"a" if n == 5 else "b": 1})),
    lambda n: Holder(Speed(n)),
    lambda n: Holder(functools.cache(lambda x: x + n)),
    lambda n: Holder(Private(n)),
    lambda n: Holder(property(lambda _: n)),
    lambda n: Holder(True if n == 5 else 1),
    lambda n: Holder("1" if n == 5 else 1),
    lambda n: functools.partial(in_a_closure, n),
    lambda n: lambda: in_a_closure(n),
    *(of_a_default_that_is_made, of_a_default_in_a_slot, of_attrs, of_its_own_text),
    *(of_a_module_in_a_closure, of_a_module_that_is_held),
    of_a_name_like_the_language_s,
    lambda n: of_an_attribute(functools.partial(print), n),
    lambda n: of_an_attribute(functools.lru_cache(print), n),
    lambda n: Holder(collections.defaultdict(lambda: n)),
    lambda n: Holder(np.ma.array([1, 2], mask=[False, n == 5])),
    lambda n: Holder(re.compile(f"[A-Z]{{{n}}}")),
    lambda n: Holder(np.add if n == 5 else np.log),
    lambda n: Holder(int | (None if n == 5 else str)),
    *(of_an_own_method(number) for number in range(len(OWN_METHODS))),
    *(of_an_order, of_what_is_compared, of_a_setter("setter"), of_a_setter("deleter")),
    *(of_a_metaclass, of_a_choice_by_type),
    *(of_a_subclass(functools.partial, print), of_a_subclass(property)),
    lambda n: Holder(numba.njit(fastmath=n == 5)(weights)),
)


@pytest.mark.parametrize("make", MAKERS)
def test_what_a_prompt_of_a_package_defines_is_told_apart(
    make: Callable[[int], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "/env/lib/python3.11/site-packages/ptpython/__main__.py"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", place, raising=False)

    assert identity(make(5)) != identity(make(20))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_copy_that_was_made_of_it_changes_nothing(way: Callable[[Any], Any]) -> None:
    one = Private(5)
    if "__slotnames__" in vars(Private):  # of another copy
        del Private.__slotnames__  # type: ignore[attr-defined]
    before = identity(one)

    way(one)

    assert "__slotnames__" in vars(Private)
    assert identity(one) == before


@pytest.mark.parametrize("make", MAKERS)
def test_what_differs_in_anything_is_another_one(make: Callable[[int], object]) -> None:
    five, again, twenty = make(5), make(5), make(20)

    assert identity(five) == identity(again)
    assert identity(five) != identity(twenty)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Holder(5), Holder(5.0)),
        (Holder(5), Holder(np.int64(5))),
        (Holder([1, 2]), Holder((1, 2))),
        (Holder({"a": 1, "b": 2}), Holder({"b": 2, "a": 1})),
        (Holder({"b", "a"}), Holder(frozenset({"a", "b"}))),
        (Holder(threading.Lock()), Holder(threading.Lock())),
        (Holder([labels("A")] * 2), Holder([labels("A"), labels("A")])),
        (
            Holder(pd.DataFrame({"A": [1.0], "B": [2.0]})),
            Holder(pd.DataFrame(np.array([[1.0, 2.0]]), columns=["A", "B"])),
        ),
    ],
)
def test_what_is_equal_is_one(one: object, other: object) -> None:
    assert identity(one) == identity(other)


class Node:
    """One that is in a set where it was put, and knows another."""

    def __init__(self, name: str) -> None:
        self.name, self.peer = name, self

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


def nodes(order: str) -> list[Node]:
    """Return nodes of which two know each other, and the third one of them."""
    made = {name: Node(name) for name in "abc"}
    made["a"].peer, made["b"].peer, made["c"].peer = made["b"], made["a"], made["a"]
    return [made[name] for name in order]


@pytest.mark.parametrize(
    "keep",
    [
        set,
        lambda each: {node.name: node for node in each},
        lambda each: types.SimpleNamespace(**{node.name: node for node in each}),
    ],
    ids=["set", "mapping", "attributes"],
)
def test_no_order_counts_of_what_knows_each_other(keep: Callable[[Any], Any]) -> None:
    one, other = keep(nodes("abc")), keep(nodes("bca"))

    assert identity(Holder(one)) == identity(Holder(other))


def test_an_enum_is_the_same_once_its_members_were_combined() -> None:
    class Flags(enum.IntFlag):
        A = 1
        B = 2

    before = identity(Holder(Flags.A))
    assert ~Flags.A | Flags.A

    assert identity(Holder(Flags.A)) == before
    assert identity(Holder(Flags.A | Flags.B)) != before


@pytest.mark.lake
def test_a_study_that_is_held_is_what_it_asks(tmp_path: Path) -> None:
    market = simulated_market(seed=3, n_events=2)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    asked: dict[str, Any] = {"index": "SIM", "entries": ["AD+1@open"]}
    one, other = (lakebt.Study(lake.at("R1"), exits=["+1"], **asked) for _ in "ab")

    one.plan()

    assert identity(Holder(one)) == identity(Holder(other))
    further = lakebt.Study(lake.at("R1"), exits=["+2"], **asked)
    assert identity(Holder(one)) != identity(Holder(further))


def in_any_process() -> list[str]:
    """Return the identities of what can be looked up by its name."""
    held: list[object] = [
        {"SPY", "TLT", "GLD"},
        frozenset({("a", 1), ("b", 2), ("c", None)}),
        {Speed.SLOW, Speed.FAST},
        {"a": {"x", "y", "z"}, "b": lambda x: x in {"p", "q", "r"}},
        nodes("abc"),
        {node.name: {node} for node in nodes("cab")},
    ]
    return [identity(Holder(each)) for each in held]


@pytest.mark.slow
def test_the_seed_of_hashes_does_not_count() -> None:
    program = (
        "from tests.strategy.test_identity import in_any_process\n"
        "print(*in_any_process(), sep='\\n')"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
        for seed in ("1", "77")
    ]

    assert len(set(told[0])) == 6
    assert told[0] == told[1]


def test_neither_lines_nor_docstrings_nor_what_it_is_not_used_count() -> None:
    plain = "class Mine:\n    def target_weights(self, view):\n        return 1"
    told = (
        '# A comment.\n\nclass Mine:\n    "Mine."\n\n'
        '    def target_weights(self, view):\n        "Return."\n        return 1'
    )

    assert identity(of_a_source(plain)) == identity(of_a_source(told, other=3))


@pytest.mark.parametrize(
    "use",
    [copy.copy, copy.deepcopy, repr, hash, dir, inspect.signature, pickle.dumps],
    ids=lambda use: use.__name__,
)
def test_what_python_keeps_in_a_class_as_it_is_used_does_not_count(use: Any) -> None:
    @dataclasses.dataclass(frozen=True)
    class Fresh:
        window: int = 3

        def target_weights(self, view: Any) -> Any: ...

    before = identity(Fresh())
    with contextlib.suppress(Exception):  # not all can be done to it
        use(Fresh())

    assert identity(Fresh()) == before


def test_a_class_is_the_same_wherever_it_is_imported_from(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = (
        "import dataclasses\n\nFEW = 3\n\n\n@dataclasses.dataclass\nclass Mine:\n"
        "    window: int = 5\n\n    def target_weights(self, view):\n"
        "        return super().__init__(), FEW, self.window\n"
    )
    file.write_text(text, encoding="utf-8")
    _, first = load_class(f"{file}:Mine")
    (tmp_path / "moved.py").write_text(f"\n# moved\n{text}", encoding="utf-8")
    _, second = load_class(f"{tmp_path / 'moved.py'}:Mine")
    linecache.clearcache()

    assert first is not second
    assert identity(first()) == identity(second())
    assert identity(first()) != identity(second(window=6))


@pytest.mark.parametrize(
    "held", [(n for n in range(3)), np.frompyfunc(max, 2, 1), open]
)
def test_what_cannot_be_told_apart_is_refused_with_the_cure(held: Any) -> None:
    if held is open:
        held = open(__file__, encoding="utf-8")  # noqa: PTH123, SIM115 - closed below
    with pytest.raises(ValueError, match=r"^Mine holds a .* \(self\.held\), which can"):
        identity(Holder(held))
    if hasattr(held, "close"):
        held.close()


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (Private(5), {"window": 5}),
        (Slots(5), {"window": 5}),
        (OfTuple(5), {"window": 5}),
        (Holder(5), {"held": 5}),
        (Holder(len), {}),
    ],
)
def test_parameters_are_shown_however_they_are_kept(
    strategy: object, told: dict[str, object]
) -> None:
    assert parameters_of(strategy) == told
