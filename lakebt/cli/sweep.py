"""`lakebt sweep`: a grid from a file, recorded as it goes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.choices import one_of
from lakebt.cli import options
from lakebt.cli.output import print_frame, print_json, progress, records, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.sweep.found import SweepResult

INTERRUPTED = 130
"""What a shell calls a program that Ctrl-C ended: 128 and the number of the signal."""


def sweep(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="SWEEP.toml",
            help="The grid: releases, index, entries, exits, [grid], [[costs]].",
        ),
    ],
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where it runs: local.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "local",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--again",
            help="Run what is not recorded yet, or all of it again.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = True,
    best: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many of the highest Sharpe ratios are printed.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 10,
    as_json: options.AsJson = False,
) -> None:
    """Run every combination in a file, and record each among the lake's trials.

    Stopped by Ctrl-C or worse, it goes on where it was when it is run again.
    """
    one_of(engine, ("local",), what="engine")
    from lakebt.sweep.toml import read_toml, sweep_from

    told = read_toml(file)
    opened = options.open_lake(lake, catalog)
    asked = sweep_from(told, open_view=lambda name, at: opened.at(name, as_of=at))
    with _interruptible(), progress("Sweeping", unit="cells") as step:
        found = asked.run(resume=resume, progress=step)
    if as_json:
        print_json(records(found.table()))
        return
    show(found, best=best)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Say that nothing is lost when somebody presses Ctrl-C.

    Raises
    ------
    typer.Exit
        Then.
    """
    try:
        yield
    except KeyboardInterrupt:
        told = "Interrupted. What was finished is recorded: the same command goes on."
        typer.echo(told, err=True)
        raise typer.Exit(INTERRUPTED) from None


def show(found: SweepResult, *, best: int) -> None:
    """Print how much was run, and the best of it."""
    console = terminal()
    n_found = len(found) - found.n_run
    again = f", {n_found:,} were recorded already" if n_found else ""
    console.print(f"{len(found):,} cells: {found.n_run:,} run now{again}.")
    frame = found.best(best)
    frame["trial_id"] = frame["trial_id"].str[:10]
    print_frame(
        console,
        frame,
        title=f"The {len(frame)} highest Sharpe ratios, which are the best of many",
        at_most=best,
    )
