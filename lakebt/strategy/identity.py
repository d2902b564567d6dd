"""What a strategy is: a digest of its code, and of everything that it was made with.

Two strategies have one identity if their classes say the same, and so do all functions,
globals, closures and values that can be reached from them. The names of modules, the
order in which attributes were set, line numbers and docstrings do not count. What has
no state that can be read, a generator or an open file, cannot be told from another one,
and is refused.
"""

from __future__ import annotations

import copyreg
import hashlib
import inspect
import struct
import threading
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.strategy.own_code import (
    MADE_BY_A_STATEMENT,
    WRAPPERS,
    attributes,
    cells_of,
    is_library,
    is_own_class,
    is_own_function,
    is_own_module,
    names_of,
    used_globals,
    used_of,
    wrapped,
    written,
)
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BYTES = 16

_ALIKE = (type(threading.Lock()), type(threading.RLock()))
"""Types whose objects are all alike."""


def identity_of(strategy: object, *, name: str) -> str:
    """Return the identity of a strategy, as it is now: 32 hex digits.

    Raises
    ------
    InvalidArgumentError
        If it holds something that cannot be told from another one of its kind.
    """
    try:
        return _Identity(name).of(strategy, "it").hex()
    except RecursionError:
        msg = f"{name} holds what is nested too deep to be told apart: flatten it"
        raise InvalidArgumentError(msg) from None


