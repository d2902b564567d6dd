"""The display of a view in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lakebt.instants import in_new_york
from lakebt.values.text import marked

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping


def view_html(
    *,
    release: str,
    instant: dt.datetime,
    cutoff: dt.datetime | None,
    counts: Mapping[str, int],
    erased: Iterable[str] = (),
) -> str:
    """Return the release, what a view knows, and its tables with their rows.

    Parameters
    ----------
    release, instant
        Of the view.
    cutoff
        Of the release, if the view's instant is past it.
    counts
        How many rows of each table are known.
    erased
        What was erased from the release, in words.
    """
    tables = "".join(
        f"<tr><td>{html.escape(table)}</td>"
        f"<td style='text-align:right'>{rows:,}</td></tr>"
        for table, rows in counts.items()
    )
    past = ""
    if cutoff is not None:
        past = marked(
            f"This is past the cutoff of the release, {cutoff.isoformat()}: facts may "
            f"be missing.",
            good=False,
        )
    past += "".join(marked(f"Redacted: {each}.", good=False) for each in erased)
    return (
        f"<p><b>{html.escape(release)}</b> as known at "
        f"{html.escape(instant.isoformat())} "
        f"({html.escape(in_new_york(instant))})</p>{past}"
        f"<table><tr><th>table</th><th>rows known, all vintages</th></tr>"
        f"{tables}</table>"
    )
