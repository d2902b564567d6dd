"""`lakebt move`: put a lake into another folder, or take in one that was put there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakebt.cli import options
from lakebt.cli.lake_place import lake_path
from lakebt.cli.output import print_json, progress, terminal
from lakebt.errors import InvalidArgumentError


def move(
    to: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TO]", show_default=False, help="The folder it is to be in."
        ),
    ] = None,
    *,
    home: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Instead: where a lake lay that was moved or copied by hand, as the "
            "error says which refuses it. It becomes one of the place it lies in.",
        ),
    ] = None,
    lake: options.LakePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Move a lake to another folder of the same disk.

    Killed at any instant, it is whole, in the one place or in the other. To another
    disk or a bucket a lake is copied: lakebt export.
    """  # noqa: DOC501 - it is what a terminal shows
    if (to is None) == (home is None):
        msg = "give the folder to move to, or --from PATH, one of the two"
        raise InvalidArgumentError(msg)
    from lakebt.lake.lake import Lake

    with progress("Writing metadata for the new place", unit="snapshots") as step:
        if to is not None:
            place = options.open_lake(lake, None).move(to, progress=step)
        else:
            place = lake_path(lake).expanduser().absolute()
            Lake.settle(place, home=str(home), progress=step)
    if as_json:
        print_json([{"lake": str(place)}])
    else:
        terminal().print(f"The lake is in {place}", markup=False, soft_wrap=True)
