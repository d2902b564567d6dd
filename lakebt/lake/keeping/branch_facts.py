"""The facts that a branch and main each got since the base, and where they clash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan

from lakebt.errors import ConflictError, listed
from lakebt.lake.publishing.audits.finding import Handed
from lakebt.lake.publishing.new_rows import compare
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.fingerprint import verify
from lakebt.lake.storage.scan_plan import plan
from lakebt.lake.tables.arrow import keep
from lakebt.lake.tables.rows import codes
from lakebt.lake.tables.schemas import ETF_HOLDINGS
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.table import FileScanTask, Table

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.schemas import TableSpec


Facts = dict[str, pa.Table]

_SHOWN = 3
"""Clashes that an error names; `Lake.clashes` has all."""


def facts_since(storage: Storage, base: Release, after: Release) -> Facts:
    """Return the rows that a later state has and a base has not, by table.

    Parameters
    ----------
    storage
        The lake.
    base
    after
        Built upon the base, on main or on a branch.

    Raises
    ------
    LakeError
        If they cannot be read.
    """
    tables = storage.on(None).tables()
    specs = storage.on(None).specs
    facts: Facts = {}
    for pin in after.tables:
        before = base.pin(pin.table)
        was = None if before is None else before.snapshot_id
        if was == pin.snapshot_id:
            continue
        table, spec = tables[pin.table], specs.of(pin.table)
        digests = dict(storage.told(table, pin.files))
        if before is not None:
            digests |= storage.told(table, before.files)
        with translated(storage.where):
            rows = _added(table, spec, was, pin.snapshot_id, digests)
        if len(rows):
            facts[pin.table] = rows
    return facts


def _added(
    table: Table,
    spec: TableSpec,
    before: int | None,
    after: int,
    told: Mapping[str, str],
) -> pa.Table:
    """Return the rows of the files that are new, but what a fold only copied."""
    now = _tasks(table, after)
    was = {} if before is None else _tasks(table, before)
    rows = _read(table, spec, [now[path] for path in now if path not in was], told)
    gone = [was[path] for path in was if path not in now]
    if not gone or not len(rows):
        return rows
    handed = Handed(spec=spec, rows=rows, places=np.arange(len(rows)))
    return compare(handed, _read(table, spec, gone, told)).handed.rows


def _tasks(table: Table, snapshot_id: int) -> dict[str, FileScanTask]:
    scan = table.scan(snapshot_id=snapshot_id)
    return {task.file.file_path: task for task in plan(scan)}


def _read(
    table: Table,
    spec: TableSpec,
    tasks: list[FileScanTask],
    told: Mapping[str, str],
) -> pa.Table:
    if not tasks:
        return spec.arrow.empty_table()
    verify(table.io, [task.file.file_path for task in tasks], told)
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    return scan.to_table(tasks).select(spec.names).cast(spec.arrow)


def clashes(storage: Storage, mine: Facts, mains: Facts) -> pd.DataFrame:
    """Return the facts of which a branch and main have each got what the other lacks.

    Parameters
    ----------
    storage
    mine, mains
        What the branch, and main, got since the base.

    Returns
    -------
    DataFrame
        As `Lake.clashes` returns it.
    """
    rows: list[dict[str, Any]] = []
    for name in sorted(mine.keys() & mains.keys()):
        spec = storage.on(None).specs.of(name)
        rows += _in_table(spec, mine[name], mains[name])
    instants = pd.DatetimeTZDtype("us", "UTC")
    kinds: dict[str, Any] = {
        **dict.fromkeys(("table", "key", "differs"), "str"),
        **dict.fromkeys(("main_known_at", "branch_known_at"), instants),
    }
    return pd.DataFrame(
        {
            column: pd.Series([row[column] for row in rows], dtype=kinds[column])
            for column in (
                *("table", "key", "main_known_at", "branch_known_at", "differs"),
            )
        }
    )


def _in_table(spec: TableSpec, mine: pa.Table, mains: pa.Table) -> list[dict[str, Any]]:
    # A report is a whole list: two of a fund about one day clash, whatever they hold.
    key = spec.key[:2] if spec.name == ETF_HOLDINGS.name else spec.key
    both = codes(pa.concat_tables([mine, mains]), key)
    here, there = both[: len(mine)], both[len(mine) :]
    own = _by_key(keep(mine, np.isin(here, there)), spec, key)
    others = _by_key(keep(mains, np.isin(there, here)), spec, key)
    clashing = []
    for what, rows in own.items():
        other = others[what]
        if not rows - other or not other - rows:
            continue  # what one side has, the other has too
        newest, newest_theirs = (_newest(r, spec) for r in (rows, other))
        differs = [
            name
            for name in spec.names
            if newest[name] != newest_theirs[name] and name != "known_at"
        ]
        clashing.append(
            {
                "table": spec.name,
                "key": listed(f"{n} {v}" for n, v in zip(key, what, strict=True)),
                "main_known_at": newest_theirs["known_at"],
                "branch_known_at": newest["known_at"],
                "differs": ", ".join(differs),
            }
        )
    return sorted(clashing, key=lambda row: str(row["key"]))


def _by_key(
    rows: pa.Table, spec: TableSpec, key: Iterable[str]
) -> dict[tuple[Any, ...], set[tuple[Any, ...]]]:
    """Return the rows of each key, as tuples of the table's columns."""
    places = [spec.names.index(name) for name in key]
    by_key: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for row in zip(*(rows.column(n).to_pylist() for n in spec.names), strict=True):
        by_key.setdefault(tuple(row[place] for place in places), set()).add(row)
    return by_key


def _newest(rows: set[tuple[Any, ...]], spec: TableSpec) -> dict[str, Any]:
    at = spec.names.index("known_at")
    newest = max(rows, key=lambda row: (row[at], str(row)))
    return dict(zip(spec.names, newest, strict=True))


def check_clashes(found: pd.DataFrame, *, branch: str, cure: str) -> None:
    """Check that nothing clashes.

    Raises
    ------
    ConflictError
        If something does; it names the first.
    """
    if found.empty:
        return
    shown = "; ".join(
        f"{row.table}: {row.key}, of main known at {row.main_known_at:%Y-%m-%d %H:%M}, "
        f"of the branch at {row.branch_known_at:%Y-%m-%d %H:%M}"
        for row in found.head(_SHOWN).itertuples()
    )
    more = "; ..." if len(found) > _SHOWN else ""
    facts = count(len(found), "fact")
    msg = (
        f"branch {branch!r} and main have each got, since its base, {facts} that the "
        f"other lacks ({shown}{more}). Nothing was changed. `lake.clashes({branch!r})` "
        f"lists all; {cure}"
    )
    raise ConflictError(msg)
