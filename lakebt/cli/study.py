"""`lakebt study`: every entry and exit of an index's events, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import options
from lakebt.cli import rule_options as rules
from lakebt.cli.hints import for_command_line
from lakebt.cli.output import print_banners, print_json, progress, records, terminal
from lakebt.cli.where import where_option
from lakebt.values.command_lines import located
from lakebt.values.text import count

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from lakebt.report.contents import StudyContents
    from lakebt.study.result import Result
    from lakebt.study.significance import Significance


def study(
    *,
    release: options.ReleaseName,
    index: rules.IndexName,
    as_of: options.AsOf = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    entries: rules.Entries = rules.ENTRIES,
    exits: rules.Exits = rules.EXITS,
    where: rules.Where = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST,LAST",
            help="Only events announced from the first day to the last.",
            rich_help_panel=rules.RULES,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="FROM,TO",
            help="Only events with this many legs, as known at the entry.",
            rich_help_panel=rules.RULES,
        ),
    ] = None,
    side: rules.Side = "both",
    hedge: rules.Hedge = None,
    missing: Annotated[
        str,
        typer.Option(
            metavar="POLICY",
            help="A leg without prices: exclude its event, drop_leg, or raise.",
            rich_help_panel=rules.RULES,
        ),
    ] = "exclude",
    delisting_return: Annotated[
        float | None,
        typer.Option(
            metavar="RETURN",
            help="What a delisting that tells no cash earned over the last close, as "
            "-0.3; without it, its cell is empty.",
            rich_help_panel=rules.RULES,
        ),
    ] = None,
    on_look_ahead: Annotated[
        str,
        typer.Option(
            metavar="POLICY",
            help="An order that needs a later fact: mask its cell, raise, or allow it "
            "(and be told so, in red).",
            rich_help_panel=rules.RULES,
        ),
    ] = "mask",
    gross: rules.Gross = 1.0,
    max_gross: options.MaxGross = 2.0,
    capital_usd: options.CapitalUsd = 100_000.0,
    min_lead: options.MinLead = "10min",
    commission_bps: options.CommissionBps = 0.0,
    half_spread_bps: options.HalfSpreadBps = 0.0,
    borrow_bps_per_year: options.BorrowBpsPerYear = 0.0,
    impact_at_open: options.ImpactAtOpen = 0.0,
    impact_at_close: options.ImpactAtClose = 0.0,
    impact_sessions: options.ImpactSessions = 20,
    max_participation: options.MaxParticipation = None,
    aggregate: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="The Sharpe ratio while invested (pooled), or of the portfolio one "
            "could hold (calendar).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "pooled",
    weighting: Annotated[
        str,
        typer.Option(
            metavar="BY",
            help="What open events are weighted by (calendar): event or leg.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "event",
    max_weight: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="At most this share of the capital for each open event (calendar).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 1.0,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What turns orders into equity: event, in one pass, or vectorbt.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "event",
    significance: Annotated[
        bool,
        typer.Option(
            "--significance",
            help="Judge every rule as one of all that were tried: what may be said, "
            "and a table.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    hindsight: Annotated[
        bool,
        typer.Option(
            "--hindsight",
            help="What the rules would show with facts that nobody had yet, in red, in "
            "the report too: not a result, and not among the trials.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    report: options.ReportFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Backtest every entry and exit of an index's changes, on what was known.

    AD is the session of the announcement, ED the first of the new membership.

    MD is the session in which holdings data first showed the change.
    """
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
    with progress("Backtesting", unit="events") as step:
        view = options.open_view(lake, catalog, release=release, as_of=as_of)
        from lakebt.study.study import Study

        planned = Study(
            view,
            index=index,
            entries=options.split(entries),
            exits=options.split(exits),
            where=where_option(where or (), example="cause=discretionary"),
            period=options.two(period, option="--period"),
            size=options.two_numbers(size, option="--size"),
            side=side,
            hedge=hedge,
            gross=gross,
            max_gross=max_gross,
            capital_usd=capital_usd,
            aggregate=aggregate,
            weighting=weighting,
            max_weight=max_weight,
            costs=costs,
            missing=missing,
            delisting_return=delisting_return,
            on_look_ahead=on_look_ahead,
            min_lead=min_lead,
        )
        result = planned.run(engine=engine, progress=step)
    judged = None
    if significance:
        with progress("Judging rules", unit="draws"):
            judged = result.significance()
    ahead = None
    if hindsight:
        with progress("Looking ahead"):
            ahead = result.hindsight()
            ahead.table()
    if report is not None:
        with progress("Writing the report"):
            result.report(report, hindsight=ahead or False)
    if as_json:
        if ahead is not None:
            print_json(records(ahead.table()))
            return
        rows = result.table()
        if judged is not None:
            more = judged.table()
            rows = rows.join(more[more.columns.difference(rows.columns, sort=False)])
        print_json(
            row | {"stats": _stats(result, str(row["entry"]), str(row["exit"]))}
            for row in records(rows)
        )
        return
    show(terminal(), result, report, judged)
    if ahead is not None:
        show_hindsight(terminal(), ahead.sentence, ahead.table())


