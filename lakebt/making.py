"""How a strategy is made anew: from its class, a function, or as a copy."""

from __future__ import annotations

import contextlib
import copy
import inspect
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt.lake.reading.view import View


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
            If what a function returned is none.
        """
        if not self.is_remade:
            return self.given
        made = self.given(view) if self._takes_view else self.given()
        if not is_strategy(made):
            msg = (
                f"{self.name} returned {made!r}, which has no method "
                f"target_weights(view)"
            )
            raise InvalidArgumentError(msg)
        return made

    def keep(self) -> None:
        """Copy the object before it is run: what it learns there it may keep."""
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
    """Return whether a class or a function is to be given the view.

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
        in_class = inspect.isclass(make)
        if _is_for_view(needed[0], in_class=in_class):
            return True
    names = ", ".join(parameter.name for parameter in needed)
    msg = (
        f"{getattr(make, '__name__', repr(make))} needs the arguments {names}: give "
        f"them defaults, or name an object made with them"
    )
    raise InvalidArgumentError(msg)


def _parameters(make: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(make).parameters.values())
    except ValueError:  # some classes written in C tell nobody
        return []


def _is_for_view(parameter: inspect.Parameter, *, in_class: bool) -> bool:
    is_told = parameter.name == "view" or str(parameter.annotation).endswith("View")
    return is_told or not in_class


def is_strategy(value: object) -> bool:
    """Return whether a value has the method, as an object or as a class."""
    return callable(getattr(value, "target_weights", None))
