"""The state around a strategy, restored before each of its runs.

What one run leaves in a class, a global, a closure or a cache, the next would find:
data of a lake that is not the one it runs on. So what a run changed is remembered, and
taken back before the next run or audit of whatever reaches it, unless somebody changed
it since.
"""

from __future__ import annotations

import array
import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.strategy.own_code import plain

if TYPE_CHECKING:
    from lakebt.strategy.audit.captures import Captured

_MOST = 1_000
"""So many changes are remembered: the newest."""

_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class _Change:
    """A change by a run: the place, and the values before and after."""

    target: Any
    name: Any
    before: Any
    after: Any


_changes: OrderedDict[tuple[int, Any], _Change] = OrderedDict()
"""What runs left, by the identity of where they left it, and by name."""


class Surroundings:
    """Classes, globals, closures and containers of a strategy, as they are."""

    def __init__(self, captured: Captured) -> None:
        self._found = captured
        self._contents = [copy.copy(container) for container in captured.containers]

    def restore(self) -> None:
        """Restore everything, and empty every cache."""
        for cache in self._found.caches:
            cache.cache_clear()
        for cell, contents in self._found.cells:
            cell.cell_contents = contents
        for space, names, is_whole in self._found.spaces:
            _rebind(space, names, is_whole=is_whole)
        for container, contents in zip(
            self._found.containers, self._contents, strict=True
        ):
            if not _is_same(container, contents):
                _refill(container, contents)

    def take_back(self) -> None:
        """Undo the changes of runs, unless they were changed since."""
        for cell, _ in self._found.cells:
            if (change := _left(cell, None)) and _contents(cell) is change.after:
                cell.cell_contents = change.before
        by_place: dict[int, list[_Change]] = {}
        for change in _changes.values():
            by_place.setdefault(id(change.target), []).append(change)
        for space, _, _ in self._found.spaces:
            for change in by_place.get(id(space), ()):
                _take_back(space, change.name, change)
        for container in self._found.containers:
            change = _left(container, None)
            if change and _is_same(container, change.after):
                _refill(container, change.before)

    def remember(self) -> None:
        """Record the changes since then as those of a run."""
        for cell, before in self._found.cells:
            if (after := _contents(cell)) is not before:
                _note(cell, None, before, after)
        for space, names, is_whole in self._found.spaces:
            now = plain(space) if isinstance(space, type) else space
            for name in {*names, *(now if is_whole else ())}:
                before = names.get(name, _NOTHING)
                after = now.get(name, _NOTHING)
                if before is not after:
                    _note(space, name, before, after)
        for container, before in zip(
            self._found.containers, self._contents, strict=True
        ):
            if not _is_same(container, before):
                _note(container, None, before, copy.copy(container))


def _left(target: Any, name: Any) -> _Change | None:
    change = _changes.get((id(target), name))
    return change if change is not None and change.target is target else None


def _note(target: Any, name: Any, before: Any, after: Any) -> None:
    _changes[id(target), name] = _Change(target, name, before, after)
    _changes.move_to_end((id(target), name))
    while len(_changes) > _MOST:
        _changes.popitem(last=False)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # emptied
        return _NOTHING


def _take_back(space: Any, name: str, change: _Change) -> None:
    now = plain(space) if isinstance(space, type) else space
    if now.get(name, _NOTHING) is not change.after:
        return
    if change.before is _NOTHING:
        _unbind(space, name)
    else:
        _bind(space, name, change.before)


def _rebind(space: Any, names: dict[str, Any], *, is_whole: bool) -> None:
    """Bind names to their old values; if these are all names, unbind the others."""
    now = plain(space) if isinstance(space, type) else dict(space)
    for name in set(now).difference(names) if is_whole else ():
        _unbind(space, name)
    for name, value in names.items():
        if name not in now or now[name] is not value:
            _bind(space, name, value)


def _bind(space: Any, name: str, value: Any) -> None:
    if isinstance(space, type):
        setattr(space, name, value)
    else:
        space[name] = value


def _unbind(space: Any, name: str) -> None:
    if isinstance(space, type):
        delattr(space, name)
    else:
        del space[name]


def _is_same(container: Any, contents: Any) -> bool:  # noqa: PLR0911 - a case each
    if isinstance(container, pd.DataFrame | pd.Series):
        return bool(container.equals(contents)) and container.attrs == contents.attrs
    if isinstance(container, np.ndarray) and container.dtype.hasobject:
        return all(a is b for a, b in zip(container.flat, contents.flat, strict=True))
    if isinstance(container, np.ndarray):
        return bool(container.tobytes() == contents.tobytes())
    if len(container) != len(contents):
        return False
    if isinstance(container, dict):
        return all(n in container and container[n] is v for n, v in contents.items())
    if isinstance(container, set | bytearray | array.array):
        return bool(container == contents)
    return all(a is b for a, b in zip(container, contents, strict=True))


def _refill(container: Any, contents: Any) -> None:
    if isinstance(container, pd.DataFrame | pd.Series):
        object.__setattr__(container, "_mgr", contents.copy()._mgr)  # noqa: SLF001
        container.attrs = dict(contents.attrs)
    elif isinstance(container, np.ndarray):
        container[...] = contents
    elif isinstance(container, bytearray | array.array):
        container[:] = contents
    elif isinstance(container, dict | set):
        container.clear()
        container.update(contents)
    else:
        container.clear()
        container.extend(contents)
