"""`lakebt branch`: the branches of a lake, and what becomes of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options
from lakebt.cli.output import print_frame, print_json, progress, records, terminal
from lakebt.errors import InvalidArgumentError
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.lake.lake import Lake


DEEDS = "What to do with it, one at a time"


def branch(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A branch; without one all are listed.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="RELEASE",
            help="Make it, at this release.",
            autocompletion=completion.releases,
            rich_help_panel=DEEDS,
        ),
    ] = None,
    rebase: Annotated[
        str | None,
        typer.Option(
            metavar="RELEASE",
            help="Put what it got onto this later release.",
            autocompletion=completion.releases,
            rich_help_panel=DEEDS,
        ),
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Make a release of this name of what it got.",
            rich_help_panel=DEEDS,
        ),
    ] = None,
    clashes: Annotated[
        bool,
        typer.Option(
            "--clashes",
            help="List the facts in which it and main differ since its base.",
            rich_help_panel=DEEDS,
        ),
    ] = False,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop",
            help="End it with all its releases, and delete their files.",
            rich_help_panel=DEEDS,
        ),
    ] = False,
    roll_back: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Undo what others committed to its branch of a table.",
            rich_help_panel=DEEDS,
        ),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="With --rebase: keep both facts where they clash."
        ),
    ] = False,
    because: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="With --drop: why; its tombstones tell it."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --drop: only say what would happen."),
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """List the branches of a lake, or make, rebase, adopt or drop one.

    Everything else finds a branch by its releases: lakebt publish --release cleaned.R2
    comes to the branch cleaned, and lakebt study --release cleaned.R2 reads it.
    """
    deeds = {
        "--at": at,
        "--rebase": rebase,
        "--adopt": adopt,
        "--clashes": clashes or None,
        "--drop": drop or None,
        "--roll-back": roll_back,
    }
    wanted = {option: value for option, value in deeds.items() if value is not None}
    _check(name, wanted)
    _check_only("--accept", "--rebase", wanted, given=accept)
    _check_only("--because", "--drop", wanted, given=because is not None)
    _check_only("--dry-run", "--drop", wanted, given=dry_run)
    target = options.open_lake(lake, catalog)
    if name is None or not wanted:
        _list(target, name, as_json=as_json)
        return
    if clashes:
        frame = target.clashes(name)
        _show(frame, "Nothing clashes.", "Clashes", as_json=as_json)
        return
    done = _do(target, name, wanted, accept=accept, because=because, dry_run=dry_run)
    if as_json:
        print_json([{"branch": name, **done}])
    else:
        terminal().print(str(done["done"]), markup=False)


def _do(
    lake: Lake,
    name: str,
    wanted: dict[str, Any],
    *,
    accept: bool,
    because: str | None,
    dry_run: bool,
) -> dict[str, Any]:
    """Do what is asked, and return it in words, with the release that came of it."""
    ((option, value),) = wanted.items()
    if option == "--at":
        first_release = lake.branch(name, at=value).releases()["name"].iloc[-1]
        sentence = (
            f"branch {name} stands on {value}: its first release is {name}.{value}"
        )
        return {"done": sentence, "release": first_release}
    if option == "--rebase":
        release = lake.rebase(name, at=value, accept=accept)
        sentence = (
            f"branch {name} stands on {value}: its release {release.name} has both"
        )
        return {"done": sentence, "release": release.name}
    if option == "--adopt":
        release = lake.adopt(name, release=value)
        rows = count(release.rows, "row")
        sentence = f"branch {name}: {rows} of it came with release {release.name}"
        return {"done": sentence, "release": release.name}
    if option == "--roll-back":
        return {"done": str(lake.branch(name).roll_back(value)), "release": None}
    with progress("Following snapshots to their files", unit="files") as step:
        gone = lake.drop_branch(name, because=because, dry_run=dry_run, progress=step)
    return {"done": str(gone), "release": None}


def _list(lake: Lake, name: str | None, *, as_json: bool) -> None:
    """List the branches, or the releases of one."""
    if name is not None:
        frame = lake.branch(name).releases()
        shown = frame[["name", "as_of", "rows", "note", "labels"]]
        _show(
            frame if as_json else shown,
            "There are no releases.",
            f"Branch {name}",
            as_json=as_json,
        )
        return
    _show(lake.branches(), "There are no branches.", "Branches", as_json=as_json)


def _show(frame: pd.DataFrame, nothing: str, title: str, *, as_json: bool) -> None:
    if as_json:
        print_json(records(frame))
    elif frame.empty:
        terminal().print(nothing)
    else:
        print_frame(terminal(), frame, title=title)


def _check(name: str | None, wanted: dict[str, Any]) -> None:
    """Check that one thing is asked, of a branch.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    if len(wanted) > 1:
        msg = f"{', '.join(wanted)} do different things: give one at a time"
        raise InvalidArgumentError(msg)
    if wanted and name is None:
        msg = f"{next(iter(wanted))} needs the NAME of a branch"
        raise InvalidArgumentError(msg)


def _check_only(option: str, deed: str, wanted: dict[str, Any], *, given: bool) -> None:
    """Check that an option comes with what it is for.

    Raises
    ------
    InvalidArgumentError
        If it does not.
    """
    if given and deed not in wanted:
        msg = f"{option} goes with {deed}: give both or neither"
        raise InvalidArgumentError(msg)
