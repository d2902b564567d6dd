"""`lakebt upcoming`: the orders of an index's events that are still to be sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape

from lakebt.cli import options
from lakebt.cli import rule_options as rules
from lakebt.cli.output import print_json, records, terminal
from lakebt.cli.where import where_option
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def upcoming(
    *,
    release: options.ReleaseName,
    index: rules.IndexName,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    entries: rules.Entries = rules.ENTRIES,
    exits: rules.Exits = rules.EXITS,
    where: rules.Where = None,
    side: rules.Side = "both",
    hedge: rules.Hedge = None,
    gross: rules.Gross = 1.0,
    max_gross: options.MaxGross = 2.0,
    capital_usd: options.CapitalUsd = 100_000.0,
    min_lead: options.MinLead = "10min",
    as_json: options.AsJson = False,
) -> None:
    """Print the orders of events that are not over, as known.

    Those that are due, with their deadlines and sizes; those of positions still held;
    and those that wait for a fact that says when.
    """
    view = options.open_view(lake, catalog, release=release, as_of=as_of)
    from lakebt.study.study import Study

    orders = Study(
        view,
        index=index,
        entries=options.split(entries),
        exits=options.split(exits),
        where=where_option(where or (), example="cause=discretionary"),
        side=side,
        hedge=hedge,
        gross=gross,
        max_gross=max_gross,
        capital_usd=capital_usd,
        min_lead=min_lead,
    ).upcoming()
    if as_json:
        print_json(records(orders))
        return
    at = view.instant.isoformat()
    if orders.empty:
        terminal().print(f"Nothing is to come, as known at {at}.", markup=False)
        return
    n_due = int((orders["status"] == "due").sum())
    sentence = f"{count(n_due, 'order is', many='orders are')} due, as known at {at}."
    terminal().print(sentence, markup=False)
    terminal().print()
    terminal().print(_table(orders))


def _table(orders: pd.DataFrame) -> Table:
    """Return what is sent, and before when, as narrow as a terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("before (UTC)", "fill", "rule", "", ""):
        table.add_column(name)
    table.add_column("shares", justify="right")
    for name in ("of", "status"):
        table.add_column(name)
    for row in records(orders):
        waits, size = row["status"] == "waiting", row["size"]
        table.add_row(
            "" if waits else f"{row['deadline']:%Y-%m-%d %H:%M}",
            row["at"],
            escape(f"{row['entry']}, {row['exit']}"),
            row["order"],
            row["side"],
            "" if math.isnan(size) else f"{size:,.2f}",
            escape(row["symbol"]),
            row["status"],
            style="dim" if row["status"] != "due" else None,
        )
    return table
