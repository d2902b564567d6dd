"""Audits across tables: actions beside bars, whichever of them is published.

They have the last word on jumps, which a published split explains.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, Or

from lakebt.instants import EPOCH
from lakebt.lake.publishing.audits.action_bars import (
    ACTION_COLUMNS,
    audit_beside_bars,
)
from lakebt.lake.publishing.audits.bars_in_force import BAR_COLUMNS, NEAR_DAYS, Bars
from lakebt.lake.publishing.audits.explained_jumps import unexplained
from lakebt.lake.storage.predicates import FEW, between, is_in
from lakebt.lake.tables.arrow import column, keep, pc, truth
from lakebt.lake.tables.rows import integers, micros
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, PRICES
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyiceberg.expressions import BooleanExpression

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Finding, Severity

    Held: TypeAlias = Callable[[str, tuple[str, ...], BooleanExpression], pa.Table]


COLUMNS = {CORPORATE_ACTIONS.name: ACTION_COLUMNS, PRICES.name: BAR_COLUMNS}
"""What is read of the rows of each table."""


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """Rows of one table that the lake lacks, with their `COLUMNS`.

    Attributes
    ----------
    rows
    places
        Where each was handed over, from 0.
    """

    rows: pa.Table
    places: IntVector


def audit_across(
    findings: Iterable[Finding],
    fresh: Mapping[str, Fresh],
    held: Held,
    *,
    as_of: dt.datetime,
    severity: Callable[[str], Severity],
) -> Iterator[Finding]:
    """Give actions that the bars contradict, and bars that an action makes stale.

    Parameters
    ----------
    findings
        What each table's audits found: given too, without the jumps that an action
        explains.
    fresh
        New rows of the tables of `COLUMNS`, of those that are published.
    held
        Reads columns of a table of the lake, by a filter; none of one it lacks.
    as_of
        The release's cutoff.
    severity
        Of an audit, by its name.
    """
    bars, new_actions = fresh.get(PRICES.name), fresh.get(CORPORATE_ACTIONS.name)

    def known(name: str, where: BooleanExpression) -> pa.Table:
        rows = held(name, COLUMNS[name], where)
        return keep(rows, integers(rows, "known_at") <= micros(as_of))

    yield from unexplained(
        findings,
        lambda where: _joined(known(CORPORATE_ACTIONS.name, where), new_actions)[0],
    )
    if not fresh:
        return
    near: BooleanExpression = AlwaysTrue()
    which: BooleanExpression = AlwaysTrue()
    if new_actions is None and bars is not None:
        near, which = _near(bars.rows)
    actions, place = _joined(known(CORPORATE_ACTIONS.name, which), new_actions)
    if not len(actions):
        return
    names = {
        name
        for side in ("symbol", "other")
        for name in column(actions, side).unique().to_pylist()
        if name is not None
    }
    some = is_in("symbol", sorted(names)) if len(names) <= FEW else AlwaysTrue()
    rows, bar_place = _joined(
        known(PRICES.name, some if near == AlwaysTrue() else near), bars
    )
    own = truth(pc.is_in(column(rows, "symbol"), pa.array(sorted(names), pa.string())))
    yield from audit_beside_bars(
        actions,
        place,
        Bars.of(keep(rows, own), bar_place[own]),
        severity=severity,
    )


def _joined(held: pa.Table, fresh: Fresh | None) -> tuple[pa.Table, IntVector]:
    """Return what the lake knows, then what is new; and the places, -1 for the lake."""
    place = np.full(len(held), -1, dtype=np.int64)
    if fresh is None:
        return held.combine_chunks(), place
    rows = pa.concat_tables([held, fresh.rows.select(held.column_names)])
    return rows.combine_chunks(), np.concatenate([place, fresh.places])


def _near(bars: pa.Table) -> tuple[BooleanExpression, BooleanExpression]:
    """Return the filters for the lake's bars and actions that new bars may be about."""
    days = integers(bars, "session")
    low, high = (
        (EPOCH + dt.timedelta(days=int(day))).date().isoformat()
        for day in (days.min() - NEAR_DAYS, days.max() + NEAR_DAYS)
    )
    endings = is_in("kind", [kind.value for kind in ActionKind if kind.is_ending])
    return between("session", low, high), Or(between("ex_date", low, high), endings)
