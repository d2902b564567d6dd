"""Publishers in processes of their own, all at once, and what they must leave."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.lake import Lake
from lakebt.lake.committing import sql
from lakebt.lake.committing.invariants import check_heads
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.storage.catalog import open_catalog, open_path
from lakebt.lake.tables.schemas import LEDGER
from tests.forked import python
from tests.lake.frames import AS_OF, bars, clock, q1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.lake.storage.catalog import Storage

ROOT = Path(__file__).resolve().parents[2]
ROWS = len(bars(symbols=("A",)))


@dataclass(frozen=True)
class Run:
    """What publishers that ran at once took.

    Attributes
    ----------
    all_s
        From the first release's begin to the last one's end.
    took_s
        Of each publication, by publisher.
    waited_s
        Of it, for the catalog's lock; empty where there is none.
    """

    all_s: float
    took_s: tuple[tuple[float, ...], ...]
    waited_s: tuple[tuple[float, ...], ...]


def name(publisher: int, number: int) -> str:
    return f"P{publisher}N{number}"


def open_lake(path: str | None) -> Lake:
    """Open the lake at `path`, or that of the catalog ``prod``."""
    if path is None:
        return Lake.open(catalog="prod", clock=clock)
    return Lake.open(path, clock=clock)


def open_storage(path: str | None) -> Storage:
    """Open what lies below it."""
    if path is None:
        return open_catalog("prod", create=False)
    return open_path(path, create=False)


def run(
    path: str | None,
    *,
    publishers: int,
    releases: int,
    beside: Callable[[], None] | None = None,
) -> Run:
    """Let publishers publish at once, into two tables each time.

    Parameters
    ----------
    path
        The lake's directory; None for the catalog ``prod``.
    publishers, releases
        How many there are, and how often each of them publishes.
    beside
        What this process does meanwhile.
    """
    open_lake(path)
    order = [*python(), "-m", "tests.lake.publishers", str(releases)]
    place = [] if path is None else [path]
    processes = [
        subprocess.Popen(
            [*order, str(number), *place],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(publishers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    begin = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    if beside is not None:
        beside()
    said = [process.communicate()[0] for process in processes]
    all_s = time.perf_counter() - begin
    assert [process.returncode for process in processes] == [0] * publishers
    told = [json.loads(each) for each in said]
    return Run(
        all_s=all_s,
        took_s=tuple(tuple(each["took_s"]) for each in told),
        waited_s=tuple(tuple(each["waited_s"]) for each in told),
    )


def check(
    path: str | None, *, publishers: int, releases: int, read: Sequence[int] = ()
) -> None:
    """Check that no release was lost, duplicated or torn.

    Parameters
    ----------
    path, publishers, releases
        As they ran.
    read
        The sequences of which every row is compared; of all others the count.
    """
    lake = open_lake(path)
    frame = lake.releases()
    every = {name(p, n) for p in range(publishers) for n in range(releases)}
    assert len(frame) == len(every)
    assert set(frame["name"]) == every
    assert list(frame["sequence"]) == list(range(1, len(every) + 1))
    symbols: set[str] = set()
    storage = open_storage(path)
    tables = storage.tables()
    ledger = read_ledger(storage, tables[LEDGER])
    for release in ledger.releases:
        sequence, view = release.sequence, lake.at(release.name)  # checks tags, too
        symbols.add(release.name)
        counted = {pin.table: pin.rows for pin in release.tables}
        assert counted == {"prices": ROWS * sequence, "etf_holdings": 2 * sequence}
        if sequence in read:
            prices = view.read("prices")
            assert len(prices) == ROWS * sequence
            assert set(prices["symbol"]) == symbols
            holdings = view.read("etf_holdings")
            assert len(holdings) == 2 * sequence
            assert set(holdings["fund"]) == symbols
    check_heads(tables, ledger.last)


def _publish(publisher: int, releases: int, path: str | None) -> dict[str, Any]:
    lake = open_lake(path)
    took_s, waited_s = [], []
    really = sql.turn

    @contextlib.contextmanager
    def turn(catalog: Any, **asked: Any) -> Iterator[Any]:
        begin = time.perf_counter()
        with really(catalog, **asked) as session:
            waited_s.append(time.perf_counter() - begin)
            yield session

    sql.turn = turn
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(releases):
        release = name(publisher, number)
        tables = {"prices": bars(symbols=(release,)), "etf_holdings": q1(fund=release)}
        begin = time.perf_counter()
        lake.publish(tables, release=release, as_of=AS_OF)
        took_s.append(time.perf_counter() - begin)
    return {"took_s": took_s, "waited_s": waited_s}


if __name__ == "__main__":
    count, who, *where = sys.argv[1:]
    result = _publish(int(who), int(count), where[0] if where else None)
    sys.stdout.write(json.dumps(result))
