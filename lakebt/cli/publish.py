"""`lakebt publish`: files into the lake, as one release."""

from __future__ import annotations

import contextlib
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import completion, options, publish_output
from lakebt.cli.format_options import typed_options
from lakebt.cli.output import progress
from lakebt.cli.publish_audits import Auditing, foresee
from lakebt.cli.publish_files import (
    FILES,
    INSTRUMENTS,
    FooterLines,
    HeaderLine,
    Reading,
    Sheet,
)
from lakebt.errors import LakebtError, LakeError
from lakebt.inputs.places import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lakebt.lake.committing.ledger import Release
    from lakebt.sources.converted import Converted


SCOPE = "[TABLE:]"
"""What may stand before a value that is meant for one table of several."""

AUDITS = "Audits"


def publish(
    *,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE=FILE...",
            autocompletion=completion.published,
            help="A file for each table: prices=bars.parquet. Several files may go "
            "into one table.",
        ),
    ],
    release: Annotated[
        str,
        typer.Option(metavar="NAME", help="What the release is called: used once."),
    ],
    as_of: Annotated[
        str,
        typer.Option(
            metavar="INSTANT",
            help="The knowledge cutoff, as 2022-11-28T20:50:55Z: no row may have "
            "been known later.",
        ),
    ],
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="A line about the release.")
    ] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label; may be repeated."),
    ] = None,
    retain_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            help="After so many days lakebt retain ends it.",
            show_default="kept for good",
        ),
    ] = None,
    file_format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="[TABLE=]NAME",
            autocompletion=completion.formats,
            help="The layout of the files, as lakebt formats lists them; each has "
            "options of its own, which lakebt formats NAME tells.",
            show_default="nport for .xml, else ours",
            rich_help_panel=FILES,
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar=f"{SCOPE}THEIRS=OURS",
            help="The file's column is our column, as date=session.",
            rich_help_panel=FILES,
        ),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar=f"{SCOPE}OURS=VALUE",
            help="A column the file lacks, the same in every row, as basis=raw.",
            rich_help_panel=FILES,
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar=f"{SCOPE}COLUMN",
            help="A column of the file that is not wanted.",
            rich_help_panel=FILES,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="CSV: as utf-8, utf-16 or latin-1.",
            show_default="as the file says",
            rich_help_panel=FILES,
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help="CSV: what parts the cells of a line.",
            show_default="as the first line says",
            rich_help_panel=FILES,
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help="CSV: a point or a comma.",
            show_default="as the numbers say",
            rich_help_panel=FILES,
        ),
    ] = None,
    header_line: HeaderLine = None,
    footer_lines: FooterLines = None,
    sheet: Sheet = None,
    known_at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Holdings: when the file was public; for N-PORT, accepted.",
            rich_help_panel=FILES,
        ),
    ] = None,
    fund: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Holdings: what to call the fund.",
            show_default="as the file says",
            rich_help_panel=FILES,
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The index that a fund tracks, or that changes are of.",
            rich_help_panel=FILES,
        ),
    ] = None,
    audit_only: Annotated[
        bool,
        typer.Option(
            "--audit-only",
            help="Say what would happen, and write nothing. Exit code 1 if nothing "
            "would be published.",
            rich_help_panel=AUDITS,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="As --audit-only, and show the first rows as they are understood, "
            "what is derived and what is dropped.",
            rich_help_panel=AUDITS,
        ),
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AUDIT",
            help="Findings that fail instead of warning: jumps, gaps, untraded, "
            "rebased, members, coverage, moved, margins, placeholders, ratios, splits, "
            "large_dividends, stale, no_bars.",
            rich_help_panel=AUDITS,
        ),
    ] = None,
    audit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE=FILE.py:NAME",
            help="An audit of your own: a function from a table's rows to those that "
            "offend. May be repeated.",
            rich_help_panel=AUDITS,
        ),
    ] = None,
    warn_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="One of your own whose findings warn instead of failing.",
            rich_help_panel=AUDITS,
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rows of every finding: a CSV file.",
            rich_help_panel=AUDITS,
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    exchange: options.Exchange = None,
    closed: options.Closed = None,
    as_json: options.AsJson = False,
) -> None:
    """Publish files as a release: all of them, or nothing.

    The lake is created when it is missing.

    Publishing the same files again under the same name changes nothing.
    """
    auditing = Auditing(
        audits=audit or (), fail_on=fail_on or (), warn_on=warn_on or (), rows=rows
    )
    auditing.check()
    labels = {
        name: values[-1]
        for name, values in options.gathered(
            label or (), option="--label", example="regime=calm"
        ).items()
    }
    pairs = [
        options.pair(text, option="TABLE=FILE:", example="prices=bars.parquet")
        for text in files
    ]
    tables = tuple(dict.fromkeys(table for table, _ in pairs))
    read: list[tuple[str, Converted]] = []
    reading = Reading(
        formats=file_format or (),
        columns=columns or (),
        constants=constants or (),
        leave_out=leave_out or (),
        known_at=known_at,
        fund=fund,
        index=index,
        kinds=_declared(lake, catalog, tables),
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        header_line=header_line,
        footer_lines=footer_lines,
        sheet=sheet,
        typed=typed_options(),
        instruments=partial(_instruments, lake, catalog, read),
        exchange=cache(partial(_calendar, lake, catalog, exchange, closed or ())),
    )
    cure = "fetch the file, and name the copy"
    places = [local_path(name, what="file", cure=cure) for _, name in pairs]
    named = [
        (table, str(each) if each != place else name, each)
        for (table, name), place in zip(pairs, places, strict=True)
        for each in reading.files(place, table=table, tables=tables)
    ]
    named.sort(key=lambda each: each[0] != INSTRUMENTS)  # holdings are named by them
    kept: list[tuple[Path, dict[str, Any]]] = []
    with progress("Reading") as step:
        for number, (table, name, path) in enumerate(named):
            step(number, len(named))
            read.append((name, reading.read(path, table=table, tables=tables)))
            layout = reading.format_of(path, table=table, tables=tables)
            kept.append((path, publish_output.file_of(path, layout, read[-1][1])))
    arguments: dict[str, Any] = {
        "release": release,
        "as_of": as_of,
        "note": note,
        "labels": labels,
        "files": publish_output.as_kept(kept),
        "retain_days": retain_days,
        **auditing.arguments(),
    }
    calendar = (exchange, closed or ())
    if audit_only or dry_run:
        shown = None
        with progress("Auditing"):
            frames = _frames(read)
            report = foresee(
                lake,
                catalog,
                exchange=exchange,
                closed=closed or (),
                frames=frames,
                arguments=arguments,
            )
            if dry_run:
                first = publish_output.first_rows(lake, catalog, calendar, frames)
                shown = publish_output.DryRun(first=first, read=read)
        auditing.close(report, as_json=as_json, shown=shown)
    with auditing.told(), progress("Publishing"):
        frames = _frames(read)
        published = _published(lake, catalog, calendar, frames, arguments)
    publish_output.published(published, read, as_json=as_json)


