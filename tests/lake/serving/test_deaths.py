"""A server, or a client, is killed in the midst of requests: nothing is torn."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from lakebt.lake import Lake
from lakebt.lake.publishing import release_request
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.remote import Remote
from tests.lake.serving.conftest import NEXT, body
from tests.servers.mortal import Mortal
from tests.servers.running import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lake.original import Original
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

RELEASES = 3


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_loses_nothing(
    two_releases: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who publish meanwhile wait for it, and each release is there once.

    ``benchmarks.serve_crash`` kills it many times, and has clients that are processes.
    """
    path, log = two_releases.restored(), tmp_path / "log"
    failed: list[BaseException] = []
    with Mortal(path, log) as server:
        remote = Remote(path, is_ours=True)
        where = {"uri": server.address, "token": server.token}
        remote.configure(monkeypatch, type="rest", **where)

        def publish(lake: Lake, who: str) -> None:
            try:
                for number in range(RELEASES):
                    release = f"{who}{number}"
                    rows = {"prices": bars(symbols=(release,))}
                    lake.publish(rows, release=release, as_of=AS_OF)
            except BaseException as error:  # noqa: BLE001 - it is shown below
                failed.append(error)

        threads = [
            threading.Thread(target=publish, args=(remote.open(), who))
            for who in ("A", "B")
        ]
        for thread in threads:
            thread.start()
        published = "POST /v1/lakebt/releases 200"
        assert wait_until(lambda: published in log.read_text(), alive=lambda: True)
        server.kill()
        server.start()
        for thread in threads:
            thread.join()

    assert not failed, failed
    lake = Lake.open(path, clock=clock)
    frame = lake.releases()
    every = {f"{who}{number}" for who in ("A", "B") for number in range(RELEASES)}
    assert sorted(frame["name"]) == sorted({"R1", "R2"} | every)
    assert list(frame["sequence"]) == list(range(1, len(every) + 3))
    assert every <= set(lake.at(str(frame["name"].iloc[-1])).read("prices")["symbol"])
    lake.remove_orphans(older_than_hours=1)
    assert {finding.code for finding in lake.doctor()} <= {"orphan_files"}


@pytest.mark.parametrize("what", ["head", "half a body", "answer"])
def test_a_client_that_is_killed_leaves_all_or_nothing(house: House, what: str) -> None:
    """Its connection is cut; nobody waits for it, and the next is served."""
    content = body(house.lake())
    head = (
        f"POST /v1/lakebt/releases HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: {release_request.KIND}\r\nContent-Length: {len(content)}\r\n"
    )
    sent = {
        "head": head.encode(),
        "half a body": f"{head}\r\n".encode() + content[: len(content) // 2],
        "answer": f"{head}\r\n".encode() + content,
    }[what]
    place = urlsplit(house.address)
    files = sorted(house.path.rglob("*"))

    with socket.create_connection((str(place.hostname), int(place.port or 0))) as line:
        line.sendall(sent)

    lake = house.lake()
    if what == "answer":  # it was asked for, and nobody took it back
        assert wait_until(lambda: len(lake.releases()) == 3, alive=lambda: True)
    else:
        assert sorted(house.path.rglob("*")) == files
    assert lake.publish(NEXT, release="R3", as_of=AS_OF).is_new is (what != "answer")
    assert lake.doctor().ok
