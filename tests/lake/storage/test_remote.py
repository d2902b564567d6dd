"""Catalogs behind a network: what their configuration may not hold, and patience."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from pyiceberg.exceptions import NoSuchTableError

from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.storage import remote
from lakebt.lake.storage.catalog import open_catalog, open_path
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.remote import Remote
from tests.servers import free_port, serving
from tests.servers.wire import Wire, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, warehouse: str) -> None:
    told = {"type": "sql", "uri": f"sqlite:///{folder / 'catalog.db'}"}
    monkeypatch.setattr(
        "pyiceberg.catalog._ENV_CONFIG.get_catalog_config",
        lambda _: {**told, "warehouse": warehouse},
    )


@pytest.mark.parametrize("scheme", ["s3", "s3a", "gs", "abfs"])
def test_a_warehouse_that_holds_a_key_is_refused_without_showing_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(monkeypatch, tmp_path, f"{scheme}://AKIA:hidden@bucket/lake")

    with pytest.raises(LakeError) as raised:
        Lake.open(catalog="prod", clock=clock)

    said = str(raised.value)
    assert f"configure {scheme}://bucket/lake" in said
    assert "hidden" not in said
    assert "AKIA" not in said


def test_a_warehouse_that_names_a_place_alone_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(monkeypatch, tmp_path, f"file://{tmp_path}/a@b")

    assert Lake.open(catalog="prod", clock=clock).releases().empty


def test_a_server_that_is_about_to_start_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, laid = free_port(), list[Wire]()
    Remote(tmp_path).configure(monkeypatch, type="rest", uri=f"http://127.0.0.1:{port}")
    with serving(open_path(tmp_path / "lake", create=True)) as (uri, _):
        start = threading.Timer(0.5, lambda: laid.append(Wire(uri, port=port)))
        start.start()
        try:
            lake = Lake.open(catalog="prod", create=False, clock=clock)
            assert lake.releases().empty
            assert laid[0].requests
        finally:
            start.join()
            laid[0].close()


def test_a_server_that_does_not_start_is_waited_for_so_long_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remote, "STARTING_SECONDS", 0.5)
    gone = f"127.0.0.1:{free_port()}"
    Remote(tmp_path).configure(monkeypatch, type="rest", uri=f"http://{gone}")
    begin = time.monotonic()

    with pytest.raises(
        LakeError, match=rf"nobody answers at {gone} \(connection refused\)"
    ):
        Lake.open(catalog="prod", clock=clock)

    assert time.monotonic() - begin >= 0.5


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Wire]:
    """The wire to a served lake, which is the catalog ``prod``."""
    with (
        serving(open_path(tmp_path / "lake", create=True)) as (uri, _),
        wire(uri) as between,
    ):
        Remote(tmp_path).configure(monkeypatch, type="rest", uri=between.address)
        yield between


def test_what_is_answered_as_before_is_parsed_once_and_asked_for_each_time(
    laid: Wire,
) -> None:
    lake = Lake.open(catalog="prod", create=False, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    storage = lake._storage  # noqa: SLF001
    other = open_catalog("prod", create=False)
    laid.counted()
    seen = [storage.table("prices") for _ in range(3)]

    assert laid.counted() == {"GET": 3}
    assert seen[1].metadata is seen[0].metadata
    assert seen[2].metadata is seen[0].metadata

    table = other.table("index_changes")
    with table.transaction() as change:
        change.set_properties({"owner": "quant"})
    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    assert storage.table("index_changes").properties["owner"] == "quant"
    assert set(storage.table("prices").metadata.refs) == {"main", "R1", "R2"}
    assert set(seen[0].metadata.refs) == {"main", "R1"}
    assert storage.table("prices").metadata == other.table("prices").metadata


def test_of_a_table_that_is_not_there_a_server_is_asked_once(
    laid: Wire,
) -> None:
    storage = open_catalog("prod", create=False)
    laid.counted()

    assert storage.trials() is None
    assert laid.counted() == {"GET": 1}
    with pytest.raises(NoSuchTableError, match="nothing"):
        storage.table("nothing")
