from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.lake import Lake
from lakebt.lake.storage import creation
from lakebt.lake.storage.catalog import Storage
from lakebt.lake.storage.connections import local_catalog, plain_rows
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.table import StagedTable

pytestmark = pytest.mark.lake

DATABASE_SAYS = "select type, name, sql from sqlite_master order by 1, 2"


def storage_in(path: Path) -> Storage:
    catalog = local_catalog(path, create=True)
    return Storage(catalog, name="lake", where="a test", address={"path": str(path)})


def test_a_namespace_that_says_where_its_tables_lie_is_obeyed(tmp_path: Path) -> None:
    storage = storage_in(tmp_path)
    there = f"file://{tmp_path}/elsewhere"
    storage.catalog.create_namespace("quant", {"location": there})

    storage.create()

    places = {table.location() for table in storage.tables().values()}
    assert {place.rpartition("/")[0] for place in places} == {there}


def test_a_new_database_is_as_pyiceberg_makes_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    other = SqlCatalog("lake", uri=uri, warehouse=f"file://{tmp_path}")

    ours, theirs = (
        [tuple(row) for row in plain_rows(each.engine, sa.text(DATABASE_SAYS), {})]
        for each in (local_catalog(tmp_path, create=True), other)
    )

    assert ours == theirs
    assert len(ours) > 1


def test_who_comes_second_to_a_new_lake_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = storage_in(tmp_path), storage_in(tmp_path)
    write = creation.write_first

    def overtaken(made: StagedTable) -> None:
        monkeypatch.setattr(creation, "write_first", write)
        first.create()
        write(made)

    monkeypatch.setattr(creation, "write_first", overtaken)
    second.create()

    found = {str(place) for place in tmp_path.rglob("*.metadata.json")}
    tables = second.tables().values()
    assert found == {t.metadata_location.removeprefix("file://") for t in tables}


def test_a_new_lake_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: StagedTable) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(creation, "write_first", cut)
        with pytest.raises(KeyboardInterrupt):
            Lake.open(tmp_path / "lake", clock=clock)

    assert storage_in(tmp_path / "lake").catalog.list_namespaces() == []
    lake = Lake.open(tmp_path / "lake", clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    assert list(lake.releases()["name"]) == ["R1"]
