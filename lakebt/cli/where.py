"""``--where``: what is kept, as ``cause=merger`` or ``session>=2020-01-01``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from lakebt.cli import options
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.comparisons import OPERATORS, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_NUMBERS = {"number", "whole", "a number", "a whole number"}
_FLAGS = {"flag", "true or false"}
"""Kinds of columns, as tables list them and as errors say them."""

_HELP = (
    "Only those whose column is so, as {example} or, in quotes, '{compared}': with =, "
    "!=, <, <=, > or >=. May be repeated: of several = of one column one must hold, of "
    "all else all; no value is what has none."
)


def option(example: str, compared: str, *, panel: str = options.WHERE) -> Any:
    """Return the option, with what is fit to be an example."""
    return typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help=_HELP.format(example=example, compared=compared),
        rich_help_panel=panel,
    )


def where_option(
    texts: Iterable[str],
    *,
    example: str,
    read: Callable[[str, str, str | None], Any] = lambda _column, _op, value: value,
) -> dict[str, Any]:
    """Return the filter that ``--where`` asks for: no value is None.

    Parameters
    ----------
    texts
        As given.
    example
        For errors.
    read
        Makes a value of a column, a comparison and a text.

    Raises
    ------
    InvalidArgumentError
        If one is no comparison.

    Examples
    --------
    >>> where_option(["cause=merger", "cause=other", "isin="], example="")
    {'cause': ['merger', 'other'], 'isin': [None]}
    >>> where_option(["effective>=2015-01-01", "effective<2020-01-01"], example="")
    {'effective': {'>=': ['2015-01-01'], '<': ['2020-01-01']}}
    """
    given: dict[str, dict[str, list[Any]]] = {}
    for text in texts:
        parts = written(text)
        if parts is None:
            msg = (
                f"--where {text!r} is not NAME=VALUE: write it as {example}, with one "
                f"of {', '.join(OPERATORS)}, and in quotes where it has < or >"
            )
            raise InvalidArgumentError(msg)
        column, op, value = parts
        values = given.setdefault(column, {}).setdefault(op, [])
        values.append(read(column, op, value or None))
    return {
        column: compared["="] if list(compared) == ["="] else compared
        for column, compared in given.items()
    }


def typed_where(
    texts: Iterable[str], kinds: Mapping[str, str], *, example: str
) -> dict[str, Any]:
    """Return the filter, with each value as what its column holds.

    Parameters
    ----------
    texts
        As given.
    kinds
        What columns hold: ``number``, ``flag?``.
    example
        For errors.
    """

    def read(column: str, op: str, value: str | None) -> object:
        kind = kinds.get(column, "text").removesuffix("?")
        return _value(value, kind, f"{column}{op}{value}")

    return where_option(texts, example=example, read=read)


def _value(text: str | None, kind: str, asked: str) -> object:
    """Return what a text stands for in a column.

    Raises
    ------
    InvalidArgumentError
        If it stands for nothing there.
    """
    try:
        if text is not None and kind in _FLAGS:
            return {"true": True, "false": False}[text.lower()]
        if text is not None and kind in _NUMBERS:
            return float(text)
    except (KeyError, ValueError):
        msg = f"--where {asked}: the column holds {kind}"
        raise InvalidArgumentError(msg) from None
    return text
