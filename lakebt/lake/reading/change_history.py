"""Index changes with all their vintages, as facts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lakebt.facts import IndexChange, Side, Vintage
from lakebt.instants import day_in
from lakebt.lake.tables.arrow import column, keep, pc, take, truth
from lakebt.lake.tables.rows import order

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    import pyarrow as pa

    from lakebt.lake.reading.holdings import Reports


_FACTS = tuple(
    field.name for field in dataclasses.fields(IndexChange) if field.name != "recorded"
)

_SHARED = tuple(name for name in _FACTS if name not in {"symbol", "isin"})
"""Those that many changes have in common."""


class ChangeHistory:
    """Every vintage of every change of one index in one snapshot.

    Parameters
    ----------
    rows : pyarrow.Table
        All rows of ``index_changes``.
    reports
        From which `recorded` is filled in.
    index : str
    zone
        Where the exchange is.
    """

    def __init__(
        self, rows: pa.Table, reports: Reports, *, index: str, zone: dt.tzinfo
    ) -> None:
        rows = keep(rows, truth(pc.equal(column(rows, "index"), index)))
        rows = take(rows, order(rows, ("change_id", "known_at")))
        self._bare: list[Vintage] = []
        self._shown: dict[int, tuple[Vintage, dt.datetime]] = {}
        last_known = reports.last_known
        one: dict[object, Any] = {}
        for row in _each(rows):
            for name in _SHARED:  # one object of equal ones: of many changes it counts
                row[name] = one.setdefault(row[name], row[name])
            change = IndexChange(**{name: row[name] for name in _FACTS})
            shown = reports.first_shown(
                change.symbol,
                Side(change.side),
                after=change.announced or change.known_at,
                by=last_known,
                since=day_in(change.announced or change.known_at, zone),
                index=index,
            )
            bare = Vintage(
                change_id=row["change_id"], change=change, retracted=row["retracted"]
            )
            if shown is not None:
                recorded = dataclasses.replace(change, recorded=shown.known_at)
                full = dataclasses.replace(bare, change=recorded)
                self._shown[len(self._bare)] = full, shown.known_at
            self._bare.append(bare)

    def __len__(self) -> int:
        return len(self._bare)

    def known(self, as_of: dt.datetime) -> tuple[Vintage, ...]:
        """Return the vintages known at an instant, by `change_id` and `known_at`.

        `recorded` is filled in where the report that showed the change was known too.
        """
        vintages = self._bare.copy()
        for number, (full, shown_at) in self._shown.items():
            if shown_at <= as_of:
                vintages[number] = full
        return tuple(
            vintage for vintage in vintages if vintage.change.known_at <= as_of
        )

    def in_force(self, as_of: dt.datetime) -> tuple[Vintage, ...]:
        """Return the newest known vintage of each change, retracted ones left out."""
        newest = {vintage.change_id: vintage for vintage in self.known(as_of)}
        return tuple(v for v in newest.values() if not v.retracted)


def _each(rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as Python has them, some at a time: they take twenty times as much."""
    for batch in rows.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()
