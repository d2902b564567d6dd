"""Types of values that hold no data, or only the few values inside them."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import logging
import operator
import pathlib
import random
import re
import threading
import types
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.tseries.holiday import holiday_calendars

from lakebt.strategy.own_code import is_of_language, module_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class _Named(NamedTuple):
    one: int


_TELLS_NOTHING = (
    *(bool, type(None), float, complex, dt.date, dt.timedelta, dt.time, dt.tzinfo),
    *(decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath, re.Pattern),
    *(
        enum.Enum,
        np.generic,
        np.dtype,
        np.ufunc,
        pd.Timedelta,
        pd.Period,
        pd.RangeIndex,
    ),
    *(np.random.Generator, np.random.RandomState, np.random.BitGenerator),
    *(
        random.Random,  # noqa: S311 - of the user's
        logging.Logger,
        range,
        slice,
        type(Ellipsis),
        type(NotImplemented),
    ),
    *(type(pd.NaT), type(pd.NA), pd.offsets.BaseOffset, threading.Event),
    *(type(threading.Lock()), type(threading.RLock()), types.CodeType, types.CellType),
    *(type(np.mean), operator.itemgetter, operator.attrgetter, operator.methodcaller),
    *(
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.GetSetDescriptorType,
    ),
    *(types.WrapperDescriptorType, types.ClassMethodDescriptorType),
    *(types.MemberDescriptorType, types.MethodWrapperType, types.GenericAlias),
    *(types.UnionType, type(vars(_Named)["one"])),
    decimal.Context,
)
"""Types of values that are no data, or one number or date of it."""

_MADE_ANEW = frozenset({"View", "Lake", "Sessions", "CostModel"})
"""Classes of lakebt: they show what an audit alters, or nothing of any day."""

_CALENDARS = frozenset({"exchange_calendars", "pandas_market_calendars", "typing"})


def tells_nothing(value: object) -> bool:
    """Return whether a value is of a type that holds no data."""
    kind = type(value)
    home = module_of(kind).partition(".")[0]
    if isinstance(value, np.void | np.str_ | np.bytes_) or _is_of_python(value):
        return False
    if home == "lakebt":
        return any(owner.__name__ in _MADE_ANEW for owner in kind.__mro__)
    is_known = isinstance(value, _TELLS_NOTHING) or home in _CALENDARS
    return is_known or _is_bare(value)


def _is_of_python(value: object) -> bool:
    """Return whether a ufunc calls a Python function that cannot be inspected."""
    return isinstance(value, np.ufunc) and "(vectorized)" in value.__name__


def _is_bare(value: object) -> bool:
    """Return whether an object is nothing but its attributes, and has none."""
    kind = type(value)
    if kind is object:
        return True
    is_plain = kind.__base__ is object and "__dict__" in vars(kind)
    return is_plain and all(map(is_of_language, vars(value)))


def _steps(value: Any) -> list[Any]:
    return [value.start, value.stop, value.step]


def _digits(value: decimal.Decimal) -> list[Any]:
    return [10 ** len(value.as_tuple().digits)]


def _holidays(value: Any) -> list[Any]:
    """Return the holidays of an offset, unless they are by the rules of a calendar."""
    days = np.asarray(getattr(value, "holidays", None) or (), dtype="datetime64[D]")
    is_by_rule = not len(days) or any(
        np.array_equal(days, calendar().holidays().to_numpy("datetime64[D]"))
        for calendar in holiday_calendars.values()
        if calendar.rules
    )
    return [] if is_by_rule else [pd.Series(days)]


_INSIDE: dict[Any, Callable[[Any], Iterable[Any]]] = {
    re.Pattern: lambda value: [value.pattern],
    slice: _steps,
    range: _steps,
    fractions.Fraction: lambda value: [value.numerator, value.denominator],
    decimal.Decimal: _digits,
    operator.itemgetter: lambda value: value.__reduce__(),
    operator.attrgetter: lambda value: value.__reduce__(),
    operator.methodcaller: lambda value: value.__reduce__(),
    types.CellType: lambda value: [value.cell_contents],
    types.CodeType: lambda value: value.co_consts,
    np.dtype: lambda value: [value.metadata, value.names],
    dt.timezone: lambda value: [value.tzname(None)],
    pathlib.PurePath: lambda value: [str(value)],
    pd.RangeIndex: lambda value: [value.name],
    types.GenericAlias: lambda value: [value.__origin__, value.__args__],
    types.UnionType: lambda value: [value.__args__],
    pd.offsets.BaseOffset: _holidays,
}


_OF_TYPING = ("__args__", "__metadata__", "__constraints__", "__bound__")
_ONE_OF_TYPING = ("__origin__", "__supertype__", "__forward_arg__")

_BY_ITSELF = frozenset(
    {
        *("name", "level", "parent", "propagate", "handlers", "disabled", "filters"),
        *("manager", "root", "_cache", "gauss_next", "_cond", "_flag"),
    }
)
"""Attributes that loggers, generators and events have by themselves."""


_WITH_ATTRIBUTES = (logging.Logger, random.Random, threading.Event)  # noqa: S311


def _of_typing(value: Any) -> list[Any]:
    """Return what a type is made of: literals and notes are values."""
    names = (*_OF_TYPING, *_ONE_OF_TYPING)
    return [part for name in names if (part := getattr(value, name, None)) is not None]


def _put_into(value: Any) -> list[Any]:
    """Return the attributes that user code added to a value without data."""
    attributes = getattr(value, "__dict__", {})
    return [part for name, part in attributes.items() if name not in _BY_ITSELF]


def inside(value: object) -> Iterable[Any] | None:
    """Return the values inside a value of a simple type; None for other types."""
    for owner in type(value).__mro__:
        if (parts := _INSIDE.get(owner)) is not None:
            return parts(value)
    if module_of(type(value)) == "typing":
        return _of_typing(value)
    if isinstance(value, _WITH_ATTRIBUTES):
        return [*_put_into(value), getattr(value, "name", None)]
    return None
