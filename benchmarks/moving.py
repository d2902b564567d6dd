"""What it costs to copy and to move a lake of many releases, beside a plain copy.

    python -m benchmarks.moving FOLDER
    python -m benchmarks.moving FOLDER 2500 50 s3

makes a lake of 2,500 daily releases of 50 symbols in FOLDER if there is none, copies it
as ``cp -a`` does, exports it, backs it up twice with ten releases in between, and moves
it; and holds the digests of all releases of each copy against those of the lake. DuckDB
then reads every hundredth release of the export, by the snapshot that its tag names,
and the rows are those that lakebt reads from the lake. With ``s3`` it is copied to a
bucket instead, of SeaweedFS that runs here, plainly and as an export, and back.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.fs as pafs

from lakebt.lake import Lake
from lakebt.sessions import Sessions
from tests.engines.duck import BY_SNAPSHOT, duck
from tests.engines.engine import iceberg
from tests.servers import Seaweed, seaweedfs
from tests.servers.seaweed import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AS_OF = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def bars(number: int, symbols: int) -> pd.DataFrame:
    """Return the bars of one session."""
    exchange = Sessions.of("XNYS")
    session = exchange.date(exchange.on_or_after(dt.date(2012, 1, 3)) + number)
    close = 50 + np.random.default_rng(number).random(symbols)
    names = [f"S{place:03d}" for place in range(symbols)]
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close}
    frame = pd.DataFrame({"symbol": names, "session": session, **prices})
    return frame.assign(volume=1000.0, basis="raw")


def make(path: Path, releases: int, symbols: int) -> Lake:
    """Return a lake of so many daily releases, made now if it is not there."""
    lake = Lake.open(path)
    for number in range(len(lake.releases()), releases):
        rows = {"prices": bars(number, symbols)}
        lake.publish(rows, release=f"D{number}", as_of=AS_OF)
    return lake


def digests(path: Path) -> list[tuple[str, str]]:
    """Return the names and digests of all releases of a lake."""
    lake = Lake.open(path, create=False)
    return [(each.name, each.digest) for each in lake._ledger().releases]  # noqa: SLF001


def read_by_duckdb(copy: Path, lake: Lake, *, every: int = 100) -> int:
    """Have DuckDB read some releases of a copy, and return how many these were.

    Raises
    ------
    AssertionError
        If it reads other rows than the lake has.
    """
    table = iceberg(copy, "prices")
    names = lake.releases()["name"].tolist()
    chosen = dict.fromkeys([*names[::every], names[-1]])
    columns = ["symbol", "session", "open", "high", "low", "close", "volume"]
    with duck() as engine:
        for name in chosen:
            snapshot = table.metadata.refs[name].snapshot_id
            asked = [table.metadata_location, snapshot]
            read = engine.execute(BY_SNAPSHOT, asked).to_arrow_table().to_pandas()
            if digest(read[columns]) != digest(lake.at(name).read("prices")[columns]):
                raise AssertionError(name)
    return len(chosen)


def digest(rows: pd.DataFrame) -> str:
    """Return a digest of rows, in whatever order and types an engine gives them."""
    rows = rows.assign(session=pd.to_datetime(rows["session"]).dt.strftime("%F"))
    text = rows.sort_values(["session", "symbol"]).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def size(path: Path) -> tuple[int, int]:
    """Return how many files a folder has, and how many bytes."""
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    return len(sizes), sum(sizes)


def size_in(store: Seaweed, folder: str) -> tuple[int, int]:
    """Return how many files a folder in a bucket has, and how many bytes."""
    selector = pafs.FileSelector(f"{BUCKET}/{folder}", recursive=True)
    found = store.files().get_file_info(selector)
    sizes = [info.size for info in found if info.type is pafs.FileType.File]
    return len(sizes), sum(sizes)


def timed(
    what: str, do: Callable[[], Any], there: Callable[[], tuple[int, int]]
) -> dict[str, Any]:
    """Do something, and say how long it took and what is there then."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    do()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    n_files, n_bytes = there()
    figures = {"seconds": seconds, "processor": used, "files": n_files}
    return {"what": what, **figures, "MB": n_bytes / 1e6}


def measure(folder: Path, releases: int, symbols: int) -> pd.DataFrame:
    """Return what each way costs.

    Raises
    ------
    AssertionError
        If a copy says something else than the lake.
    """
    folder = folder.resolve()
    path, lake = folder / "lake", make(folder / "lake", releases, symbols)
    plain, copy, backup = folder / "plain", folder / "copy", folder / "backup"
    moved = folder / "moved away"
    for place in (plain, copy, backup, moved):
        shutil.rmtree(place, ignore_errors=True)
    told = digests(path)
    rows = [
        timed("plain copy", lambda: shutil.copytree(path, plain), lambda: size(plain)),
        timed("export", lambda: lake.export(copy), lambda: size(copy)),
        timed("first backup", lambda: lake.backup(backup), lambda: size(backup)),
    ]
    if digests(copy) != told or digests(backup) != told:
        raise AssertionError(copy)
    n_read = 0

    def read() -> None:
        nonlocal n_read
        n_read = read_by_duckdb(copy, lake)

    rows.append(timed("DuckDB reads the export", read, lambda: size(copy)))
    sys.stdout.write(f"DuckDB read {n_read} releases as lakebt does\n")
    lake = make(path, len(told) + 10, symbols)
    told = digests(path)
    rows += [
        timed("10 releases later", lambda: lake.backup(backup), lambda: size(backup)),
        timed("move", lambda: lake.move(moved), lambda: size(moved)),
        timed("settle", lambda: Lake.settle(plain, home=path), lambda: size(plain)),
    ]
    if digests(moved) != told or digests(backup) != told:
        raise AssertionError(moved)
    if not Lake.open(copy, create=False).doctor(deep=True).ok:
        raise AssertionError(copy)
    moved.rename(path)
    Lake.settle(path, home=moved)
    return pd.DataFrame(rows)


def measure_store(
    folder: Path, releases: int, symbols: int, store: Seaweed
) -> pd.DataFrame:
    """Return what each way to a bucket costs, and the way back.

    Raises
    ------
    AssertionError
        If a copy says something else than the lake.
    """
    path, lake = folder / "lake", make(folder / "lake", releases, symbols)
    back = folder / "back again"
    shutil.rmtree(back, ignore_errors=True)
    os.environ.update({**store.keys, "AWS_ENDPOINT_URL": store.endpoint})
    target, to = f"s3://{BUCKET}/copies/lake", store.files()

    def plainly() -> None:
        pafs.copy_files(
            str(path),
            f"{BUCKET}/plain",
            source_filesystem=pafs.LocalFileSystem(),
            destination_filesystem=to,
        )

    rows = [
        timed("plain copy", plainly, lambda: size_in(store, "plain")),
        timed(
            "export", lambda: lake.export(target), lambda: size_in(store, "copies/lake")
        ),
        timed("import", lambda: Lake.import_(target, back), lambda: size(back)),
    ]
    if digests(back) != digests(path):
        raise AssertionError(back)
    return pd.DataFrame(rows)


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("folder", type=Path)
    found.add_argument("releases", type=int, nargs="?", default=2_500)
    found.add_argument("symbols", type=int, nargs="?", default=50)
    found.add_argument("to", nargs="?", choices=["s3"])
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    asked = parser().parse_args(words)
    what = asked.folder, asked.releases, asked.symbols
    if asked.to == "s3":
        with seaweedfs() as store:
            found = measure_store(*what, store)
    else:
        found = measure(*what)
    sys.stdout.write(found.round(1).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
