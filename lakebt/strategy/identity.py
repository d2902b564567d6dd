"""The identity of a strategy: a digest of its code and of its parameters.

Two strategies have one identity if their classes say the same, and so do all functions,
globals, closures and values that can be reached from them. The names of modules, the
order in which attributes were set, line numbers and docstrings do not count. What has
no state that can be read, a generator or an open file, cannot be told from another one,
and is refused.
"""

from __future__ import annotations

import copyreg
import enum
import hashlib
import inspect
import threading
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.roles import Decides
from lakebt.strategy.array_identity import (
    labels_of,
    parts_of_array,
    parts_of_arrow,
    parts_of_frame,
    parts_of_values,
)
from lakebt.strategy.own_code import (
    MADE_BY_A_STATEMENT,
    WRAPPERS,
    attributes,
    cells_of,
    is_own_class,
    is_own_function,
    is_own_module,
    module_of,
    names_of,
    used_globals,
    used_of,
    wrapped,
    written,
)
from lakebt.strategy.scalar_identity import scalar_bytes, text_bytes
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BYTES = 16

_ALIKE = (type(threading.Lock()), type(threading.RLock()))
"""Types whose objects are all alike."""

_OF_NUMBA = ("fastmath", "parallel", "error_model", "boundscheck")
"""Options of a compiled function that its numbers, or its errors, depend on."""


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
    """Computes digests of values, each once, and detects cycles."""

    def __init__(self, strategy: str, *, is_alone: bool = False) -> None:
        self._strategy = strategy
        self._is_alone = is_alone  # to put what is in one set in order
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
                self._texts[value] = _digest("value", [text_bytes(value)])
            return self._texts[value]
        if (scalar := scalar_bytes(value)) is not None:
            return _digest("value", [scalar])
        key = id(value)
        if key in self._made:
            return self._made[key]
        if (labels := labels_of(value)) is not None:
            if labels not in self._labels:
                self._labels[labels] = _digest(
                    "array", parts_of_array(value, self._plain)
                )
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

    def _plain(self, value: Any) -> bytes:
        """Return the digest of a value that cannot be refused."""
        return self.of(value, "it")

    def _said(self, value: Any, where: str) -> tuple[str, Iterable[bytes]]:  # noqa: C901, PLR0911, PLR0912 - a case each
        """Return the kind of a value, and the digests of its parts."""
        if isinstance(value, type):
            return self._of_class(value)
        if inspect.isfunction(value):
            return self._of_function(value)
        if isinstance(value, types.ModuleType):
            module_digest = self._of_module(value, self._names, where)
            return "module", [value.__name__.encode(), *module_digest]
        if isinstance(value, types.CodeType):
            return "code", self._code(value, doc=None)
        if (data := self._of_data(value, where)) is not None:
            return data
        is_own = is_own_class(type(value))
        if isinstance(value, WRAPPERS):
            parts = [self.of(part, where) for part in wrapped(value)]
            keywords = getattr(value, "keywords", None) or {}
            parts.append(self.of(dict(keywords), where))
            if is_own:
                parts += self._of_object(value, where)
            return str(type(value).__name__), parts
        if pinned := _view(value):
            return "view", [self.of(pinned, where)]
        if is_own:
            return "object", self._of_object(value, where)
        if (native := getattr(value, "py_func", None)) is not None:  # numba's
            return "compiled", [
                self.of(part, where) for part in (native, *_fast(value))
            ]
        if isinstance(value, list | tuple):
            numbered = enumerate(value)
            return "list", [self.of(v, f"{where}[{n}]") for n, v in numbered]
        if isinstance(value, set | frozenset):
            return "set", self._of_set(value, where)
        if isinstance(value, Mapping):
            parts = self._pairs(value.items(), where)
            if (make := getattr(value, "default_factory", None)) is not None:
                parts.append(self.of(make, where))
            return "mapping", parts
        return type(value).__qualname__, self._of_state(value, where)

    def _of_data(self, value: Any, where: str) -> tuple[str, Iterable[bytes]] | None:
        """Return what an array, a frame or a table is; None if it is none."""

        def of(part: Any) -> bytes:
            return self.of(part, where)

        if isinstance(value, np.ndarray):
            kind = "masked" if isinstance(value, np.ma.MaskedArray) else "array"
            return kind, parts_of_array(value, of)
        if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
            is_range = isinstance(value, pd.RangeIndex)  # an index like any other
            kind = "Index" if is_range else type(value).__name__
            return kind, parts_of_frame(value, of)
        if isinstance(value, pd.api.extensions.ExtensionArray):
            return "column", parts_of_values(value, of)
        if isinstance(value, np.longdouble | np.clongdouble | np.void):
            return type(value).__name__, parts_of_array(np.asarray(value), of)
        if (parts := parts_of_arrow(value, of)) is not None:
            return "arrow", parts
        return None

    def _pairs(self, items: Iterable[tuple[Any, Any]], where: str) -> list[bytes]:
        """Return the digests of names and values, whatever their order."""
        # Looked at in one order too: of two values that hold each other, the second
        # one's digest tells that the first was open.
        named = sorted(
            ((self.of(name, where), name, value) for name, value in items),
            key=lambda pair: pair[0],
        )
        return sorted(
            digest + self.of(value, f"{where}[{name!r}]")
            for digest, name, value in named
        )

    def _of_set(self, values: Iterable[Any], where: str) -> list[bytes]:
        """Return the digests of what is in a set, whatever the order it is kept in."""
        each = list(values)
        if not self._is_alone and any(scalar_bytes(value) is None for value in each):
            alone = [_Identity(self._strategy, is_alone=True) for _ in each]
            digests = [one.of(v, where) for one, v in zip(alone, each, strict=True)]
            order = sorted(range(len(each)), key=digests.__getitem__)
            each = [each[place] for place in order]
        return sorted(self.of(value, where) for value in each)

    def _of_object(self, value: Any, where: str) -> Iterator[bytes]:
        yield self.of(type(value), where)
        state = dict(attributes(value))
        if isinstance(value, enum.Flag):  # which it remembers once it was asked
            state["_inverted_"] = None
        for name in sorted(state):
            yield name.encode() + b"=" + self.of(state[name], f"self.{name}")
        if isinstance(value, Mapping):
            yield from self._pairs(value.items(), where)
        elif isinstance(value, list | tuple):
            yield from (self.of(each, where) for each in value)
        elif isinstance(value, set | frozenset):
            yield from self._of_set(value, where)
        elif not isinstance(value, WRAPPERS) and _has_hidden_state(type(value)):
            yield from self._of_state(value, where)

    def _of_class(self, owner: type) -> tuple[str, Iterable[bytes]]:
        if not is_own_class(owner):
            return "library", [f"{module_of(owner)}.{owner.__qualname__}".encode()]
        parts = [owner.__name__.encode()]
        parts += [self.of(base, base.__name__) for base in owner.__bases__]
        if is_own_class(type(owner)):
            parts.append(self.of(type(owner), owner.__name__))
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
        if isinstance(registry := getattr(function, "registry", None), Mapping):
            parts += self._pairs(
                registry.items(), name
            )  # of `functools.singledispatch`
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
        """Yield the used members of a module of the user's own."""
        if not is_own_module(module):
            return
        for name, value in used_of(module, names).items():
            yield name.encode() + self._named(value, f"{where}.{name}")
            if isinstance(value, types.ModuleType) and value is not module:
                yield from self._of_module(value, names - {name}, f"{where}.{name}")

    def _code(self, code: types.CodeType, *, doc: str | None) -> Iterator[bytes]:
        """Yield the parts of code that matter, without line numbers and docstring."""
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

    def _of_state(self, value: Any, where: str) -> Iterator[bytes]:
        """Yield the pickled form of a library's object.

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


def _view(value: Any) -> Mapping[str, Any] | None:
    """Return what a view, a lake or a study of them shows; None if it is none."""
    if module_of(type(value)).partition(".")[0] != "lakebt":
        return None
    if hasattr(value, "provenance") and hasattr(value, "instant"):
        provenance = value.provenance()
        return {"digests": provenance["digests"], "as_of": value.instant.isoformat()}
    if (storage := getattr(value, "_storage", None)) is not None:
        return {"lake": dict(storage.address)}
    if hasattr(value, "arguments") and hasattr(value, "view"):
        # Not what it has worked out by now.
        on = {"view": value.view, "engine": getattr(value, "engine", None)}
        return {**on, "asked": value.arguments.plain(~Decides(0))}
    return None


def _fast(compiled: Any) -> Iterator[Any]:
    """Yield what numba was allowed to do to the numbers of a function."""
    asked = dict(getattr(compiled, "targetoptions", {}))
    if changed := {name: asked[name] for name in _OF_NUMBA if asked.get(name)}:
        yield changed


def _has_hidden_state(owner: type) -> bool:
    """Return whether a class is made upon one of C: it holds more than attributes."""
    return any(
        base is not object and not base.__flags__ & MADE_BY_A_STATEMENT
        for base in owner.__mro__
    )


def _digest(kind: str, parts: Iterable[bytes]) -> bytes:
    """Return the digest of some parts, each prefixed with its length."""
    key = hashlib.blake2b(kind.encode(), digest_size=_BYTES)
    for part in parts:
        key.update(b"%d:" % len(part))
        key.update(part)
    return key.digest()
