"""The application of all commands, and how a command fails."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from lakebt import __version__
from lakebt.cli import hints, shells
from lakebt.cli.output import say
from lakebt.errors import LakebtError, LedgerWarning, SettingsWarning

if TYPE_CHECKING:
    from collections.abc import Iterator


_SECTIONS = re.compile(r"\n\n\w+\n-{3,}\n")
"""Where the sections of a docstring begin, which are for programmers."""


def _as_written(command: Any) -> None:
    """Let the help of a command and of its options be shown as it is written.

    Typer reads it as Rich's markup, to which ``[grid]`` is the name of a style.
    """
    for shown in (command, *command.params):
        if getattr(shown, "help", None):
            shown.help = escape(_SECTIONS.split(shown.help, maxsplit=1)[0])
    if command.epilog:
        command.epilog = escape(command.epilog)


class Command(TyperCommand):
    """A command whose help is shown as it is written."""

    def __init__(self, *args: Any, **asked: Any) -> None:
        super().__init__(*args, **asked)
        _as_written(self)

    def invoke(self, ctx: Any) -> Any:
        """Run it, and let texts for it speak of its options."""
        hints.runs(self)
        return super().invoke(ctx)


_IN_A_LINE = (LedgerWarning, SettingsWarning)


@contextlib.contextmanager
def _warned() -> Iterator[None]:
    """Tell what is not kept as it was in one line, without a line of our code."""
    show = warnings.showwarning

    def tell(
        message: Warning | str, category: type[Warning], *others: Any, **more: Any
    ) -> None:
        if issubclass(category, _IN_A_LINE):
            text = " ".join(str(message).split())
            say("warning", hints.for_command_line(text), colour="yellow")
        else:
            show(message, category, *others, **more)

    with warnings.catch_warnings():
        for kind in _IN_A_LINE:
            warnings.simplefilter("always", kind)
        warnings.showwarning = tell
        yield


class Commands(TyperGroup):
    """Commands that fail with one line on stderr, whatever the error says."""

    def __init__(self, *args: Any, **asked: Any) -> None:
        super().__init__(*args, **asked)
        _as_written(self)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of lakebt ends it with exit code 1.

        Raises
        ------
        typer.Exit
            In the place of any `LakebtError`. Other exceptions are bugs, and show
            where they come from.
        """
        try:
            with _warned():
                return super().invoke(ctx)
        except LakebtError as error:
            text = " ".join(str(error).split())
            say("error", hints.for_command_line(text), colour="red")
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,  # it has its own
)


def _show_version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"lakebt {__version__}")
        raise typer.Exit


@app.callback()
def lakebt(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda asked: _show_version(asked=asked),
            help="Print the version and exit.",
        ),
    ] = False,
    install: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            is_eager=True,
            callback=lambda ctx, asked: shells.install_completion(
                asked=asked and not ctx.resilient_parsing
            ),
            help="Have the shell this is typed in complete commands and names.",
        ),
    ] = False,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove-completion",
            is_eager=True,
            callback=lambda ctx, asked: shells.remove_completion(
                asked=asked and not ctx.resilient_parsing
            ),
            help="Take out what --install-completion wrote.",
        ),
    ] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            is_eager=True,
            callback=lambda ctx, asked: shells.show_completion(
                asked=asked and not ctx.resilient_parsing
            ),
            help="Print what it writes.",
        ),
    ] = False,
) -> None:
    """Backtest index-rebalancing events on what was known at the time.

    Start with lakebt demo: the whole path on sample data, in seconds.
    """


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show ± gets a ? in its place, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
