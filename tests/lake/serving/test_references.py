"""A table as a branch or a release has it is read by a name with an @."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import BadRequestError, ForbiddenError, NoSuchTableError

from tests.lake.frames import AS_OF, Q3_KNOWN, bars, q3
from tests.lake.serving.conftest import error
from tests.lake.serving.test_protocol import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from tests.lake.remote import Remote
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake


def rows(house: House, name: str) -> pa.Table:
    """Return what a program reads that knows tables, and no branches."""
    read: pa.Table = house.client().load_table(("quant", name)).scan().to_arrow()
    return read


def ask(house: House, name: str, method: str = "GET", **said: Any) -> Any:
    return house.ask(method, f"namespaces/quant/tables/{name}", **said)


def test_a_name_gives_the_rows_of_a_release_or_of_the_newest_of_a_branch(
    house: House, remote: Remote
) -> None:
    lake = house.lake()
    branch = lake.branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    lake.publish({"etf_holdings": q3()}, release="R3", as_of=AS_OF)

    counts = {
        name: rows(house, name).num_rows
        for name in (
            *("prices", "prices@main", "prices@R1", "prices@R2", "prices@R3"),
            *("prices@cleaned", "prices@cleaned.A", "prices@cleaned.R1"),
            *("etf_holdings@R2", "etf_holdings@R3", "etf_holdings@cleaned"),
            *("index_changes@R1", "releases", "releases@cleaned"),
        )
    }

    assert list(counts.values()) == [8, 8, 6, 8, 8, 9, 9, 6, 2, 4, 2, 0, 3, 2]
    assert "MINE" in rows(house, "prices@cleaned")["symbol"].to_pylist()
    assert remote.open().duckdb_views() == lake.duckdb_views()


def test_the_answer_knows_of_one_snapshot_and_no_file_of_metadata(house: House) -> None:
    answer = ask(house, "prices%40R1")
    told = answer.json()["metadata"]
    pinned = house.lake().at("R1").provenance()["snapshots"]["prices"]

    assert "metadata-location" not in answer.json()
    assert told["current-snapshot-id"] == pinned
    assert [each["snapshot-id"] for each in told["snapshots"]] == [pinned]
    assert [each["snapshot-id"] for each in told["snapshot-log"]] == [pinned]
    assert told["refs"].keys() == {"main"}
    again = ask(house, "prices%40R1", headers={"If-None-Match": answer.headers["ETag"]})
    other = ask(house, "prices%40R2", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, other.status_code) == (304, 200)


def test_columns_are_those_of_the_release(house: House) -> None:
    lake = house.lake()
    declared: dict[str, Any] = {"name": "mine", "key": ["symbol"]}
    lake.declare(**declared, columns={"symbol": "text", "a": "number?"})
    frame = bars().head(1)[["symbol"]].assign(a=1.0, known_at=Q3_KNOWN)
    lake.publish({"mine": frame}, release="R3", as_of=AS_OF)
    lake.declare(**declared, columns={"symbol": "text", "a": "number?", "b": "number?"})
    later = frame.assign(symbol="B", b=2.0)
    lake.publish({"mine": later}, release="R4", as_of=AS_OF)

    names = [rows(house, f"mine@{name}").column_names for name in ("R3", "R4")]

    assert [("a" in each, "b" in each) for each in names] == [
        (True, False),
        (True, True),
    ]


def test_what_cannot_be_read_so_says_why_and_suggests_names(house: House) -> None:
    lake = house.lake()
    lake.branch("cleaned", at="R1")
    lake.branch("gone", at="R1")
    lake.drop_branch("gone", because="no use")
    lake.publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
    lake.drop("R3", because="wrong")

    for name, why in (
        ("r1", "unknown branch or release 'r1'. Did you mean 'R1'? Known: cleaned"),
        ("Cleaned", "Did you mean 'cleaned'?"),
        ("", "unknown branch or release ''"),
        ("lakebt-unfinished", "unknown branch or release 'lakebt-unfinished'"),
        ("gone", "branch 'gone' was dropped"),
        ("gone.R1", "release 'gone.R1' ended at"),
        ("R3", "release 'R3' ended at 2023-06-01 12:00:00 UTC: wrong"),
        ("R1@R2", "unknown branch or release 'R1@R2'"),
    ):
        answer = ask(house, f"prices%40{name}")
        assert error(answer)[:2] == (400, "BadRequestException"), name
        assert why in error(answer)[2]
        assert "\n" not in error(answer)[2]
        assert ask(house, f"prices%40{name}", "HEAD").status_code == 404
    assert error(ask(house, "price%40R1"))[0] == 404
    assert error(ask(house, "%40R1"))[0] == 400
    assert ask(house, "prices%40R1", "HEAD").status_code == 204


def test_a_release_whose_tag_somebody_moved_is_not_read(house: House) -> None:
    uri = f"sqlite:///{house.path}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, init_catalog_tables="false")
    table = catalog.load_table("quant.prices")
    head = table.metadata.current_snapshot_id
    assert head is not None
    table.manage_snapshots().create_tag(head, "R1").commit()
    catalog.engine.dispose()

    assert "its tag was moved" in error(ask(house, "prices%40R1"))[2]
    assert rows(house, "prices@R2").num_rows == 8


def test_what_was_erased_is_gone_by_name_too(house: House) -> None:
    assert "AAA" in rows(house, "prices@R1")["symbol"].to_pylist()

    house.lake().erase("prices", where={"symbol": "AAA"}, reason="the licence ended")

    for name in ("prices", "prices@R1", "prices@R2"):
        assert "AAA" not in rows(house, name)["symbol"].to_pylist()


def test_nothing_is_written_by_such_a_name(house: House) -> None:
    client = house.client()
    table = client.load_table("quant.prices@R1")
    new: dict[str, Any] = {"name": "t@x", "schema": SCHEMA}
    changes: dict[str, Any] = {"requirements": [], "updates": []}
    named = {"namespace": ["quant"], "name": "prices@nobody"}
    together = {"table-changes": [{**changes, "identifier": named}]}
    register = {"name": "t@x", "metadata-location": "file:///x.metadata.json"}

    tripping: list[Callable[[], object]] = [
        lambda: table.append(table.scan().to_arrow()),
        lambda: client.drop_table("quant.prices@R1"),
        lambda: client.rename_table("quant.prices@R1", "quant.x"),
        lambda: client.rename_table("quant.prices", "quant.x@R1"),
    ]
    for do in tripping:
        with pytest.raises(ForbiddenError, match=r"is only read: after the @ .*BRANCH"):
            do()
    for path, body in (
        ("namespaces/quant/tables", new),
        ("namespaces/quant/tables", {**new, "stage-create": True}),
        ("namespaces/quant/register", register),
        ("namespaces/quant/tables/t%40x", changes),
        ("transactions/commit", together),
    ):
        code, _, said = error(house.ask("POST", path, json=body))
        assert (code, "is only read" in said) == (403, True), path
    names = {name[-1] for name in client.list_tables("quant")}
    assert not [name for name in names if "@" in name]
    assert house.lake().doctor().ok


def test_a_table_that_was_called_so_before_stays_what_it_was(house: House) -> None:
    client = house.client()
    client.create_namespace("mine")
    house.ask("POST", "namespaces/mine/tables", json={"name": "t", "schema": SCHEMA})
    catalog = SqlCatalog(
        "lake", uri=f"sqlite:///{house.path}/catalog.db", init_catalog_tables="false"
    )
    catalog.rename_table("mine.t", "mine.t@home")
    catalog.engine.dispose()
    table = client.load_table("mine.t@home")

    with table.transaction() as change:
        change.set_properties(owner="ann")

    assert client.load_table("mine.t@home").properties["owner"] == "ann"
    assert client.table_exists("mine.t@home")
    client.drop_table("mine.t@home")
    with pytest.raises(NoSuchTableError):
        client.load_table("mine.t@home")


def test_tags_of_ones_own_are_read_by_name(house: House) -> None:
    client = house.client()
    client.create_namespace("mine")
    house.ask("POST", "namespaces/mine/tables", json={"name": "t", "schema": SCHEMA})
    table = client.load_table("mine.t")
    two = rows(house, "prices").select(["symbol", "close"]).slice(0, 2)
    table.append(two)
    first = table.metadata.current_snapshot_id
    assert first is not None
    table.manage_snapshots().create_tag(first, "before").commit()
    table.append(two)
    noted = house.table()
    number = noted.metadata.current_snapshot_id
    assert number is not None
    noted.manage_snapshots().create_tag(number, "seen").commit()

    counts = [
        client.load_table(name).scan().to_arrow().num_rows
        for name in ("mine.t@before", "mine.t@main", "quant.prices@seen")
    ]

    assert counts == [2, 4, 8]
    with pytest.raises(BadRequestError, match=r"unknown .*'R1'.*Known: main, before"):
        client.load_table("mine.t@R1")
