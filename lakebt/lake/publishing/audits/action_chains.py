"""Audits of actions beside others: what can happen to a share only once.

And of identifiers beside others: one may be valid for one instrument at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyiceberg.expressions import AlwaysTrue

from lakebt.lake.publishing.audits.finding import Finding, first, sample, some
from lakebt.lake.publishing.audits.neighbours import joined
from lakebt.lake.reading.instrument_rows import in_force_of
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, INSTRUMENTS
from lakebt.prices.actions import ActionKind
from lakebt.prices.instruments import PRICES, SYMBOL

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Handed
    from lakebt.prices.instruments import Instruments


INSTRUMENT_COLUMNS = tuple(INSTRUMENTS.names)

_ENDINGS = [kind.value for kind in ActionKind if kind.is_ending]
_INTO_OTHERS = [ActionKind.RENAME.value, ActionKind.MERGER.value]


def audit_actions(
    rows: pa.Table, place: IntVector, told: Instruments
) -> Iterator[Finding]:
    """Give symbols that end twice, chains that go in a circle, and wrong renames.

    Parameters
    ----------
    rows
        All vintages known, with what identifies actions and chains.
    place : ndarray of shape (n_rows,)
        Where each was handed over; -1 for those the lake holds.
    told
        The instrument of each ticker.
    """
    at = in_force_of(rows, ["action_id"])
    facts = frame(take(rows, at)).assign(row=place[at])
    yield from _contradictions(facts, told)
    endings = facts[facts["kind"].isin(_ENDINGS)].sort_values(
        ["symbol", "ex_date", "action_id"], ignore_index=True
    )
    yield from _twice(endings, told)
    yield from _cycles(endings[endings["kind"].isin(_INTO_OTHERS)])


def _contradictions(facts: pd.DataFrame, told: Instruments) -> Iterator[Finding]:
    """Find actions of which `instruments` says something else."""
    if not told:
        return
    of_others = facts[facts["other"].notna()]
    lines = {
        index: line
        for index, row in zip(of_others.index, of_others.itertuples(), strict=True)
        if (line := _contradiction(row, told))
    }
    if not lines:
        return
    rows = of_others.loc[list(lines)]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="identity",
        severity="fail",
        message=(
            f"{some(len(rows), 'action')} another story than instruments "
            f"({sample(list(lines.values())[:3], len(rows))}). Correct one of the two."
        ),
        rows=rows.reset_index(drop=True),
    )


def _contradiction(row: Any, told: Instruments) -> str:
    """Say what `instruments` has against an action; empty for nothing."""
    day, symbol, other = row.ex_date.date(), row.symbol, row.other
    before = told.of(symbol, told.day_before(symbol, day))
    after = told.of(other, day)
    what = f"{_where(row.row)} {symbol}: {row.kind} to {other} on {day}"
    if row.kind != ActionKind.RENAME:
        is_same = before is not None and before == after
        return f"{what}, but both are {before}" if is_same else ""
    if before is not None and after is not None and before != after:
        return f"{what}, but {symbol} was {before} and {other} is {after}"
    if before is not None and told.of(symbol, day) == before:
        return f"{what}, but {before} is called {symbol} on that day still"
    return ""


def _twice(endings: pd.DataFrame, told: Instruments) -> Iterator[Finding]:
    group = endings.groupby("symbol", sort=False)
    before = endings.assign(
        kind_before=group["kind"].shift(),
        before=group["ex_date"].shift(),
        row_before=group["row"].shift(),
    )
    again = before[before["before"].notna()]
    again = again[(again["row"] >= 0) | (again["row_before"] >= 0)]
    if len(again):
        is_other = [_is_another(row, endings, told) for row in again.itertuples()]
        again = again[~np.array(is_other, dtype=bool)]
    if again.empty:
        return
    lines = [
        f"{_where(row.row)} {row.symbol}: {row.kind} on {row.ex_date.date()} after "
        f"{row.kind_before} on {row.before.date()}"
        for row in first(again)
    ]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="endings",
        severity="fail",
        message=(
            f"{some(len(again), 'symbol')} another ending after its first "
            f"({sample(lines, len(again))}). Keep the one that was, under one "
            f"action_id; two companies of one ticker need two symbols, or rows of "
            f"instruments."
        ),
        rows=again.drop(columns="row_before").reset_index(drop=True),
    )


def _is_another(row: Any, endings: pd.DataFrame, told: Instruments) -> bool:
    """Whether the symbol was somebody's anew between two endings of it."""
    if row.before == row.ex_date:
        return False
    came = endings[endings["other"] == row.symbol]
    if any(row.before <= each.ex_date < row.ex_date for each in came.itertuples()):
        return True
    first_one, then = (
        told.of(row.symbol, told.day_before(row.symbol, day.date()))
        for day in (row.before, row.ex_date)
    )
    return None not in {first_one, then} and first_one != then


