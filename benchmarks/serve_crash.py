"""Kill a server while clients publish through it, again and again; then look.

Run from the top of the repository, ``python -m benchmarks.serve_crash 3 20``: how many
clients publish, each a process of its own, and how often `lakebt serve` gets SIGKILL
and is started again at the same address. A client that is told an error publishes the
same again, as the error says. A release that is lost, torn or there twice ends it with
an error. A client is killed, too, each time the server is, and one takes its place.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.forked import python
from tests.lake.frames import AS_OF, bars, clock, q1
from tests.lake.publishers import ROOT
from tests.servers.mortal import Mortal
from tests.servers.running import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20220902

MOST_TRIES = 20


def publish(who: str, stop: Path) -> None:
    """Publish until a file is there; say each release when it is told to be there.

    Raises
    ------
    LakebtError
        If it fails too often.
    """
    lake: Lake | None = None
    number = 0
    while not stop.exists():
        number += 1
        release = f"{who}N{number}"
        rows = {"prices": bars(symbols=(release,)), "etf_holdings": q1(fund=release)}
        errors: list[str] = []
        begin = time.perf_counter()
        while True:
            try:
                lake = lake or Lake.open(catalog="prod", clock=clock)
                lake.publish(rows, release=release, as_of=AS_OF)
                break
            except LakebtError as error:
                errors.append(str(error))
                if len(errors) > MOST_TRIES:
                    raise
                time.sleep(0.5)
        said = {
            "release": release,
            "errors": errors,
            "s": time.perf_counter() - begin,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def client(server: Mortal, who: str, folder: Path) -> tuple[Any, Path]:
    """Start a client, and return it with the file of what it says."""
    said = folder / f"{who}.json"
    told = {"TYPE": "rest", "URI": server.address, "TOKEN": server.token}
    named = {f"PYICEBERG_CATALOG__PROD__{key}": text for key, text in told.items()}
    order = [*python(), "-m", "benchmarks.serve_crash", "--client", who]
    with said.open("w") as out:
        process = subprocess.Popen(
            [*order, str(folder / "stop")],
            cwd=ROOT,
            stdout=out,
            env={**os.environ, **named, "PYICEBERG_HOME": str(folder)},
        )
    return process, said


def kill(clients: int, kills: int) -> None:
    """Kill the server, and print what was found."""
    draw = random.Random(SEED)  # noqa: S311 - instants, not secrets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "lake"
        Lake.open(path, clock=clock)
        files: list[Path] = []
        with Mortal(path, folder / "log") as server:
            there: list[Any] = []
            for number in range(clients):
                process, said = client(server, f"C{number}", folder)
                there.append(process)
                files.append(said)
            for time_killed in range(kills):
                before = published(folder / "log")
                assert wait_until(
                    lambda n=before: published(folder / "log") > n + 2,  # type: ignore[misc]
                    alive=lambda: True,
                )
                time.sleep(draw.uniform(0.0, 0.5))
                there.pop(0).kill()
                server.kill()
                time.sleep(draw.uniform(0.0, 1.0))
                server.start()
                process, said = client(server, f"K{time_killed}", folder)
                there.append(process)
                files.append(said)
            (folder / "stop").touch()
            assert [each.wait() for each in there] == [0] * clients
        check(path, [json.loads(line) for file in files for line in lines(file)], kills)


def published(log: Path) -> int:
    """Return how many releases the server says that it published."""
    return log.read_text().count("POST /v1/lakebt/releases 200")


def lines(file: Path) -> list[str]:
    """Return what a client said; of one that was killed the last line may be cut."""
    return [line for line in file.read_text().splitlines() if line.endswith("}")]


def check(path: Path, said: list[dict[str, Any]], kills: int) -> None:
    """Check that what clients were told is there is there, once and whole."""
    lake = Lake.open(path, clock=clock)
    frame = lake.releases()
    names = list(frame["name"])
    told = {each["release"] for each in said}
    assert told <= set(names), f"lost: {sorted(told - set(names))}"
    assert len(set(names)) == len(names)
    assert list(frame["sequence"]) == list(range(1, len(names) + 1))
    seen: set[str] = set()
    for number, release in enumerate(names, start=1):
        seen.add(release)
        view = lake.at(release)
        if number % 10 == 0 or number == len(names):
            assert set(view.read("prices")["symbol"]) == seen
            assert set(view.read("etf_holdings")["fund"]) == seen
    found = Counter(finding.code for finding in lake.doctor())
    assert set(found) <= {"orphan_files"}, found
    took = sorted(each["s"] for each in said)
    errors = [error for each in said for error in each["errors"]]
    unknown = sum("whether it is there is not known" in error for error in errors)
    sys.stdout.write(
        f"{kills} kills of the server, and of a client each: {len(names)} releases, "
        f"{len(told)} told, {len(names) - len(told)} of clients killed before they "
        f"were; none lost, torn or twice. A publish took {took[len(took) // 2]:.2f} s "
        f"in the middle, {took[-1]:.1f} s at most; {len(errors)} errors were told, "
        f"{unknown} of which that nobody knows; {found['orphan_files']} orphan files\n"
    )
    for error, count in Counter(e[:160] for e in errors).most_common(3):
        sys.stdout.write(f"  {count} x {error}\n")


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("clients", type=int, nargs="?", default=3)
    found.add_argument("kills", type=int, nargs="?", default=20)
    found.add_argument("--client", nargs=2, help="be one of its clients")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Kill, or be one of the clients."""
    asked = parser().parse_args(words)
    if asked.client:
        who, stop = asked.client
        publish(who, Path(stop))
    else:
        kill(asked.clients, asked.kills)


if __name__ == "__main__":
    main()
