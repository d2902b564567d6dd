"""`lakebt export`, `import` and `backup`: a lake copied to another place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lakebt.cli import completion, options
from lakebt.cli.lake_place import lake_path
from lakebt.cli.output import print_json, progress, terminal

if TYPE_CHECKING:
    from lakebt.lake.keeping.copy_files import Copy


_To: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="TO", show_default=False, help="A folder, or s3://bucket/folder."
    ),
]


def export(
    to: _To,
    *,
    release: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Copy this release only. May be repeated.",
            autocompletion=completion.releases,
        ),
    ] = None,
    no_trials: Annotated[
        bool, typer.Option("--no-trials", help="Leave out what was tried.")
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Copy a lake, or some of its releases, to a place where nothing is yet.

    Killed, it is done again with the same words, and what is there is used.
    """
    target = options.open_lake(lake, catalog)
    with progress("Copying", unit="files") as step:
        done = target.export(to, release, trials=not no_trials, progress=step)
    _tell(done, as_json=as_json)


def backup(
    to: _To,
    *,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Copy a lake, or bring its backup up to date, while others publish.

    Killed, the backup is the one it was before. lakebt import restores it.
    """
    target = options.open_lake(lake, catalog)
    with progress("Copying", unit="files") as step:
        done = target.backup(to, progress=step)
    _tell(done, as_json=as_json)


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            show_default=False,
            help="What lakebt export or lakebt backup wrote.",
        ),
    ],
    *,
    lake: options.LakePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a lake of an export or a backup, where no lake is yet."""
    from lakebt.lake.keeping.copies import bring

    with progress("Copying", unit="files") as step:
        done = bring(source, str(lake_path(lake)), step=step)
    _tell(done, as_json=as_json)


def _tell(done: Copy, *, as_json: bool) -> None:
    if not as_json:
        terminal().print(str(done), markup=False, soft_wrap=True)
        return
    print_json(
        [
            {
                "place": done.place,
                "releases": list(done.releases),
                "files": done.n_files,
                "bytes": done.n_bytes,
                "kept": done.n_kept,
            }
        ]
    )
