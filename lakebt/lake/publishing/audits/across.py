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
from lakebt.lake.publishing.audits.action_chains import audit_actions
from lakebt.lake.publishing.audits.bars_in_force import BAR_COLUMNS, NEAR_DAYS, Bars
from lakebt.lake.publishing.audits.explained_jumps import unexplained
from lakebt.lake.reading.instrument_rows import identifiers, in_force_of
from lakebt.lake.storage.predicates import FEW, between, is_in
from lakebt.lake.tables.arrow import column, keep, pc, take, truth
from lakebt.lake.tables.rows import integers, micros
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, INSTRUMENTS, PRICES
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyiceberg.expressions import BooleanExpression

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Finding, Severity
    from lakebt.prices.instruments import Instruments

    Held: TypeAlias = Callable[[str, tuple[str, ...], BooleanExpression], pa.Table]


COLUMNS = {
    CORPORATE_ACTIONS.name: ACTION_COLUMNS,
    PRICES.name: BAR_COLUMNS,
    INSTRUMENTS.name: tuple(INSTRUMENTS.names),
}
"""What is read of the rows of each table."""

_ENDINGS = is_in("kind", [kind.value for kind in ActionKind if kind.is_ending])


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
    """Give actions that bars, instruments or others contradict, and stale bars.

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
    instruments = _told(
        known(INSTRUMENTS.name, AlwaysTrue()), fresh.get(INSTRUMENTS.name)
    )
    if not fresh.keys().isdisjoint({CORPORATE_ACTIONS.name, INSTRUMENTS.name}):
        yield from audit_actions(actions, place, instruments)
    if fresh.keys() == {INSTRUMENTS.name}:
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
        told=instruments,
        severity=severity,
    )


def _told(held: pa.Table, fresh: Fresh | None) -> Instruments:
    """Return the instrument of each ticker, by the lake's rows and the new ones."""
    rows, _ = _joined(held, fresh)
    return identifiers(take(rows, in_force_of(rows, INSTRUMENTS.key)))


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
    return between("session", low, high), Or(between("ex_date", low, high), _ENDINGS)
