"""`lakebt doctor`: what is wrong with a lake, and the cures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json, progress, records, terminal
from lakebt.errors import InvalidArgumentError
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from lakebt.lake.keeping.findings import Diagnosis
    from lakebt.lake.lake import Lake


CURES = "Cures, one at a time"


def doctor(
    *,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Do not look for every file of every release."),
    ] = False,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep",
            help="Read every file, and recompute the digest of every release.",
        ),
    ] = False,
    roll_back: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Undo what others committed to a table.",
            rich_help_panel=CURES,
        ),
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Make a release of the rows that others appended to a table.",
            rich_help_panel=CURES,
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --adopt: what the release is called.",
            rich_help_panel=CURES,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="With --adopt: its knowledge cutoff.",
            rich_help_panel=CURES,
        ),
    ] = None,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Put back the tags of releases, and the settings of the tables.",
            rich_help_panel=CURES,
        ),
    ] = False,
    remove_orphans: Annotated[
        bool,
        typer.Option(
            "--remove-orphans",
            help="Delete files that nothing refers to, older than a day.",
            rich_help_panel=CURES,
        ),
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Say what is wrong with a lake, and the cure. Without a cure nothing is changed.

    Exits with 1 if anything is wrong.
    """  # noqa: DOC501 - it is what a terminal shows
    if fast and deep:
        msg = "--fast looks at no file, and --deep at all of each: give one of them"
        raise InvalidArgumentError(msg)
    is_adopting = _check(adopt, release, as_of)
    if _wanted(roll_back is not None, is_adopting, restore, remove_orphans):
        target = options.open_lake(lake, catalog)
        done: tuple[str, ...]
        if adopt is not None:
            adopted = target.adopt(adopt, release=str(release), as_of=as_of)
            rows = count(adopted.rows, "new row is", many="new rows are")
            done = (f"table {adopt}: {rows} release {adopted.name}",)
        else:
            done = _cure(target, roll_back, restore=restore)
        if as_json:
            print_json({"done": line} for line in done)
        else:
            lines = done or ["There was nothing to do."]
            terminal().print("\n".join(lines), markup=False)
        return
    target = options.open_lake(lake, catalog, check=False)
    with progress("Following snapshots to their files", unit="files") as step:
        diagnosis = target.doctor(files=not fast, deep=deep, progress=step)
    if as_json:
        print_json(records(diagnosis.frame()))
    else:
        tell(diagnosis)
    end(diagnosis)


def _check(adopt: str | None, release: str | None, as_of: str | None) -> bool:
    """Check that what an adoption needs is all there, or none of it is.

    Raises
    ------
    InvalidArgumentError
        If only some of it is.
    """
    is_adopting = adopt is not None
    if any((value is not None) != is_adopting for value in (release, as_of)):
        msg = "--adopt TABLE, --release NAME and --as-of INSTANT go together"
        raise InvalidArgumentError(msg)
    return is_adopting


def _wanted(*cures: bool) -> bool:
    """Return whether a cure was asked for.

    Raises
    ------
    InvalidArgumentError
        If several were.
    """
    if sum(cures) > 1:
        msg = (
            "--roll-back, --adopt, --restore and --remove-orphans cure different "
            "things: give one at a time"
        )
        raise InvalidArgumentError(msg)
    return any(cures)


def _cure(target: Lake, roll_back: str | None, *, restore: bool) -> tuple[str, ...]:
    if roll_back is not None:
        return target.roll_back(roll_back).done
    if restore:
        return target.restore().done
    with progress("Following snapshots to their files", unit="files") as step:
        return target.remove_orphans(progress=step).done


def tell(diagnosis: Diagnosis) -> None:
    """Print what is wrong, and the cures."""
    console = terminal()
    if diagnosis.ok:
        console.print(f"{capitalised(str(diagnosis))}.", style="green", markup=False)
        return
    for finding in diagnosis:
        where = ", ".join(part for part in (finding.table, finding.release) if part)
        console.print(f"{finding.code}  {where}", style="bold", markup=False)
        console.print(f"  {finding.problem}", markup=False)
        console.print(
            f"  cure: {finding.cure}", style="green", markup=False, soft_wrap=True
        )


def end(diagnosis: Diagnosis) -> None:
    """End the command: well only if the lake is.

    Raises
    ------
    typer.Exit
        If anything is wrong.
    """
    if not diagnosis.ok:
        raise typer.Exit(1)
