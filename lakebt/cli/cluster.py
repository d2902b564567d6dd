"""`lakebt cluster`: choose how the prices of a lake lie in its files."""

from __future__ import annotations

from typing import Annotated

import typer

from lakebt.cli import completion, options
from lakebt.cli.output import print_json, terminal


def cluster(
    *,
    by: Annotated[
        str,
        typer.Argument(
            metavar="SYMBOL|SESSION",
            help="What new files lie by: symbol or session.",
            autocompletion=completion.clusterings,
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Choose how prices lie in the files that are written from now on.

    By symbol, some symbols are read without the others, and some sessions two years at
    a time. What is read is the same. Files that are there stay until they are folded.
    """
    done = options.open_lake(lake, catalog).cluster_prices(by, dry_run=dry_run)
    if as_json:
        rows = {"before": done.before, "after": done.after}
        print_json([{**rows, "dry_run": done.is_dry_run}])
    else:
        terminal().print(str(done), markup=False)
