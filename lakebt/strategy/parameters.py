"""A strategy's parameters on a command line: ``--set lookback=126``."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lakebt.errors import InvalidArgumentError, UnknownNameError

_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def from_texts(make: Callable[..., Any], texts: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of a strategy's class, each in its type.

    Parameters
    ----------
    make
        The class, or a function that makes the strategy. What an argument holds says
        its annotation, else its default, else the text itself.
    texts
        ``NAME=VALUE``, a list with commas. The last of one name counts.

    Raises
    ------
    InvalidArgumentError
        If a text is no such pair, or a value cannot be what its argument holds.
    UnknownNameError
        If there is no such argument.

    Examples
    --------
    >>> def momentum(
    ...     lookback: int = 252, skip: float | None = None, symbols=("SPY",)
    ... ): ...
    >>> from_texts(momentum, ["lookback=126", "skip=0.5", "symbols=SPY,TLT"])
    {'lookback': 126, 'skip': 0.5, 'symbols': ('SPY', 'TLT')}
    >>> from_texts(momentum, ["skip=none"])
    {'skip': None}
    """
    known = _arguments(make)
    parameters: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            msg = f"--set {text!r} is not NAME=VALUE: write it as lookback=126"
            raise InvalidArgumentError(msg)
        if name not in known:
            kind = f"parameter of {_name(make)}"
            raise UnknownNameError(kind, name, known)
        hint = known[name]
        try:
            parameters[name] = _read(value, hint)
        except ValueError:
            msg = f"--set {name}={value}: {name} of {_name(make)} holds {_said(hint)}"
            raise InvalidArgumentError(msg) from None
    return parameters


def as_texts(strategy: object) -> list[str] | None:
    """Return the settings that make a strategy again; None if there are none.

    Nothing has to be for one that was made without arguments.
    """
    owner = type(strategy)
    try:
        taken = inspect.signature(owner).parameters.values()
    except (TypeError, ValueError):
        return None
    hints = _arguments(owner)
    texts = []
    for one in taken:
        kept = getattr(strategy, one.name, getattr(strategy, f"_{one.name}", one.empty))
        if one.name == "view" or _same(kept, one.default):
            continue
        text = _written(kept, hints.get(one.name, one.empty))
        if text is None:
            return None
        texts.append(f"{one.name}={text}")
    return texts


def _same(value: Any, default: Any) -> bool:
    """Return whether a value is a default: equal, and of its type, down to its parts.

    True equals 1 and a member of an enum may equal a text, and a strategy tells them;
    5 and 5.0 are one.
    """
    are_numbers = {type(value), type(default)} <= {int, float}
    if type(value) is not type(default) and not are_numbers:
        return False
    if isinstance(value, list | tuple):
        is_long = len(value) == len(default)
        return is_long and all(map(_same, value, default))
    try:
        return bool(value == default)
    except Exception:  # noqa: BLE001 - arrays have many answers, others have none
        return False


def _name(make: Callable[..., Any]) -> str:
    return str(getattr(make, "__name__", repr(make)))


def _arguments(make: Callable[..., Any]) -> dict[str, Any]:
    """Return what each argument holds, by name; a text where its type is not there."""
    try:
        signature = inspect.signature(make, eval_str=True)
    except (NameError, AttributeError, TypeError):  # a type that is only checked
        signature = inspect.signature(make)
    except ValueError:
        return {}
    return {
        one.name: _hint(one)
        for one in signature.parameters.values()
        if one.name != "view" and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
    }


_BY_NAME = {"int": int, "float": float, "bool": bool, "str": str}


def _hint(one: inspect.Parameter) -> Any:
    hint = one.annotation
    if isinstance(hint, str):
        hint = _BY_NAME.get(hint, one.empty)
    if hint is one.empty and one.default is not one.empty and one.default is not None:
        if isinstance(one.default, list | tuple) and one.default:
            return types.GenericAlias(type(one.default), (type(one.default[0]), ...))
        return type(one.default)
    return hint


def _read(text: str, hint: Any) -> Any:  # noqa: C901, PLR0911 - a case each
    """Return a text as a type has it.

    Raises
    ------
    ValueError
        If it is nothing of the type.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _read(text, inner[0])
    if origin is typing.Literal:
        return {str(v): v for v in inner}[text] if text in map(str, inner) else _no()
    if origin in {typing.Union, types.UnionType}:
        return _any_of(text, inner)
    if hint is type(None):
        return None if text.lower() in {"none", ""} else _no()
    if hint is bool:
        return _FLAGS[text.lower()] if text.lower() in _FLAGS else _no()
    if hint in {int, float, str}:
        return hint(text)
    if hint is dt.date:
        return dt.date.fromisoformat(text)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(text)
    many = origin or hint
    if isinstance(many, type) and issubclass(many, list | tuple | set | frozenset):
        each = inner[0] if inner else str
        parts = (part.strip() for part in text.split(",") if part.strip())
        return many(_read(part, each) for part in parts)
    if isinstance(many, type) and issubclass(many, Mapping):
        return _no()
    if origin is not None and isinstance(origin, type):  # Sequence[str] and such
        each = inner[0] if inner else str
        return tuple(_read(p.strip(), each) for p in text.split(",") if p.strip())
    return _any_of(text, (int, float, bool, type(None), str))


def _any_of(text: str, hints: Iterable[Any]) -> Any:
    """Return a text as the first type that has it; a text last of all."""
    for hint in sorted(hints, key=lambda each: each is str):
        try:
            return _read(text, hint)
        except ValueError:
            continue
    return _no()


def _no() -> Any:
    raise ValueError


def _said(hint: Any) -> str:
    """Return what a type is called in an error."""
    known = {int: "a whole number", float: "a number", bool: "true or false"}
    if hint in known:
        return known[hint]
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    return getattr(hint, "__name__", None) or str(hint)


def _written(value: Any, hint: Any) -> str | None:
    """Return a value as it is read again; None if no text is read as it."""
    match value:
        case None | bool():
            text = str(value).lower()
        case enum.Enum():
            text = str(value.value)
        case list() | tuple() | set() | frozenset():
            parts = [_written(each, inspect.Parameter.empty) for each in value]
            text = ",".join(map(str, parts))
        case dt.date():
            text = value.isoformat()
        case _:
            text = str(value)
    try:
        again = _read(text, hint)
    except ValueError:
        return None
    return text if type(again) is type(value) and _same(again, value) else None
