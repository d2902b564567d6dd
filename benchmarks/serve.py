"""Let clients read and publish through one server, and check that nothing got lost.

Run from the top of the repository, ``python -m benchmarks.serve 16 4 60``: how many
clients read, how many publish, and for how many seconds in each of three ways, with a
lake of its own: step by step through the server, by one request to it, and embedded,
without it, while the readers ask it. A reader loads a table by pyiceberg, and checks
that no tag it ever saw has moved. A publisher is lakebt in a process of its own, and
each of its releases goes into two tables. A release that is lost, duplicated or torn, a
tag that moved, or an answer that is a failure ends it with an error. What it prints are
times as clients see them, and as the server logs them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyiceberg.catalog.rest import RestCatalog

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock, q1
from tests.lake.publishers import ROOT, ROWS, name
from tests.lake.remote import Remote
from tests.servers import served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers import Served

TABLES = ("quant.prices", "quant.etf_holdings", "quant.releases")

READERS_IN_A_PROCESS = 8

STEPS, REQUEST, EMBEDDED = "step by step", "one request", "embedded"
WAYS = (STEPS, REQUEST, EMBEDDED)


def read(address: str, token: str, count: int, seconds: float) -> dict[str, Any]:
    """Load tables again and again, in `count` threads, each a client of its own."""
    took_s: list[float] = []
    moved: list[str] = []
    until = time.monotonic() + seconds

    def one(number: int) -> None:
        client = RestCatalog("lake", uri=address, token=token)
        seen: dict[tuple[str, str], int] = {}
        while time.monotonic() < until:
            table = TABLES[number % len(TABLES)]
            number += 1
            begin = time.perf_counter()
            refs = client.load_table(table).metadata.refs
            took_s.append(time.perf_counter() - begin)
            tags = {
                tag: to.snapshot_id
                for tag, to in refs.items()
                if tag != "main" and not tag.startswith("lakebt-")
            }
            for tag, snapshot in tags.items():
                if seen.setdefault((table, tag), snapshot) != snapshot:
                    moved.append(f"{table} {tag}")
            lost = {tag for held, tag in seen if held == table} - set(tags)
            moved.extend(f"{table} {tag}" for tag in lost)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"took_s": took_s, "moved": moved}


def publish(publisher: int, seconds: float, path: str | None) -> dict[str, Any]:
    """Publish until the time is over, into the catalog ``prod`` if there is no path."""
    lake = (
        Lake.open(catalog="prod", create=False, clock=clock)
        if path is None
        else Lake.open(path, create=False, clock=clock)
    )
    took_s: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        release = name(publisher, len(took_s))
        tables = {"prices": bars(symbols=(release,)), "etf_holdings": q1(fund=release)}
        begin = time.perf_counter()
        lake.publish(tables, release=release, as_of=AS_OF)
        took_s.append(time.perf_counter() - begin)
    return {"took_s": took_s}


def check(path: Path, published: Sequence[int], server: Served) -> None:
    """Check that just what was published is there, and that no answer was a failure."""
    lake = Lake.open(path, create=False, clock=clock)
    names = list(lake.releases()["name"])
    wanted = {name(p, n) for p, count in enumerate(published) for n in range(count)}
    assert len(names) == len(wanted)
    assert set(names) == wanted
    for sequence, release in enumerate(names, start=1):
        view = lake.at(release)  # checks tags, snapshots and the ledger
        if sequence % 25 == 0 or sequence == len(names):
            prices = view.read("prices")
            assert len(prices) == ROWS * sequence
            assert set(prices["symbol"]) == set(names[:sequence])
            assert set(view.read("etf_holdings")["fund"]) == set(names[:sequence])
    assert lake.doctor().ok
    statuses = Counter(status for _, status, _ in logged(server))
    assert not [status for status in statuses if status >= 500]


def logged(server: Served) -> list[tuple[str, int, float]]:
    """Return what the access log says: method, status, ms."""
    found = re.findall(
        r" (GET|HEAD|POST) \S+ (\d+) ([\d.]+) ms$",
        server.log.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return [(method, int(status), float(ms)) for method, status, ms in found]


def line(what: str, times_ms: Sequence[float]) -> str:
    """Return a row of the table: count, median, 95th and 99th percentile, longest."""
    shown = [np.quantile(times_ms, q) for q in (0.5, 0.95, 0.99, 1.0)]
    numbers = "".join(f"{each:>10.1f}" for each in shown)
    return f"{what:<34}{len(times_ms):>8,}{numbers}\n"


def start(*words: object) -> subprocess.Popen[str]:
    order = [sys.executable, "-m", "benchmarks.serve", *map(str, words)]
    return subprocess.Popen(order, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def run(way: str, readers: int, publishers: int, seconds: float) -> None:
    """Publish in one way, check, and print."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "lake"
        Lake.open(path, clock=clock)
        with served(path, Path(folder)) as server:
            remote = Remote(path, is_ours=True)
            offered = {"lakebt.releases": "no"} if way == STEPS else {}
            place = {"uri": server.address, "token": server.token}
            remote.configure(patch, type="rest", **place, **offered)
            into = [path] if way == EMBEDDED else []
            parts = [READERS_IN_A_PROCESS] * (readers // READERS_IN_A_PROCESS)
            if rest := readers % READERS_IN_A_PROCESS:
                parts.append(rest)
            reading = [start("--read", *place.values(), n, seconds) for n in parts]
            writing = [
                start("--publish", who, seconds, *into) for who in range(publishers)
            ]
            said = [
                json.loads(process.communicate()[0]) for process in [*reading, *writing]
            ]
            took = [each["took_s"] for each in said]
            moved = [what for each in said for what in each.get("moved", ())]
            assert not moved, moved
            published = [len(each) for each in took[len(parts) :]]
            check(path, published, server)
            answers = logged(server)
    reads_ms = [1000 * each for part in took[: len(parts)] for each in part]
    writes_ms = [1000 * each for part in took[len(parts) :] for each in part]
    conflicts = sum(status == 409 for _, status, _ in answers)
    sys.stdout.write(
        f"{readers} clients reading, {publishers} publishing ({way}), {seconds:.0f} s: "
        f"{len(reads_ms) / seconds:.0f} loads and {len(writes_ms) / seconds:.1f} "
        f"releases a second; none lost, duplicated or torn, no tag moved, no answer "
        f"failed; {conflicts} commits came second, and were made again\n"
        f"{'ms':<34}{'n':>8}{'median':>10}{'p95':>10}{'p99':>10}{'max':>10}\n"
    )
    sys.stdout.write(line("a load, as pyiceberg sees it", reads_ms))
    sys.stdout.write(line("a publication, as lakebt sees it", writes_ms))
    for method, what in (("GET", "a read"), ("POST", "a commit")):
        ms = [each for verb, _, each in answers if verb == method]
        if ms:
            sys.stdout.write(line(f"{what}, as the server logs it", ms))
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("readers", type=int, nargs="?", default=16)
    found.add_argument("publishers", type=int, nargs="?", default=4)
    found.add_argument("seconds", type=float, nargs="?", default=60.0)
    found.add_argument("--read", nargs=4, default=[], help="be its clients")
    found.add_argument("--publish", nargs="+", default=[], help="be a client")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run each way, or be what one of them starts."""
    asked = parser().parse_args(words)
    match asked.read, asked.publish:
        case [address, token, count, seconds], _:
            said = read(address, token, int(count), float(seconds))
            sys.stdout.write(json.dumps(said))
        case _, [who, seconds, *into]:
            said = publish(int(who), float(seconds), into[0] if into else None)
            sys.stdout.write(json.dumps(said))
        case _:
            for way in WAYS:
                run(way, asked.readers, asked.publishers, asked.seconds)


if __name__ == "__main__":
    main()
