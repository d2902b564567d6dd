"""Data that a strategy holds from before an audit, and that it cannot make anew.

An audit alters what views show. What was read before is out of its reach: what it says
of the past may have been computed from the future. So everything that can be reached
from the strategy is looked at, its classes, the globals, closures and defaults of its
functions, and whatever is in those: scalars and small configuration may be there, and
what an audit alters; all else is named.
"""

from __future__ import annotations

import array
import functools
import inspect
import sys
import types
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.instants import NEW_YORK
from lakebt.strategy.audit.additions import (
    GIVEN,
    added,
    by_language,
    environment,
    everything,
    of_library,
    whole_space,
)
from lakebt.strategy.audit.configuration import (
    LONGEST,
    PANDAS,
    SEQUENCES,
    SETS,
    Judge,
)
from lakebt.strategy.audit.dates import date_of
from lakebt.strategy.audit.plain_values import inside, tells_nothing
from lakebt.strategy.own_code import (
    WRAPPERS,
    attributes,
    cells_of,
    codes_of,
    globals_of,
    is_library,
    is_own_class,
    is_own_function,
    is_own_module,
    module_of,
    names_of,
    plain,
    used_globals,
    used_of,
    wrapped,
    written,
)

if TYPE_CHECKING:
    import datetime as dt
    import enum
    from collections.abc import Iterator

_CONTAINERS = (Mapping, *SEQUENCES, *SETS)

_WITH_ANOTHER = (UserDict, UserList, ChainMap)
"""What keeps what is in it in a container of another kind."""

_LONGEST_KEY = 3
"""Of so many parts a key of a fact is, as code writes it down."""

_OF_ATTRIBUTES_ALONE = object.__basicsize__ + 16
"""Bytes of an object that has a dictionary and may be referred to."""

_OF_ATTRIBUTES = frozenset({"types.SimpleNamespace", "argparse.Namespace"})
"""Classes of Python whose objects are their attributes."""


@dataclass(kw_only=True)
class Captured:
    """Everything that can be reached from a strategy.

    Attributes
    ----------
    histories : dict of int to str
        What may tell of a time after the first decision, or cannot be looked into: by
        identity, in words.
    caches : list
        Functions that remember what they returned.
    spaces : list of tuple
        Where names are bound (a class, the attributes of an object, the globals of a
        module), and those that count: all, or those that functions use.
    cells : list of tuple
        Variables of closures, and what they hold.
    containers : list
        Dictionaries, lists, queues and sets.
    """

    histories: dict[int, str] = field(default_factory=dict)
    caches: list[Any] = field(default_factory=list)
    spaces: list[tuple[Any, dict[str, Any], bool]] = field(default_factory=list)
    cells: list[tuple[types.CellType, Any]] = field(default_factory=list)
    containers: list[Any] = field(default_factory=list)


def captured(
    strategy: object, *, after: dt.datetime, many: int, zone: dt.tzinfo = NEW_YORK
) -> Captured:
    """Return what can be reached from a strategy.

    Parameters
    ----------
    strategy
        An object, or the class or the function that makes it.
    after
        A date tells a history if it is later.
    many
        So long is a history: what has no dates and no names, has to be shorter.
    zone
        Where the exchange is.
    """
    walk = _Walk(after=pd.Timestamp(after), many=many, zone=zone)
    walk.look(strategy)
    return walk.found


