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
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.rows import codes, flags, integers
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, INSTRUMENTS
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Handed


ACTION_COLUMNS = (
    *("action_id", "symbol", "kind", "ex_date", "other", "known_at", "retracted"),
)
"""What is read of the lake's actions."""

INSTRUMENT_COLUMNS = tuple(INSTRUMENTS.names)

_ENDINGS = [kind.value for kind in ActionKind if kind.is_ending]
_INTO_OTHERS = [ActionKind.RENAME.value, ActionKind.MERGER.value]


def in_force(rows: pa.Table, key: Sequence[str]) -> IntVector:
    """Return the rows that are the newest version of their key, and no retraction."""
    code = codes(rows, key)
    by = np.lexsort((integers(rows, "known_at"), code))
    is_last = np.ones(len(by), dtype=bool)
    is_last[:-1] = code[by[1:]] != code[by[:-1]]
    return np.sort(by[is_last & ~flags(rows, "retracted")[by]])


def audit_actions(held: Any, new: Handed, *, as_of: dt.datetime) -> Iterator[Finding]:
    """Give symbols that end twice, and chains that come back to where they began.

    Parameters
    ----------
    held
        Reads the lake's actions: some columns, by a filter.
    new
        Those that it lacks.
    as_of
        The release's cutoff.
    """
    rows, place = joined(held(ACTION_COLUMNS, AlwaysTrue()), new, as_of=as_of)
    at = in_force(rows, ["action_id"])
    facts = frame(take(rows, at)).assign(row=place[at])
    endings = facts[facts["kind"].isin(_ENDINGS)].sort_values(
        ["symbol", "ex_date", "action_id"], ignore_index=True
    )
    yield from _twice(endings)
    yield from _cycles(endings[endings["kind"].isin(_INTO_OTHERS)])


def _twice(endings: pd.DataFrame) -> Iterator[Finding]:
    group = endings.groupby("symbol", sort=False)
    before = endings.assign(
        kind_before=group["kind"].shift(),
        before=group["ex_date"].shift(),
        row_before=group["row"].shift(),
    )
    again = before[before["before"].notna()]
    again = again[(again["row"] >= 0) | (again["row_before"] >= 0)]
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
            f"action_id; two companies of one ticker need two symbols."
        ),
        rows=again.drop(columns="row_before").reset_index(drop=True),
    )


def _cycles(endings: pd.DataFrame) -> Iterator[Finding]:
    """Find chains of renames and mergers that come back."""
    into = {
        symbol: other
        for symbol, other in zip(endings["symbol"], endings["other"], strict=True)
        if isinstance(other, str)
    }
    new = set(endings.loc[endings["row"] >= 0, "symbol"])
    is_done: set[str] = set()
    found: list[list[str]] = []
    for start in into:
        path: list[str] = []
        seen: dict[str, int] = {}
        symbol = str(start)
        while symbol in into and symbol not in is_done and symbol not in seen:
            seen[symbol] = len(path)
            path.append(symbol)
            symbol = into[symbol]
        if symbol in seen:
            found.append(path[seen[symbol] :])
        is_done.update(path)
    found = [cycle for cycle in found if new & set(cycle)]
    if not found:
        return
    inside = {symbol for cycle in found for symbol in cycle}
    lines = [" to ".join([*cycle, cycle[0]]) for cycle in found]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="endings",
        severity="fail",
        message=(
            f"{some(len(found), 'chain')} its own beginning as its end "
            f"({sample(lines, len(found))}). What was called so before needs another "
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
    at = in_force(rows, INSTRUMENTS.key)
    names = frame(take(rows, at)).assign(row=place[at])
    names = names.sort_values(
        ["kind", "identifier", "valid_from", "instrument_id"], ignore_index=True
    )
    last = names["valid_to"].fillna(pd.Timestamp("9999-12-31").as_unit("us"))
    group = names.assign(last=last).groupby(["kind", "identifier"], sort=False)
    before = names.assign(
        instrument_before=group["instrument_id"].shift(),
        valid_to_before=group["last"]
        .cummax()
        .groupby([names["kind"], names["identifier"]], sort=False)
        .shift(),
        row_before=group["row"].shift(),
    )
    twice = before[before["valid_from"] <= before["valid_to_before"]]
    twice = twice[(twice["row"] >= 0) | (twice["row_before"] >= 0)]
    if twice.empty:
        return
    lines = [
        f"{_where(row.row)} {row.kind} {row.identifier}: {row.instrument_id} from "
        f"{row.valid_from.date()}, {row.instrument_before} until "
        f"{_until(row.valid_to_before)}"
        for row in first(twice)
    ]
    yield Finding(
        table=INSTRUMENTS.name,
        audit="overlap",
        severity="fail",
        message=(
            f"{some(len(twice), 'identifier')} two rows that are valid on one day "
            f"({sample(lines, len(twice))}). Give the first its valid_to."
        ),
        rows=twice.drop(columns="row_before").reset_index(drop=True),
    )


def _until(day: pd.Timestamp) -> str:
    return "now" if day.year == 9999 else str(day.date())


def _where(row: int) -> str:
    return f"row {row}:" if row >= 0 else "the lake's"
