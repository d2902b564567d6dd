"""`lakebt trials`: what was tried on a lake, the good and the bad."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import options
from lakebt.cli.output import plain, print_json, records, terminal
from lakebt.cli.where import option, typed_where
from lakebt.errors import InvalidArgumentError
from lakebt.values.few_dates import NOTE, mark
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


DIGITS = 10
"""So many digits of an id are shown: of a million trials, one time in two million two
begin alike."""

LAST = 20
"""The default number of trials shown."""


def trials(
    *,
    trial_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            show_default=False,
            help="One trial in full: its id, or the first digits of it, at least 6.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only of this index, or of this strategy."),
    ] = None,
    where: Annotated[list[str] | None, option("index=SP500", "sharpe>1")] = None,
    last: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default=f"{LAST}, with --json all",
            help="Only the newest.",
        ),
    ] = None,
    lake: options.LakePath = None,
    catalog: options.Catalog = None,
    as_json: options.AsJson = False,
) -> None:
    """List what was tried on a lake, the newest last, or show one trial in full.

    A trial is a cell of a study, a study as a whole, or a backtest of a strategy.
    """
    _check_one(trial_id, study, where, last)
    from lakebt.lake.tables.trials import TRIALS_SPEC

    target = options.open_lake(lake, catalog)
    if trial_id is not None:
        _show(dict(target.trial(trial_id).items()), as_json=as_json)
        return
    kinds = {column.name: column.kind.value for column in TRIALS_SPEC.columns}
    wanted = typed_where(where or (), kinds, example="engine=event")
    if study is not None:
        wanted["study"] = study
    frame = target.trials(where=wanted)
    shown = frame if as_json and last is None else frame.tail(last or LAST)
    if as_json:
        print_json(records(shown))
        return
    _tell(frame, shown, is_filtered=bool(wanted))


def _check_one(trial_id: str | None, *filters: object) -> None:
    """Check that nothing is chosen from one trial.

    Raises
    ------
    InvalidArgumentError
        If something is.
    """
    if trial_id is not None and any(filters):
        msg = f"trial {trial_id!r} is one: leave --study, --where and --last out"
        raise InvalidArgumentError(msg)


def _tell(frame: pd.DataFrame, shown: pd.DataFrame, *, is_filtered: bool) -> None:
    """Print trials for people."""
    console = terminal()
    if frame.empty:
        nothing = "No trial matches." if is_filtered else "Nothing was tried yet."
        console.print(nothing)
        return
    console.print(_table(shown))
    rules = count(frame["rule_id"].nunique(), "rule")
    footer = f"{count(len(frame), 'trial')} of {rules}."
    if len(shown) < len(frame):
        footer += f" These are the last {len(shown):,}: --last N shows more."
    if any(map(mark, shown["n_dates"])):
        footer += f" {NOTE}."
    console.print(footer, style="dim", markup=False)


def _table(frame: pd.DataFrame) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("trial", no_wrap=True)
    table.add_column("run at\n(UTC)", no_wrap=True)
    table.add_column("study\nkind", overflow="fold")
    table.add_column("rule", overflow="fold", min_width=9)
    table.add_column("costs\nbps", no_wrap=True)
    table.add_column("Sharpe\n± se", justify="right", no_wrap=True)
    table.add_column("n\nevents", justify="right", no_wrap=True)
    table.add_column("release\nengine", overflow="fold")
    for row in records(frame):
        at = row["run_at"]
        cells = (
            row["trial_id"][:DIGITS],
            f"{at:%Y-%m-%d}\n{at:%H:%M:%S}",
            f"{row['study']}\n{row['kind']}",
            _rule(row),
            _costs(row),
            _ratio(row),
            f"{row['n_events']:,}",
            f"{row['release']}\n{row['engine']}",
        )
        table.add_row(*cells)
    return table


def _ratio(row: dict[str, Any]) -> str:
    """Return the Sharpe ratio above its error, marked where dates are few."""
    few = mark(row["n_dates"])
    return f"{_number(row['sharpe'])}{few}\n± {_number(row['sharpe_se'])}"


def _rule(row: dict[str, Any]) -> str:
    """Return what was tried, in few words."""
    parts = [str(row[name]) for name in ("strategy", "entry") if plain(row[name])]
    if plain(row["exit"]):
        parts.append(f"to {row['exit']}")
    if plain(row["strategy"]):
        parts += _of_strategy(json.loads(row["rule"]))
    return "\n".join(parts) or str(row["rule"])


def _of_strategy(rule: dict[str, Any]) -> list[str]:
    """Return what tells a strategy's backtest from another one."""
    from lakebt.inputs.in_words import in_words

    parameters = rule.get("parameters") or {}
    parts = [in_words("parameters", {name: v}) for name, v in parameters.items()]
    parts += [str(rule[name]) for name in ("start", "end") if name in rule]
    parts.append(", ".join(str(rule[n]) for n in ("rebalance", "fill") if n in rule))
    return [part for part in parts if part]


def _costs(row: dict[str, Any]) -> str:
    """Return commission and half spread, and below them what else is charged."""
    from lakebt.backtest.costs import CostModel

    rates = [row[name] for name in CostModel.RATES]
    costs = ["" if math.isnan(rate) else f"{rate:g}" for rate in rates]
    if not any(costs):
        return str(row["costs"])
    lines = [" + ".join(filter(None, costs[:2]))]
    lines += [f"{costs[2]} p.a."] if costs[2] else []
    recorded = json.loads(row["costs"])
    others = [n for n in CostModel.TERMS if n in recorded and n not in CostModel.RATES]
    lines += [f"{name.replace('_', ' ')} {recorded[name]:g}" for name in others]
    return "\n".join(filter(None, lines))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _show(row: dict[Any, Any], *, as_json: bool) -> None:
    """Print one trial, a line for each column."""
    if as_json:
        print_json([row])
        return
    from rich.table import Table

    from lakebt.lake.tables.trials import JSON

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in row.items():
        text = plain(value)
        if name in JSON:
            text = json.dumps(json.loads(value), ensure_ascii=False)
        table.add_row(str(name), "-" if text is None else str(text))
    terminal().print(table)
