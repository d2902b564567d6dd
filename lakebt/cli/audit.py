"""`lakebt audit`: whether a strategy decides on what was not yet known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json, progress, say, terminal
from lakebt.inputs.user_code import blaming
from lakebt.strategy.factory import load_maker

if TYPE_CHECKING:
    from lakebt.strategy.audit.verdict import Audit


def audit(
    *,
    strategy: options.Strategy,
    release: options.ReleaseName,
    start: options.Start,
    end: options.End,
    settings: options.Settings = None,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    rebalance: options.Rebalance = "monthly",
    fill: options.FillAt = "open",
    max_gross: options.MaxGross = 2.0,
    min_lead: options.MinLead = "10min",
    decisions: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default="50, or all if they are fewer",
            help="At how many decisions the future is altered.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="From which the other futures are drawn.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Rerun your strategy with the future removed, and with another in its place.

    Everything known after a decision's deadline is altered in every view the file opens
    or is given; the file is run anew each time. Exits with 1, and names the first
    decision that changed, if one did. What the file reads from elsewhere is not seen.
    """
    with progress("Auditing", unit="decisions") as step:
        path, make = load_maker(strategy, settings=settings or ())
        view = options.open_view(lake, catalog, release=release, as_of=as_of)
        from lakebt.strategy.backtest import Backtest

        backtest = Backtest(
            view,
            make,
            start=start,
            end=end,
            max_gross=max_gross,
            min_lead=min_lead,
            rebalance=rebalance,
            fill=fill,
        )
        with blaming(path):
            result = backtest.audit(decisions=decisions, seed=seed, progress=step)
    tell(result, as_json=as_json)


def tell(audit: Audit, *, as_json: bool) -> None:
    """Print what an audit found.

    Raises
    ------
    typer.Exit
        If it was not passed.
    """
    if as_json:
        print_json([facts(audit)])
    elif audit.passed:
        terminal().print(f"{audit}.", markup=False)
    else:
        say("error", str(audit), colour="red")
    if not audit.passed:
        raise typer.Exit(1)


def facts(audit: Audit) -> dict[str, Any]:
    """Return what an audit found, as one row."""
    first = audit.difference
    return {
        "strategy": audit.strategy,
        "release": audit.release,
        "verdict": str(audit.verdict),
        "n_decisions": audit.n_decisions,
        "n_checked": audit.n_checked,
        "seed": audit.seed,
        "session": None if first is None else first.session,
        "symbol": None if first is None else first.symbol,
        "weight": None if first is None else first.weight,
        "other": None if first is None else first.other,
        "how": None if first is None else first.how,
        "raised": None if first is None else first.error or None,
        "unseen": list(audit.unseen),
    }
