"""How a view shows itself in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lakebt.instants import in_new_york

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.lake.committing.releases import TablePin
    from lakebt.lake.reading.view import View


def view_html(view: View, pins: Iterable[TablePin]) -> str:
    """Return the release, what the view knows, and its tables with their rows."""
    tables = "".join(
        f"<tr><td>{html.escape(pin.table)}</td>"
        f"<td style='text-align:right'>{pin.rows:,}</td></tr>"
        for pin in pins
    )
    past = (
        f"<p style='color:#b00020'>This is past the cutoff of the release, "
        f"{html.escape(view.cutoff.isoformat())}: facts may be missing.</p>"
        if view.past_cutoff
        else ""
    )
    return (
        f"<p><b>{html.escape(view.release)}</b> as known at "
        f"{html.escape(view.instant.isoformat())} "
        f"({html.escape(in_new_york(view.instant))})</p>{past}"
        f"<table><tr><th>table</th><th>rows, all vintages</th></tr>{tables}</table>"
    )
