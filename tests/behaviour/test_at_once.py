"""Several publishers at once, and one that is killed, wherever a lake is."""

from __future__ import annotations

import signal
import subprocess
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.forked import python
from tests.lake import publishers
from tests.lake.crash import expected, found, publish
from tests.nightly import times

if TYPE_CHECKING:
    from tests.behaviour.places import Place

pytestmark = [pytest.mark.lake, pytest.mark.slow]

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pyiceberg.catalog.rest import RestCatalog
    from lakebt.lake import Lake
    from lakebt.lake.committing import sql as commit
    from lakebt.lake.publishing import publish as publishing
    from tests.lake.crash import publish
    from tests.lake.frames import clock

    moment, number, *path = sys.argv[1:]
    address = {"path": path[0]} if path else {"catalog": "prod"}
    lake = Lake.open(**address, create=False, clock=clock)
    catalog = type(lake._storage.catalog)
    places = {
        "half": [(commit, "swap"), (catalog, "commit_table")],
        "done": [(publishing, "check_committed")],
    }

    def deadly(really):
        def die(*arguments, **named):
            if moment == "half":  # the first of its tables has changed
                really(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)
        return die

    def deadly_post(really):  # a server of lakebt is asked once
        def die(self, path, body, headers):
            def cut():
                yield body[: len(body) // 2]
                os.kill(os.getpid(), signal.SIGKILL)
            really(self, path, cut() if moment == "half" else body, headers)
            os.kill(os.getpid(), signal.SIGKILL)
        return die

    for place, name in places[moment]:
        setattr(place, name, deadly(getattr(place, name)))
    if hasattr(catalog, "post"):
        catalog.post = deadly_post(catalog.post)
    publish(lake, int(number))
    """
)


def killed(place: Place, moment: str, number: int) -> int:
    """Publish a release in a process that dies at a moment; return how it ended."""
    path = [] if place.path is None else [str(place.path)]
    program = [*python(), "-c", KILLED, moment, str(number), *path]
    return subprocess.run(program, check=False).returncode


def test_a_publisher_that_is_killed_leaves_old_or_new(place: Place) -> None:
    publish(place.open(), 1)

    for moment, number, last in (("half", 2, 1), ("done", 3, 3)):
        assert killed(place, moment, number) == -signal.SIGKILL, moment

        there = range(1, last + 1)
        lake = place.open()
        assert list(lake.releases()["name"]) == [f"R{n}" for n in there], moment
        for n in there:
            assert found(lake, n) == expected(n), moment
        publish(lake, number)

    publish(place.open(), 4)
    place.check_whole([1, 2, 3, 4])
    assert place.open().doctor().ok


def test_publishers_at_once_lose_duplicate_and_tear_nothing(place: Place) -> None:
    path = None if place.path is None else str(place.path)
    releases = times(1, 3)

    publishers.run(path, publishers=4, releases=releases)

    every = range(1, 4 * releases + 1)
    publishers.check(path, publishers=4, releases=releases, read=every)
    assert place.open().doctor().ok
