"""A publisher that can be stopped: releases by number, and a process to stop.

What release ``R<n>`` holds follows from its number, so whoever looks at the lake
afterwards knows what must be in it without asking the publisher. The publisher is
forked from a process that has imported everything, so that stopping one costs a tenth
of a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.lake import Lake
from lakebt.lake.committing import fold
from tests.forked import python
from tests.lake.frames import AS_OF, bars, changes, clock, q1

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from pyiceberg.table import Table

    from lakebt.lake.reading.view import View

ROOT = Path(__file__).resolve().parents[2]

DAYS = (
    *("2013-01-02", "2014-01-02", "2015-01-02", "2016-01-04", "2017-01-03"),
    *("2018-01-02", "2019-01-02", "2020-01-02", "2021-01-04", "2022-01-03"),
)
"""One session a year."""

Rows = dict[str, set[tuple[Any, ...]]]
"""The rows of each table, as tuples of what identifies them and says their value."""

COLUMNS = {
    "prices": ["symbol", "session", "close", "volume"],
    "etf_holdings": ["fund", "isin", "symbol", "status"],
    "index_changes": ["symbol", "side", "effective"],
}


ROWS = {"prices": len(DAYS), "etf_holdings": 2, "index_changes": 2}
"""How many rows each release adds to each table."""


def tables(number: int) -> dict[str, pd.DataFrame]:
    """Return what is published as ``R<number>``: three tables, a data file each."""
    names = [f"S{number}Y{day[:4]}" for day in DAYS]
    return {
        "prices": bars(DAYS, ("",)).assign(symbol=names, volume=number),
        "etf_holdings": q1(fund=f"F{number}"),
        "index_changes": changes(symbol=[f"NEW{number}", f"OLD{number}"]),
    }


def publish(lake: Lake, number: int) -> float:
    """Publish ``R<number>``, and return how many seconds that took."""
    begin = time.perf_counter()
    lake.publish(tables(number), release=f"R{number}", as_of=AS_OF)
    return time.perf_counter() - begin


def expected(last: int) -> Rows:
    """Return what ``R<last>`` must read as: all that was published up to it."""
    rows: Rows = {name: set() for name in COLUMNS}
    for number in range(1, last + 1):
        rows["prices"] |= {
            (f"S{number}Y{day[:4]}", pd.Timestamp(day), 10.0 + place, float(number))
            for place, day in enumerate(DAYS)
        }
        rows["etf_holdings"] |= {
            (f"F{number}", "US0000000001", "OLD", "new"),
            (f"F{number}", "US0000000002", "BOTH", "new"),
        }
        rows["index_changes"] |= {
            (f"NEW{number}", "addition", pd.Timestamp("2022-09-19")),
            (f"OLD{number}", "deletion", pd.Timestamp("2022-09-19")),
        }
    return rows


def found(lake: Lake, number: int) -> Rows:
    """Return what ``R<number>`` reads as; a row that is there twice fails."""
    return found_in(lake.at(f"R{number}"))


def found_in(view: View) -> Rows:
    """Return what a release reads as; a row that is there twice fails."""
    rows = {}
    for name, columns in COLUMNS.items():
        frame = view.read(name, columns=columns)
        rows[name] = set(frame.itertuples(index=False, name=None))
        assert len(rows[name]) == len(frame), f"{name} of {view} holds a row twice"
    return rows


@contextlib.contextmanager
def raw_tables(path: Path) -> Iterator[dict[str, Table]]:
    """Give the lake's tables as any other program loads them."""
    catalog = SqlCatalog(
        "lake", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}/warehouse"
    )
    try:
        yield {
            name[-1]: catalog.load_table(name) for name in catalog.list_tables("quant")
        }
    finally:
        catalog.engine.dispose()


def check_whole(path: Path, last: int, *, read: Sequence[int] = ()) -> None:
    """Check that R1 to ``R<last>`` are there, tagged and pinned, and nothing else is.

    Parameters
    ----------
    path
        The lake's directory.
    last
        The newest release there must be.
    read
        Of which releases to compare every row.
    """
    lake = Lake.open(path, create=False, clock=clock)
    names = [f"R{number}" for number in range(1, last + 1)]
    assert list(lake.releases()["name"]) == names
    heads = lake.at(names[-1]).provenance()["snapshots"] if names else {}
    with raw_tables(path) as raw:
        for name, table in raw.items():
            tags = {ref for ref in table.metadata.refs if ref != "main"}
            if name == "releases":
                assert tags == set()
                continue
            assert tags == (set(names) if name in COLUMNS else set()), name
            head = table.metadata.current_snapshot()
            assert (head and head.snapshot_id) == heads.get(name), name
            # Whatever a view makes of them: no row is there twice.
            count = sum(task.file.record_count for task in table.scan().plan_files())
            assert count == last * ROWS.get(name, 0), name
    for number in read:
        assert found(lake, number) == expected(number)


def data_files(path: Path, table: str) -> int:
    """Return how many data files the head of a table has."""
    with raw_tables(path) as raw:
        return len(list(raw[table].scan().plan_files()))


