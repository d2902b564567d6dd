"""Let publishers compete for one lake, and check that nothing got lost on the way.

Run from the top of the repository, ``python -m benchmarks.publishers sqlite 8 50`` or
``python -m benchmarks.publishers postgres 8 50``: which catalog, how many publishers,
and how many releases each publishes. Each release goes into two tables. What it prints
says how long each publication took, and how long of it waiting for the others; a
release that is lost, duplicated or torn ends it with an error.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.lake import publishers
from tests.lake.remote import Remote
from tests.servers import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def place(kind: str) -> Iterator[str | None]:
    """Give an empty lake of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield f"{folder}/lake"
            return
        with postgres() as server, pytest.MonkeyPatch.context() as patch:
            Remote(Path(folder)).configure(
                patch, uri=server.uri(server.database()), warehouse=f"file://{folder}"
            )
            yield None


def line(what: str, seconds: Sequence[float]) -> str:
    """Return a row of the table: median, 95th percentile and longest, in ms."""
    shown = [np.median(seconds), np.quantile(seconds, 0.95), max(seconds)]
    return f"{what:<28}" + "".join(f"{1000 * each:>10.0f}" for each in shown) + "\n"


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("kind", choices=["sqlite", "postgres"])
    found.add_argument("count", type=int, help="how many publish")
    found.add_argument("releases", type=int, help="how many each of them publishes")
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run, check, and print."""
    asked = parser().parse_args(words)
    kind, count, releases = asked.kind, asked.count, asked.releases
    with place(kind) as path:
        run = publishers.run(path, publishers=count, releases=releases)
        total = count * releases
        publishers.check(
            path, publishers=count, releases=releases, read=range(1, total + 1)
        )
    sys.stdout.write(
        f"{kind}: {count} publishers x {releases} releases in {run.all_s:.1f} s, "
        f"{total / run.all_s:.1f} a second; none lost, duplicated or torn\n"
        f"{'ms':<28}{'median':>10}{'p95':>10}{'max':>10}\n"
    )
    sys.stdout.write(line("a publication", sum(run.took_s, ())))
    sys.stdout.write(line("of it, waiting for the turn", sum(run.waited_s, ())))
    for number, took in enumerate(run.took_s):
        sys.stdout.write(line(f"publisher {number}", took))


if __name__ == "__main__":
    main()
