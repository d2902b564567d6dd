"""Twenty subjects are erased from many releases, and looked for in every byte.

    python -m benchmarks.erasing         # of 500 releases
    python -m benchmarks.erasing 12

Names of any script, some that begin others, in keys and in texts, in one release or in
most. The first fifth of the releases has none of them, and one table never does.
Afterwards grep and codecs of others find none of them, and every release holds the rows
that it held, but for those: in the same order, with the same values; what no subject
touches has its snapshots and its data files as they were, to the bit. Printed are
seconds of processor and bytes, by subject.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.lake import Lake
from lakebt.sessions import Sessions
from tests.lake.erasure.looking import found
from tests.lake.frames import Q1_KNOWN, bars, changes, clock, holdings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

SUBJECTS = (
    *("QXCO", "QXCOR", "QXCORP", "ZÜRN", "ÉCLAIR.PA", "日本電", "日本電産", "Ωmega-7"),
    *("OHARA'S", "A&ZQ", "BRK.Q", "qxco", "Ñandú", "ZZTOP", "ZZTOPS", "ЖЮЛИ", "ÅSEN"),
    *("한국전", "GQ-42", "MÜ/QI"),
)
"""Half of them are in every release from the fifth part on, half in the last only."""

STAY = ("AAA", "BBB", "QXCORPS", "ZZTOPSY")


TABLES = ("prices", "etf_holdings", "index_changes")


def make(path: Path, n_releases: int) -> Lake:
    lake = Lake.open(path, clock=clock)
    exchange = Sessions.of("XNYS")
    first = exchange.on_or_after(dt.date(2020, 1, 6))
    always, once = SUBJECTS[::2], SUBJECTS[1::2]
    for number in range(n_releases):
        day = exchange.date(first + number).isoformat()
        is_first, is_last = number == n_releases // 5, number == n_releases - 1
        symbols = STAY if number < n_releases // 5 else (*STAY, *always)
        if is_last:
            symbols = (*symbols, *once)
        tables = {"prices": bars(days=(day,), symbols=symbols)}
        if number == 0:
            tables["index_changes"] = changes(symbol=list(STAY[:2]))
        if is_first or is_last:
            isins = {f"US{n + 1:010}": name for n, name in enumerate(symbols)}
            names = [f"{name} Holding" for name in symbols]
            fund = f"F{number}"
            tables["etf_holdings"] = holdings(
                isins, "2022-03-31", Q1_KNOWN, fund=fund
            ).assign(name=names)
        lake.publish(tables, release=f"R{number}", as_of="2022-12-31T00:00:00Z")
    return lake


def digests(lake: Lake) -> Iterator[tuple[tuple[str, str], str, bool]]:
    """Give a digest of each table of each release, without the subjects' rows.

    And whether no subject has a row in it.
    """
    for release in lake.releases()["name"]:
        view = lake.at(release)
        for table in TABLES:
            frame = view.read(table)
            is_left = ~frame["symbol"].isin(SUBJECTS)
            left = frame[is_left].reset_index(drop=True)
            hashed = pd.util.hash_pandas_object(left).to_numpy().tobytes()
            yield (
                (release, table),
                hashlib.sha256(hashed).hexdigest(),
                bool(is_left.all()),
            )


def untouched(lake: Lake, keys: Collection[tuple[str, str]]) -> dict[Any, Any]:
    """Return the snapshot of tables of releases, and the digests of its data files."""
    tables, found = lake._storage.tables(), {}  # noqa: SLF001
    known: dict[str, str] = {}
    for release in lake._ledger().releases:  # noqa: SLF001
        for table in TABLES:
            pin = release.pin(table)
            if (release.name, table) not in keys or pin is None:
                continue
            paths = [
                task.file.file_path
                for task in tables[table].scan(snapshot_id=pin.snapshot_id).plan_files()
            ]
            for path in paths:
                if path not in known:
                    content = Path(path.removeprefix("file://")).read_bytes()
                    known[path] = hashlib.sha256(content).hexdigest()
            said = sorted((path, known[path]) for path in paths)
            found[release.name, table] = pin.snapshot_id, said
    return found


def seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("releases", type=int, nargs="?", default=500)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Make a lake, erase each subject, and look for all of them."""
    n_releases: int = parser().parse_args(words).releases
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lake"
        lake = make(path, n_releases)
        size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        say(f"{n_releases} releases, {size:,} bytes")
        read = list(digests(lake))
        before = {key: digest for key, digest, _ in read}
        same = {key for key, _, is_untouched in read if is_untouched}
        files = untouched(lake, same)
        say(f"made and read after {seconds():.0f} s of processor")
        for subject in SUBJECTS:
            began, wall = seconds(), time.monotonic()
            done = [
                lake.erase(table, where={"symbol": subject}, reason="a benchmark")
                for table in ("prices", "etf_holdings")
            ]
            say(
                f"{subject:<10} {len(done[0].rows):>5} releases "
                f"{done[0].n_rows + done[1].n_rows:>5} rows "
                f"{seconds() - began:6.2f} s of processor "
                f"{time.monotonic() - wall:6.2f} s"
                f" {'proved' if done[1].proof and done[1].proof.ok else done[1].proof}"
            )
        lake = Lake.open(path, create=False, clock=clock)
        after = {key: digest for key, digest, _ in digests(lake)}
        assert after == before
        assert untouched(lake, same) == files
        hits = found(path, SUBJECTS, Path(folder) / "bytes", but=STAY)
        assert hits == [], hits
        assert lake.doctor(deep=True).ok
        size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        say(
            f"{len(before)} tables of releases compared, {len(same)} of them untouched "
            f"and of the same files, to the bit; "
            f"grep found nothing in {size:,} bytes"
        )


if __name__ == "__main__":
    main()
