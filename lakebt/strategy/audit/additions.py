"""Data that user code put into libraries, or under names of Python's own.

The user's own objects are searched in full. In other objects only attributes count
whose names the strategy's code may use, and that are data or the user's own code.
"""

from __future__ import annotations

import inspect
import os
import re
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.lake.reading.view import View
from lakebt.strategy.audit.configuration import PANDAS, SEQUENCES, SETS
from lakebt.strategy.own_code import (
    OF_LANGUAGE,
    codes_of,
    is_own_class,
    is_own_function,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN = (
    *(View, pd.DataFrame, pd.Series, pd.Index, pd.DatetimeIndex, pd.Timestamp),
    *(pd.api.typing.DataFrameGroupBy, pd.api.typing.SeriesGroupBy),
    *(pd.api.typing.Rolling, pd.api.typing.Expanding),
)
"""Classes whose objects a strategy gets without naming them."""

_DATA = (Mapping, *SEQUENCES, *SETS, *PANDAS, np.ndarray, str, bytes, bytearray)

_EVERYTHING = frozenset(
    {
        *("get_objects", "get_referrers", "get_referents", "_getframe"),
        *("_current_frames", "currentframe", "f_locals", "f_back", "tb_frame"),
    }
)
"""By these, code reaches whatever a program holds."""

_WHOLE_SPACE = frozenset({"globals", "eval", "exec"})
"""By these, code reaches every global by a text that it may make."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")


def added(holder: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield what user code may have put into a module, class or function of a library.

    Parameters
    ----------
    holder
        The module, class or function.
    names
        The names that the user's code may mean.
    """
    space = getattr(holder, "__dict__", {})
    for name in sorted(names.intersection(space)):
        part = space[name]
        if part is os.environ:
            continue
        part = getattr(part, "_accessor", part)  # as pandas keeps them
        part = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
        if _is_somebody_s(part):
            yield name, part


def _is_somebody_s(part: Any) -> bool:
    """Return whether a value is data, or the user's own code."""
    if isinstance(part, type):
        return is_own_class(part)
    if inspect.isfunction(part):
        return is_own_function(part)
    return isinstance(part, _DATA) or is_own_class(type(part))


def of_library(module: types.ModuleType, names: set[str]) -> Iterator[Any]:
    """Yield members of a library that code may use and that may hold data."""
    for name in names.intersection(vars(module)):
        part = vars(module)[name]
        is_holder = isinstance(part, type | types.ModuleType) or inspect.isroutine(part)
        if is_holder or getattr(part, "__dict__", None):
            yield part


def by_language(value: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield what a class or a function holds under special names of Python.

    Annotations always: many ways lead to them. Of the others those that code names.
    """
    for name in ("__annotations__", "__orig_bases__"):
        if (part := vars(value).get(name) or _annotations(value, name)) is not None:
            yield name, part
    for name in sorted(names & OF_LANGUAGE):
        part = getattr(value, name, None)
        if part is not None and not callable(part):
            yield name, part
    code = getattr(value, "__code__", None)
    if code is not None and "__code__" in names:
        for each in codes_of(code):
            code_names = (*each.co_names, *each.co_varnames, *each.co_freevars)
            yield "__code__", (*code_names, each.co_name, each.co_filename)


def _annotations(value: Any, name: str) -> Any:
    if name != "__annotations__":
        return None
    found = inspect.get_annotations(value)
    return found or None


def environment(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """Yield the environment variables that code may read: those it names, or all."""
    texts = {c for each in codes_of(code) for c in each.co_consts if type(c) is str}
    variables = {text for text in texts if _VARIABLE.match(text)}
    yield from (
        (n, v) for n, v in os.environ.items() if not variables or n in variables
    )


def everything(names: set[str]) -> str:
    """Return how code reaches every object of the program; "" if it does not."""
    names_of_everything = sorted(names & _EVERYTHING)
    if {"inspect", "stack"} <= names:
        names_of_everything.append("stack")
    return names_of_everything[0] if names_of_everything else ""


def whole_space(function: types.FunctionType, named: frozenset[str]) -> dict[str, Any]:
    """Return the globals that a function may reach by a computed name."""
    if not named & _WHOLE_SPACE:
        return {}
    return {
        name: value
        for name, value in function.__globals__.items()
        if not name.startswith("__") and isinstance(value, (*_DATA, int, float))
    }
