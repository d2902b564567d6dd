"""Other people's code: find it in a file, and say where it failed."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, LakebtError
from lakebt.making import is_strategy, takes_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from lakebt.lake.reading.view import View

MODULE = "lakebt_strategy"
"""What the file is called as a module."""


def load_strategy(target: str) -> tuple[Path, Any]:
    """Return the file and the strategy that ``FILE.py:Name`` means.

    Parameters
    ----------
    target
        `Name` is a class that needs no arguments or the view, or an object of any kind.

    Returns
    -------
    tuple of Path and object
        The class itself if it needs the view.

    Raises
    ------
    InvalidArgumentError
        If there is no such file or name, the import fails, or the class needs other
        arguments.
    """
    path, name = _file(target, what="strategy", example="strategies/my.py:Mine")
    strategy = _named(_imported(path), name, path)
    if not inspect.isclass(strategy) or takes_view(strategy):
        return path, strategy
    with blaming(path):
        return path, strategy()


def load_class(target: str) -> tuple[Path, Any]:
    """Return the file and the strategy's class that ``FILE.py:Name`` means.

    Raises
    ------
    InvalidArgumentError
        If there is no such file or class, or the import fails.
    """
    path, name = _file(target, what="strategy", example="strategies/my.py:Mine")
    found = _named(_imported(path), name, path)
    if not inspect.isclass(found) or not is_strategy(found):
        msg = f"{path}: {name} is no class with a method target_weights(view)"
        raise InvalidArgumentError(msg)
    return path, found


def load_maker(target: str) -> tuple[Path, Callable[[View], Any]]:
    """Return the file of a strategy, and a function that makes it of the file anew.

    The whole file is run again each time, with what it imports from its own folder, so
    that nothing is left of what it read before.

    Raises
    ------
    InvalidArgumentError
        As `load_strategy` does.
    """
    before = set(sys.modules)
    path, _ = load_strategy(target)
    name = target.rpartition(":")[2]
    own = [n for n in set(sys.modules) - before if _is_beside(sys.modules[n], path)]

    def make(view: View) -> Any:
        for module in own:
            sys.modules.pop(module, None)
        strategy = _named(_imported(path), name, path)
        if is_strategy(strategy) and not inspect.isclass(strategy):
            return strategy
        return strategy(view) if takes_view(strategy) else strategy()

    make.__name__ = name
    return path, make


def _named(module: ModuleType, name: str, path: Path) -> Any:
    """Return what a module calls so.

    Raises
    ------
    InvalidArgumentError
        If there is nothing.
    """
    if not hasattr(module, name):
        found = ", ".join(_strategies(module)) or "none"
        msg = f"{path} has no {name!r}: the strategies in it are {found}"
        raise InvalidArgumentError(msg)
    return getattr(module, name)


def _is_beside(module: ModuleType, path: Path) -> bool:
    """Return whether a module is a file of the folder of another."""
    file = getattr(module, "__file__", None)
    is_ours = module.__name__.partition(".")[0] == "lakebt"
    return (
        not is_ours and file is not None and path.resolve().parent == Path(file).parent
    )


def load_function(target: str) -> Callable[..., Any]:
    """Return the function that ``FILE.py:name`` means.

    Raises
    ------
    InvalidArgumentError
        If there is no such file or function, or the import fails.
    """
    path, name = _file(target, what="function", example="audits/mine.py:spikes")
    module = _imported(path)
    function = getattr(module, name, None)
    if not callable(function):
        found = ", ".join(_functions(module)) or "none"
        msg = f"{path} has no function {name!r}: the functions in it are {found}"
        raise InvalidArgumentError(msg)
    called: Callable[..., Any] = function
    return called


def _file(target: str, *, what: str, example: str) -> tuple[Path, str]:
    """Return the file and the name in ``FILE.py:name``.

    Raises
    ------
    InvalidArgumentError
        If there is no such file.
    """
    file, _, name = target.rpartition(":")
    if not file or not name:
        form = "FILE.py:Name" if what == "strategy" else "FILE.py:name"
        msg = f"{what} {target!r} is not {form}: write {example}"
        raise InvalidArgumentError(msg)
    path = Path(file).expanduser()
    if not path.is_file():
        msg = f"{what} file {path} does not exist: check the path"
        raise InvalidArgumentError(msg)
    if path.suffix != ".py":
        msg = f"{what} file {path} is not a .py file"
        raise InvalidArgumentError(msg)
    return path, name


@contextlib.contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn what a file's code raises into one line that says where.

    Parameters
    ----------
    path
        The file. Errors it has no part in pass as they are: they are ours.

    Raises
    ------
    InvalidArgumentError
        With the file, the line, and what was raised there.
    LakebtError
        As it is: it says what is wrong already.
    """
    try:
        yield
    except LakebtError:
        raise
    except Exception as error:
        if (where := _origin(error, path)) is None:
            raise
        what = " ".join(str(error).split())
        msg = f"{where}: {type(error).__name__}{': ' if what else ''}{what}"
        raise InvalidArgumentError(msg) from error


def _origin(error: Exception, path: Path) -> str | None:
    """Return where in a file an error came from, None if it is from elsewhere."""
    file = str(path.resolve())
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{path}, line {error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    return f"{path}, line {frames[-1].lineno}, in {frames[-1].name}" if frames else None


def _imported(path: Path) -> ModuleType:
    """Return the file as a module; its folder can be imported from, as for a script."""
    spec = importlib.util.spec_from_file_location(MODULE, path.resolve())
    assert spec is not None  # noqa: S101 - the suffix is .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses and pickles look it up
    if (folder := str(path.resolve().parent)) not in sys.path[:1]:
        sys.path.insert(0, folder)
    with blaming(path):
        spec.loader.exec_module(module)
    return module


def _strategies(module: ModuleType) -> list[str]:
    """Return the names in a module that could be run."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(getattr(value, "target_weights", None))
    ]


def _functions(module: ModuleType) -> list[str]:
    """Return the names of the functions that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and inspect.isfunction(value)
        and value.__module__ == module.__name__
    ]
