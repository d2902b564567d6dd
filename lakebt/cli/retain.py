"""`lakebt retain`: end the releases whose days are over, or one on purpose."""

from __future__ import annotations

from typing import Annotated

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json, progress, terminal
from lakebt.errors import InvalidArgumentError

MOST = 20
"""Most releases that are printed one by one; --json lists all."""


def retain(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="End this release instead, whatever its days."
        ),
    ] = None,
    because: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why; its tombstone tells it."),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """End the releases whose retain_days are over, and delete what only they used.

    Nothing else ends a release. It leaves a tombstone: lakebt releases
    --ended.
    """
    _check(drop, because)
    target = options.open_lake(lake, catalog)
    with progress("Following snapshots to their files", unit="files") as step:
        if drop is None or because is None:
            done = target.retain(dry_run=dry_run, progress=step)
        else:
            done = target.drop(drop, because=because, dry_run=dry_run, progress=step)
    if as_json:
        print_json(
            [
                {
                    "ended": [release.name for release in done.ended],
                    "snapshots": done.n_snapshots,
                    "files": done.n_files,
                    "bytes": done.n_bytes,
                    "dry_run": done.is_dry_run,
                }
            ]
        )
        return
    console = terminal()
    for release in done.ended[:MOST]:
        console.print(f"{release.name}: {release.ended_because}", markup=False)
    console.print(str(done), markup=False)


def _check(drop: str | None, because: str | None) -> None:
    """Check that a release that is dropped has a reason.

    Raises
    ------
    InvalidArgumentError
        If it has none, or the reason has no release.
    """
    if (drop is None) != (because is None):
        msg = "--drop NAME and --because TEXT go together: give both or neither"
        raise InvalidArgumentError(msg)
