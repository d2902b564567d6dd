"""`lakebt formats` and `lakebt fetch`: what files are read, and how some are had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options
from lakebt.cli.format_options import TYPED, typed_options
from lakebt.cli.output import print_json, progress, terminal
from lakebt.errors import InvalidArgumentError
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.sources.source import Option, Source


def formats(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="One of them, to see what options it takes.",
            autocompletion=completion.formats,
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the formats of files, and which of them can be fetched.

    lakebt publish TABLE=PATH --format NAME reads one; each has options of its own.
    """
    from lakebt.sources.formats import FORMATS, source_of

    chosen = list(FORMATS.values()) if name is None else [source_of(name)]
    if as_json:
        print_json(_record(each) for each in chosen)
        return
    if name is None:
        _print_all(chosen)
    else:
        _print_one(chosen[0])


def fetch(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The format: lakebt formats.")
    ],
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Where to; it is made.")
    ],
) -> None:
    """Ask the network for files of a format, and keep them as they come.

    When each came is in downloads.csv beside them. Each format has options of its own:
    lakebt formats NAME.

    Raises
    ------
    InvalidArgumentError
        If there is nothing to fetch.
    """
    from lakebt.sources.corporate.downloads import LIST
    from lakebt.sources.formats import FORMATS, source_of
    from lakebt.sources.source import typed

    source = source_of(name)
    if not source.fetches:
        able = ", ".join(each.name for each in FORMATS.values() if each.fetches)
        msg = f"format {name!r} has nothing to fetch: it reads files; {able} have"
        raise InvalidArgumentError(msg)
    where = f"lakebt fetch {name}"
    arguments = typed(source.options(of_fetch=True), typed_options(), where=where)
    asking: Any = source
    with progress("Fetching"):
        asking.fetch(folder, **arguments)
    terminal().print(
        f"Kept in {folder}; {LIST} in it says when each file came.",
        style="green",
        markup=False,
    )


def _record(source: Source) -> dict[str, Any]:
    """Return all that there is to know of a format."""
    return {
        "name": source.name,
        "table": source.table,
        "also": list(source.also),
        "about": source.about,
        "reads": list(source.reads),
        "fetches": source.fetches,
        "extra": source.extra,
        "options": [_option(each) for each in source.options().values()],
        "fetch_options": [
            _option(each) for each in source.options(of_fetch=True).values()
        ],
    }


def _option(option: Option) -> dict[str, Any]:
    return {
        "option": option.flag,
        "kind": option.kind,
        "required": option.is_required,
        "about": option.about,
    }


def _tables(source: Source) -> str:
    return "\n".join((source.table or "any", *source.also))


def _print_all(sources: Sequence[Source]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("format", "table"):
        table.add_column(title, no_wrap=True)
    table.add_column("what arrives", max_width=38)
    table.add_column("fetch", no_wrap=True)
    for each in sources:
        table.add_row(
            each.name,
            _tables(each),
            f"{each.about} ({', '.join(each.reads)})",
            _fetch(each),
        )
    console = terminal()
    console.print(table)
    sentence = (
        f"{count(len(sources), 'format')}. lakebt formats NAME tells its options."
    )
    console.print(sentence, markup=False)


def _fetch(source: Source) -> str:
    if not source.fetches:
        return ""
    return f"yes, [{source.extra}]" if source.extra else "yes"


def _print_one(source: Source) -> None:
    from rich import box
    from rich.table import Table

    console = terminal()
    console.print(f"{source.name}: {source.about}", style="bold", markup=False)
    filled = " and ".join((source.table or "any table", *source.also))
    console.print(f"fills {filled}; reads {', '.join(source.reads)}", markup=False)
    if source.extra:
        console.print(f"needs the extra {source.extra}", markup=False)
    for title, found in (
        ("lakebt publish TABLE=PATH --format " + source.name, source.options()),
        (
            f"lakebt fetch {source.name} FOLDER",
            source.options(of_fetch=True),
        ),
    ):
        if not found:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title)
        table.title_justify = "left"
        table.add_column("option", no_wrap=True)
        table.add_column("takes", no_wrap=True)
        table.add_column("what it is")
        for each in found.values():
            needed = "needed: " if each.is_required else ""
            table.add_row(
                TYPED.get(each.name, each.flag), each.kind, f"{needed}{each.about}"
            )
        console.print(table)
