"""The servers that tests start are for this machine only, and they end."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest
import requests

from tests.servers import Aws, Wire, free_port, seaweedfs, wire

pytestmark = pytest.mark.slow

LISTENING = "0A"
"""How Linux writes the state of such a socket."""


def listening(process: int) -> set[tuple[str, int]]:
    """Return on which addresses, and how many ports of each, a process listens."""
    owned, found = set(), set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            owned.add(link.readlink().name)
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/{process}/net/{table}").read_text("ascii").splitlines()
        for line in lines[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and f"socket:[{inode}]" in owned:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


@pytest.fixture(scope="session")
def account(aws_server: Aws) -> Aws:
    return aws_server


def test_a_server_that_listens_everywhere_would_be_seen() -> None:
    everywhere = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - what is looked for
    with everywhere:
        found = listening(os.getpid())
        assert ("00000000", everywhere.getsockname()[1]) in found


def test_moto_listens_on_loopback_and_forgets(account: Aws) -> None:
    bucket = account.reset()
    assert requests.head(f"{account.endpoint}/{bucket}", timeout=10).ok

    account.reset()

    assert requests.head(f"{account.endpoint}/{bucket}", timeout=10).status_code == 404
    assert account.endpoint.startswith("http://127.0.0.1:")


def test_seaweedfs_listens_on_loopback_only_and_is_gone_when_it_is_left() -> None:
    loopback = "".join(f"{byte:02X}" for byte in reversed((127, 0, 0, 1)))
    with seaweedfs() as store:
        assert store.process is not None
        found = listening(store.process.pid)
        assert {address for address, _ in found} == {loopback}
        assert {port for _, port in found} == set(store.ports.values())
        assert (store.folder / "data").is_dir()

    assert not store.folder.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(store.endpoint, timeout=10)


# ------------------------------------------------------------------------------ wires


def test_a_wire_passes_on_counts_and_is_cut(account: Aws) -> None:
    with wire(account.endpoint) as laid:
        assert requests.get(f"{laid.address}/moto-api/", timeout=10).ok
        assert laid.requests == [("GET", "/moto-api/")]
        assert laid.counted() == {"GET": 1}
        assert laid.counted() == {}

        laid.cut_at = lambda method, _: method == "PUT"
        assert requests.get(f"{laid.address}/moto-api/", timeout=10).ok
        for method in ("PUT", "GET"):  # it stays cut
            with pytest.raises(requests.ConnectionError):
                requests.request(method, f"{laid.address}/b", timeout=10)

        laid.mend()
        assert requests.get(f"{laid.address}/moto-api/", timeout=10).ok


def test_a_wire_is_cut_and_mended_again_and_again(account: Aws) -> None:
    with wire(account.endpoint) as laid:
        for _ in range(200):
            laid.mend().cut_at = lambda *_: True
            with pytest.raises(requests.ConnectionError):
                requests.get(laid.address, timeout=10)


def test_a_wire_to_nowhere_is_cut_at_once() -> None:
    laid = Wire(f"http://127.0.0.1:{free_port()}")
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(laid.address, timeout=10)
    finally:
        laid.close()
