"""Which code is the user's own, and what it can reach: names, cells and attributes."""

from __future__ import annotations

import dis
import functools
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MADE_BY_A_STATEMENT = 1 << 9
"""The flag of classes that are no part of the interpreter."""

_LIBRARIES = frozenset({"lakebt", "numpy", "pandas", "pyarrow", "polars", "plotly"})

_BY_TEXT = frozenset({"globals", "vars", "getattr", "locals", "__dict__", "eval"})
"""Who uses one of these may mean a name by a text."""

_GENERATED = frozenset(
    {
        *("__init__", "__repr__", "__eq__", "__hash__", "__replace__", "__setattr__"),
        *("__lt__", "__le__", "__gt__", "__ge__", "__delattr__", "__getstate__"),
        *("__setstate__", "__match_args__", "__dataclass_fields__"),
    }
)
"""What a dataclass writes for itself, from its fields."""

_NOT_SAID = frozenset(
    {
        *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"),
        *("__annotations__", "__slots__", "__firstlineno__", "__static_attributes__"),
        *("__dataclass_params__", "__abstractmethods__", "__parameters__"),
        *("__orig_bases__", "__annotate__", "__annotate_func__", "__classcell__"),
    }
)
"""What a class has that decides nothing."""

WRAPPERS = (
    *(functools.partial, types.MethodType, property, staticmethod, classmethod),
    *(functools.cached_property, functools.partialmethod),
    functools._lru_cache_wrapper,  # noqa: SLF001 - its only name
)
"""What leads to functions, and to what they are called with."""


def is_library(value: Any) -> bool:
    """Return whether a class, a function or a module is of Python or a known package.

    They are what they are called; an audit looks at the data in them alone.
    """
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif inspect.isfunction(value):
        name = value.__globals__.get("__name__", "")
    else:
        name = getattr(value, "__module__", "")
    home = str(name).partition(".")[0]
    if isinstance(value, type) and home in {"types", "dataclasses"}:
        return hasattr(sys.modules[home], value.__name__)  # not what they made
    if home == "builtins" and isinstance(value, type):
        return not value.__flags__ & MADE_BY_A_STATEMENT  # as those of a bare `exec`
    if home.startswith("_cython"):
        return True
    return home in _LIBRARIES or home in sys.stdlib_module_names - {"__main__"}


def is_installed(module: types.ModuleType | None) -> bool:
    """Return whether a module came with a package, as against the user's own."""
    file = getattr(module, "__file__", None)
    return file is not None and "site-packages" in file


def is_own_class(owner: type) -> bool:
    """Return whether a class is the user's own."""
    return not is_library(owner) and not is_installed(sys.modules.get(owner.__module__))


def is_own_function(function: types.FunctionType) -> bool:
    """Return whether a function is the user's own."""
    home = sys.modules.get(str(function.__globals__.get("__name__")))
    return not is_library(function) and not is_installed(home)


def is_own_module(module: types.ModuleType) -> bool:
    """Return whether a module is a file of the user's own."""
    has_file = bool(module.__dict__.get("__file__"))
    return has_file and not is_library(module) and not is_installed(module)


def codes_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield code, and that of every function in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_of(constant)


def names_of(code: types.CodeType) -> set[str]:
    """Return the names that code may mean: of globals, of attributes, by a text."""
    names: set[str] = set()
    for each in codes_of(code):
        names |= set(each.co_names)
        if _BY_TEXT.intersection(each.co_names):
            names |= {text for text in each.co_consts if isinstance(text, str)}
    return names


@functools.lru_cache(maxsize=4096)
def globals_of(code: types.CodeType) -> frozenset[str]:
    """Return the names that code looks up among its globals, and imports."""
    names: set[str] = set()
    for each in codes_of(code):
        for step in dis.get_instructions(each):
            if step.opname in {"LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"}:
                names.add(str(step.argval))
        if _BY_TEXT.intersection(each.co_names):
            names |= {text for text in each.co_consts if isinstance(text, str)}
    return frozenset(names)


def used_globals(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function's globals are now; of names that are none, nothing.

    A module of the user's own that is imported inside of it counts as one.
    """
    space, used = function.__globals__, {}
    for name in sorted(globals_of(function.__code__)):
        if name in space:
            used[name] = space[name]
        elif (module := sys.modules.get(name)) is not None and is_own_module(module):
            used[name] = module
    return used


def cells_of(
    function: types.FunctionType,
) -> Iterator[tuple[str, types.CellType, Any]]:
    """Yield the variables of a closure that are filled: name, cell, what it holds."""
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        try:
            held = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        yield name, cell, held


def plain(owner: type) -> dict[str, Any]:
    """Return the attributes of a class that have no name of the language's."""
    return {name: v for name, v in vars(owner).items() if not is_dunder(name)}


def is_dunder(name: str) -> bool:
    """Return whether a name is one of the language's."""
    return name.startswith("__") and name.endswith("__")


def written(owner: type) -> list[tuple[str, Any]]:
    """Return what somebody wrote into a class, by name."""
    is_dataclass = "__dataclass_params__" in vars(owner)
    skipped = _NOT_SAID | (_GENERATED if is_dataclass else frozenset())
    return [
        (name, value)
        for name, value in sorted(vars(owner).items())
        if name not in skipped and not name.startswith("_abc_")
        if not isinstance(value, types.MemberDescriptorType)
        if callable(value) or not is_dunder(name)
    ]


def wrapped(value: Any) -> Iterator[Any]:
    """Yield what a method, a property or another wrapper leads to."""
    for name in ("__func__", "__self__", "__wrapped__", "func"):
        yield getattr(value, name, None)
    if isinstance(value, functools.partial | functools.partialmethod):
        yield from value.args
        yield from value.keywords.values()
    yield getattr(value, "fget", None)


def attributes(value: object) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object, those in slots too."""
    yield from getattr(value, "__dict__", {}).items()
    for owner in type(value).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = owner.__dict__.get(_mangled(name, owner))
            if not isinstance(member, types.MemberDescriptorType):
                continue
            try:
                yield name, member.__get__(value)
            except AttributeError:  # not filled
                continue


def _mangled(name: str, owner: type) -> str:
    """Return what a private name of a class is called."""
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.__name__.lstrip('_')}{name}" if is_private else name