class _Identity:
    """Digests of values, each made once, with those that are being made."""

    def __init__(self, strategy: str) -> None:
        self._strategy = strategy
        self._made: dict[int, bytes] = {}
        self._open: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no other value gets the same `id`
        self._names: set[str] = set()  # that the code looked at so far may mean
        # As one index after the other has them: of each week's weights, hundreds.
        self._texts: dict[str, bytes] = {}
        self._labels: dict[tuple[str, ...], bytes] = {}

    def of(self, value: Any, where: str) -> bytes:
        """Return the digest of a value."""
        if type(value) is str:
            if value not in self._texts:
                self._texts[value] = _digest("value", [_text(value)])
            return self._texts[value]
        if (scalar := _scalar(value)) is not None:
            return _digest("value", [scalar])
        key = id(value)
        if key in self._made:
            return self._made[key]
        if (labels := _labels(value)) is not None:
            if labels not in self._labels:
                self._labels[labels] = _digest(*self._of_array(value, where))
            return self._labels[labels]
        if key in self._open:
            return _digest("again", [str(self._open[key]).encode()])
        self._open[key] = len(self._open)
        self._kept.append(value)
        try:
            kind, parts = self._said(value, where)
            digest = _digest(kind, parts)
        finally:
            del self._open[key]
        self._made[key] = digest
        return digest

    def _said(self, value: Any, where: str) -> tuple[str, Iterable[bytes]]:  # noqa: C901, PLR0911, PLR0912 - a case each
        """Return what kind of thing a value is, and the digests of its parts."""
        if isinstance(value, type):
            return self._of_class(value)
        if inspect.isfunction(value):
            return self._of_function(value)
        if isinstance(value, types.ModuleType):
            module_digest = self._of_module(value, self._names, where)
            return "module", [value.__name__.encode(), *module_digest]
        if isinstance(value, types.CodeType):
            return "code", self._code(value, doc=None)
        if isinstance(value, np.ndarray):
            return self._of_array(value, where)
        if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
            return self._of_frame(value, where)
        if isinstance(value, pd.api.extensions.ExtensionArray):
            return self._of_values(value, where)
        if isinstance(value, WRAPPERS):
            parts = [self.of(part, where) for part in wrapped(value)]
            keywords = getattr(value, "keywords", None) or {}
            parts.append(self.of(dict(keywords), where))
            return str(type(value).__name__), parts
        if (native := getattr(value, "py_func", None)) is not None:  # numba's
            return "compiled", [self.of(native, where)]
        if pinned := _view(value):
            return "view", [self.of(pinned, where)]
        if not is_library(type(value)) and is_own_class(type(value)):
            return "object", self._of_object(value, where)
        if isinstance(value, list | tuple):
            numbered = enumerate(value)
            return "list", [self.of(v, f"{where}[{n}]") for n, v in numbered]
        if isinstance(value, set | frozenset):
            return "set", sorted(self.of(each, where) for each in value)
        if isinstance(value, Mapping):
            parts = self._pairs(value.items(), where)
            if (make := getattr(value, "default_factory", None)) is not None:
                parts.append(self.of(make, where))
            return "mapping", parts
        return type(value).__qualname__, self._of_state(value, where)

    def _pairs(self, items: Iterable[tuple[Any, Any]], where: str) -> list[bytes]:
        """Return the digests of names and values, whatever their order."""
        return sorted(
            self.of(name, where) + self.of(value, f"{where}[{name!r}]")
            for name, value in items
        )

    def _of_object(self, value: Any, where: str) -> Iterator[bytes]:
        yield self.of(type(value), where)
        digests = {name: self.of(v, f"self.{name}") for name, v in attributes(value)}
        for name in sorted(digests):
            yield name.encode() + b"=" + digests[name]
        if isinstance(value, Mapping):
            yield from self._pairs(value.items(), where)
        elif isinstance(value, list | tuple):
            yield from (self.of(each, where) for each in value)
        elif isinstance(value, set | frozenset):
            yield from sorted(self.of(each, where) for each in value)
        elif _has_hidden_state(type(value)):
            yield from self._of_state(value, where)

    def _of_class(self, owner: type) -> tuple[str, Iterable[bytes]]:
        if not is_own_class(owner):
            return "library", [f"{owner.__module__}.{owner.__qualname__}".encode()]
        parts = [owner.__name__.encode()]
        parts += [self.of(base, base.__name__) for base in owner.__bases__]
        members = written(owner)
        for _, value in members:
            if inspect.isfunction(value):
                self._names |= names_of(value.__code__)
        if "__doc__" in self._names:
            parts.append(self.of(owner.__doc__, owner.__name__))
        parts += [
            name.encode() + b"=" + self.of(value, f"{owner.__name__}.{name}")
            for name, value in members
        ]
        return "class", parts

    def _of_function(self, function: types.FunctionType) -> tuple[str, Iterable[bytes]]:
        if is_own_function(function):
            return "function", self._own_function(function)
        home, name = function.__globals__.get("__name__", ""), function.__name__
        parts = [f"{home}.{function.__qualname__}".encode()]
        if (inner := getattr(function, "__wrapped__", None)) is not None:
            parts.append(self.of(inner, name))  # a decorator's
        else:
            parts += [self.of(content, name) for _, _, content in cells_of(function)]
        return "library", parts

    def _own_function(self, function: types.FunctionType) -> Iterator[bytes]:
        name = function.__name__
        names = names_of(function.__code__)
        self._names |= names
        is_read = "__doc__" in names
        doc = None if is_read else function.__doc__
        yield from self._code(function.__code__, doc=doc)
        for part in function.__defaults__ or ():
            yield self.of(part, f"a default of {name}")
        keywords = function.__kwdefaults__ or {}
        for key in sorted(keywords):
            yield key.encode() + self.of(keywords[key], f"a default of {name}")
        for variable, _, content in cells_of(function):
            yield self.of(content, f"{variable}, in the closure of {name},")
        for key, value in sorted(vars(function).items()):
            yield key.encode() + self.of(value, f"{name}.{key}")
        for key, value in used_globals(function).items():
            yield key.encode() + self._named(value, f"the global {key}")
            if isinstance(value, types.ModuleType):
                yield from self._of_module(value, names, key)

    def _named(self, value: Any, where: str) -> bytes:
        """Return the digest of what has a name: what is used of a module is asked."""
        if isinstance(value, types.ModuleType):
            return _digest("module", [value.__name__.encode()])
        return self.of(value, where)

    def _of_module(
        self, module: types.ModuleType, names: set[str], where: str
    ) -> Iterator[bytes]:
        """Yield what is used of a module of the user's own."""
        if not is_own_module(module):
            return
        for name, value in used_of(module, names).items():
            yield name.encode() + self._named(value, f"{where}.{name}")
            if isinstance(value, types.ModuleType) and value is not module:
                yield from self._of_module(value, names - {name}, f"{where}.{name}")

    def _code(self, code: types.CodeType, *, doc: str | None) -> Iterator[bytes]:
        """Yield what code does: not where it stands, nor its docstring."""
        constants = list(code.co_consts)
        if constants and isinstance(constants[0], str) and constants[0] == doc:
            constants[0] = None
        counts = (
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags,
        )
        names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
        yield code.co_code
        yield getattr(code, "co_exceptiontable", b"")
        yield canonical_json([counts, names]).encode()
        for constant in constants:
            yield self.of(constant, code.co_name)

    def _of_array(self, value: Any, where: str) -> tuple[str, Iterable[bytes]]:
        shape = canonical_json([str(value.dtype), list(value.shape)]).encode()
        if isinstance(value, np.ma.MaskedArray):
            parts = (np.ma.getmaskarray(value), np.ma.getdata(value))
            return "masked", [self.of(part, where) for part in parts]
        if value.dtype.hasobject:
            return "array", [shape, *(self.of(v, where) for v in value.ravel())]
        return "array", [shape, np.ascontiguousarray(value).tobytes()]

    def _of_frame(self, value: Any, where: str) -> tuple[str, Iterable[bytes]]:
        if isinstance(value, pd.DataFrame):
            each = [value.iloc[:, place] for place in range(value.shape[1])]
            parts = [value.index, value.columns, *(column.array for column in each)]
        elif isinstance(value, pd.Series):
            parts = [value.name, value.index, value.array]
        elif isinstance(value, pd.MultiIndex):
            parts = [
                list(value.names),
                *map(value.get_level_values, range(value.nlevels)),
            ]
        else:
            parts = [value.name, value.array]
        if attrs := getattr(value, "attrs", None):
            parts.append(attrs)
        return type(value).__name__, [self.of(part, where) for part in parts]

    def _of_values(self, value: Any, where: str) -> tuple[str, Iterable[bytes]]:
        """Return a column of pandas': as integers if it is of dates."""
        plain = getattr(value, "asi8", None)
        if isinstance(value, pd.arrays.NumpyExtensionArray):
            plain = value.to_numpy()
        elif plain is None:
            plain = value.to_numpy(dtype=object)
        choices = getattr(value.dtype, "categories", None)
        parts = [self.of(part, where) for part in (plain, choices)]
        return "column", [str(value.dtype).encode(), *parts]

    def _of_state(self, value: Any, where: str) -> Iterator[bytes]:
        """Yield what an object of a library would be pickled as.

        Raises
        ------
        InvalidArgumentError
            If it cannot be.
        """
        if isinstance(value, _ALIKE):
            return
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            state = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception:  # noqa: BLE001 - whatever it is, it has no state
            state = ""
        if isinstance(state, str) and not state.replace(".", "").isidentifier():
            msg = (
                f"{self._strategy} holds a {type(value).__name__} ({where}), which "
                f"cannot be told from another one, so its run could be taken for "
                f"theirs: make it in __init__ or in target_weights from plain values "
                f"that the strategy keeps instead, or pass run(record=False)"
            )
            raise InvalidArgumentError(msg)
        if isinstance(state, str):
            yield state.encode()
            return
        maker, arguments, *more = state
        yield self.of(maker, where)
        yield self.of(arguments, where)
        yield self.of(more[0] if more else None, where)
        for items in more[1:3]:
            yield self.of(None if items is None else list(items), where)


