"""Pieces of a sweep done here, one by one, as executors do them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.lake.trials.finished_file import FinishedFile
from lakebt.sweep.passes import Memory, passes
from lakebt.sweep.spark.bundle import Bundle
from lakebt.sweep.spark.messages import (
    CUT,
    ERROR,
    FILE,
    Done,
    unpack_error,
    unpack_rows,
)
from lakebt.sweep.spark.pieces import portions
from lakebt.sweep.spark.rounds import Rounds
from lakebt.sweep.spark.work import do, together
from tests.sweep.moved import in_order

if TYPE_CHECKING:
    from lakebt.sweep.sweep import Sweep

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def done(
    sweep: Sweep, *, laid_out: str = "", **how: Any
) -> tuple[list[pd.DataFrame], Counter[str]]:
    """Do all pieces of a sweep; return their cells, and how many of each kind."""
    asked = passes(sweep.points, known=frozenset(), memory=Memory("event"))
    cut = portions(asked, engine="event", **{"cores": 1, **how})
    rounds = Rounds(cut, sent=cut.prices.__getitem__, send=cut.prices.__setitem__)
    found: list[Done] = []
    kinds = Counter[str]()
    bundle = Bundle(laid_out, fewest=25)
    told: dict[str, Any] = {"run_at": NOW, "bundle": bundle}
    for unit in (unit for units in rounds for unit in units):
        by_number: dict[int, list[Done]] = {}
        for piece in unit.works:
            for one in do(piece, prices=cut.prices.__getitem__, **told):
                kinds[one.kind] += 1
                assert one.kind != ERROR, unpack_error(one.payload)
                by_number.setdefault(one.number, []).append(one)
        for number, parts in by_number.items():
            came = parts
            if not unit.is_whole:
                spec = cut.specs[number]
                joined = together(spec, parts[::-1], run_at=NOW, bundle=bundle)
                came = list(joined)
            for one in came:
                if one.kind == CUT:
                    rounds.take(one)
                else:
                    found.append(one)
    found += bundle.handed()
    rows = [rows_of(one, laid_out) for one in found]
    assert sum(one.cells for one in found) == sum(map(len, rows)) == len(sweep)
    return rows, kinds


def rows_of(done: Done, laid_out: str) -> pd.DataFrame:
    """Return the cells that were handed back."""
    rows = (
        FinishedFile(done.payload, laid_out).rows.to_pandas()
        if done.kind == FILE
        else unpack_rows(done.payload)
    )
    return rows[rows["kind"] == "cell"]


def at_once(sweep: Sweep) -> pd.DataFrame:
    """Return the cells of a sweep as they are run together."""
    rows = pd.concat(sweep.run(record=False)._kept)  # noqa: SLF001 - as recorded
    return in_order([rows[rows["kind"] == "cell"]])
