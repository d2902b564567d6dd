"""The user's own code, and what it can reach: names, cells and attributes."""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import inspect
import re
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MADE_BY_A_STATEMENT = 1 << 9
"""The flag of classes that are no part of the interpreter."""

_LIBRARIES = frozenset({"lakebt", "numpy", "pandas", "pyarrow", "polars", "plotly"})

_BY_VALUE = "_value2member_map_"
"""Where an enum keeps its members, and what was made of them since."""

_OF_MODULES = frozenset(
    {"modules", "import_module", "__import__", "f_globals", "__globals__"}
)
"""Code that uses one of these can reach any module, its own one too."""

_BY_TEXT = _OF_MODULES | {
    *("globals", "vars", "getattr", "locals", "__dict__", "eval", "exec"),
}
"""Code that uses one of these can reach an attribute by its name as a text."""

_NAME = re.compile(r"[^\W\d]\w*")
_OF_QUERY = re.compile(r"@([^\W\d]\w*)")

_GENERATED = frozenset(
    {
        *("__init__", "__repr__", "__eq__", "__hash__", "__replace__", "__setattr__"),
        *("__lt__", "__le__", "__gt__", "__ge__", "__delattr__", "__getstate__"),
        *("__setstate__", "__match_args__", "__dataclass_fields__"),
    }
)
"""What a dataclass writes for itself, from its fields."""

_OF_DATACLASSES = ("__create_fn__.<locals>.", "_recursive_repr.<locals>.")
"""How the code is called of what a dataclass writes for itself."""

_NOT_SAID = frozenset(
    {
        *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"),
        *("__annotations__", "__slots__", "__firstlineno__", "__static_attributes__"),
        *("__dataclass_params__", "__abstractmethods__", "__parameters__"),
        *("__orig_bases__", "__annotate__", "__annotate_func__", "__classcell__"),
        *("__annotations_cache__", "__type_params__", "__final__"),
        *("__protocol_attrs__", "__non_callable_proto_members__"),
        "__slotnames__",  # cached by `copyreg` when an object is copied or pickled
    }
)
"""What a class has that decides nothing."""

OF_LANGUAGE = (_NOT_SAID - {"__dict__", "__weakref__"}) | {
    *("__name__", "__qualname__", "__match_args__"),
}
"""What a class or a function has by itself, and somebody may have put data into."""

_OF_LANGUAGE = _NOT_SAID | _GENERATED | frozenset(dir(type))

_WRITES_ITS_OWN = {
    "__pydantic_": "__pydantic_core_schema__",
    "__attrs_": "__attrs_attrs__",
}
"""How names begin that packages write into a class, and one that they always write."""

