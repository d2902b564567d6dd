"""`lakebt releases` and `lakebt diff`: what is in the lake, and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options
from lakebt.cli.output import print_frame, print_json, records, terminal

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


CHANGES = {
    "added": "added",
    "removed": "removed",
    "reidentified": "re-identified: another identifier, not a trade",
    "changed": "changed",
}
"""What `diff` tells, in this order, and what it is called."""

MOST_COLUMNS = 6
"""Of a table that is read on 80 columns."""


def releases(
    *,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Only those that carry it; may be repeated."
        ),
    ] = None,
    ended: Annotated[
        bool,
        typer.Option("--ended", help="List those too that ended, and why they did."),
    ] = False,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """List the releases of a lake, in the order they were published."""
    wanted = {
        name: values[-1]
        for name, values in options.gathered(
            label or (), option="--label", example="regime=calm"
        ).items()
    }
    frame = options.open_lake(lake, catalog).releases(labels=wanted, ended=ended)
    if as_json:
        print_json(records(frame))
        return
    console = terminal()
    if frame.empty:
        nothing = "no releases with these labels" if wanted else "no releases yet"
        console.print(f"There are {nothing}.")
        return
    console.print(_releases_table(frame))


def _releases_table(frame: pd.DataFrame) -> Table:
    """Return releases as a table: names and instants whole, the rest as it fits."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("release", no_wrap=True)
    table.add_column("as of (UTC)", no_wrap=True)
    table.add_column("tables", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    rows = records(frame)
    notes = [_note(row) for row in rows]
    if any(notes):
        table.add_column("note, labels")
    for row, note in zip(rows, notes, strict=True):
        table.add_row(
            row["name"],
            f"{row['as_of']:%Y-%m-%d %H:%M:%S}",
            "\n".join(row["tables"]),
            f"{row['rows']:,}",
            *([note] if any(notes) else []),
        )
    return table


def _note(row: dict[str, Any]) -> str:
    """Return why a release ended or lost rows, and what its publisher wrote of it."""
    labels = ", ".join(f"{name}={value}" for name, value in row["labels"].items())
    files = ", ".join(dict.fromkeys(str(file.get("name")) for file in row["files"]))
    files = files and f"from {files}"
    end = ""
    if because := row.get("ended_because"):
        end = f"ended {row['ended_at']:%Y-%m-%d}: {because}"
    erased = "; ".join(
        f"redacted {each['erased_at'][:10]}: {each['because']}, "
        f"certificate {each['certificate']}"
        for each in row["redactions"]
    )
    return "; ".join(part for part in (end, erased, row["note"], labels, files) if part)


def diff(
    *,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="As etf_holdings.", autocompletion=completion.tables
        ),
    ],
    before: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A release.", autocompletion=completion.releases
        ),
    ],
    after: Annotated[
        str,
        typer.Argument(
            metavar="B", help="Another release.", autocompletion=completion.releases
        ),
    ],
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what changed in a table between two releases, by key."""
    difference = options.open_lake(lake, catalog).diff(table, before, after)
    frames: dict[str, pd.DataFrame] = {
        name: getattr(difference, name) for name in CHANGES
    }
    if as_json:
        print_json(
            {"change": name, **row}
            for name, frame in frames.items()
            for row in records(frame)
        )
        return
    console = terminal()
    counts = ", ".join(
        f"{len(frames[name]):,} {'re-identified' if name == 'reidentified' else name}"
        for name in CHANGES
    )
    console.print(f"{table}, {before} to {after}: {counts}.")
    for name, title in CHANGES.items():
        if len(frames[name]):
            caption = f"{title} ({len(frames[name]):,})"
            print_frame(console, _narrow(frames[name]), title=caption)


def _narrow(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that say something, and not more than fit."""
    filled = frame.loc[:, frame.notna().any()]
    names = [name for name in filled.columns if not _is_repeated(filled, name)]
    return filled[names[:MOST_COLUMNS]]


def _is_repeated(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column is what something was before, and it still is in every row."""
    stem = name.removesuffix("_before").removesuffix("_after")
    before = f"{stem}_before"
    after = f"{stem}_after" if f"{stem}_after" in frame.columns else stem
    if name == stem or not {before, after} <= set(frame.columns):
        return False
    old, new = frame[before], frame[after]
    return bool(((old == new) | (old.isna() & new.isna())).all())
