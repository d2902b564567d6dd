"""`lakebt reproduce` and `lakebt explain`: results are evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lakebt.cli import options
from lakebt.cli.output import print_frame, print_json, progress, records, terminal

if TYPE_CHECKING:
    from rich.table import Table

    from lakebt.reproduce.explanation import Explanation
    from lakebt.reproduce.reproduction import Reproduction


SHOWN = 5
"""Facts of a table that are shown where more differ."""

TrialId: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A trial's id, or its first digits: lakebt trials has them."
    ),
]


def reproduce(
    *,
    trial_id: TrialId,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:Name",
            help="Of a backtest: the strategy, whose code was not recorded.",
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Run a result again from its release, and compare it bit for bit.

    Exits with 1 if a figure differs, and says what moved since then.
    """
    with progress("Running it again"):
        from lakebt.reproduce.reproduction import reproduce as run_again

        opened = options.open_lake(lake, catalog)
        reproduction = run_again(opened, trial_id, strategy=strategy)
    if as_json:
        print_json(records(reproduction.differences))
    else:
        style = "green" if reproduction.is_same else "bold red"
        terminal().print(str(reproduction), style=style, markup=False)
    _end(reproduction)


def _end(reproduction: Reproduction) -> None:
    """End the command: well only if every figure is the same.

    Raises
    ------
    typer.Exit
        If one is not.
    """
    if not reproduction.is_same:
        raise typer.Exit(1)


def explain(
    *,
    first: TrialId,
    second: TrialId,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Say which of data, rule, costs, engine or code moved a number, and how far."""
    with progress("Changing one thing at a time"):
        from lakebt.reproduce.explanation import explain as compare

        explanation = compare(options.open_lake(lake, catalog), first, second)
    if as_json:
        print_json(records(explanation.steps))
        return
    console = terminal()
    console.print(_table(explanation))
    for row in explanation.rows.to_dict("records"):
        counts = ", ".join(f"{row[k]:,} {k}" for k in ("added", "removed", "changed"))
        console.print(f"Keys of {row['table']} that differ: {counts}.")
        changed = explanation.diffs[row["table"]].changed.head(SHOWN)
        if len(changed):
            print_frame(console, changed, title=f"Changed, the first {len(changed)}:")


def _table(explanation: Explanation) -> Table:
    """Return the way from one trial to the other."""
    from rich import box
    from rich.table import Table

    from lakebt.report import words

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("change", overflow="fold")
    for name in ("Sharpe", "moved", "net bp", "moved "):
        table.add_column(name, justify="right")
    for number, step in enumerate(explanation.steps.to_dict("records")):
        change = (
            f"{step['before']} → {step['after']}" if number else explanation.first[:10]
        )
        table.add_row(
            str(step["what"]),
            change,
            words.sharpe(step["sharpe"]),
            words.sharpe(step["sharpe_moved"]) if number else "",
            words.bps(step["net_bps"]),
            words.bps(step["net_bps_moved"]) if number else "",
        )
    return table
