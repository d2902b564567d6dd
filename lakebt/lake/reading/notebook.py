"""What a view shows in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lakebt.instants import in_new_york

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lakebt.lake.committing.ledger import TablePin


def view_html(
    *,
    release: str,
    instant: dt.datetime,
    cutoff: dt.datetime | None,
    pins: Iterable[TablePin],
) -> str:
    """Return the release, what a view knows, and its tables with their rows.

    Parameters
    ----------
    release, instant
        Of the view.
    cutoff
        Of the release, if the view's instant is past it.
    pins
        The tables of the release.
    """
    tables = "".join(
        f"<tr><td>{html.escape(pin.table)}</td>"
        f"<td style='text-align:right'>{pin.rows:,}</td></tr>"
        for pin in pins
    )
    past = ""
    if cutoff is not None:
        past = (
            f"<p style='color:#b00020'>This is past the cutoff of the release, "
            f"{html.escape(cutoff.isoformat())}: facts may be missing.</p>"
        )
    return (
        f"<p><b>{html.escape(release)}</b> as known at "
        f"{html.escape(instant.isoformat())} "
        f"({html.escape(in_new_york(instant))})</p>{past}"
        f"<table><tr><th>table</th><th>rows, all vintages</th></tr>{tables}</table>"
    )
