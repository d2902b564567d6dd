"""Options that a command has because a format of files does, and no list by hand.

They are the keyword-only arguments of the formats' methods. Formats import pandas, so
nothing is looked up until somebody types an option that the command does not have.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from lakebt.cli import hints
from lakebt.cli.commands import Command
from lakebt.errors import LakebtError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lakebt.sources.source import Option


TYPED = {"columns": "--map", "constants": "--set", "leave_out": "--leave-out"}
"""What `lakebt publish` has by another name."""

_typed: ContextVar[Mapping[str, Sequence[str]]] = ContextVar("typed")


def typed_options() -> Mapping[str, Sequence[str]]:
    """Return what was typed of formats' options: texts by the argument's name."""
    return _typed.get({})


class FormatCommand(Command):
    """A command that takes the options of `convert` too."""

    of_fetch = False

    def invoke(self, ctx: Any) -> Any:
        """Run it; what goes wrong speaks of the options of formats, too.

        Raises
        ------
        LakebtError
            As it comes.
        """
        try:
            return super().invoke(ctx)
        except LakebtError:
            hints.knows(dict.fromkeys(_by_flag(of_fetch=self.of_fetch), False))
            raise

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take formats' options out, and parse what remains as always."""
        rest, typed = taken(args, self.params, of_fetch=self.of_fetch)
        _typed.set(typed)
        return super().parse_args(ctx, rest)


class FetchCommand(FormatCommand):
    """A command that takes the options of `fetch` too."""

    of_fetch = True


def taken(
    args: Sequence[str], params: Iterable[Any], *, of_fetch: bool = False
) -> tuple[list[str], dict[str, list[str]]]:
    """Return arguments without the options of formats, and those by name.

    Parameters
    ----------
    args
        As typed.
    params
        What the command has itself.
    of_fetch
        Whether `fetch` is meant, and not `convert`.
    """
    own = {
        name: bool(getattr(each, "is_flag", False)) or getattr(each, "count", False)
        for each in params
        for name in (*each.opts, *each.secondary_opts)
        if name.startswith("-")
    }
    rest: list[str] = []
    typed: dict[str, list[str]] = {}
    options: dict[str, Option] | None = None
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*rest, word, *waiting], typed
        flag, equals, value = word.partition("=")
        if not flag.startswith("-") or flag in {"-", "--help", "-h"}:
            rest.append(word)
            continue
        if flag in own:
            rest.append(word)
            if not own[flag] and not equals and waiting:
                rest.append(waiting.pop(0))
            continue
        if options is None:
            options = _by_flag(of_fetch=of_fetch)
        option = options.get(flag)
        if option is None:
            rest.append(word)
        elif option.kind == "flag" or equals:
            typed.setdefault(option.name, []).append(value)
        elif waiting:
            typed.setdefault(option.name, []).append(waiting.pop(0))
        else:
            rest.append(word)
    return rest, typed


def _by_flag(*, of_fetch: bool) -> dict[str, Option]:
    """Return the options of all formats, as they are typed."""
    from lakebt.sources.formats import FORMATS

    return {
        option.flag: option
        for source in FORMATS.values()
        for option in source.options(of_fetch=of_fetch).values()
        if of_fetch or option.name not in TYPED
    }
