"""Prints the acts: a line of plain English, then one small table."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lakebt.cli.demo import acts
from lakebt.cli.demo.folder import Folder
from lakebt.instants import in_new_york
from lakebt.lake.lake import Lake
from lakebt.report import story, words
from lakebt.report.surface import surface
from lakebt.report.terminal import reasons_legend, surface_table
from lakebt.study.report import contents as contents_of
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from rich.console import Console, RenderableType

    from lakebt.errors import LookAheadError
    from lakebt.lake.reading.diff import Diff
    from lakebt.sources.simulated import SimulatedMarket
    from lakebt.study.result import Result


INDENT = 3

Rows = list[dict[str, Any]]


def perform(out: Path, *, console: Console, spinner: Console) -> Rows:
    """Run the demo.

    Parameters
    ----------
    out
        Where the lake and the report are left. A lake that an earlier demo left there
        is made again.
    console
        What the acts are printed on.
    spinner
        Where a spinner says that something goes on.

    Returns
    -------
    list of dict
        The facts shown, each with the number of its ``act``.

    Raises
    ------
    LakeError
        If `out` holds something that no demo made, or cannot be written.
    """
    return _Play(Folder(out=out), console, spinner).run()


class _Play:
    def __init__(self, folder: Folder, console: Console, spinner: Console) -> None:
        self.folder, self.console, self.spinner = folder, console, spinner
        self.rows: Rows = []
        self.act = 0

    def run(self) -> Rows:
        with self.spinner.status("Publishing two releases") as status:
            self.folder.clear(releases=acts.RELEASES)
            lake = Lake.open(self.folder.lake)
            self.console.print("lakebt backtests on what was known at the time.")
            self.releases(acts.publish_sample(lake))
            diff = acts.compare(lake)
            self.changes(diff)
            self.refused(acts.trade_on_holdings(lake, diff))
            self.allowed(acts.trade_on_announcement(lake))
            status.update(
                f"Simulating a market, and trading {acts.EVENTS} events in it "
                f"{len(acts.ENTRIES) * len(acts.EXITS)} ways"
            )
            market = acts.publish_simulated(lake)
            result = acts.sweep(lake, market)
            self.surface(result, market)
            self.pretended(acts.pretend(lake, market))
            status.update("Writing the report")
            result.report(self.folder.report)
        self.next_steps()
        return self.rows

    # --- the acts --------------------------------------------------------------------

    def releases(self, frame: pd.DataFrame) -> None:
        self.opens("A lake with two releases")
        self.says(
            "A release is a write-once name for what was known at an instant: here, "
            "two reports of one fund, as the SEC accepted them."
        )
        table = _table("release", "as of", "tables", "rows")
        table.columns[-1].justify = "right"
        shown = frame[["name", "as_of", "tables", "rows"]]
        for name, as_of, tables, rows in shown.to_numpy().tolist():
            self.tells(release=name, as_of=as_of, tables=tables, rows=rows)
            table.add_row(name, in_new_york(as_of), ", ".join(tables), f"{rows:,}")
        self.shows(table)

    def changes(self, diff: Diff) -> None:
        self.opens("What changed between them")
        by_isin = len(diff.reidentified)
        self.says(
            f"By ISIN alone {len(diff.added) + by_isin} holdings came and "
            f"{len(diff.removed) + by_isin} went. By what they are, "
            f"{len(diff.added)} and {len(diff.removed)}:"
        )
        table = _table("", "", "")
        table.show_header = False
        table.columns[1].justify = "right"
        for name, frame, style in (
            ("added", diff.added, "green"),
            ("removed", diff.removed, "red"),
        ):
            symbols = sorted(frame["symbol"].dropna())
            nameless = len(frame) - len(symbols)
            self.tells(change=name, count=len(frame), symbols=symbols)
            line = " ".join(symbols) + (f" and {nameless} unnamed" if nameless else "")
            table.add_row(Text(name, style=style), str(len(frame)), line)
        for row in diff.reidentified.itertuples():
            self.tells(
                change="re-identified",
                count=len(diff.reidentified),
                symbols=[row.symbol],
                isin_before=row.isin_before,
                isin_after=row.isin_after,
            )
            line = (
                f"{row.symbol}: {row.isin_before} is now {row.isin_after}; not a trade"
            )
            table.add_row(Text("re-identified", style="yellow"), str(by_isin), line)
        self.shows(table)

    def refused(self, refusal: LookAheadError) -> None:
        self.opens("The trade everyone would backtest")
        self.says(
            "The report of September shows who is new and who is gone: buy and sell "
            "them on 3 October."
        )
        wanted, known = refusal.needed_by, refusal.known_at
        assert wanted is not None  # noqa: S101 - both times are why it was refused
        assert known is not None  # noqa: S101
        late = known - wanted
        self.tells(
            trade="from the holdings",
            decision="refused",
            fact=refusal.fact,
            wanted_at=wanted,
            known_at=known,
            late_days=late.days,
        )
        table = _table("", "")
        table.show_header = False
        table.add_row(Text("refused", style="bold red"), "Nobody could know it yet.")
        table.add_row("wanted at", f"{in_new_york(wanted)}, to send the order")
        accepted = f"{in_new_york(known)} ({known:%H:%M:%S} UTC), accepted"
        table.add_row("known at", accepted)
        table.add_row("late by", Text(f"{late.days} days", style="bold"))
        self.shows(table)

    def allowed(self, orders: Sequence[acts.PlannedOrder]) -> None:
        self.says("The same trade, from the press release of 2 September:", above=True)
        enter, leave = (
            rule.partition("@")[2]
            for rule in (acts.ANNOUNCED_ENTRY, acts.ANNOUNCED_EXIT)
        )
        table = _table(
            Text("allowed", style="not dim bold green"),
            *("side", "weight", f"enter at the {enter}", f"leave at the {leave}"),
        )
        table.columns[2].justify = "right"
        for order in orders:
            self.tells(
                trade="from the announcement",
                decision="allowed",
                symbol=order.symbol,
                side=order.side,
                weight=order.weight,
                enter=order.enter,
                enter_by=order.enter_by,
                leave=order.leave,
                leave_by=order.leave_by,
            )
            table.add_row(
                order.symbol,
                order.side,
                f"{order.weight:+.0%}".replace("-", words.MINUS),
                _day_and_deadline(order.enter, order.enter_by),
                _day_and_deadline(order.leave, order.leave_by),
            )
        self.shows(table)
        self.notes(
            "By: when the order must be sent, New York. A plan, not a result: no price "
            "of a real company is made up here."
        )

    def surface(self, result: Result, market: SimulatedMarket) -> None:
        self.opens("Every entry and exit")
        planted = market.planted
        self.says(
            f"In a simulated market the truth is known: {acts.EVENTS} rebalances, each "
            f"with a planted jump of {planted.jump_bps:g} bp overnight, a drift of "
            f"{planted.drift_bps:g} bp until it takes effect, and a reversal of "
            f"{planted.reversal_bps:g} bp after it. Costs: {acts.COSTS}."
        )
        contents = contents_of(result.traded)
        cells = surface(contents)
        for (entry, exit_), cell in cells.items():
            self.tells(
                entry=entry,
                exit=exit_,
                sharpe=cell.sharpe,
                sharpe_se=cell.sharpe_se,
                n_events=cell.n_events,
                net_bps=cell.net_bps,
                reason=cell.reason,
                is_best=cell.chosen,
            )
        self.notes(
            "AD announced, ED effective, MD first shown by the holdings; +1 sessions, "
            "1w weeks after the entry."
        )
        self.shows(surface_table(contents, width=self.width))
        self.shows(reasons_legend(contents), above=False)
        self.shows(Text(story.answer(contents, cells), style="bold"))

    def pretended(self, result: Result) -> None:
        self.opens("What the refused cells pretended to earn")
        row = result.table().iloc[0]
        self.tells(
            entry=row["entry"],
            exit=row["exit"],
            gross_bps=row["gross_bps"],
            n_events=row["n_events"],
            is_point_in_time=result.is_point_in_time,
        )
        line = Text()
        line.append(f"{words.bps(row['gross_bps'])} bp per event", style="bold red")
        line.append(
            f" in the night between the announcement and the next open, over "
            f"{count(row['n_events'], 'event')} of the simulated market. "
            f"No order could have caught it."
        )
        self.shows(line, above=False)

    def next_steps(self) -> None:
        folder = self.folder
        self.rows.append({"lake": str(folder.lake), "report": str(folder.report)})
        self.console.print()
        self.console.rule("What next", style="dim", align="left")
        self.says("Open the report in a browser:", above=True)
        self.line(str(folder.report))
        self.says("Python starts in this environment by:")
        self.line(shlex.quote(sys.executable))
        self.says("Three lines of it, typed in any folder, make such a table:")
        for line in python_lines(folder.lake):
            self.line(line)
        self.says("The whole story is told in three notebooks of the repository:")
        self.line("notebooks/01_the_article.ipynb, notebooks/02_sp500.ipynb,")
        self.line("notebooks/03_is_it_real.ipynb")

    # --- how they are shown ----------------------------------------------------------

    @property
    def width(self) -> int:
        return self.console.width - INDENT

    def opens(self, title: str) -> None:
        self.act += 1
        self.console.print()
        heading = Text(f"{self.act}  {title}", style="bold")
        self.console.rule(heading, style="dim", align="left")

    def says(self, text: str, *, above: bool = False) -> None:
        self.shows(Text(text), above=above, below=False)

    def notes(self, text: str) -> None:
        self.shows(Text(text, style="dim"))

    def shows(
        self, what: RenderableType, *, above: bool = True, below: bool = False
    ) -> None:
        space = (int(above), 0, int(below), INDENT)
        self.console.print(Padding(what, space, expand=False))

    def line(self, text: str) -> None:
        # Whole, to be copied, even where a path is longer than the screen.
        self.console.print(
            f"{' ' * INDENT}  {text}", style="cyan", markup=False, soft_wrap=True
        )

    def tells(self, **facts: Any) -> None:
        self.rows.append({"act": self.act, **facts})


def python_lines(lake: Path) -> tuple[str, str, str]:
    """Return the lines that make a table of the demo's lake."""
    place = json.dumps(str(lake.absolute()))
    return (
        "import lakebt",
        f'view = lakebt.Lake.open({place}).at("{acts.SIMULATED}")',
        'lakebt.Study(view, index="SIM").run().sharpe()',
    )


def _table(*columns: str | Text) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column)
    return table


def _day_and_deadline(fill: dt.datetime, deadline: dt.datetime) -> str:
    return f"{in_new_york(fill)[:10]}, by {in_new_york(deadline)[11:16]}"
