"""Twenty subjects are erased from many releases, and looked for in every byte.

    python -m benchmarks.erasing [RELEASES]

Names of any script, some that begin others, in keys and in texts, in one release or in
all. Afterwards grep and codecs of others find none of them, and every release holds the
rows that it held, but for those: in the same order, with the same values. Printed are
seconds of processor and bytes, by subject.
"""

from __future__ import annotations

import datetime as dt
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.lake import Lake
from lakebt.sessions import Sessions
from tests.lake.erasure.looking import found
from tests.lake.frames import Q1_KNOWN, bars, clock, holdings

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECTS = (
    *("QXCO", "QXCOR", "QXCORP", "ZÜRN", "ÉCLAIR.PA", "日本電", "日本電産", "Ωmega-7"),
    *("OHARA'S", "A&ZQ", "BRK.Q", "qxco", "Ñandú", "ZZTOP", "ZZTOPS", "ЖЮЛИ", "ÅSEN"),
    *("한국전", "GQ-42", "MÜ/QI"),
)
"""Half of them are in every release, half in the last one only."""

STAY = ("AAA", "BBB", "QXCORPS", "ZZTOPSY")


def make(path: Path, n_releases: int) -> Lake:
    lake = Lake.open(path, clock=clock)
    exchange = Sessions.of("XNYS")
    first = exchange.on_or_after(dt.date(2020, 1, 6))
    always, once = SUBJECTS[::2], SUBJECTS[1::2]
    for number in range(n_releases):
        day = exchange.date(first + number).isoformat()
        symbols: tuple[str, ...] = (*STAY, *always)
        if number == n_releases - 1:
            symbols = (*symbols, *once)
        tables = {"prices": bars(days=(day,), symbols=symbols)}
        if number in {0, n_releases - 1}:
            isins = {f"US{n + 1:010}": name for n, name in enumerate(symbols)}
            names = [f"{name} Holding" for name in symbols]
            fund = f"F{number}"
            tables["etf_holdings"] = holdings(
                isins, "2022-03-31", Q1_KNOWN, fund=fund
            ).assign(name=names)
        lake.publish(tables, release=f"R{number}", as_of="2022-12-31T00:00:00Z")
    return lake


def frames(lake: Lake) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for release in lake.releases()["name"]:
        view = lake.at(release)
        for table in ("prices", "etf_holdings"):
            yield (release, table), view.read(table)


def seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(n_releases: int = 500) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lake"
        lake = make(path, n_releases)
        size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        say(f"{n_releases} releases, {size:,} bytes")
        before = dict(frames(lake))
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
        n_same = 0
        for key, frame in frames(lake):
            left = before[key][~before[key]["symbol"].isin(SUBJECTS)]
            pd.testing.assert_frame_equal(frame, left.reset_index(drop=True))
            n_same += len(left) == len(before[key])
        hits = found(path, SUBJECTS, Path(folder) / "bytes", but=STAY)
        assert hits == [], hits
        assert lake.doctor(deep=True).ok
        size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        say(
            f"{len(before)} tables of releases compared, {n_same} of them untouched; "
            f"grep found nothing in {size:,} bytes"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
