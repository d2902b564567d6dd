"""What is traded, when and how much: options of every command about rules."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from lakebt.cli import completion, options
from lakebt.cli.where import option

RULES = "What is traded, and when"

ENTRIES = "AD+1@open, ED-1@close, ED@close, MD+1@open"
EXITS = "+1, 1w, 2w, 3w, 4w"
"""The defaults of `lakebt.Study`, here so that the help page need not import it."""

IndexName: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The index whose changes are traded, as SP500.",
        autocompletion=completion.indices,
        rich_help_panel=options.WHERE,
    ),
]
Entries: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="When to enter, with commas: an anchor AD, ED or MD or a date, "
        "sessions from it, and where: AD+1@open, 2022-10-03@open.",
        rich_help_panel=RULES,
    ),
]
Exits: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="C,D",
        help="When to leave, with commas: as an entry, or +1 (sessions after it) "
        "or 2w (weeks).",
        rich_help_panel=RULES,
    ),
]
Where: TypeAlias = Annotated[
    list[str] | None,
    option("cause=discretionary", "effective>=2015-01-01", panel=RULES),
]
Side: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="SIDE",
        help="both, additions or deletions.",
        rich_help_panel=RULES,
    ),
]
Hedge: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SYMBOL",
        help="What takes the other side where there is none, as SPY.",
        rich_help_panel=RULES,
    ),
]
Gross: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="Gross exposure as a multiple of capital.",
        rich_help_panel=options.SIZE,
    ),
]
