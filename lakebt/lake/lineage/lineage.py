"""`Lineage`: the nodes and arrows from sources to releases and trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.lake.lineage.node import KINDS
from lakebt.lake.lineage.openlineage import events
from lakebt.values.layered_graph import Box, drawn
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.lineage.node import Node

_COLUMNS = {"source": 0, "publication": 1, "file": 1, "snapshot": 2, "release": 3}
_COLUMNS |= {"code": 3, "trial": 4}
"""Where each kind stands in the picture."""


@dataclass(frozen=True, repr=False, eq=False)
class Lineage:
    """The lineage of a release or a trial: see `Lake.lineage`.

    Attributes
    ----------
    of : str
        The `id` of the node that was traced.
    nodes : tuple of Node
        Sorted so that each node comes before those it leads to.
    arrows : tuple of (str, str)
        Pairs of `id`: a node, and one that it leads to.
    """

    of: str
    nodes: tuple[Node, ...]
    arrows: tuple[tuple[str, str], ...]

    def frame(self) -> pd.DataFrame:
        """Return a row per node; each comes before those it leads to.

        Returns
        -------
        DataFrame
            `kind` ("source", "publication", "file", "snapshot", "release", "code" or
            "trial"), `id`, `name`, `leads_to` (a list of `id`), `at` (UTC; NaT where
            unknown), `rows`, `bytes` and `files` (missing where not
            counted), `digest` (SHA-256 of a source, XXH3 of a data file, lakebt's own
            of the rest) and `told`: further details, as a mapping. Of a source that
            is its `format`, and how many of the rows `read` were `kept` and `dropped`,
            by reason.
        """
        onward: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for start, end in self.arrows:
            onward[start].append(end)

        def texts(values: Iterator[str | None]) -> pd.Series:
            return pd.Series(list(values), dtype="str")

        def counts(values: Iterator[int | None]) -> pd.Series:
            return pd.Series(list(values), dtype="Int64")

        instants = pd.DatetimeTZDtype("us", "UTC")
        nodes = self.nodes
        return pd.DataFrame(
            {
                "kind": texts(node.kind for node in nodes),
                "id": texts(node.id for node in nodes),
                "name": texts(node.name for node in nodes),
                "leads_to": pd.Series([onward[n.id] for n in nodes], dtype=object),
                "at": pd.Series([node.at for node in nodes], dtype=instants),
                "rows": counts(node.rows for node in nodes),
                "bytes": counts(node.n_bytes for node in nodes),
                "files": counts(node.n_files for node in nodes),
                "digest": texts(node.digest for node in nodes),
                "told": pd.Series([dict(n.told) for n in nodes], dtype=object),
            }
        )

    def openlineage(self) -> list[dict[str, Any]]:
        """Return the lineage as OpenLineage events, an open standard [1]_.

        Returns
        -------
        list of dict
            A finished run for each publication and each trial, the earliest first,
            with the data sets that it read and wrote, as plain JSON values. A run's id
            follows from its content, so sending an event twice does no harm.

        References
        ----------
        .. [1] OpenLineage, object model. https://openlineage.io/docs/spec/object-model
        """
        return events(self.nodes, self.arrows)

    def svg(self) -> str:
        """Return a picture: from files, on the left, to results, on the right.

        Of many similar nodes only the last are drawn, with their number.
        """
        boxes = [
            Box(
                id=node.id,
                column=_COLUMNS[node.kind],
                title=node.name,
                lines=tuple(_said(node)),
                is_marked=node.id == self.of,
            )
            for node in self.nodes
        ]
        return drawn(boxes, self.arrows, label=f"The lineage of {self.of}")

    def counts(self) -> dict[str, int]:
        """Return how many nodes there are of each kind, in the order of `KINDS`."""
        kinds = [node.kind for node in self.nodes]
        return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}

    @as_words
    def __repr__(self) -> str:
        counts = ", ".join(_counted(n, kind) for kind, n in self.counts().items())
        return f"Lineage({self.of!r}: {counts})"

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.svg()}</div>'


def _counted(n: int, kind: str) -> str:
    return count(n, kind, many="code versions" if kind == "code" else "")


def _said(node: Node) -> Iterator[str]:
    """Say in a few lines what a node is."""
    layout = node.told.get("format")
    yield f"{node.kind}, {layout}" if layout else node.kind
    if node.rows is not None:
        dropped = sum((node.told.get("dropped") or {}).values())
        left_out = f", {count(dropped)} dropped" if dropped else ""
        yield f"{count(node.rows, 'row')}{left_out}"
    if node.at is not None:
        yield f"{node.at:%Y-%m-%d %H:%M} UTC"
    if node.digest is not None:
        yield node.digest[:16]
