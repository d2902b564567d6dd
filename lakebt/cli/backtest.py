"""`lakebt backtest`: a strategy of your own, on what was known by then."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import options
from lakebt.cli.hints import for_command_line
from lakebt.cli.output import (
    print_banners,
    print_json,
    progress,
    terminal,
)
from lakebt.inputs.user_code import blaming
from lakebt.strategy.factory import load_strategy
from lakebt.values.command_lines import located
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from lakebt.strategy.run import Run


def backtest(
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
    capital_usd: options.CapitalUsd = 100_000.0,
    min_lead: options.MinLead = "10min",
    delisting_return: options.DelistingReturn = None,
    commission_bps: options.CommissionBps = 0.0,
    half_spread_bps: options.HalfSpreadBps = 0.0,
    borrow_bps_per_year: options.BorrowBpsPerYear = 0.0,
    impact_at_open: options.ImpactAtOpen = 0.0,
    impact_at_close: options.ImpactAtClose = 0.0,
    impact_sessions: options.ImpactSessions = 20,
    max_participation: options.MaxParticipation = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What turns orders into positions and cash: event, our own, or the "
            "reference, vectorbt.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "event",
    report: options.ReportFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Run your own strategy: called once per decision, with what was known by then."""
    options.check_report(report)
    costs = options.cost_model(
        commission_bps=commission_bps,
        half_spread_bps=half_spread_bps,
        borrow_bps_per_year=borrow_bps_per_year,
        impact_at_open=impact_at_open,
        impact_at_close=impact_at_close,
        impact_sessions=impact_sessions,
        max_participation=max_participation,
    )
    with progress("Backtesting", unit="decisions") as step:
        path, loaded = load_strategy(strategy, settings=settings or ())
        view = options.open_view(lake, catalog, release=release, as_of=as_of)
        from lakebt.strategy.backtest import Backtest

        planned = Backtest(
            view,
            loaded,
            start=start,
            end=end,
            costs=costs,
            max_gross=max_gross,
            capital_usd=capital_usd,
            min_lead=min_lead,
            rebalance=rebalance,
            fill=fill,
            delisting_return=delisting_return,
        )
        with blaming(path):
            run = planned.run(engine, progress=step)
    with progress("Writing the report"):
        if report is not None:
            run.report(report)
    if as_json:
        print_json([facts(run) | {"stats": run.tear_sheet().numbers()}])
        return
    show(terminal(), run, report, file=path)


def facts(run: Run) -> dict[str, Any]:
    """Return what a run found, as one row."""
    from lakebt.analysis.ratio_error import lo_interval

    returns = run.returns()
    terms, flows = run.terms, run.traded.book.flows
    return {
        "strategy": run.name,
        "release": run.view.release,
        "as_of": run.view.instant,
        "start": returns.index[0],
        "end": returns.index[-1],
        "rebalance": terms.rebalance,
        "fill": terms.fill,
        "sharpe": run.sharpe(),
        "sharpe_se": run.sharpe_se(),
        **lo_interval(run.sharpe(), len(returns)),
        "n_returns": len(returns),
        "net_return": float(run.equity().iloc[-1]) - 1.0,
        "n_decisions": len(run.weights()),
        "n_orders": len(run.orders()),
        "n_unfilled": len(run.unfilled()),
        **run.paid(),
        "dividends_usd": flows.dividends,
        "n_ended": sum(flows.endings.values()),
        "audited": run.audited,
        "engine": run.engine,
    }


def show(console: Console, run: Run, report: Path | None, *, file: Path) -> None:
    """Print what a strategy earned, what it cost, and what was not checked."""
    from lakebt.lake.api.trials import address_of, told_of
    from lakebt.report import words
    from lakebt.report.provenance import view_banners
    from lakebt.strategy.report import UNAUDITED, actions

    row = facts(run)
    print_banners(console, view_banners(run.view, told_of(run.view)))
    orders = count(row["n_orders"], "order")
    unfilled = f", {row['n_unfilled']:,} not filled" if row["n_unfilled"] else ""
    capital = run.terms.capital_usd
    console.print(
        f"{row['strategy']}, release {row['release']}, "
        f"{row['start'].date()} to {row['end'].date()}: "
        f"{count(row['n_decisions'], 'decision')}, {orders}{unfilled}."
    )
    console.print(
        f"Sharpe {words.sharpe(row['sharpe'])} "
        f"{words.error(row['sharpe_se'])} (95 % {words.sharpe(row['sharpe_low'])} to "
        f"{words.sharpe(row['sharpe_high'])}) over "
        f"{count(row['n_returns'], 'session')}; "
        f"{words.bps(1e4 * row['net_return'])} bp net in all.",
        style="bold",
    )
    for name, paid in run.paid().items():
        label = capitalised(name.removesuffix("_usd"))
        console.print(
            f"{label}: {paid:,.2f} USD, {words.cost_bps(1e4 * paid / capital)} bp of "
            f"the capital at the start."
        )
    for label, text in actions(run.traded).items():
        console.print(f"{label}: {text}.")
    console.print(f"Sharpe: {run.definition}.", style="dim")
    if not run.audited:
        console.print(for_command_line(UNAUDITED), style="yellow", markup=False)
    if run.is_recorded:
        target = shlex.quote(f"{file.absolute()}:{row['strategy']}")
        again = f"lakebt reproduce {run.id[:10]} --strategy {target}"
        line = f"Result {run.id[:10]}: {located(again, address_of(run.view))}"
        console.print(line, style="dim", markup=False, soft_wrap=True)
    if report is not None:
        console.print(f"Report: {report}", markup=False, soft_wrap=True)
