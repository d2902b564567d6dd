"""`lakebt upcoming`: the orders of an index's events that are still to be sent."""

from __future__ import annotations

from lakebt.cli import options, study
from lakebt.cli.output import print_frame, print_json, records, terminal
from lakebt.cli.where import where_option
from lakebt.values.text import count


def upcoming(
    *,
    release: options.ReleaseName,
    index: study.IndexName,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    entries: study.Entries = study.ENTRIES,
    exits: study.Exits = study.EXITS,
    where: study.Where = None,
    side: study.Side = "both",
    hedge: study.Hedge = None,
    gross: study.Gross = 1.0,
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
    title = f"{count(n_due, 'order is', many='orders are')} due, as known at {at}"
    shown = orders.drop(columns=["weight", "fact", "known_at"])
    print_frame(terminal(), shown, title=title)
