"""The requests of the specification, and the answers it asks for."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import LakeError
from lakebt.lake.committing import sql
from lakebt.lake.storage.failures import LostRaceError
from tests.lake.frames import AS_OF, bars
from tests.lake.serving.conftest import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.catalog.rest import RestCatalog

    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

SCHEMA: dict[str, Any] = {
    "type": "struct",
    "schema-id": 0,
    "fields": [
        {"id": 1, "name": "symbol", "type": "string", "required": False},
        {"id": 2, "name": "close", "type": "double", "required": False},
    ],
}
MINE = "namespaces/mine/tables"


@pytest.fixture
def client(house: House) -> RestCatalog:
    """A client, with a namespace of its own."""
    made = house.client()
    made.create_namespace("mine")
    return made


STAGED: dict[str, Any] = {"stage-create": True}


def make(house: House, table: str = "t", **said: Any) -> Any:
    return house.ask("POST", MINE, json={"name": table, "schema": SCHEMA, **said})


def test_the_configuration_says_where_and_what_and_nothing_secret(house: House) -> None:
    told = house.ask("GET", "config", params={"warehouse": "any"}).json()

    assert told["defaults"] == {
        "warehouse": f"file://{house.path}/warehouse",
        "lakebt.releases": "1",
        "lakebt.branches": "1",
        "lakebt.releases.bytes": str(2**26),
    }
    assert told["overrides"] == {}
    assert "POST /v1/{prefix}/transactions/commit" in told["endpoints"]
    assert not [each for each in told["endpoints"] if "views" in each or "cred" in each]


def test_namespaces_are_made_listed_described_and_dropped(house: House) -> None:
    client = house.client()
    client.create_namespace("a", {"owner": "me"})
    client.create_namespace(("a", "b"))

    assert sorted(client.list_namespaces()) == [("a",), ("quant",)]
    assert client.list_namespaces("a") == [("a", "b")]
    assert client.load_namespace_properties("a") == {"owner": "me"}
    done = client.update_namespace_properties("a", {"owner", "none"}, {"x": "1"})
    assert (done.removed, done.updated, done.missing) == (["owner"], ["x"], ["none"])
    assert client.namespace_exists("a")
    assert not client.namespace_exists("c")
    assert error(house.ask("DELETE", "namespaces/a"))[:2] == (
        409,
        "NamespaceNotEmptyException",
    )
    client.drop_namespace(("a", "b"))
    client.update_namespace_properties("a", {"x"})
    assert client.namespace_exists("a")
    client.drop_namespace("a")
    assert client.list_namespaces() == [("quant",)]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "namespaces/none", None, (404, "NoSuchNamespaceException")),
        ("GET", "namespaces?parent=none", None, (404, "NoSuchNamespaceException")),
        ("GET", "namespaces/none/tables", None, (404, "NoSuchNamespaceException")),
        ("DELETE", "namespaces/none", None, (404, "NoSuchNamespaceException")),
        ("GET", "namespaces/mine/tables/x", None, (404, "NoSuchTableException")),
        ("DELETE", "namespaces/mine/tables/x", None, (404, "NoSuchTableException")),
        (
            "POST",
            "namespaces/mine/tables/x",
            {"requirements": [], "updates": []},
            (404, "NoSuchTableException"),
        ),
        (
            "POST",
            "namespaces/none/tables",
            {"name": "x", "schema": SCHEMA},
            (404, "NoSuchNamespaceException"),
        ),
        (
            "POST",
            "namespaces",
            {"namespace": ["mine"]},
            (409, "AlreadyExistsException"),
        ),
        (
            "POST",
            "namespaces/mine/tables",
            {"name": "t", "schema": SCHEMA},
            (409, "AlreadyExistsException"),
        ),
        ("POST", "namespaces", {"namespace": []}, (400, "BadRequestException")),
        ("POST", "namespaces", {"namespace": "mine"}, (400, "BadRequestException")),
        ("POST", "namespaces", None, (400, "BadRequestException")),
        (
            "DELETE",
            "namespaces/mine/tables/t?purgeRequested=true",
            None,
            (406, "UnsupportedOperationException"),
        ),
        (
            "POST",
            "namespaces/mine/register",
            {"name": "r", "metadata-location": "file:///x", "overwrite": True},
            (406, "UnsupportedOperationException"),
        ),
        ("GET", "namespaces/mine/views", None, (404, "UnsupportedOperationException")),
        ("PUT", "namespaces", None, (405, "UnsupportedOperationException")),
    ],
)
def test_errors_have_the_status_and_the_name_that_clients_know(
    house: House,
    client: RestCatalog,
    *,
    method: str,
    path: str,
    body: Any,
    expected: tuple[int, str],
) -> None:
    del client
    assert make(house).status_code == 200

    assert error(house.ask(method, path, json=body))[:2] == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"namespace": ["\\ud800"]}',
        b'{"namespace": ["x"], "properties": {"a": NaN}}',
        b'{"namespace": ["x"], "properties": {"a": 1}}',
        b'{"namespace": ["x"], "other": 99999999999999999999}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_cannot_be_meant_is_a_bad_request(
    house: House, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = house.ask("POST", "namespaces", data=body, headers=headers)

    assert error(answer)[:2] == (400, "BadRequestException")
    assert house.client().list_namespaces() == [("quant",)]


def test_tables_are_made_renamed_registered_and_dropped(
    house: House, client: RestCatalog
) -> None:
    made = make(house).json()
    assert made["metadata"]["location"] == f"file://{house.path}/warehouse/mine/t"
    assert house.ask("HEAD", f"{MINE}/t").status_code == 204
    client.rename_table("mine.t", "mine.u")
    assert house.ask("HEAD", f"{MINE}/t").status_code == 404
    client.drop_table("mine.u")
    again = client.register_table("mine.t", made["metadata-location"])
    assert [field.name for field in again.schema().fields] == ["symbol", "close"]
    assert client.list_tables("mine") == [("mine", "t")]


def test_a_staged_table_is_not_there_until_it_is_committed(
    house: House, client: RestCatalog
) -> None:
    staged = make(house, **STAGED).json()
    assert "metadata-location" not in staged
    assert client.list_tables("mine") == []

    with client.create_table_transaction(
        "mine.t", house.table().schema()
    ) as transaction:
        transaction.set_properties({"a": "b"})

    assert client.load_table("mine.t").properties == {"a": "b"}
    create = [{"type": "assert-create"}]
    body = {"requirements": create, "updates": []}
    taken = error(house.ask("POST", f"{MINE}/t", json=body))
    assert taken[:2] == (409, "AlreadyExistsException")


def test_pyiceberg_appends_tags_branches_and_changes_columns(
    house: House, client: RestCatalog
) -> None:
    rows = house.table().scan().to_arrow()
    table = client.create_table("mine.t", rows.schema)
    table.append(rows)
    first = table.metadata.current_snapshot_id
    assert first is not None
    table.manage_snapshots().create_tag(first, "a").create_branch(first, "b").commit()
    table.append(rows, branch="b")
    with table.update_schema() as change:
        change.rename_column("volume", "shares").add_column(
            "note", table.schema().fields[0].field_type
        )
    with table.update_spec() as spec:
        spec.add_identity("symbol")
    table.overwrite(client.load_table("mine.t").scan().to_arrow())
    table.delete("symbol = 'AAA'")
    table.manage_snapshots().remove_tag("a").commit()

    fresh = client.load_table("mine.t")
    assert len(fresh.scan().to_arrow()) == len(rows) / 2
    assert len(fresh.scan().use_ref("b").to_arrow()) == 2 * len(rows)
    assert {"shares", "note"} <= set(fresh.schema().column_names)


@pytest.mark.parametrize(
    "requirement",
    [
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 1},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
        {"type": "assert-ref-snapshot-id", "ref": "none", "snapshot-id": 1},
        {
            "type": "assert-table-uuid",
            "uuid": "00000000-0000-0000-0000-000000000000",
        },
        {"type": "assert-current-schema-id", "current-schema-id": 7},
        {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 1},
        {"type": "assert-default-spec-id", "default-spec-id": 7},
    ],
    ids=lambda each: "-".join(map(str, each.values())),
)
def test_a_requirement_that_does_not_hold_is_a_conflict(
    house: House, requirement: dict[str, Any]
) -> None:
    said = {"action": "set-properties", "updates": {"mine": "x"}}

    answer = house.commit(said, required=(requirement,))

    assert error(answer)[:2] == (409, "CommitFailedException")
    assert "mine" not in house.table().properties


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ({"action": "nothing"}, "update 'nothing'"),
        ({"action": "set-current-schema", "schema-id": 99}, "does not exist"),
        (
            {
                "action": "set-snapshot-ref",
                "ref-name": "x",
                "type": "tag",
                "snapshot-id": 1,
            },
            "unknown snapshot 1",
        ),
        (
            {
                "action": "set-snapshot-ref",
                "ref-name": "main",
                "type": "tag",
                "snapshot-id": 1,
            },
            "main is a branch, and no tag can have its name",
        ),
        (
            {"action": "assign-uuid", "uuid": "00000000-0000-0000-0000-000000000000"},
            "and keeps it",
        ),
    ],
)
def test_an_update_that_makes_no_sense_is_a_bad_request(
    house: House, update: dict[str, Any], why: str
) -> None:
    status, kind, message = error(house.commit(update))

    assert (status, kind) == (400, "BadRequestException")
    assert why in message


def test_several_tables_change_together_or_not_at_all(
    house: House, client: RestCatalog
) -> None:
    make(house, "a")
    make(house, "b")

    def change(name: str, value: str, *required: dict[str, Any]) -> dict[str, Any]:
        updates = [{"action": "set-properties", "updates": {"said": value}}]
        identifier = {"namespace": ["mine"], "name": name}
        return {
            "identifier": identifier,
            "requirements": list(required),
            "updates": updates,
        }

    def said() -> list[str | None]:
        tables = [client.load_table(f"mine.{name}") for name in "ab"]
        return [table.properties.get("said") for table in tables]

    def commit(*changes: dict[str, Any]) -> Any:
        body = {"table-changes": list(changes)}
        return house.ask("POST", "transactions/commit", json=body)

    assert commit(change("a", "1"), change("b", "1")).status_code == 204
    assert said() == ["1", "1"]

    wrong = {"type": "assert-current-schema-id", "current-schema-id": 9}
    assert error(commit(change("a", "2"), change("b", "2", wrong)))[0] == 409
    assert error(commit(change("a", "2"), change("none", "2")))[0] == 404
    assert error(commit(change("a", "2"), change("a", "3")))[0] == 400
    harm = {"action": "remove-snapshot-ref", "ref-name": "R1"}
    prices = {
        "identifier": {"namespace": ["quant"], "name": "prices"},
        "updates": [harm],
    }
    assert error(commit(change("a", "2"), prices))[0] == 403
    assert said() == ["1", "1"]
    written = list((house.path / "warehouse/mine").rglob("*.metadata.json"))
    assert len(written) == 4


def test_a_table_that_did_not_change_is_not_sent_again(house: House) -> None:
    place = "namespaces/quant/tables/prices"
    first = house.ask("GET", place)
    same = house.ask("GET", place, headers={"If-None-Match": first.headers["ETag"]})
    other = house.ask(
        "GET",
        f"{place}?snapshots=refs",
        headers={"If-None-Match": first.headers["ETag"]},
    )
    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
    then = house.ask("GET", place, headers={"If-None-Match": first.headers["ETag"]})

    assert [first.status_code, same.status_code] == [200, 304]
    assert [other.status_code, then.status_code] == [200, 200]
    assert same.content == b""
    assert "R3" in then.json()["metadata"]["refs"]


def test_only_the_snapshots_that_are_named_are_sent_when_that_is_asked(
    house: House,
) -> None:
    table = house.client().load_table("quant.prices")
    table.append(table.scan().to_arrow())
    table.append(table.scan().to_arrow())
    place = "namespaces/quant/tables/prices"

    sent = [
        len(house.ask("GET", f"{place}{asked}").json()["metadata"]["snapshots"])
        for asked in ("", "?snapshots=refs")
    ]

    assert sent == [4, 3]


def test_reports_of_metrics_are_taken(house: House) -> None:
    report = {"report-type": "scan-report", "table-name": "prices"}
    place = "namespaces/quant/tables"
    told = [
        house.ask("POST", f"{place}/{name}/metrics", json=report).status_code
        for name in ("prices", "none")
    ]
    assert told == [204, 404]


def test_a_lake_that_cannot_be_read_is_unavailable_and_not_changed(
    house: House,
) -> None:
    table = house.table("quant.releases")
    head = table.metadata.current_snapshot()
    assert head is not None
    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
    for file in (house.path / "warehouse/quant/releases/data").rglob("*.parquet"):
        file.unlink()

    answer = house.commit({"action": "set-properties", "updates": {"a": "b"}})

    status, kind, message = error(answer)
    assert (status, kind) == (503, "ServiceUnavailableException")
    assert "Restore it from a backup" in message
    with pytest.raises(LakeError):
        house.lake().releases()


@pytest.mark.parametrize("spoil", ["gone", "damaged"])
def test_a_table_that_cannot_be_read_is_unavailable(
    house: House, client: RestCatalog, spoil: str
) -> None:
    del client
    house.client().create_table("mine.t", house.table().schema())
    with contextlib.closing(sqlite3.connect(house.path / "catalog.db")) as database:
        statement = (
            "SELECT metadata_location FROM iceberg_tables WHERE table_name = 't'"
        )
        ((place,),) = database.execute(statement)
        text = Path(place.removeprefix("file://"))
        other = text.with_name("other.metadata.json")
        if spoil == "damaged":
            other.write_text("{}", encoding="utf-8")
        statement = (
            "UPDATE iceberg_tables SET metadata_location = ? WHERE table_name = 't'"
        )
        database.execute(statement, [f"file://{other}"])
        database.commit()

    status, kind, message = error(house.ask("GET", f"{MINE}/t"))

    assert (status, kind) == (503, "ServiceUnavailableException")
    assert message.startswith("table t ")


def test_what_may_have_been_committed_is_not_deleted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database did what it was told, and the answer was lost."""
    really = sql.turn

    @contextlib.contextmanager
    def turn(*asked: Any) -> Iterator[Any]:
        with really(*asked) as session:
            yield session
        raise LostRaceError

    monkeypatch.setattr(sql, "turn", turn)
    answer = house.commit({"action": "set-properties", "updates": {"mine": "x"}})
    monkeypatch.undo()

    assert error(answer)[0] == 409
    assert house.table().properties["mine"] == "x"
    assert house.lake().doctor().ok


def test_what_was_not_committed_leaves_no_file(house: House) -> None:
    before = sorted(house.path.rglob("*.metadata.json"))

    refused = house.commit({"action": "remove-snapshot-ref", "ref-name": "R1"})

    assert refused.status_code == 403
    assert sorted(house.path.rglob("*.metadata.json")) == before