def _scalar(value: Any) -> bytes | None:  # noqa: PLR0911 - a case each
    """Return a plain value as bytes, the same for equal numbers; None if it is none."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item()
    kind: type = type(value)
    if value is None or value is Ellipsis or value is NotImplemented or kind is bool:
        return f"={value}".encode()
    if kind is int:
        return f"n{value}".encode()
    if kind is float:
        number = float(value)
        is_whole = number.is_integer()
        return (
            f"n{int(number)}".encode() if is_whole else struct.pack("<cd", b"f", number)
        )
    if kind is complex:
        return struct.pack("<cdd", b"c", value.real, value.imag)
    if kind is str:
        return _text(value)
    if kind is bytes:
        return b"b" + bytes(value)
    return None


def _labels(value: Any) -> tuple[str, ...] | None:
    """Return the texts of an array that is a row of nothing else; None if it is not."""
    if type(value) is not np.ndarray or value.dtype != object or value.ndim != 1:
        return None
    labels = tuple(value)
    return labels if set(map(type, labels)) == {str} else None


def _text(value: str) -> bytes:
    return b"t" + value.encode("utf-8", "surrogatepass")


def _view(value: Any) -> Mapping[str, Any] | None:
    """Return what a view or a lake shows; None if it is neither."""
    if type(value).__module__.partition(".")[0] != "lakebt":
        return None
    if hasattr(value, "provenance") and hasattr(value, "instant"):
        provenance = value.provenance()
        return {"digests": provenance["digests"], "as_of": value.instant.isoformat()}
    if (storage := getattr(value, "_storage", None)) is not None:
        return {"lake": dict(storage.address)}
    return None


def _has_hidden_state(owner: type) -> bool:
    """Return whether a class is made upon one of C: it holds more than attributes."""
    return any(
        base is not object and not base.__flags__ & MADE_BY_A_STATEMENT
        for base in owner.__mro__
    )


def _digest(kind: str, parts: Iterable[bytes]) -> bytes:
    """Return the digest of some parts, each told with its length."""
    key = hashlib.blake2b(kind.encode(), digest_size=_BYTES)
    for part in parts:
        key.update(b"%d:" % len(part))
        key.update(part)
    return key.digest()
