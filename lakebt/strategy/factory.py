"""A strategy made anew for each run, from a class, a file or an object."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, listed
from lakebt.inputs.user_code import _file, _imported, blaming
from lakebt.strategy.parameters import from_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from lakebt.lake.reading.view import View


def load_strategy(target: str, *, settings: Sequence[str] = ()) -> tuple[Path, Any]:
    """Return the file and the strategy that ``FILE.py:Name`` means.

    Parameters
    ----------
    target
        `Name` is a class that needs no arguments or the view, or an object of any kind.
    settings
        Arguments to make it with, as ``lookback=126``.

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
    strategy = _set(_named(_imported(path), name, path), settings, name)
    if not inspect.isclass(strategy) and not isinstance(strategy, functools.partial):
        return path, strategy
    if takes_view(strategy):
        return path, _called(strategy, name)
    with blaming(path):
        return path, strategy()


def _set(named: Any, settings: Sequence[str], name: str) -> Any:
    """Return a class, or a function, with arguments of it set.

    Raises
    ------
    InvalidArgumentError
        If it is an object, which is made already.
    """
    if not settings:
        return named
    if not inspect.isclass(named) and (is_strategy(named) or not callable(named)):
        msg = f"--set {settings[0]}: {name} is made already: name its class"
        raise InvalidArgumentError(msg)
    return functools.partial(named, **from_texts(named, settings))


def _called(make: Any, name: str) -> Any:
    """Return a function of the view with the name of what it makes."""
    if not isinstance(make, functools.partial):
        return make

    def made(view: View) -> Any:
        return make(view)

    made.__name__ = name
    return made


def load_class(target: str) -> tuple[Path, Any]:
    """Return the file and the strategy's class that ``FILE.py:Name`` means.

    Raises
    ------
    InvalidArgumentError
        If there is no such file or class, or the import fails.
    """
    path, name = _file(target, what="strategy", example="strategies/my.py:Mine")
    named = _named(_imported(path), name, path)
    if not inspect.isclass(named) or not is_strategy(named):
        msg = f"{path}: {name} is not a class with a method target_weights(view)"
        raise InvalidArgumentError(msg)
    return path, named


def load_maker(
    target: str, *, settings: Sequence[str] = ()
) -> tuple[Path, Callable[[View], Any]]:
    """Return the file of a strategy, and a function that makes it of the file anew.

    The whole file is run again each time, with what it imports from its own folder, so
    that nothing is left of what it read before.

    Raises
    ------
    InvalidArgumentError
        As `load_strategy` does.
    """
    before = set(sys.modules)
    path, _ = load_strategy(target, settings=settings)
    name = target.rpartition(":")[2]
    own = [n for n in set(sys.modules) - before if _is_beside(sys.modules[n], path)]

    def make(view: View) -> Any:
        for module in own:
            sys.modules.pop(module, None)
        strategy = _set(_named(_imported(path), name, path), settings, name)
        if is_strategy(strategy) and not inspect.isclass(strategy):
            return strategy
        return strategy(view) if takes_view(strategy) else strategy()

    make.__name__ = name
    return path, make


def _named(module: ModuleType, name: str, path: Path) -> Any:
    """Return the member of a module with a name.

    Raises
    ------
    InvalidArgumentError
        If there is nothing.
    """
    if not hasattr(module, name):
        names = listed(_strategies(module))
        msg = f"{path} has no {name!r}: the strategies in it are {names}"
        raise InvalidArgumentError(msg)
    return getattr(module, name)


def _is_beside(module: ModuleType, path: Path) -> bool:
    """Return whether a module is a file of the folder of another."""
    file = getattr(module, "__file__", None)
    is_ours = module.__name__.partition(".")[0] == "lakebt"
    return (
        not is_ours and file is not None and path.resolve().parent == Path(file).parent
    )


