"""Prices by session and clustered by symbol: what has to be read for some of them.

    python -m benchmarks.clustered

Writes one data file of each kind, as lakebt does, of the same made-up bars, and prints
a line of JSON for each: its row groups and bytes, those that readers of 50 symbols and
of one session cannot leave out by their bounds, and seconds of processor to write it,
and to read it by a filter. Both files give the same rows, which is checked before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lakebt.lake.storage.clustering import GROUP_ROWS, clustered
from lakebt.lake.storage.datafiles import content_of
from lakebt.lake.tables.schemas import PRICES
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

WANTED = 50
"""Symbols that are read, if there are as many."""


def bars(n_symbols: int, n_sessions: int) -> pa.Table:
    """Return random walks in cents, sorted as prices are."""
    draws = np.random.default_rng(1)
    every = Sessions.of("XNYS").days.astype("datetime64[D]")
    first = int(np.searchsorted(every, np.datetime64("2010-01-04")))
    days = every[first : first + n_sessions]
    steps = 0.02 * draws.standard_normal((n_sessions, n_symbols))
    close = np.round(100 * np.exp(np.cumsum(steps, axis=0)), 2).ravel()
    count = len(close)
    names = np.array([f"S{number:05d}" for number in range(n_symbols)])
    known = days.astype("datetime64[us]") + np.timedelta64(21, "h")
    columns: dict[str, Any] = {
        "symbol": pa.array(np.tile(names, n_sessions)),
        "session": pa.array(np.repeat(days, n_symbols)),
        "open": np.round(close * draws.uniform(0.99, 1.01, count), 2),
        "high": np.round(close * 1.01, 2),
        "low": np.round(close * 0.99, 2),
        "close": close,
        "volume": draws.integers(10_000, 10_000_000, count).astype(float),
        "basis": pa.array(["raw"] * count),
        "known_at": pa.array(np.repeat(known, n_symbols), pa.timestamp("us")),
        "retracted": np.zeros(count, dtype=bool),
    }
    return pa.table(columns).cast(PRICES.arrow)


def measured(
    rows: pa.Table, symbols: list[str], day: Any, *, group_rows: int | None
) -> tuple[dict[str, object], list[pa.Table]]:
    """Write rows, and return what readers of them need, and what they read."""
    began = time.process_time()
    how: dict[str, Any] = {}
    if group_rows is not None:
        rows, how = clustered(rows), {"group_rows": group_rows}
    content, footer = content_of(PRICES.iceberg(), rows, PRICES, **how)
    wrote = time.process_time() - began
    found: dict[str, object] = {
        "rows": len(rows),
        "groups": footer.num_row_groups,
        "mb": round(content.size / 1e6, 1),
        "footer_kb": round(_footer_bytes(content) / 1e3),
        "write_cpu": round(wrote, 2),
    }
    read = []
    asked: tuple[tuple[str, str, list[Any]], ...] = (
        ("symbols", "symbol", symbols),
        ("session", "session", [day]),
    )
    for what, name, wanted in asked:
        column = PRICES.names.index(name)
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        needed = [g for g in groups if _may_hold(g.column(column).statistics, wanted)]
        found[f"{what}_groups"] = len(needed)
        of = [
            g.column(n).total_compressed_size
            for g in needed
            for n in range(g.num_columns)
        ]
        found[f"{what}_mb"] = round(sum(of) / 1e6, 1)
        began = time.process_time()
        source: Any = pa.BufferReader(content)
        layout = ds.ParquetFileFormat()
        fragment = layout.make_fragment(source)
        held = fragment.to_table(
            columns=["symbol", "session", "close"], filter=pc.field(name).isin(wanted)
        )
        found[f"{what}_cpu"] = round(time.process_time() - began, 2)
        found[f"{what}_rows"] = len(held)
        read.append(held.sort_by([("session", "ascending"), ("symbol", "ascending")]))
    return found, read


def _footer_bytes(content: pa.Buffer) -> int:
    size: int = pq.read_metadata(pa.BufferReader(content)).serialized_size
    return size


def _may_hold(bounds: Any, wanted: list[Any]) -> bool:
    return any(bounds.min <= value <= bounds.max for value in wanted)


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--symbols", type=int, default=2_000)
    found.add_argument("--sessions", type=int, default=2_520)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    asked = parser().parse_args(words)
    rows = bars(asked.symbols, asked.sessions)
    names = [f"S{number:05d}" for number in range(asked.symbols)]
    draws = np.random.default_rng(2)
    symbols = sorted(
        map(str, draws.choice(names, min(WANTED, len(names)), replace=False))
    )
    day = rows.column("session")[len(rows) // 2].as_py()
    kinds = {"session": None, "symbol": GROUP_ROWS}
    found = [measured(rows, symbols, day, group_rows=each) for each in kinds.values()]
    (_, by_session), (_, by_symbol) = found
    if by_session != by_symbol:
        sys.exit("the two files give other rows")
    for kind, (told, _) in zip(kinds, found, strict=True):
        sys.stdout.write(f"{json.dumps({'by': kind, **told})}\n")


if __name__ == "__main__":
    main()
