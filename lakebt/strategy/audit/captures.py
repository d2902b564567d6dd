"""What a strategy holds that was made before an audit, and that it cannot make anew.

An audit alters what views show. A frame that was read before is out of its reach: what
it says of the past may have been computed from the future. So it is looked for, in the
strategy, its classes, and the globals and closures of its functions.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator


_DEEPEST = 8
_LONGEST = 10_000
"""How far containers are looked into."""

_PLAIN = (str, bytes, int, float, complex, bool, type(None), dt.date, dt.timedelta)
_MADE_BY_A_STATEMENT = 1 << 9
"""The flag of classes that are no part of the interpreter."""

_LIBRARIES = frozenset({"lakebt", "numpy", "pandas", "pyarrow", "polars", "plotly"})

_WRAPPERS = (
    *(functools.partial, types.MethodType, property, staticmethod, classmethod),
    functools._lru_cache_wrapper,  # noqa: SLF001 - its only name
)


@dataclass(kw_only=True)
class Captured:
    """Everything that can be reached from a strategy.

    Attributes
    ----------
    histories : dict of int to str
        What may tell of a time after the first decision: by identity, in words.
    caches : list
        Functions that remember what they returned.
    spaces : list of tuple
        Where names are bound (a class, the attributes of an object, the globals of a
        module), and those that count: all, or those that functions use.
    cells : list of tuple
        Variables of closures, and what they hold.
    containers : list
        Dictionaries, lists and sets.
    """

    histories: dict[int, str] = field(default_factory=dict)
    caches: list[Any] = field(default_factory=list)
    spaces: list[tuple[Any, dict[str, Any], bool]] = field(default_factory=list)
    cells: list[tuple[types.CellType, Any]] = field(default_factory=list)
    containers: list[Any] = field(default_factory=list)


def captured(strategy: object, *, after: dt.datetime, sessions: int) -> Captured:
    """Return what can be reached from a strategy.

    Parameters
    ----------
    strategy
        An object, or the class or the function that makes it.
    after
        A frame or a mapping with dates tells a history if one of them is later.
    sessions
        Without dates, an array, a list or a frame does if it is at least this long.
    """
    walk = _Walk(after=pd.Timestamp(after), sessions=sessions)
    walk.look(strategy, "it", depth=0)
    return walk.found


class _Walk:
    def __init__(self, *, after: pd.Timestamp, sessions: int) -> None:
        self._after, self._sessions = after, sessions
        self._seen: set[int] = set()
        self.found = Captured()

    def look(self, value: Any, where: str, *, depth: int) -> None:
        if isinstance(value, _PLAIN) or depth > _DEEPEST or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if what := self._history(value):
            self.found.histories[id(value)] = f"{where} is {what}"
            return
        if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - its only name
            self.found.caches.append(value)
        if isinstance(value, dict | list | set):
            self.found.containers.append(value)
        for part, name in self._parts(value, where):
            self.look(part, name, depth=depth + 1)

    def _history(self, value: Any) -> str:
        """Say what a value is, if it may tell of a time after the first decision."""
        kind, what = type(value).__name__, ""
        if isinstance(value, pd.DataFrame | pd.Series):
            what = self._frame(value)
        elif isinstance(value, np.ndarray):
            if value.dtype.kind in "fiuc" and self._is_long(value.shape):
                what = f"an array of {_size(value)}"
        elif type(value).__module__.startswith("pyarrow"):
            if self._is_long(getattr(value, "shape", None) or ()):
                what = f"a {kind} of {_size(value)}"
        elif isinstance(value, dict):
            last = _latest(list(value)[:_LONGEST])
            if last is not None and self._is_later(last):
                what = f"a {kind} by date up to {last.date()}"
        elif isinstance(value, list | tuple) and self._is_long((len(value),)):
            is_number = isinstance(value[0], int | float | np.number)
            what = f"a {kind} of {len(value):,} numbers" if is_number else ""
        return what

    def _frame(self, value: pd.DataFrame | pd.Series) -> str:
        kind = type(value).__name__
        last = _last_date(value)
        if last is None:
            is_long = self._is_long(_numbered(value))
            return f"a {kind} of {_size(value)}" if is_long else ""
        return f"a {kind} up to {last.date()}" if self._is_later(last) else ""

    def _is_long(self, lengths: tuple[int, ...]) -> bool:
        return max(lengths, default=0) >= self._sessions

    def _is_later(self, last: pd.Timestamp) -> bool:
        if last.tzinfo is None:
            # The label of a session: what it tells is known at its close.
            return last.date() >= self._after.tz_convert("America/New_York").date()
        return last > self._after

    def _parts(self, value: Any, where: str) -> Iterator[tuple[Any, str]]:
        if inspect.isfunction(value):
            yield from self._of_function(value)
        elif isinstance(value, dict):
            yield from ((part, f"{where}[{n!r}]") for n, part in _some(value.items()))
        elif isinstance(value, list | tuple | set | frozenset):
            yield from ((part, where) for part in _some(value))
        elif isinstance(value, type):
            yield from self._of_class(value)
        elif isinstance(value, _WRAPPERS):
            yield from ((part, where) for part in _wrapped(value))
        elif not isinstance(value, types.ModuleType) and not _is_library(type(value)):
            yield from self._of_object(value)

    def _of_object(self, value: Any) -> Iterator[tuple[Any, str]]:
        is_own = not _is_installed(sys.modules.get(type(value).__module__))
        if is_own and hasattr(value, "__dict__"):
            self.found.spaces.append((vars(value), dict(vars(value)), True))
        for name, part in _attributes(value):
            # Of other people's objects only what they hold, and nothing is put back.
            if is_own or isinstance(part, pd.DataFrame | pd.Series | np.ndarray):
                yield part, f"self.{name}"
        if is_own:
            yield type(value), type(value).__name__

    def _of_class(self, owner: type) -> Iterator[tuple[Any, str]]:
        if _is_library(owner) or _is_installed(sys.modules.get(owner.__module__)):
            return
        self.found.spaces.append((owner, plain(owner), True))
        yield from ((part, f"{owner.__name__}.{n}") for n, part in vars(owner).items())
        yield from ((base, base.__name__) for base in owner.__bases__)

    def _of_function(self, value: types.FunctionType) -> Iterator[tuple[Any, str]]:
        home = sys.modules.get(str(value.__globals__.get("__name__")))
        if _is_library(value) or _is_installed(home):
            return
        for name, cell in zip(
            value.__code__.co_freevars, value.__closure__ or (), strict=True
        ):
            try:
                held = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            self.found.cells.append((cell, held))
            yield held, f"{name}, in the closure of {value.__name__},"
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        yield from ((part, f"a default of {value.__name__}") for part in defaults)
        names = _globals_of(value.__code__)
        used = self._space(value.__globals__, names)
        yield from ((part, f"the global {n}") for n, part in used.items())
        for called, part in used.items():
            if not isinstance(part, types.ModuleType) or _is_library(part):
                continue
            if part.__dict__.get("__file__") and not _is_installed(part):
                inside = self._space(vars(part), names)
                yield from ((each, f"{called}.{n}") for n, each in inside.items())

    def _space(self, space: dict[str, Any], names: set[str]) -> dict[str, Any]:
        """Return the names that are used of a module's."""
        used = {n: space[n] for n in sorted(names) if n in space}
        self.found.spaces.append((space, used, False))
        return used


