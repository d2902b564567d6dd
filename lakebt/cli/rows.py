"""`lakebt rows`: the rows of a table, as known."""

from __future__ import annotations

from typing import Annotated

import typer

from lakebt.cli import completion, options, out
from lakebt.cli.output import print_frame, print_json, records, terminal
from lakebt.cli.where import option, typed_where
from lakebt.values.text import count


def rows(
    *,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="As prices: lakebt tables has them.",
            autocompletion=completion.tables,
        ),
    ],
    release: options.ReleaseName,
    where: Annotated[
        list[str] | None, option("symbol=PENN", "session>=2020-01-01")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Which columns, in this order; all by default.",
            show_default=False,
            rich_help_panel=options.WHERE,
        ),
    ] = None,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Print the rows of a table in force, as known, or write them to a file.

    A CSV file of them is read again by lakebt publish.
    """
    opened = options.open_lake(lake, catalog)
    view = opened.at(release, as_of=as_of)
    kinds = opened.tables().set_index("name")["columns"].get(table, {})
    wanted = typed_where(where or (), kinds, example="symbol=PENN")
    names = None if columns is None else options.split(columns)
    file = out.file()
    if file is not None:
        from lakebt.lake.tables.row_files import write_table

        table_rows = view.arrow(table, columns=names, where=wanted)
        there = [
            name for name in table_rows.column_names if names or name != "retracted"
        ]
        write_table(table_rows.select(there), file)
        out.tell(file, len(table_rows))
        return
    frame = view.read(table, columns=names, where=wanted)
    if as_json:
        print_json(records(frame))
        return
    if frame.empty:
        terminal().print(f"No row of {table} is so.", markup=False)
        return
    print_frame(terminal(), frame, title=f"{table}, {count(len(frame), 'row')}")