def _cycles(endings: pd.DataFrame) -> Iterator[Finding]:
    """Find chains of renames and mergers that come back on the day they began.

    A ticker that comes back later is a fact.
    """
    into = {
        (str(row.symbol), row.ex_date): str(row.other)
        for row in endings.itertuples()
        if isinstance(row.other, str)
    }
    fresh = endings[endings["row"] >= 0]
    new = {(str(row.symbol), row.ex_date) for row in fresh.itertuples()}
    is_done: set[tuple[str, Any]] = set()
    cycles: list[list[tuple[str, Any]]] = []
    for start in into:
        path: list[tuple[str, Any]] = []
        seen: dict[tuple[str, Any], int] = {}
        at = start
        while at in into and at not in is_done and at not in seen:
            seen[at] = len(path)
            path.append(at)
            at = into[at], at[1]
        if at in seen:
            cycles.append(path[seen[at] :])
        is_done.update(path)
    cycles = [cycle for cycle in cycles if new & set(cycle)]
    if not cycles:
        return
    inside = {symbol for cycle in cycles for symbol, _ in cycle}
    lines = [
        " to ".join(symbol for symbol, _ in [*cycle, cycle[0]]) for cycle in cycles
    ]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="endings",
        severity="fail",
        message=(
            f"{some(len(cycles), 'chain')} its own beginning as its end, on one day "
            f"({sample(lines, len(cycles))}). What was called so before needs another "
            f"symbol."
        ),
        rows=endings[endings["symbol"].isin(inside)].reset_index(drop=True),
    )


def audit_instruments(
    held: Any, new: Handed, *, as_of: dt.datetime
) -> Iterator[Finding]:
    """Give identifiers that are valid twice on one day.

    Parameters
    ----------
    held
        Reads the lake's rows: some columns, by a filter.
    new
        Those that it lacks.
    as_of
        The release's cutoff.
    """
    rows, place = joined(held(INSTRUMENT_COLUMNS, AlwaysTrue()), new, as_of=as_of)
    at = in_force_of(rows, INSTRUMENTS.key)
    names = frame(take(rows, at)).assign(row=place[at])
    yield from _overlaps(names, ["kind", "identifier"])
    yield from _overlaps(
        names[names["kind"].isin([SYMBOL, PRICES])], ["kind", "instrument_id"]
    )


def _overlaps(names: pd.DataFrame, group: list[str]) -> Iterator[Finding]:
    """Find names that are two instruments' on a day, or one's that has two."""
    is_name = group == ["kind", "identifier"]
    others = "instrument_id" if is_name else "identifier"
    names = names.sort_values([*group, "valid_from", others], ignore_index=True)
    last = names["valid_to"].fillna(pd.Timestamp("9999-12-31").as_unit("us"))
    by = names.assign(last=last).groupby(group, sort=False)
    before = names.assign(
        last=last,
        other_before=by[others].shift(),
        valid_to_before=by["last"]
        .cummax()
        .groupby([names[name] for name in group], sort=False)
        .shift(),
        row_before=by["row"].shift(),
    )
    twice = before[before["valid_from"] <= before["valid_to_before"]]
    twice = twice[(twice["row"] >= 0) | (twice["row_before"] >= 0)]
    if not is_name:  # the same name twice is told already
        twice = twice[twice[others] != twice["other_before"]]
    if twice.empty:
        return
    lines = [
        f"{_where(row.row)} {row.kind} {getattr(row, group[1])}: "
        f"{getattr(row, others)} from {row.valid_from.date()}, {row.other_before} "
        f"until {_until(row.valid_to_before)}"
        for row in first(twice)
    ]
    what, of = ("identifier", "rows that are") if is_name else ("instrument", "names")
    yield Finding(
        table=INSTRUMENTS.name,
        audit="overlap",
        severity="fail",
        message=(
            f"{some(len(twice), what)} two {of} valid on one day "
            f"({sample(lines, len(twice))}). Give the first its valid_to: what the "
            f"lake has is corrected by the same row with a later known_at."
        ),
        rows=twice.drop(columns=["row_before", "last"]).reset_index(drop=True),
    )


def _until(day: pd.Timestamp) -> str:
    return "now" if day.year == 9999 else str(day.date())


def _where(row: int) -> str:
    return f"row {row}:" if row >= 0 else "the lake's"