def _globals_of(code: types.CodeType) -> set[str]:
    """Return the names that code, and the functions in it, may mean as globals."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _globals_of(constant)
    return names


def _is_installed(module: types.ModuleType | None) -> bool:
    """Return whether a module came with a package, as against the user's own."""
    file = getattr(module, "__file__", None)
    return file is not None and "site-packages" in file


def plain(owner: type) -> dict[str, Any]:
    """Return the attributes of a class that have no name of the language's."""
    return {name: v for name, v in vars(owner).items() if not _is_dunder(name)}


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_library(value: Any) -> bool:
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif inspect.isfunction(value):
        name = value.__globals__.get("__name__", "")
    else:
        name = getattr(value, "__module__", "")
    home = str(name).partition(".")[0]
    if home == "builtins" and isinstance(value, type):
        return not value.__flags__ & _MADE_BY_A_STATEMENT  # as those of a bare `exec`
    return home in _LIBRARIES or home in sys.stdlib_module_names - {"__main__"}


def _wrapped(value: Any) -> Iterator[Any]:
    """Return what a method, a property or another wrapper leads to."""
    for name in ("__func__", "__self__", "__wrapped__", "func", "args", "keywords"):
        yield getattr(value, name, None)
    yield getattr(value, "fget", None)


def _attributes(value: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for owner in type(value).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


def _some(values: Any) -> Iterator[Any]:
    yield from list(values)[:_LONGEST]


def _numbered(value: pd.DataFrame | pd.Series) -> tuple[int, ...]:
    """Return the lengths of a frame's axes that are labelled by numbers."""
    return tuple(len(axis) for axis in value.axes if axis.inferred_type == "integer")


def _size(value: Any) -> str:
    return " x ".join(f"{length:,}" for length in value.shape)


def _last_date(value: pd.DataFrame | pd.Series) -> pd.Timestamp | None:
    """Return the last date in a frame's labels or values; None if it has no dates."""
    indexes: list[Any] = [value.index]
    if isinstance(value, pd.DataFrame):
        indexes.append(value.columns)
        indexes += [value[n] for n in value.columns if _has_dates(value[n])]
    else:
        indexes.append(value)
    levels = [
        level
        for index in indexes
        for level in (index.levels if isinstance(index, pd.MultiIndex) else [index])
    ]
    dates = [last for level in levels if (last := _latest(level)) is not None]
    return max(dates, key=_comparable, default=None)


def _comparable(at: pd.Timestamp) -> pd.Timestamp:
    return at.tz_localize("UTC") if at.tzinfo is None else at


def _has_dates(values: Any) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return True
    is_object = values.dtype == object
    return bool(is_object and len(values) and isinstance(values.iloc[0], dt.date))


def _latest(values: Any) -> pd.Timestamp | None:
    """Return the last of some dates; None if they are none."""
    dtype = getattr(values, "dtype", None)
    if dtype is not None and pd.api.types.is_datetime64_any_dtype(dtype):
        last = values.max()
        return None if pd.isna(last) else pd.Timestamp(last)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.Timestamp(values.max().end_time) if len(values) else None
    if dtype is not None and dtype.kind != "O":
        return None
    dates = (value for value in values if isinstance(value, dt.date | np.datetime64))
    stamps: list[Any] = [pd.Timestamp(value) for value in dates]
    return max((s for s in stamps if not pd.isna(s)), key=_comparable, default=None)
