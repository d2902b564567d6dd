"""What surrounds a strategy, put back as it was before each of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.strategy.audit.captures import plain

if TYPE_CHECKING:
    from lakebt.strategy.audit.captures import Captured


class Surroundings:
    """Classes, globals, closures and containers of a strategy, as they were.

    What one run leaves in a class, a global, a closure or a cache, the next would find:
    data of a lake that is not the one it runs on.
    """

    def __init__(self, captured: Captured) -> None:
        self._found = captured
        self._contents = [container.copy() for container in captured.containers]

    def restore(self) -> None:
        """Put everything back, and empty every cache."""
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


def _rebind(space: Any, names: dict[str, Any], *, is_whole: bool) -> None:
    """Bind names to what they were; the others too are unbound if they are all."""
    is_class = isinstance(space, type)
    now = plain(space) if is_class else dict(space)
    for name in set(now).difference(names) if is_whole else ():
        if is_class:
            delattr(space, name)
        else:
            del space[name]
    for name, value in names.items():
        if name in now and now[name] is value:
            continue
        if is_class:
            setattr(space, name, value)
        else:
            space[name] = value


def _is_same(container: Any, contents: Any) -> bool:
    if len(container) != len(contents):
        return False
    if isinstance(container, dict):
        return all(n in container and container[n] is v for n, v in contents.items())
    if isinstance(container, list):
        return all(a is b for a, b in zip(container, contents, strict=True))
    return bool(container == contents)


def _refill(container: Any, contents: Any) -> None:
    container.clear()
    if isinstance(container, list):
        container.extend(contents)
    else:
        container.update(contents)
