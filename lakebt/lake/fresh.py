"""Which rows of a publication the lake lacks, and which contradict it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression

from lakebt.errors import InvalidDataError
from lakebt.lake.arrow import column, keep, pc, same, take
from lakebt.lake.catalog import translated
from lakebt.lake.commit import head_of
from lakebt.lake.rows import codes
from lakebt.lake.scan import between

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakebt.lake.catalog import Storage
    from lakebt.lake.schemas import TableSpec


def not_there_yet(
    rows: pa.Table, spec: TableSpec, *, table: Table, storage: Storage
) -> pa.Table:
    """Return the rows that the head of the table lacks.

    A row that is there already, word for word, is left out.

    Raises
    ------
    InvalidDataError
        If a row of the same key and `known_at` is there with other content.
    """
    if head_of(table) is None:
        return rows
    with translated(storage.where):
        there = table.scan(row_filter=_overlap(rows, spec)).to_arrow()
    if len(there) == 0:
        return rows
    there = there.select(spec.names).cast(spec.arrow)
    code = codes(pa.concat_tables([there, rows]), (*spec.key, "known_at"))
    old, new = code[: len(there)], code[len(there) :]
    by_code = np.argsort(old, kind="stable")
    place = np.minimum(np.searchsorted(old[by_code], new), len(old) - 1)
    found = old[by_code][place] == new
    mine, theirs = keep(rows, found), take(there, by_code[place[found]])
    agree = np.ones(len(mine), dtype=bool)
    for name in spec.names:
        agree &= same(column(mine, name), column(theirs, name))
    if not agree.all():
        count = int((~agree).sum())
        first = take(mine, [int(np.argmin(agree))])
        shown = first.select([*spec.key, "known_at"]).to_pylist()[0]
        row = ", ".join(f"{name} {value}" for name, value in shown.items())
        problem = (
            f"{count} {'row is' if count == 1 else 'rows are'} in the lake already "
            f"with other content (the first: {row}). A correction needs a later "
            f"known_at."
        )
        raise InvalidDataError(spec.name, problem)
    return keep(rows, ~found)


def _overlap(rows: pa.Table, spec: TableSpec) -> BooleanExpression:
    """Return a filter that leaves out files which cannot hold the same rows."""
    within: BooleanExpression = AlwaysTrue()
    for name in ("known_at", *spec.key):
        ends: Any = pc.min_max(column(rows, name)).as_py()
        low, high = (v if isinstance(v, str) else v.isoformat() for v in ends.values())
        within = And(within, between(name, low, high))
    return within