def orphans(path: Path) -> set[str]:
    """Return the files below a lake's warehouse that no table refers to."""
    used: set[str] = set()
    with raw_tables(path) as raw:
        for table in raw.values():
            used.add(table.metadata_location)
            used |= {entry.metadata_file for entry in table.metadata.metadata_log}
            for snapshot in table.metadata.snapshots:
                used.add(snapshot.manifest_list)
                for manifest in snapshot.manifests(table.io):
                    used.add(manifest.manifest_path)
                    used |= {
                        entry.data_file.file_path
                        for entry in manifest.fetch_manifest_entry(table.io)
                    }
    kept = {name.removeprefix("file://") for name in used}
    files = {str(file) for file in (path / "warehouse").rglob("*") if file.is_file()}
    return files - kept


_CAPABILITIES = 0x20080522
"""The version of Linux's interface to them."""

_RIGHTS = ctypes.c_uint32 * 6
"""Which are in effect, permitted, inherited; and the same of those from 32 on."""

_PAST_MODES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""

MOMENTS = ("write_files", "commit", "swap", "tidy")
"""Where a publisher may die: "swap" is between the first table's pointer and the next.

From "tidy" on, the release is there.
"""

_DYING = """
import json, os, signal, sys
from lakebt.lake import Lake
from lakebt.lake.committing import sql
from lakebt.lake.publishing import new_rows
from tests.lake.crash import publish
from tests.lake.frames import clock

moment, address = sys.argv[1], json.loads(sys.argv[2])
place = new_rows if moment == "write_files" else sql
really = getattr(place, moment)

def die(*arguments, **named):
    if moment == "swap":
        really(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(place, moment, die)
publish(Lake.open(**address, create=False, clock=clock), 2)
"""


def die_publishing(moment: str, **address: str) -> None:
    """Have a process publish ``R2`` into the lake at `address`, and die at a moment."""
    command = [*python(), "-c", _DYING, moment, json.dumps(address)]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL


class Publisher:
    """Publishes numbered releases in processes of its own, and stops them."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [*python(), "-m", "tests.lake.crash"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.communicate()

    def run(
        self, path: Path, *, first: int, delay_s: float, stop: str = "kill"
    ) -> dict[str, Any]:
        """Publish ``R<first>``, the next, and so on, until stopped.

        It folds as many files as this process would.

        Parameters
        ----------
        path
            The lake's directory.
        first
            The number of the first release to publish.
        delay_s
            How long after the lake was opened it is stopped.
        stop
            "kill", or "read-only": the directory is made so until the publisher gave
            up, who has no right to write in it even as root.

        Returns
        -------
        dict
            `done`, the seconds of each publish that came back; and `error`, the kind
            and text of the exception that ended it, None if it was killed.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = {"path": str(path), "first": first, "delay_s": delay_s, "stop": stop}
        order["limit"] = fold.LIMIT
        self._server.stdin.write(f"{json.dumps(order)}\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


def serve() -> None:
    """Carry out orders from standard input, each in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        publish(Lake.open(directory, clock=clock), 1)  # imports what is imported late
    for line in sys.stdin:
        order = json.loads(line)
        told, tell = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(told)
            if order["stop"] == "read-only":
                obey_modes()
            fold.LIMIT = order["limit"]
            _publish_on(Path(order["path"]), order["first"], tell)
        os.close(tell)
        with open(told, encoding="utf-8") as lines:  # noqa: PTH123 - of a pipe
            assert lines.readline() == "ready\n"
            time.sleep(order["delay_s"])
            if order["stop"] == "kill":
                os.kill(process, signal.SIGKILL)
                said = lines.readlines()
            else:
                with read_only(Path(order["path"])):
                    said = lines.readlines()
        os.waitpid(process, 0)
        answer: dict[str, Any] = {"done": [], "error": None}
        for line_said in said:
            word, text = line_said.split(maxsplit=1)
            if word == "done":
                answer["done"].append(float(text))
            else:
                answer["error"] = json.loads(text)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _publish_on(path: Path, first: int, tell: int) -> None:
    """Publish until stopped; never return, or this would be a second server."""
    try:
        lake = Lake.open(path, create=False, clock=clock)
        os.write(tell, b"ready\n")
        for number in itertools.count(first):
            os.write(tell, f"done {publish(lake, number)}\n".encode())
    except BaseException as error:  # noqa: BLE001 - told to whoever asked
        what = json.dumps([type(error).__name__, str(error)])
        os.write(tell, f"error {what}\n".encode())
    finally:
        os._exit(0)


def obey_modes() -> None:
    """Give up the right of root to read and to write what nobody may."""
    of_this_process, rights = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0), _RIGHTS()
    libc = ctypes.CDLL(None)
    assert libc.capget(of_this_process, rights) == 0
    rights[0] &= ~_PAST_MODES
    assert libc.capset(of_this_process, rights) == 0


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Take the right to write in a directory, and give it back."""
    taken: list[tuple[Path, int]] = []
    try:
        for place in [path, *path.rglob("*")]:
            with contextlib.suppress(FileNotFoundError):
                mode = place.stat().st_mode
                place.chmod(mode & ~0o222)
                taken.append((place, mode))
        yield
    finally:
        for place, mode in taken:
            with contextlib.suppress(FileNotFoundError):
                place.chmod(mode)


@contextlib.contextmanager
def without_rights(directory: Path) -> Iterator[None]:
    """Take the right to write from everything in a directory, and from us."""
    paths = [directory, *directory.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:  # whom permissions do not bind
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    serve()
