"""`lakebt erase`: take rows out of every release and file, and list what was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options, where
from lakebt.cli.output import print_frame, print_json, progress, records, terminal
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.lake import Lake


def erase(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="Of facts: see lakebt tables.",
            show_default=False,
            autocompletion=completion.tables,
        ),
    ] = None,
    *,
    wanted: Annotated[
        list[str] | None, where.option("symbol=ACME", "session<2015-01-01")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why; the certificate keeps it, so it may not hold what is erased.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who; by default who is logged in."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen.")
    ] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Instead: list what was erased.")
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Erase rows of a table from every release, branch, tag and file of a lake.

    All vintages go. The lake is never half way: killed, it is what it was, or done by
    whoever opens it next. A certificate stays in the lake: lakebt erase --list.
    """
    _check(table, wanted, reason, listing=listing, dry_run=dry_run)
    target = options.open_lake(lake, catalog)
    if listing or table is None:
        _list(target, as_json=as_json)
        return
    rows = where.typed_where(
        wanted or [], _kinds(target, table), example="--where symbol=ACME"
    )
    with progress("Reading every file of the lake", unit="files") as step:
        done = target.erase(
            table,
            where=rows,
            reason=reason or "to be seen",
            by=by,
            dry_run=dry_run,
            progress=step,
        )
    if as_json:
        print_json([_told(done)])
    else:
        terminal().print(str(done), markup=False, soft_wrap=True)


def _told(done: Erasure) -> dict[str, Any]:
    from lakebt.lake.erasure.certificate import told

    return {
        "certificate": None if done.is_dry_run else done.id,
        "releases": dict(done.rows),
        "files": done.n_files,
        **told(done),
        "elsewhere": [
            {
                "table": other.table,
                "column": other.column,
                "rows": other.n_rows,
                "command": other.command,
            }
            for other in done.elsewhere
        ],
        "names": [
            {"kind": each.kind, "name": each.name, "cure": each.cure}
            for each in done.names
        ],
        "dry_run": done.is_dry_run,
    }


def _kinds(lake: Lake, table: str) -> dict[str, str]:
    """Return what the columns of a table hold; of one that is not there, nothing."""
    frame = lake.tables()
    kinds = frame.loc[frame["name"] == table, "columns"]
    return dict(kinds.iloc[0]) if len(kinds) else {}


def _list(lake: Lake, *, as_json: bool) -> None:
    frame = lake.erasures()
    if as_json:
        print_json(records(frame))
    elif frame.empty:
        terminal().print("Nothing was erased.")
    else:
        shown = frame[["id", "at", "by", "reason", "table", "rows", "is_proved"]]
        print_frame(terminal(), shown, title="Erasures")


def _check(
    table: str | None,
    wanted: list[str] | None,
    reason: str | None,
    *,
    listing: bool,
    dry_run: bool,
) -> None:
    """Check that what is needed is given, and nothing beside it.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    given = [table is not None, bool(wanted), reason is not None or dry_run]
    if listing and any(given):
        msg = "--list lists what was erased, and takes nothing else"
        raise InvalidArgumentError(msg)
    if not listing and not all(given):
        msg = (
            "say what is erased and why: lakebt erase TABLE --where symbol=ACME "
            "--reason TEXT; or --list what was"
        )
        raise InvalidArgumentError(msg)
