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
import pickle
import re
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

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


MAKERS: tuple[Callable[[int], object], ...] = (
    in_a_closure,
    Private,
    Slots,
    OfTuple,
    Holder,
    of_a_class_attribute,
    of_a_default,
    of_a_cell,
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
