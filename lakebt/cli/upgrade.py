"""`lakebt upgrade`: give an older lake the layout of this version."""

from __future__ import annotations

from typing import Annotated

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json, terminal


def upgrade(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Give a lake that an older lakebt made the layout of this one.

    An older lake works as it is. Killed at any instant, it is the old one or the new.
    """
    done = options.open_lake(lake, catalog).upgrade(dry_run=dry_run)
    if as_json:
        rows = {"before": done.before, "after": done.after, "done": list(done.done)}
        print_json([{**rows, "dry_run": done.is_dry_run}])
    else:
        terminal().print(str(done), markup=False)
