"""Arguments as fields of a frozen value: what each decides, and how it is written.

The arguments of a study and of a strategy's backtest are listed once, as such fields.
Ids of trials, what a sweep reuses, provenance, and the command that a page prints are
derived from them; the options of the command line are held to them by a test.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Decides(enum.Flag):
    """What an argument decides. Studies that agree on it share what is decided."""

    ORDERS = enum.auto()
    """Which orders are sent, and when."""
    PRICES = enum.auto()
    """Which prices are loaded."""
    BOOKS = enum.auto()
    """Which positions are held, but for their size."""
    LEVEL = enum.auto()
    """How large positions are, and what they are charged."""
    SERIES = enum.auto()
    """How events become one series of returns."""
    REFUSAL = enum.auto()
    """Only whether the arguments are refused: no part of a trial's rule."""


def _same(value: Any) -> Any:
    return value


def argument(
    decides: Decides,
    *,
    default: Any = dataclasses.MISSING,
    plain: Callable[[Any], Any] = _same,
    options: Callable[[str, Any], dict[str, str | list[str]]] | None = None,
) -> Any:
    """Return a dataclass field that is an argument.

    Parameters
    ----------
    decides
        Its role.
    default
        None makes the argument optional; without one it must be given.
    plain
        From the value to one that JSON has.
    options
        From the name and the value to options of the command line; by default one of
        that name, and none for None.
    """
    metadata = {"decides": decides, "plain": plain, "options": options or _one_option}
    return dataclasses.field(default=default, metadata=metadata)


def option_name(name: str) -> str:
    """Return the option of the command line that an argument has.

    Examples
    --------
    >>> option_name("max_gross")
    '--max-gross'
    """
    return "--" + name.replace("_", "-")


def _one_option(name: str, value: Any) -> dict[str, str | list[str]]:
    return {} if value is None else {option_name(name): str(value)}


def an_option_each(_name: str, value: Any) -> dict[str, str | list[str]]:
    """Return an option for each field of a dataclass that is not None."""
    plain = dataclasses.asdict(value)
    return {
        option_name(name): str(part) for name, part in plain.items() if part is not None
    }


def written_by(write: Callable[[Any], str]) -> Callable[[str, Any], dict[str, Any]]:
    """Return options that write one value in a way of its own."""
    return lambda name, value: {option_name(name): write(value)}


class ArgumentList:
    """Base of a frozen dataclass whose fields are made by `argument`."""

    @classmethod
    def names(cls, decides: Decides | None = None) -> tuple[str, ...]:
        """Return the names of the arguments, of all or of those with a role."""
        return tuple(
            field.name
            for field in _fields(cls)
            if decides is None or field.metadata["decides"] & decides
        )

    def plain(self, decides: Decides | None = None) -> dict[str, Any]:
        """Return the arguments as values that JSON has.

        Parameters
        ----------
        decides
            Only those with a role; by default all that are part of a trial's rule.
        """
        wanted = ~Decides.REFUSAL if decides is None else decides
        return {
            field.name: field.metadata["plain"](getattr(self, field.name))
            for field in _fields(type(self))
            if field.metadata["decides"] & wanted
        }

    def options(self, *, always: tuple[str, ...] = ()) -> dict[str, str | list[str]]:
        """Return the options of the command line that give the same arguments.

        Parameters
        ----------
        always
            Arguments that are written even where they have their default.
        """
        options: dict[str, str | list[str]] = {}
        for field in _fields(type(self)):
            write = field.metadata["options"]
            written = write(field.name, getattr(self, field.name))
            if field.name not in always and field.default is not dataclasses.MISSING:
                usual = write(field.name, field.default)
                written = {
                    name: value
                    for name, value in written.items()
                    if usual.get(name) != value
                }
            options |= written
        return options


def _fields(cls: Any) -> Iterator[dataclasses.Field[Any]]:
    yield from dataclasses.fields(cls)
