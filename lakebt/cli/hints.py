"""What the library says, as somebody at a command line would write it."""

from __future__ import annotations

import re
import shlex
from contextvars import ContextVar
from typing import TYPE_CHECKING

from lakebt.values.command_lines import located

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_CALLS = {
    "lake.releases()": "lakebt releases",
    "lake.doctor()": "lakebt doctor",
    "lake.trials()": "lakebt trials",
    "lake.tables()": "lakebt tables",
}

_ARGUMENT = re.compile(r"(?<![\w-])([a-z_]+)=(\"[^\"]*\"|'[^']*'|(?=[\s,.;:)]|\Z))")
"""An argument as Python has it, with a text or without a value."""

_address: ContextVar[Mapping[str, str]] = ContextVar("address")


def about(address: Mapping[str, str]) -> None:
    """Note which lake the command is about: the arguments of `Lake.open`."""
    _address.set(address)


def for_command_line(text: str, *, options: Iterable[str]) -> str:
    """Return a text with options in the place of arguments, commands in that of calls.

    Parameters
    ----------
    text
        As the library says it.
    options
        The options of the command, as ``--hedge``; other names stay as they are.

    Examples
    --------
    >>> for_command_line('pass hedge="SPY", or side="additions"', options=["--hedge"])
    'pass --hedge SPY, or side="additions"'
    """
    known = set(options)

    def option(found: re.Match[str]) -> str:
        name = f"--{found[1].replace('_', '-')}"
        if name not in known:
            return found[0]
        value = found[2][1:-1]
        return f"{name} {shlex.quote(value)}" if found[2] else name

    for call, command in _CALLS.items():
        text = text.replace(call, command)
    return located(_ARGUMENT.sub(option, text), _address.get({}))
