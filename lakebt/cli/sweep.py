"""`lakebt sweep`: a grid from a file, recorded as it goes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json, progress, records, terminal
from lakebt.inputs.checks import one_of
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from rich.table import Table

    from lakebt.sweep.result import SweepResult


RULE = ("entry", "exit")

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
            help="Where it runs: local or spark.",
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
    one_of(engine, ("local", "spark"), what="engine")
    from lakebt.sweep.toml import read_toml, sweep_from

    table = read_toml(file)
    opened = options.open_lake(lake, catalog)
    planned = sweep_from(table, open_view=lambda name, at: opened.at(name, as_of=at))
    unit = "backtests" if planned.tasks else "cells"
    with _interruptible(), progress("Sweeping", unit=unit) as step:
        result = planned.run(engine=engine, resume=resume, progress=step)
    if as_json:
        print_json(records(result.table()))
        return
    show(result, best=best)


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
        message = (
            "Interrupted. What was finished is recorded: the same command goes on."
        )
        typer.echo(message, err=True)
        raise typer.Exit(INTERRUPTED) from None


def show(result: SweepResult, *, best: int) -> None:
    """Print how much was run, and the best of it."""
    from lakebt.values.few_dates import NOTE, mark

    console = terminal()
    n_found = len(result) - result.n_run
    were = count(n_found, "was", many="were")
    again = f", {were} recorded already" if n_found else ""
    console.print(f"{result.many}: {result.n_run:,} run now{again}.")
    rows = result.best(best)
    arguments = [name for name in rows.columns if name not in {*RULE, *result.figures}]
    telling = [name for name in arguments if len(set(map(str, rows[name]))) > 1]
    console.print(_table(rows, telling))
    shared = [_said(n, rows[n].iloc[0]) for n in arguments if n not in telling]
    common = f" All of these: {'; '.join(shared)}." if shared else ""
    few = f" {NOTE}." if "n_dates" in rows and any(map(mark, rows["n_dates"])) else ""
    footer = f"The highest Sharpe ratios, which are the best of many.{common}{few}"
    console.print(footer, style="dim")


def _said(name: str, value: object) -> str:
    """Return what a cell was run with; a strategy's own parameters by their names."""
    from lakebt.inputs.in_words import in_words
    from lakebt.sweep.grid import VARIED

    is_known = name in VARIED or name.endswith(("_bps", "_per_year"))
    return in_words(name, value) if is_known else f"{name} {value}"


def _table(rows: pd.DataFrame, telling: list[str]) -> Table:
    """Return the best cells, each with what tells it from the others."""
    from rich import box
    from rich.table import Table

    from lakebt.report import words
    from lakebt.values.few_dates import mark

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    is_of_rules = set(RULE) <= set(rows.columns)
    counted = "n_events" if is_of_rules else "n_returns"
    for name in ("Sharpe", "± se", counted.removeprefix("n_"), "net bp"):
        table.add_column(name, justify="right")
    if is_of_rules:
        table.add_column("rule", no_wrap=True)
    if telling:
        table.add_column("differs in", overflow="fold")
    table.add_column("trial", no_wrap=True)
    for row in rows.to_dict("records"):
        apart = ", ".join(_said(name, row[name]) for name in telling)
        table.add_row(
            words.sharpe(row["sharpe"]) + mark(row.get("n_dates", 0)),
            words.error(row["sharpe_se"]).removeprefix("± "),
            f"{row[counted]:,}",
            words.bps(row["net_bps"]),
            *([f"{row['entry']} → {row['exit']}"] if is_of_rules else []),
            *([apart] if telling else []),
            row["trial_id"][:10],
        )
    return table
