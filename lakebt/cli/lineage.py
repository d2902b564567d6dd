"""`lakebt lineage`: where a release or a trial came from, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import completion, options, out
from lakebt.cli.output import print_json, records, terminal
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import writing
from lakebt.values.text import count

if TYPE_CHECKING:
    from rich.tree import Tree

    from lakebt.lake.lineage.lineage import Lineage
    from lakebt.lake.lineage.node import Node

LAST = 10
"""Of one kind, so many are shown."""


def lineage(
    *,
    of: Annotated[
        str,
        typer.Argument(
            metavar="RELEASE|ID",
            help="A release, or the id of a trial, or its first digits.",
            autocompletion=completion.releases,
        ),
    ],
    files: Annotated[
        bool, typer.Option("--files", help="Name each data file of the lake, too.")
    ] = False,
    svg: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw it, too: a new file.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """Say where a number came from: release, tables, files, code; and what came of it.

    With --json as events of OpenLineage, a run each. With --out a row for each step.
    """
    if svg is not None:
        _check_new(svg)
    traced = options.open_lake(lake, catalog).lineage(of, files=files)
    if svg is not None:
        with writing(svg):
            svg.write_text(traced.svg(), encoding="utf-8")
    if out.file() is not None:
        print_json(records(traced.frame()))
    elif as_json:
        print_json(traced.openlineage())
    else:
        _tell(traced)


def _check_new(file: Path) -> None:
    """Refuse a file that could not be written, before the work.

    Raises
    ------
    InvalidArgumentError
        If it is there already, or its folder is not.
    """
    if file.exists() or not file.absolute().parent.is_dir():
        why = "is there already" if file.exists() else "has no folder to lie in"
        msg = f"--svg {file} {why}: name another file"
        raise InvalidArgumentError(msg)


def _tell(found: Lineage) -> None:
    """Print what led to it as a tree, and below what came of it."""
    from rich.tree import Tree

    nodes = {node.id: node for node in found.nodes}
    before: dict[str, list[str]] = {}
    after: list[Node] = []
    for start, end in found.arrows:
        before.setdefault(end, []).append(start)
        if start == found.of:
            after.append(nodes[end])
    console = terminal()
    tree = Tree(_said(nodes[found.of]), guide_style="dim")
    _grow(tree, found.of, before, nodes)
    console.print(tree)
    if nodes[found.of].kind != "release":
        return
    console.print(f"Used by {count(len(after), 'trial')}.", markup=False)
    for node in after[-LAST:]:
        console.print(f"  {_said(node)}", markup=False)


def _grow(
    tree: Tree, of: str, before: dict[str, list[str]], nodes: dict[str, Node]
) -> None:
    """Hang below a node what led to it, the last of each."""
    led = before.get(of, [])
    if len(led) > LAST:
        tree.add(f"and {count(len(led) - LAST)} before")
    for name in led[-LAST:]:
        _grow(tree.add(_said(nodes[name])), name, before, nodes)


def _said(node: Node) -> str:
    """Return a node in a line."""
    from rich.markup import escape

    parts = [f"{node.kind} {node.name}"]
    if node.rows is not None:
        parts.append(count(node.rows, "row"))
    parts += [
        f"{n:,} dropped: {why}" for why, n in (node.told.get("dropped") or {}).items()
    ]
    if node.digest is not None:
        parts.append(node.digest[:16])
    if node.at is not None:
        parts.append(f"{node.at:%Y-%m-%d %H:%M} UTC")
    return escape(", ".join(parts))
