"""What a lake of many releases costs that nobody has the time to publish.

The first releases are published for real, a day of 500 bars each. All the others are
made up: each is a row of the ledger, and a tag and a snapshot of `prices`, as a
publication leaves them, but with the files of the last real one. So what grows with the
number of releases is there (metadata and ledger), and what grows with the days is not
(data files and manifests; `growth.py` has those).

    python -m benchmarks.many 10000

prints milliseconds of wall time, medians of seven: of a publication, and of opening the
lake anew and reading the closes of its newest and of its first release; and the sizes
in MB of the newest metadata of `prices` and of the page of the ledger.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import SnapshotLogEntry

import lakebt
from benchmarks.growth import days, read_ms, say
from lakebt.lake.committing import sql, stage
from lakebt.lake.committing.ledger import ledger_rows, read_state
from lakebt.lake.storage import metadata as storing
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Sequence

REAL, MEASURED = 63, 7


def publish(path: Path, parts: list, first: int) -> list[float]:  # type: ignore[type-arg]
    """Publish a release a day, and return how long each took."""
    lake = lakebt.Lake.open(path)
    took = []
    for number, (bars, known) in enumerate(parts, first):
        started = time.perf_counter()
        lake.publish({"prices": bars}, release=f"D{number:05}", as_of=known)
        took.append((time.perf_counter() - started) * 1000)
    return took


def multiply(path: Path, count: int) -> None:
    """Make up releases like the last one until there are `count`."""
    storage = lakebt.Lake.open(path)._storage  # noqa: SLF001
    tables, ledger = read_state(storage)
    prices, releases = tables["prices"], list(ledger.releases)
    held = prices.metadata
    head = held.current_snapshot()
    last = releases[-1]
    assert head is not None
    snapshots, refs, log = (
        list(held.snapshots),
        dict(held.refs),
        list(held.snapshot_log),
    )
    draw = random.Random(0)  # noqa: S311
    for number in range(len(releases) + 1, count + 1):
        made, name = draw.getrandbits(62), f"D{number:05}"
        told = {
            "snapshot_id": made,
            "parent_snapshot_id": snapshots[-1].snapshot_id,
            "sequence_number": number,
        }
        snapshots.append(head.model_copy(update=told))
        ref = {"snapshot-id": made, "type": SnapshotRefType.TAG}
        refs[name] = SnapshotRef.model_validate(ref)
        entry = {"snapshot-id": made, "timestamp-ms": head.timestamp_ms}
        log.append(SnapshotLogEntry.model_validate(entry))
        pins = tuple(
            dataclasses.replace(
                pin, snapshot_id=made, digest=f"{draw.getrandbits(256):064x}"
            )
            for pin in last.tables
        )
        digest = f"{draw.getrandbits(256):064x}"
        releases.append(
            dataclasses.replace(
                last, name=name, sequence=number, tables=pins, digest=digest
            )
        )
    newest = snapshots[-1].snapshot_id
    refs["main"] = refs["main"].model_copy(update={"snapshot_id": newest})
    grown = held.model_copy(
        update={
            "snapshots": snapshots,
            "refs": refs,
            "snapshot_log": log,
            "current_snapshot_id": newest,
            "last_sequence_number": count,
        }
    )
    folder, _ = prices.metadata_location.rsplit("/", 1)
    location = f"{folder}/09999-made-up.gz.metadata.json"
    storing.write(grown, prices.io, location)
    page = ledger_rows(releases, tables[LEDGER])
    staged = stage.stage_rewrite(tables[LEDGER], page, summary={})
    with sql.turn(storage.catalog) as session:  # type: ignore[arg-type]
        sql.swap(session, storage.catalog, prices, location)  # type: ignore[arg-type]
        sql.commit(session, storage.catalog, [staged])  # type: ignore[arg-type]


def newest_mb(path: Path, table: str, pattern: str) -> float:
    """Return the size of the newest file of a table that is called so."""
    files = (path / "warehouse/quant" / table).rglob(pattern)
    return max(files, key=lambda file: file.stat().st_mtime_ns).stat().st_size / 1e6


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("count", type=int, help="how many releases there shall be")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Publish, make up, and measure."""
    count: int = parser().parse_args(words).count
    os.environ["LAKEBT_CACHE"] = "off"
    real = min(REAL, count)
    parts = days(real + MEASURED, ticks=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lake"
        publish(path, list(itertools.islice(parts, real)), 1)
        multiply(path, count)
        took = publish(path, list(parts), count + 1)
        newest = f"D{count + MEASURED:05}"
        newest_ms, first_ms = read_ms(path, newest), read_ms(path, "D00001")
        metadata = newest_mb(path, "prices", "*.metadata.json")
        page = newest_mb(path, LEDGER, "*.parquet")
    say(
        f"{count:,} releases: publish {statistics.median(took):.0f} ms (longest "
        f"{max(took):.0f}), open and read the newest {newest_ms:.0f} ms, the first "
        f"{first_ms:.0f} ms; metadata of prices {metadata:.2f} MB, ledger {page:.2f} MB"
    )


if __name__ == "__main__":
    main()