def _stats(result: Result, entry: str, exit_: str) -> dict[str, float]:
    """Return what the calendar portfolio of a rule came to."""
    return result.tear_sheet(entry=entry, exit=exit_).numbers()


def show_hindsight(console: Console, sentence: str, rows: pd.DataFrame) -> None:
    """Print the results of the rules with look-ahead, in red."""
    from rich.table import Table

    from lakebt.report import words
    from lakebt.report.charts.hindsight import NAMES

    console.print()
    print_banners(console, (f"Looks ahead: {sentence}",))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("entry", "exit", "what is known"):
        table.add_column(name)
    for name in ("bp", "Sharpe", "events"):
        table.add_column(name, justify="right")
    for row in records(rows[~rows["retro_adjusted"]]):
        table.add_row(
            row["entry"],
            row["exit"],
            NAMES[row["knowledge"]],
            words.bps(_number(row["mean_bps"])),
            words.sharpe(_number(row["sharpe"])),
            count(row["n_events"]),
            style="red" if row["looks_ahead"] else None,
        )
    console.print(table)


def show(
    console: Console,
    result: Result,
    report: Path | None,
    judged: Significance | None = None,
) -> None:
    """Print the surface, what it rests on, and its best cell."""
    from lakebt.lake.api.trials import address_of
    from lakebt.report import story
    from lakebt.report.surface import surface
    from lakebt.study.report import contents as contents_of

    contents = contents_of(result.traded)
    print_banners(console, contents.banners)
    if judged is not None:
        console.print(judged.sentence, style="bold", markup=False)
        console.print(" ".join(judged.notes), style="dim", markup=False)
        console.print(rules_table(judged.table()))
    console.print(story.subject(contents), markup=False)
    console.print()
    print_surface(console, contents)
    console.print()
    sentence = for_command_line(contents.left_out)
    console.print(f"{sentence}.", markup=False)
    cells = surface(contents)
    console.print(story.answer(contents, cells), style="bold", markup=False)
    if caution := story.caution(contents, cells):
        console.print(caution, markup=False)
    if result.is_recorded:
        again = located(f"lakebt reproduce {result.id[:10]}", address_of(result.view))
        console.print(
            f"Result {result.id[:10]}: {again}",
            style="dim",
            markup=False,
            soft_wrap=True,
        )
    if report is not None:
        console.print(f"Report: {report}", markup=False, soft_wrap=True)


def rules_table(rules: pd.DataFrame) -> Table:
    """Return the rules as a table, with what each would have to be."""
    from rich.table import Table

    from lakebt.report import words

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("entry", "exit"):
        table.add_column(name)
    for name in ("bp", "95 %", "p alone", "p of all", "found from", "events"):
        table.add_column(name, justify="right")
    for row in records(rules):
        has_any = row["n_events"] > 0
        low, high = (words.bps(_number(row[name])) for name in ("low_bps", "high_bps"))
        table.add_row(
            row["entry"],
            row["exit"],
            words.bps(_number(row["mean_bps"])),
            f"{low} to {high}" if has_any else words.NOTHING,
            *(words.p_value(_number(row[name])) for name in ("p", "p_family")),
            words.cost_bps(_number(row["mde_family_bps"])),
            count(row["n_events"]),
            style="bold" if row["claimed"] else None,
        )
    return table


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def print_surface(console: Console, contents: StudyContents) -> None:
    """Print the table of Sharpe ratios, and what its empty cells mean."""
    from lakebt.report.terminal import reasons_legend, surface_table

    console.print(surface_table(contents, width=console.width))
    console.print(reasons_legend(contents))
