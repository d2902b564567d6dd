"""A version of a table is read once, however many ask for it at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.lake import Lake
from lakebt.lake.serving.table_cache import TableCache
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.metadata import read
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

READERS = 8


def test_a_new_version_is_read_once_for_all_who_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(path, clock=clock)
    catalog = open_path(path, create=False).sql
    assert catalog is not None
    cache, name = TableCache(catalog), (("quant",), "prices")
    reads: list[str] = []
    all_ask = threading.Barrier(READERS)

    def counted(io: Any, location: str) -> Any:
        reads.append(location)
        time.sleep(0.02)  # long enough for all to have asked
        return read(io, location)

    def load() -> str:
        all_ask.wait(10)
        return cache.load(*name).location

    monkeypatch.setattr("lakebt.lake.serving.table_cache.read", counted)
    for number in (1, 2):
        rows = {"prices": bars(days=(f"2022-09-0{number + 5}",))}
        lake.publish(rows, release=f"R{number}", as_of=AS_OF)
        with ThreadPoolExecutor(READERS) as pool:
            found = {
                each.result() for each in [pool.submit(load) for _ in range(READERS)]
            }

        assert len(found) == 1
        assert len(reads) == len(set(reads)) == number