_OF_A_CACHE = {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"}

WRAPPERS = (
    *(functools.partial, types.MethodType, property, staticmethod, classmethod),
    *(functools.cached_property, functools.partialmethod),
    functools._lru_cache_wrapper,  # noqa: SLF001 - its only name
)
"""What leads to functions, and to what they are called with."""


_OF_BUILTINS = (type, types.BuiltinFunctionType, bool, type(None), type(Ellipsis))


def is_library(value: Any) -> bool:
    """Return whether a class, a function or a module is of Python or a known package.

    They are what they are called; an audit looks at the data in them alone.
    """
    if isinstance(value, types.ModuleType):
        name = value.__name__
    elif inspect.isfunction(value):
        name = value.__globals__.get("__name__", "")
    else:
        name = module_of(value)
    home = str(name).partition(".")[0]
    if isinstance(value, type) and home in {"types", "dataclasses"}:
        return hasattr(sys.modules[home], value.__name__)  # not what they made
    if home == "builtins" and isinstance(value, type):
        return not value.__flags__ & MADE_BY_A_STATEMENT  # as those of a bare `exec`
    if home.startswith("_cython"):
        return True
    return home in _LIBRARIES or home in sys.stdlib_module_names - {"__main__"}


def module_of(value: object) -> str:
    """Return the name of a value's module; "" if it was made where none has a name."""
    return str(getattr(value, "__module__", ""))


def is_installed(module: types.ModuleType | None) -> bool:
    """Return whether a module came with a package, as against the user's own.

    ``__main__`` is the user's, whichever program's file it is: prompts that packages
    bring define there what is typed.
    """
    if module is sys.modules.get("__main__"):
        return False
    space = {} if module is None else vars(module)
    folders = map(str, space.get("__path__") or ())  # of one without a file
    return any(
        "site-packages" in place for place in (space.get("__file__") or "", *folders)
    )


def is_own_class(owner: type) -> bool:
    """Return whether a class is the user's own."""
    return not is_library(owner) and not is_installed(sys.modules.get(module_of(owner)))


def is_own_function(function: types.FunctionType) -> bool:
    """Return whether a function is the user's own."""
    home = sys.modules.get(str(function.__globals__.get("__name__")))
    return not is_library(function) and not is_installed(home)


def is_own_module(module: types.ModuleType) -> bool:
    """Return whether a module is the user's own: a file, a folder, or made by hand."""
    home = sys.modules.get(module.__name__.partition(".")[0])
    return not any(map(is_installed, (module, home))) and not is_library(module)


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
        names |= _by_text(each)
    return names


def _by_text(code: types.CodeType) -> set[str]:
    """Return the names that code may mean by its texts, or by expressions in them."""
    used = _BY_TEXT.intersection(code.co_names)
    texts = [text for text in code.co_consts if isinstance(text, str)]
    names = set(texts) if used else set()
    if used & {"eval", "exec"}:
        names.update(name for text in texts for name in _NAME.findall(text))
    if "query" in code.co_names:  # as pandas has it
        names.update(name for text in texts for name in _OF_QUERY.findall(text))
    return names


@functools.lru_cache(maxsize=4096)
def globals_of(code: types.CodeType) -> frozenset[str]:
    """Return the names that code looks up among its globals, and imports."""
    names: set[str] = set()
    for each in codes_of(code):
        for step in dis.get_instructions(each):
            if step.opname in {"LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"}:
                names.add(str(step.argval))
        names |= _by_text(each)
        if _OF_MODULES.intersection(each.co_names):
            names |= set(each.co_names)
    return frozenset(names)


def used_globals(function: types.FunctionType) -> dict[str, Any]:
    """Return the current values of a function's globals, if they exist.

    A module of the user's own that is imported inside of it counts as one.
    """
    space, used = function.__globals__, {}
    given = getattr(function, "__builtins__", {})  # somebody may add to them
    package = space.get("__package__") or ""
    for name in sorted(globals_of(function.__code__)):
        if name in space:
            used[name] = space[name]
        elif name in given and not isinstance(given[name], _OF_BUILTINS):
            used[name] = given[name]
        elif (module := _module(name, package)) is not None and is_own_module(module):
            used[name] = module
    return used


def _module(name: str, package: str) -> types.ModuleType | None:
    """Return a module that is imported already, in or above a package if it says so."""
    while (module := sys.modules.get(name)) is None and package:
        if (module := sys.modules.get(f"{package}.{name}".rstrip("."))) is not None:
            break
        package = package.rpartition(".")[0]
    return module


def used_of(module: types.ModuleType, names: set[str]) -> dict[str, Any]:
    """Return the members of a module that code with some names may use."""
    space = vars(module)
    # What a module makes when it is asked for it, no name is bound to.
    return {n: space[n] for n in sorted({*names, "__getattr__"}) if n in space}


def cells_of(
    function: types.FunctionType,
) -> Iterator[tuple[str, types.CellType, Any]]:
    """Yield the variables of a closure that are filled: name, cell, what it holds."""
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        yield name, cell, content


def plain(owner: type) -> dict[str, Any]:
    """Return the attributes of a class that have no name of the language's."""
    return {
        name: v for name, v in vars(owner).items() if not is_of_language(name, owner)
    }


def is_of_language(name: str, owner: type | None = None) -> bool:
    """Return whether the language gives a name, or a package that wrote the class."""
    if not (name.startswith("__") and name.endswith("__")):
        return False
    return name in _OF_LANGUAGE or any(
        name.startswith(beginning) and hasattr(owner, its_own)
        for beginning, its_own in _WRITES_ITS_OWN.items()
    )


def written(owner: type) -> list[tuple[str, Any]]:
    """Return the members that a class body defines, by name."""
    fields = vars(owner).get("__dataclass_fields__", {})
    skipped = _NOT_SAID | {
        name for name in _GENERATED if _is_generated(vars(owner).get(name))
    }
    members = [
        (name, _of_enum(owner) if name == _BY_VALUE else value)
        for name, value in sorted(vars(owner).items())
        if not name.startswith("_abc_")
        if not isinstance(value, types.MemberDescriptorType)
        if (callable(value) and name not in skipped) or not is_of_language(name, owner)
    ]
    own = inspect.get_annotations(owner) if fields else {}
    members += [("its order", part) for part in _comparison(owner)]
    return members + [
        (name, part)
        for name in own
        if name in fields
        for part in _held(fields[name], owner)
    ]


def _is_generated(value: Any) -> bool:
    """Return whether a dataclass wrote a function, and not the user."""
    if not inspect.isfunction(value):
        return False
    home = value.__globals__.get("__name__")
    return home in {"dataclasses", "reprlib"} or value.__code__.co_qualname.startswith(
        _OF_DATACLASSES
    )


def _comparison(owner: type) -> Iterator[Any]:
    """Yield how objects of a dataclass compare, where that is not as usual."""
    asked = vars(owner).get("__dataclass_params__")
    if asked is None:
        return
    fields = dataclasses.fields(owner)
    compared = [(each.name, each.compare, each.hash) for each in fields]
    is_usual = asked.eq and not asked.order and not asked.unsafe_hash
    if not is_usual or any(not is_part or hashed for _, is_part, hashed in compared):
        yield [asked.eq, asked.order, asked.unsafe_hash, *compared]


def _of_enum(owner: type) -> Any:
    """Return the members of an enum, without combinations that Python remembers."""
    if not issubclass(owner, enum.Enum):
        return vars(owner)[_BY_VALUE]
    members = {id(one): one.value for one in owner.__members__.values()}
    by_value = vars(owner)[_BY_VALUE].items()
    return {
        value: one
        for value, one in by_value
        if id(one) in members and members[id(one)] == value
    }


def _held(field: dataclasses.Field[Any], owner: type) -> Iterator[Any]:
    """Yield what a field of a dataclass holds that is no attribute of the class."""
    in_slot = isinstance(vars(owner).get(field.name), types.MemberDescriptorType)
    if in_slot and field.default is not dataclasses.MISSING:
        yield field.default
    if field.default_factory is not dataclasses.MISSING:
        yield field.default_factory
    if field.metadata:
        yield dict(field.metadata)


def wrapped(value: Any) -> Iterator[Any]:
    """Yield the functions inside a method, a property or another wrapper."""
    for name in ("__func__", "__self__", "__wrapped__", "func"):
        yield getattr(value, name, None)
    if isinstance(value, functools.partial | functools.partialmethod):
        yield from value.args
        yield from value.keywords.values()
    yield getattr(value, "fget", None)
    for name in ("fset", "fdel"):
        if (given := getattr(value, name, None)) is not None:
            yield from (name, given)
    if isinstance(value, functools.partial | functools._lru_cache_wrapper):  # noqa: SLF001
        attributes_held = vars(value).items()
        yield from (
            part for name, part in sorted(attributes_held) if name not in _OF_A_CACHE
        )


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
    """Return the mangled form of a class's private name."""
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.__name__.lstrip('_')}{name}" if is_private else name
