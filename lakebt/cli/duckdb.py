"""`lakebt duckdb`: views by which DuckDB reads releases and branches by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lakebt.cli import completion, options
from lakebt.cli.output import print_json


def duckdb(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Releases and branches; by default the newest release and each "
            "branch.",
            autocompletion=completion.named,
            show_default=False,
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Print statements by which DuckDB reads releases and branches by name.

    DuckDB knows no branches and no tags. Each table gets a view for each name, as
    quant."prices@R1". They read files that go some ten commits later: print them anew.
    """
    opened = options.open_lake(lake, catalog)
    if as_json:
        from lakebt.lake.reading.duckdb_views import duck_views

        views = duck_views(opened._storage, names or None)  # noqa: SLF001 - no text of it
        print_json([asdict(view) for view in views])
    else:
        typer.echo(opened.duckdb_views(names or None), nl=False)
