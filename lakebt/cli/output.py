"""Output of commands: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import re
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from lakebt._messages import printable
from lakebt.report.progress import terminal_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd
    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text


_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON leaves as it is, and a terminal obeys."""

_sink: ContextVar[tuple[Callable[[list[Mapping[str, Any]]], None] | None, bool]] = (
    ContextVar("sink")
)

WIDTH = 80
"""Columns of what is printed, unless a terminal has more."""


class _Terminal(Console):
    """A console that shows what is in a text, and obeys none of it."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else printable(segment.text)
            yield segment if text == segment.text else segment._replace(text=text)


def say(word: str, line: str, *, colour: str) -> None:
    """Write one line to stderr, after a coloured word."""
    typer.echo(
        f"{typer.style(f'{word}:', fg=colour, bold=True)} {printable(line)}", err=True
    )


def terminal(*, at_most: int | None = None, stderr: bool = False) -> Console:
    """Return what prints for people: as wide as the terminal, 80 columns if piped.

    A text is printed as it is: neither ``[red]`` nor ``:x:`` in it means anything, and
    what a terminal would obey is written out.
    """
    console = _Terminal(highlight=False, markup=False, emoji=False, stderr=stderr)
    width = console.width if console.is_terminal else WIDTH
    console.width = min(width, at_most or width)
    return console


def plain(value: Any) -> Any:
    """Return a value as JSON has it: null for what is missing, ISO for time.

    Examples
    --------
    >>> plain(float("nan")), plain(dt.datetime(2022, 9, 6, 13, 20, tzinfo=dt.UTC))
    (None, '2022-09-06T13:20:00+00:00')
    """
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dt.datetime():
            return _moment(value)
        case dict():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
    return None if str(value) == "<NA>" else str(value)


def _moment(value: dt.datetime) -> str | None:
    """Return an instant, or a date where it is one; None for NaT."""
    if value != value:  # noqa: PLR0124 - NaT is a datetime that differs from itself
        return None
    is_date = value.tzinfo is None and value.time() == dt.time()
    return value.date().isoformat() if is_date else value.isoformat()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame."""
    return frame.to_dict(orient="records")  # type: ignore[return-value]


@contextlib.contextmanager
def rows_go_to(
    write: Callable[[list[Mapping[str, Any]]], None], *, are_printed: bool
) -> Iterator[None]:
    """Send the rows of `print_json` somewhere else, or there too."""
    token = _sink.set((write, are_printed))
    try:
        yield
    finally:
        _sink.reset(token)


def print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as one JSON list, a row on each line; or send them where they go."""
    write, are_printed = _sink.get((None, True))
    if write is not None:
        rows = list(rows)
        write(rows)
    if are_printed:
        _print_json(rows)


def _print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [
        _IN_JSON.sub(
            lambda one: f"\\u{ord(one.group()):04x}",
            json.dumps(plain(dict(row)), ensure_ascii=False, allow_nan=False),
        )
        for row in rows
    ]
    text = ",\n ".join(lines)
    sys.stdout.write(f"[{text}]\n")
    sys.stdout.flush()  # here, where a closed pipe is still somebody's business


def print_frame(
    console: Console, frame: pd.DataFrame, *, title: str, at_most: int = 40
) -> None:
    """Print a frame, its first rows if it is long."""
    from lakebt.report.terminal import frame_table

    console.print(title, style="bold")
    console.print(frame_table(frame.head(at_most)))
    if len(frame) > at_most:
        more = f"… and {len(frame) - at_most:,} more rows: --json prints all."
        console.print(more, style="dim")


def print_banners(console: Console, banners: Iterable[str]) -> None:
    """Print what must be read before the numbers, in red."""
    for banner in banners:
        console.print(banner, style="bold red", markup=False)


@contextlib.contextmanager
def progress(what: str, *, unit: str = "") -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr, with rate and time left, if the work takes long.

    Parameters
    ----------
    what
        Said before the bar.
    unit
        Noun of the items, in the plural.

    Yields
    ------
    callable
        To be called with how many are done, and of how many.
    """
    with terminal_bar(what, unit=unit, console=terminal(stderr=True)) as step:
        yield step
