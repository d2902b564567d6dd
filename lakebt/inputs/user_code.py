"""Code of the user, imported from a file; its errors name the file and the line."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import traceback
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, LakebtError, listed
from lakebt.inputs.places import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType


MODULE = "lakebt_strategy"
"""What the file is called as a module."""


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
        names = listed(_functions(module))
        msg = f"{path} has no function {name!r}: the functions in it are {names}"
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
    path = local_path(file, what=f"{what} file", cure="fetch it, and name the copy")
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
    SystemExit
        If something else than the file ends the program.
    """
    try:
        yield
    except LakebtError:
        raise
    except (Exception, SystemExit) as error:
        if (where := _origin(error, path)) is None:
            raise
        what = " ".join(str(error).split())
        if isinstance(error, SystemExit):  # of sys.exit(0) too: the command did not end
            what = f"{what}, which would end the program: take it out".strip()
        msg = f"{where}: {type(error).__name__}{': ' if what else ''}{what}"
        raise InvalidArgumentError(msg) from error


def _origin(error: BaseException, path: Path) -> str | None:
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


_read: set[Path] = set()
"""Files that are being read now."""

WITHOUT_A_GUARD = (
    'starts a sweep while it is read: put that under `if __name__ == "__main__":`, '
    "because whoever runs its strategy reads it"
)


def _imported(path: Path) -> ModuleType:
    """Return the file as a module; its folder can be imported from, as for a script.

    Raises
    ------
    InvalidArgumentError
        If reading it leads to reading it.
    """
    if path.resolve() in _read:
        msg = f"{path} {WITHOUT_A_GUARD}"
        raise InvalidArgumentError(msg)
    spec = importlib.util.spec_from_file_location(MODULE, path.resolve())
    assert spec is not None  # noqa: S101 - the suffix is .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses and pickles look it up
    if (folder := str(path.resolve().parent)) not in sys.path[:1]:
        sys.path.insert(0, folder)
    _read.add(path.resolve())
    try:
        with blaming(path):
            spec.loader.exec_module(module)
    finally:
        _read.discard(path.resolve())
    return module


def _functions(module: ModuleType) -> list[str]:
    """Return the names of the functions that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and inspect.isfunction(value)
        and value.__module__ == module.__name__
    ]