class _Walk:
    def __init__(self, *, after: pd.Timestamp, many: int, zone: dt.tzinfo) -> None:
        self._after, self._day = after, after.tz_convert(zone).date()
        self._judge = Judge(self._is_later, many)
        self._seen: dict[int, Any] = {}  # kept, so that no other gets the same `id`
        self._libraries: dict[int, Any] = {}
        self._names: set[str] = set()  # that code may mean
        self._held: list[tuple[Any, str]] = []  # modules and classes
        self.found = Captured()

    def look(self, strategy: Any) -> None:
        """Inspect a strategy, and everything that can be reached from it."""
        ahead: deque[tuple[Any, str, int]] = deque([(strategy, "it", 0)])
        known = -1, 0
        while ahead or known != (len(self._names), len(self._held)):
            if not ahead:  # what is used of what was held, now that the code is known
                known = len(self._names), len(self._held)
                ahead.extend(self._parts_by_name())
                continue
            value, where, within = ahead.popleft()
            if id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            ahead.extend(self._parts(value, where, within))

    def _is_later(self, last: pd.Timestamp) -> bool:
        if last.tzinfo is None:
            # The label of a session: what it tells is known at its close.
            return last.date() >= self._day
        return last > self._after

    def _parts(  # noqa: C901 - a case each
        self, value: Any, where: str, within: int
    ) -> Iterator[tuple[Any, str, int]]:
        """Judge a value, and yield what is in it."""
        if isinstance(value, WRAPPERS):
            if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - its only name
                self.found.caches.append(value)
            yield from ((part, where, 0) for part in wrapped(value))
        elif inspect.isfunction(value):
            yield from self._of_function(value)
        elif isinstance(value, type):
            yield from self._of_class(value)
        elif isinstance(value, types.ModuleType):
            self._held.append((value, where))
        elif is_own_class(type(value)):
            yield from self._of_object(value, where)
        elif f"{module_of(type(value))}.{type(value).__qualname__}" in _OF_ATTRIBUTES:
            self.found.spaces.append((vars(value), dict(vars(value)), True))
            yield from self._of_attributes(value, where)
        elif (native := getattr(value, "py_func", None)) is not None:  # numba's
            yield native, where, 0
        elif isinstance(value, types.BuiltinMethodType | types.MethodWrapperType):
            yield value.__self__, where, 0
        elif (parts := inside(value)) is not None:
            yield from ((part, where, within) for part in parts)
        elif not tells_nothing(value):
            yield from self._of_data(value, where, within)

    def _parts_by_name(self) -> Iterator[tuple[Any, str, int]]:
        """Yield members of modules that code may use, and what it may read."""
        for owner in (base for each in GIVEN for base in each.__mro__):
            parts = () if is_own_class(owner) else added(owner, self._names)
            yield from ((part, f"{owner.__name__}.{n}", 0) for n, part in parts)
        for value, where in tuple(self._held):
            if isinstance(value, types.ModuleType) and is_own_module(value):
                yield from self._of_module(value, self._names, where)
            elif self._is_own(value):
                for name, part in by_language(value, self._names):
                    yield part, f"{value.__name__}.{name}", 0
                if "__subclasses__" in self._names and isinstance(value, type):
                    below: list[type] = type.__subclasses__(value)
                    yield from ((each, each.__name__, 0) for each in below)
            else:
                yield from self._of_library(value, where)

    def _is_own(self, value: Any) -> bool:
        if isinstance(value, type):
            return is_own_class(value)
        return inspect.isfunction(value) and is_own_function(value)

    def _of_library(self, holder: Any, where: str) -> Iterator[tuple[Any, str, int]]:
        """Yield what user code put into modules, classes and functions of libraries."""
        yield from (
            (part, f"{where}.{name}", 0) for name, part in added(holder, self._names)
        )
        if not isinstance(holder, types.ModuleType):
            return
        for part in of_library(holder, self._names):
            if id(part) not in self._seen and id(part) not in self._libraries:
                self._libraries[id(part)] = part
                self._held.append((part, f"{where}.{getattr(part, '__name__', '')}"))

    def _of_data(
        self, value: Any, where: str, within: int
    ) -> Iterator[tuple[Any, str, int]]:
        if _may_be_filled(value):
            self.found.containers.append(value)
        if what := self._judge.fault(value, within=within):
            self.found.histories[id(value)] = f"{where} is {what}"
            return
        if isinstance(value, _CONTAINERS):
            most = max(within, len(value))
            if isinstance(value, Mapping):
                yield from ((part, where, most) for part in value)
                items = value.items()
                yield from ((part, f"{where}[{n!r}]", most) for n, part in items)
            else:
                yield from ((part, where, most) for part in value)
            if isinstance(value, _WITH_ANOTHER):
                yield from ((part, where, most) for part in vars(value).values())
        elif isinstance(value, (*PANDAS, np.ndarray)):
            yield getattr(value, "attrs", None), f"{where}.attrs", 0
            axes = (value, *getattr(value, "axes", ()))
            named = [n for axis in axes for n in getattr(axis, "names", None) or ()]
            yield from ((n, where, 0) for n in (*named, getattr(value, "name", None)))
            array = np.asarray(value, dtype=object)
            yield from ((part, where, array.size) for part in array.ravel())

    def _of_object(self, value: Any, where: str) -> Iterator[tuple[Any, str, int]]:
        if hasattr(value, "__dict__"):
            self.found.spaces.append((vars(value), dict(vars(value)), True))
        yield type(value), type(value).__name__, 0
        if isinstance(value, (*_CONTAINERS, *PANDAS, np.ndarray, str, bytes, int)):
            yield from self._of_data(value, where, 0)
        elif isinstance(value, BaseException):
            yield value.args, where, 0
        elif not tells_nothing(value) and _has_hidden_state(type(value)):
            description = (
                f"{where} is a {type(value).__name__}, which holds more than names"
            )
            self.found.histories[id(value)] = description
        yield from self._of_attributes(value, where)

    def _of_attributes(self, value: Any, where: str) -> Iterator[tuple[Any, str, int]]:
        owner = "self" if where == "it" or where.startswith("self") else where
        for name, part in attributes(value):
            self._check_name(name, value, f"{owner}.{name} is an attribute")
            yield part, f"{owner}.{name}", 0

    def _check_name(self, name: str, holder: Any, what: str) -> None:
        last = date_of(name.strip("_").replace("_", "-").lstrip("dtDT"))
        if last is not None and self._is_later(last):
            self.found.histories[id(holder)] = f"{what} by date"

    def _of_class(self, owner: type) -> Iterator[tuple[Any, str, int]]:
        self._held.append((owner, owner.__name__))
        if not is_own_class(owner):
            return
        yield type(owner), type(owner).__name__, 0
        if _is_enum(owner):
            members: list[enum.Enum] = list(owner)  # type: ignore[call-overload]
            enum_values = {member.name: member.value for member in members}
            yield enum_values, owner.__name__, 0
            written_members = (
                (v, n) for n, v in written(owner) if not isinstance(v, owner)
            )
            yield from ((v, n, 0) for v, n in written_members if not n.startswith("_"))
            return
        self.found.spaces.append((owner, plain(owner), True))
        for name in plain(owner):
            self._check_name(name, owner, f"{owner.__name__}.{name} is an attribute")
        yield from ((part, f"{owner.__name__}.{n}", 0) for n, part in written(owner))
        yield from ((base, base.__name__, 0) for base in owner.__bases__)

    def _of_function(
        self, function: types.FunctionType
    ) -> Iterator[tuple[Any, str, int]]:
        name = function.__name__
        if (inner := getattr(function, "__wrapped__", None)) is not None:
            yield inner, name, 0
        is_own = is_own_function(function)
        for variable, cell, content in cells_of(function):
            if is_own:
                self.found.cells.append((cell, content))
            yield content, f"{variable}, in the closure of {name},", 0
        if not is_own:
            return
        yield from (
            (part, f"{name}.{key}", 0) for key, part in sorted(vars(function).items())
        )
        self.found.spaces.append((vars(function), dict(vars(function)), True))
        defaults = (
            *(function.__defaults__ or ()),
            *(function.__kwdefaults__ or {}).values(),
        )
        yield from ((part, f"a default of {name}", 0) for part in defaults)
        code = function.__code__
        names = names_of(code)
        self._names |= names
        self._held.append((function, name))
        for each in codes_of(code):
            constants = (
                c for c in each.co_consts if _is_data(c) and c != function.__doc__
            )
            yield from ((part, f"a constant of {name}", 0) for part in constants)
        yield from self._by_text(function, names)
        used = used_globals(function)
        own = {n: v for n, v in used.items() if n in function.__globals__}
        self.found.spaces.append((function.__globals__, own, False))
        yield from ((part, f"the global {n}", 0) for n, part in used.items())
        for called, part in used.items():
            if isinstance(part, types.ModuleType):
                yield from self._of_module(part, names, called)

    def _by_text(
        self, function: types.FunctionType, names: set[str]
    ) -> Iterator[tuple[Any, str, int]]:
        """Yield what a function can reach without naming a global or a cell."""
        code, name = function.__code__, function.__name__
        if by := everything(names):
            description = f"{name} uses {by}, by which it reaches all that is held"
            self.found.histories[id(function)] = description
        if names & {"environ", "getenv"}:
            for variable, text in environment(code):
                yield text, f"{variable}, in the environment,", 0
        for called, part in whole_space(function, globals_of(code)).items():
            self._check_name(called, function, f"the global {called} is a name")
            yield part, f"the global {called}", 0
        for called in globals_of(code):
            if called not in function.__globals__ and called in sys.modules:
                yield sys.modules[called], called, 0

    def _of_module(
        self, module: types.ModuleType, names: set[str], where: str
    ) -> Iterator[tuple[Any, str, int]]:
        """Yield the used members of a module of the user's own."""
        if not is_own_module(module) or is_library(module):
            return
        used = used_of(module, names)
        if "getattr" in names:
            for name in vars(module):
                self._check_name(name, module, f"{where}.{name} is a name")
        self.found.spaces.append((vars(module), used, False))
        for name, part in used.items():
            yield part, f"{where}.{name}", 0
            if isinstance(part, types.ModuleType) and part is not module:
                yield from self._of_module(part, names - {name}, f"{where}.{name}")


def _may_be_filled(value: Any) -> bool:
    """Return whether a container is small enough to restore after a run."""
    if isinstance(value, np.ndarray | pd.DataFrame | pd.Series):
        is_written = getattr(value, "flags", None)
        return value.size <= LONGEST and getattr(is_written, "writeable", True)
    return isinstance(value, dict | list | set | deque | bytearray | array.array)


def _is_data(constant: Any) -> bool:
    """Return whether a constant may be a table; the key of a fact is not."""
    is_key = isinstance(constant, tuple | frozenset) and len(constant) <= _LONGEST_KEY
    return not is_key


def _has_hidden_state(owner: type) -> bool:
    """Return whether objects of a class have state outside their attributes."""
    upon = [base for base in owner.__mro__ if not is_own_class(base)]
    return any(base.__basicsize__ > _OF_ATTRIBUTES_ALONE for base in upon)


def _is_enum(owner: type) -> bool:
    """Return whether a class lists its members."""
    return any(module_of(base) == "enum" for base in owner.__mro__)
