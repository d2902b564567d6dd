"""`lakebt declare`, `lakebt tables` and `lakebt vintages`: tables, and one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options
from lakebt.cli.output import print_frame, print_json, records, terminal
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def declare(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    key: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="The columns that say what a row is a version of.",
        ),
    ],
    column: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=KIND",
            help="A column, those of the key too: text, number, date, instant or "
            "flag, with a ? where it may be empty. Repeated for each.",
        ),
    ],
    known_at: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="What known_at is derived from where it is left out: an instant, or "
            "a date, at whose end it is known.",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="B,A", help="How rows are sorted, if not by the key as it is."
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    exchange: options.Exchange = None,
    closed: options.Closed = None,
) -> None:
    """Declare a table of your own, or add columns to it.

    The lake is created when it is missing. Declaring again what is there changes
    nothing.
    """
    from lakebt.lake.declaring.declaration import checked

    declaration: dict[str, Any] = {
        "key": options.split(key),
        "columns": _columns(column),
        "known_at": known_at,
        "order": None if order is None else options.split(order),
    }
    checked(name, **declaration)  # before a lake is made for nothing
    target = options.open_lake(
        lake, catalog, create=True, exchange=exchange, closed=closed or ()
    )
    target.declare(name, **declaration)
    declared = target.tables().set_index("name").loc[name]
    count = len(declared["columns"])
    terminal().print(
        f"Table {name}: {count} columns, key {', '.join(declared['key'])}.",
        style="green",
        markup=False,
    )


def _columns(texts: list[str]) -> dict[str, str]:
    """Return the kind of each column.

    Raises
    ------
    InvalidArgumentError
        If a column is given twice.
    """
    example = "eps_usd=number?"
    kinds_by_name = options.gathered(texts, option="--column", example=example)
    for name, kinds in kinds_by_name.items():
        if len(kinds) > 1:
            msg = f"--column {name} is given twice, as {' and as '.join(kinds)}"
            raise InvalidArgumentError(msg)
    return {name: kinds[0] for name, kinds in kinds_by_name.items()}


def tables(
    *,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """List the tables of a lake, with their keys and columns."""
    frame = options.open_lake(lake, catalog).tables()
    if as_json:
        print_json(records(frame))
        return
    terminal().print(_tables_table(frame))


def _tables_table(frame: pd.DataFrame) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("table", no_wrap=True)
    table.add_column("key", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("columns")
    for row in records(frame):
        columns = (f"{name} {kind}" for name, kind in row["columns"].items())
        table.add_row(
            row["name"], "\n".join(row["key"]), f"{row['rows']:,}", ", ".join(columns)
        )
    return table


def vintages(
    *,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="As index_changes.", autocompletion=completion.tables
        ),
    ],
    key: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="A value for each column of its key."),
    ],
    release: options.ReleaseName,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Show how one fact changed: every version of it, and which is in force."""
    view = options.open_view(lake, catalog, release=release, as_of=as_of)
    frame = view.vintages(table, tuple(key))
    if as_json:
        print_json(records(frame))
        return
    console = terminal()
    called = ", ".join(key)
    changed = [", ".join(names) for names in frame["changed"]]
    standing = ["known_at", "in_force", "retracted", "changed"]
    differs = [name for name in frame.columns if _varies(frame, name, standing)]
    shown = frame.assign(changed=changed)[[*standing[:1], *differs, *standing[1:]]]
    print_frame(console, shown, title=f"{table} {called}, {len(frame)} vintages")


def _varies(frame: pd.DataFrame, name: str, standing: list[str]) -> bool:
    """Whether a column is not the same in all vintages."""
    return name not in standing and len(frame[name].drop_duplicates()) > 1