def _strategies(module: ModuleType) -> list[str]:
    """Return the names in a module that could be run."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(getattr(value, "target_weights", None))
    ]


class Maker:
    """Makes a strategy.

    Parameters
    ----------
    given
        An object with ``target_weights(view)``; or its class, or a function that makes
        it, of nothing or of the view.

    Raises
    ------
    InvalidArgumentError
        If it is neither, or needs other arguments.
    """

    def __init__(self, given: Any) -> None:
        self.given = given
        self._kept: Any = None
        is_one = not inspect.isclass(given) and is_strategy(given)
        if is_one:
            self.name = type(given).__name__
            return
        self.name = str(getattr(given, "__name__", type(given).__name__))
        if not callable(given) or (inspect.isclass(given) and not is_strategy(given)):
            msg = (
                f"strategy {given!r} has no method target_weights(view): write one "
                f"that returns a Series, symbol → weight"
            )
            raise InvalidArgumentError(msg)
        self._takes_view = takes_view(given)

    @property
    def is_remade(self) -> bool:
        """Whether every strategy is made anew, and none is a copy."""
        return inspect.isclass(self.given) or not is_strategy(self.given)

    @property
    def is_made_with_view(self) -> bool:
        """Whether it is an object of a class that is made with a view."""
        if self.is_remade:
            return False
        return any(
            _is_for_view(parameter, in_class=True)
            for parameter in _parameters(type(self.given))
        )

    def make(self, view: View) -> Any:
        """Return a strategy: a new one, or the object that was given.

        Raises
        ------
        InvalidArgumentError
            If what a function returned is none, or its method takes no view.
        """
        if not self.is_remade:
            _check_takes_view(self.given, self.name)
            return self.given
        strategy = self.given(view) if self._takes_view else self.given()
        if not is_strategy(strategy):
            msg = (
                f"{self.name} returned {strategy!r}, which has no method "
                f"target_weights(view)"
            )
            raise InvalidArgumentError(msg)
        _check_takes_view(strategy, self.name)
        return strategy

    def keep(self) -> None:
        """Copy the object before its run, because a run may change it."""
        if self._kept is None and not self.is_remade:
            with contextlib.suppress(InvalidArgumentError):
                self._kept = self.copied()

    def copied(self) -> Any:
        """Return a copy of the object, as it was before its first run.

        Raises
        ------
        InvalidArgumentError
            If it cannot be copied.
        """
        try:
            return copy.deepcopy(self.given if self._kept is None else self._kept)
        except Exception as error:
            msg = (
                f"{self.name} cannot be copied ({type(error).__name__}: {error}), and "
                f"so not be run twice: give its class, or a function that makes it"
            )
            raise InvalidArgumentError(msg) from error


def takes_view(make: Callable[..., Any]) -> bool:
    """Return whether a class or a function takes the view.

    A function is, if it needs an argument; a class, if it calls it ``view``, or says it
    is a ``View``.

    Raises
    ------
    InvalidArgumentError
        If it needs other arguments.
    """
    needed = [
        parameter
        for parameter in _parameters(make)
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    if not needed:
        return False
    if len(needed) == 1 and needed[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        in_class = inspect.isclass(getattr(make, "func", make))
        if _is_for_view(needed[0], in_class=in_class):
            return True
    names = listed(parameter.name for parameter in needed)
    named = getattr(make, "func", make)
    msg = (
        f"{getattr(named, '__name__', repr(named))} needs the arguments {names}: give "
        f"them defaults, or name an object made with them"
    )
    raise InvalidArgumentError(msg)


def _parameters(make: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(make).parameters.values())
    except ValueError:  # some classes written in C have no signature
        return []


def _is_for_view(parameter: inspect.Parameter, *, in_class: bool) -> bool:
    is_told = parameter.name == "view" or str(parameter.annotation).endswith("View")
    return is_told or not in_class


def _check_takes_view(strategy: Any, name: str) -> None:
    """Check that a strategy's method can be called with a view, and nothing else.

    Raises
    ------
    InvalidArgumentError
        If it cannot.
    """
    try:
        taken = inspect.signature(strategy.target_weights)
    except (TypeError, ValueError):  # a method written in C may have no signature
        return
    try:
        taken.bind(None)
    except TypeError:
        msg = (
            f"target_weights of {name} takes {taken}, and is called with a view alone: "
            f"write target_weights(self, view)"
        )
        raise InvalidArgumentError(msg) from None


def is_strategy(value: object) -> bool:
    """Return whether a value has the method, as an object or as a class."""
    return callable(getattr(value, "target_weights", None))


def target_of(strategy: object) -> str:
    """Return the ``FILE.py:Name`` of a strategy's class; empty if it is in no file."""
    owner = type(strategy)
    try:
        file = inspect.getsourcefile(owner)
    except (OSError, TypeError):
        return ""
    if file is None or not Path(file).is_file() or "." in owner.__qualname__:
        return ""
    return f"{Path(file).absolute()}:{owner.__name__}"
