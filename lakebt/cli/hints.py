"""What the library says, as somebody at a command line would write it."""

from __future__ import annotations

import ast
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

_CLASHES = re.compile(r"lake\.clashes\('?([^')]*)'?\)")

_OF_PYTHON = re.compile(
    r",? or pass (?:run\()?record=False\)?|\. run\(\) without record=False names it"
    r"| \(audited=False\)"
)
"""What no command has an option for."""

_ARGUMENT = re.compile(
    r"(?<![\w.-])([a-z_]+)="
    r"(\"[^\"]*\"|'[^']*'|\[[^]]*\]|\{[^}]*\}|-?\d[\d.]*(?<!\.)|(?=[\s,.;:)`]|\Z))"
)
"""An argument as Python has it, with a value or without."""

_NAMED = re.compile(r"(?<![\w.,/'\"\[(=:-])([a-z]+(?:_[a-z]+)+)(?![\w/'\"\])=:-]|\.\w)")
"""The name of an argument of several words, which no sentence has by chance."""

_FIRST = re.compile(
    r"([a-z]+)(?= must | \S+ is (?:not|above|below|past|later|earlier|before|after)\b)"
)
"""A name of one word that a sentence begins with."""

_COLUMNS = {"known_at"}
"""What is named in a message is the column, though an option is called like it."""

_WORDS = {"release", "index", "lake"}
"""What a sentence means by them is the thing, not the option."""

_address: ContextVar[Mapping[str, str]] = ContextVar("address")
_options: ContextVar[Mapping[str, bool]] = ContextVar("options")


def about(address: Mapping[str, str]) -> None:
    """Note which lake the command is about: the arguments of `Lake.open`."""
    _address.set(address)


def runs(command: object) -> None:
    """Note which command runs, for its options and whether each may be repeated."""
    _address.set({})
    _options.set(options_of(command))


def knows(options: Mapping[str, bool]) -> None:
    """Note options that the command has besides its own."""
    _options.set({**options, **_options.get({})})


def options_of(command: object) -> dict[str, bool]:
    """Return the options of a command, and whether each may be repeated."""
    return {
        name: bool(getattr(one, "multiple", False))
        for one in getattr(command, "params", ())
        for name in one.opts
        if name.startswith("--")
    }


def for_command_line(text: str, *, options: Mapping[str, bool] | None = None) -> str:
    """Return a text with options in the place of arguments, commands in that of calls.

    Parameters
    ----------
    text
        As the library says it.
    options
        The options of the command, as ``--hedge``, and whether each may be repeated;
        other names stay as they are. By default those of the command that runs.

    Examples
    --------
    >>> hedge = {"--hedge": False}
    >>> for_command_line('pass hedge="SPY", or side="additions"', options=hedge)
    'pass --hedge SPY, or side="additions"'
    """
    known = _options.get({}) if options is None else options

    def argument(found: re.Match[str]) -> str:
        name = _option(found[1])
        if name not in known:
            return found[0]
        if not found[2]:
            return name
        words = list(_words(found[2]))
        return shlex.join(
            [word for one in words for word in (name, one)]
            if known[name]
            else [name, ",".join(words)]
        )

    def named(found: re.Match[str]) -> str:
        name = _option(found[1])
        is_other = name not in known or found[1] in _COLUMNS or found[1] in _WORDS
        return found[0] if is_other else name

    for call, command in _CALLS.items():
        text = text.replace(call, command)
    text = _CLASHES.sub(r"lakebt branch \1 --clashes", text)
    text = _ARGUMENT.sub(argument, _OF_PYTHON.sub("", text))
    text = _FIRST.sub(named, text, count=1) if _FIRST.match(text) else text
    return located(_NAMED.sub(named, text), _address.get({}))


def _option(argument: str) -> str:
    return f"--{argument.replace('_', '-')}"


def _words(written: str) -> Iterable[str]:
    """Return the values that an argument has in Python, as words of a command line."""
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        value = written
    match value:
        case dict():
            from lakebt.inputs.where import where_texts

            yield from where_texts(value)
        case list():
            yield from map(str, value)
        case _:
            yield str(value)
