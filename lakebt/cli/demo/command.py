"""The command of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lakebt.cli import options
from lakebt.cli.output import WIDTH, print_json, terminal
from lakebt.inputs.places import check_is_path


def demo(
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where the lake and the report are left."),
    ] = Path("lakebt-demo"),
    as_json: options.AsJson = False,
) -> None:
    """Show the whole path on the sample data, in seconds.

    Leaves DIR/lake and DIR/report.html. An earlier demo's are made again.
    """
    check_is_path(str(out), what="folder", cure="name a folder of this machine")
    console = Console(quiet=True) if as_json else terminal(at_most=WIDTH)
    waiting = terminal(at_most=WIDTH, stderr=True)
    with waiting.status("Loading"):
        from lakebt.cli.demo.play import perform
    rows = perform(
        out.expanduser(), console=console, spinner=waiting if as_json else console
    )
    if as_json:
        print_json(rows)
