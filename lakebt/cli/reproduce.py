"""`lakebt reproduce` and `lakebt explain`: results are evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lakebt.cli import options
from lakebt.cli.output import print_frame, print_json, progress, records, terminal

if TYPE_CHECKING:
    from lakebt.reproduce import Reproduction

TrialId: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A trial's id, or its first digits: lakebt trials has them."
    ),
]


def reproduce(
    *,
    trial_id: TrialId,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Run a result again from its release, and compare it bit for bit.

    Exits with 1 if a figure differs, and says what moved since then.
    """
    with progress("Running it again"):
        from lakebt.reproduce import reproduce as run_again

        found = run_again(options.open_lake(lake, catalog), trial_id)
    if as_json:
        print_json(records(found.differences))
    else:
        style = "green" if found.is_same else "bold red"
        terminal().print(str(found), style=style, markup=False)
    _end(found)


def _end(found: Reproduction) -> None:
    """End the command: well only if every figure is the same.

    Raises
    ------
    typer.Exit
        If one is not.
    """
    if not found.is_same:
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
        from lakebt.explain import explain as compare

        found = compare(options.open_lake(lake, catalog), first, second)
    if as_json:
        print_json(records(found.steps))
        return
    console = terminal()
    print_frame(console, found.steps, title=f"{found.first[:10]} → {found.second[:10]}")
    if not found.rows.empty:
        print_frame(console, found.rows, title="Facts that differ, by key")