def _instruments(
    lake: Path | None, catalog: str | None, read: Sequence[tuple[str, Converted]]
) -> pd.DataFrame | None:
    """Return the instruments read by this command, and the newest release's."""
    import pandas as pd

    frames = [each.frame for _, each in read if each.table == INSTRUMENTS]
    with contextlib.suppress(LakebtError, IndexError):  # no lake, release or such table
        there = options.open_lake(lake, catalog)
        newest = str(there.releases()["name"].iloc[-1])
        frames.insert(0, there.at(newest).read(INSTRUMENTS))
    return pd.concat(frames, ignore_index=True) if frames else None


def _calendar(
    lake: Path | None, catalog: str | None, exchange: str | None, closed: Sequence[str]
) -> str:
    """Return whose sessions count: as asked for, else the lake's."""
    from lakebt.lake.api.publishing import calendar_of
    from lakebt.lake.keeping.exchange import wanted_calendar

    if exchange is None:
        with contextlib.suppress(LakeError):  # there is none yet
            return calendar_of(options.open_lake(lake, catalog))
    return wanted_calendar(exchange, closed)


def _declared(
    lake: Path | None, catalog: str | None, tables: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return what the columns of declared tables hold, if any are published into."""
    from lakebt.lake.tables.schemas import FROM_THE_START

    if set(tables) <= set(FROM_THE_START):
        return {}
    try:
        declared = options.open_lake(lake, catalog).tables()
    except LakeError:  # there is none yet, or it says so when it is published into
        return {}
    kinds = declared[declared["declared"]].set_index("name")["columns"]
    return {str(name): columns for name, columns in kinds.items()}


def _frames(read: Sequence[tuple[str, Converted]]) -> dict[str, pd.DataFrame]:
    """Return the rows of each table, of all its files."""
    import pandas as pd

    by_table: dict[str, list[pd.DataFrame]] = {}
    for _, converted in read:
        by_table.setdefault(converted.table, []).append(converted.frame)
    return {
        table: frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        for table, frames in by_table.items()
    }


def _published(
    lake: Path | None,
    catalog: str | None,
    calendar: tuple[str | None, Sequence[str]],
    frames: Mapping[str, pd.DataFrame],
    arguments: Mapping[str, Any],
) -> Release:
    """Publish; the lake is made only if there is something valid to publish into it."""
    from lakebt.lake.api.publishing import publish_first

    exchange, closed = calendar
    opening = partial(
        options.open_lake, lake, catalog, exchange=exchange, closed=closed
    )
    try:
        target = opening(create=False)
    except LakeError:
        make = partial(opening, create=True)
        return publish_first(make, frames, calendar=calendar, **arguments)
    return target.publish(frames, **arguments)
