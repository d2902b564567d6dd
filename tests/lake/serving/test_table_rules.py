"""What no client may do to the lake's own tables, and what it may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars
from tests.lake.serving.conftest import error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.table import Table

    from tests.lake.serving.conftest import House

    Make = Callable[[Table], list[dict[str, Any]]]

pytestmark = pytest.mark.lake


def pinned(table: Table, release: str = "R1") -> int:
    return table.metadata.refs[release].snapshot_id


def ref(name: str, snapshot: int, kind: str = "tag") -> dict[str, Any]:
    told: dict[str, Any] = {"action": "set-snapshot-ref", "ref-name": name}
    return told | {"type": kind, "snapshot-id": snapshot}


def columns(table: Table, *, but: str = "", add: Any = None) -> list[dict[str, Any]]:
    """Say the columns anew, without one, or with one more."""
    schema = table.schema().model_dump(mode="json", by_alias=True)
    fields = [each for each in schema["fields"] if each["name"] != but]
    said = schema | {"schema-id": 7, "fields": [*fields, *([add] if add else [])]}
    return [
        {"action": "add-schema", "schema": said},
        {"action": "set-current-schema", "schema-id": -1},
    ]


def changed(table: Table) -> list[dict[str, Any]]:
    """Put other files behind a snapshot that a release pins, under its own number."""
    snapshot = table.metadata.snapshot_by_id(pinned(table))
    assert snapshot is not None
    said = snapshot.model_dump(mode="json", by_alias=True, exclude_none=True)
    head = table.metadata.current_snapshot()
    assert head is not None
    return [
        {"action": "remove-snapshots", "snapshot-ids": [snapshot.snapshot_id]},
        {
            "action": "add-snapshot",
            "snapshot": said
            | {"manifest-list": head.manifest_list, "sequence-number": 3},
        },
        ref("R1", snapshot.snapshot_id),
    ]


REFUSED: dict[str, tuple[Make, str]] = {
    "a tag is moved": (
        lambda t: [ref("R1", pinned(t, "R2"))],
        r"tag R1 .*cannot be moved .*'R1' pins .*lakebt retain .*--drop R1",
    ),
    "a tag is dropped": (
        lambda _: [{"action": "remove-snapshot-ref", "ref-name": "R1"}],
        "tag R1 of table prices cannot be dropped: release 'R1' pins",
    ),
    "a tag is dropped and set elsewhere": (
        lambda t: [
            {"action": "remove-snapshot-ref", "ref-name": "R1"},
            ref("R1", pinned(t, "R2")),
        ],
        "tag R1 of table prices cannot be moved",
    ),
    "a tag becomes a branch": (
        lambda t: [ref("R1", pinned(t), "branch")],
        "tag R1 of table prices cannot be made a branch",
    ),
    "a tag is made to expire": (
        lambda t: [ref("R1", pinned(t)) | {"max-ref-age-ms": 1}],
        "tag R1 of table prices cannot be given max-ref-age-ms 1",
    ),
    "a snapshot is removed": (
        lambda t: [{"action": "remove-snapshots", "snapshot-ids": [pinned(t)]}],
        "tag R1 of table prices cannot be dropped",
    ),
    "a snapshot is replaced": (
        changed,
        r"snapshot \d+ of table prices cannot be removed: release 'R1' pins it",
    ),
    "the head is made to expire": (
        lambda t: [ref("main", pinned(t, "R2"), "branch") | {"max-snapshot-age-ms": 1}],
        "branch main of table prices cannot have max-snapshot-age-ms 1",
    ),
    "expiry is allowed": (
        lambda _: [{"action": "set-properties", "updates": {"gc.enabled": "true"}}],
        "property gc.enabled of table prices cannot be set to 'true'",
    ),
    "expiry is asked for": (
        lambda _: [
            {
                "action": "set-properties",
                "updates": {"history.expire.max-snapshot-age-ms": "1"},
            }
        ],
        r"property history.expire.max-snapshot-age-ms .* cannot be set to '1'",
    ),
    "a setting is removed": (
        lambda _: [{"action": "remove-properties", "removals": ["gc.enabled"]}],
        "property gc.enabled of table prices cannot be removed",
    ),
    "files go elsewhere": (
        lambda t: [
            {
                "action": "set-properties",
                "updates": {"write.data.path": f"{t.location()}/other"},
            }
        ],
        "property write.data.path of table prices cannot be set to",
    ),
    "the table moves": (
        lambda t: [
            {"action": "set-location", "location": t.location().replace("prices", "x")}
        ],
        "a table in the lake's namespace lies in .* its location stays that",
    ),
    "the format is upgraded": (
        lambda _: [{"action": "upgrade-format-version", "format-version": 3}],
        "its format version stays 2",
    ),
    "a column is dropped": (
        lambda t: columns(t, but="volume"),
        "column volume of table prices cannot be changed, renamed or dropped",
    ),
    "a column is added": (
        lambda t: columns(
            t, add={"id": 99, "name": "x", "type": "double", "required": False}
        ),
        "the columns of table prices are lakebt's",
    ),
    "rows are partitioned": (
        lambda _: [
            {
                "action": "add-spec",
                "spec": {
                    "spec-id": 1,
                    "fields": [
                        {
                            "source-id": 1,
                            "field-id": 1000,
                            "transform": "identity",
                            "name": "symbol",
                        }
                    ],
                },
            },
            {"action": "set-default-spec", "spec-id": -1},
        ],
        "how the rows of table prices are partitioned and sorted is lakebt's",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_commit_that_would_harm_a_release_is_refused(house: House, case: str) -> None:
    make, reason = REFUSED[case]
    before = house.table()

    status, kind, message = error(house.commit(*make(before)))

    assert (status, kind) == (403, "ForbiddenException")
    assert re.search(reason, message), message
    assert house.table().metadata_location == before.metadata_location
    assert len(house.lake().at("R1").read("prices")) == 6
    assert house.lake().doctor().ok


@pytest.mark.parametrize(
    ("case", "updates"),
    [
        ("a tag of one's own", lambda t: [ref("mine", pinned(t))]),
        ("a branch of one's own", lambda t: [ref("mine", pinned(t), "branch")]),
        ("a tag that is as it is", lambda t: [ref("R1", pinned(t))]),
        (
            "another property",
            lambda _: [{"action": "set-properties", "updates": {"mine": "x"}}],
        ),
        (
            "a property that is not there",
            lambda _: [{"action": "remove-properties", "removals": ["none"]}],
        ),
        (
            "a snapshot that is not there",
            lambda _: [{"action": "remove-snapshots", "snapshot-ids": [1]}],
        ),
        ("nothing", lambda _: []),
    ],
)
def test_what_harms_nothing_is_done(house: House, case: str, updates: Make) -> None:
    answer = house.commit(*updates(house.table()))

    assert answer.status_code == 200, (case, answer.text)
    assert house.lake().at("R1").read("prices").shape[0] == 6
    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)


def test_a_tag_of_ones_own_may_be_moved_and_dropped(house: House) -> None:
    first, second = (pinned(house.table(), name) for name in ("R1", "R2"))
    for updates in (
        [ref("mine", first)],
        [ref("mine", second)],
        [{"action": "remove-snapshot-ref", "ref-name": "mine"}],
    ):
        assert house.commit(*updates).status_code == 200
    assert set(house.table().metadata.refs) == {"main", "R1", "R2"}


def test_the_tag_of_a_release_that_ended_may_go(house: House) -> None:
    gone = pinned(house.table())
    house.lake().drop("R1", because="a test")
    table = house.table()

    assert "R1" not in table.metadata.refs
    assert house.commit(ref("R1", pinned(table, "R2"))).status_code == 200
    removal = {"action": "remove-snapshot-ref", "ref-name": "R1"}
    assert house.commit(removal).status_code == 200
    assert table.metadata.snapshot_by_id(gone) is None


def test_the_last_release_keeps_its_snapshot_even_when_it_ended(house: House) -> None:
    house.lake().drop("R2", because="a test")
    table = house.table()
    head = table.metadata.current_snapshot()
    assert head is not None

    removal = {"action": "remove-snapshots", "snapshot-ids": [head.snapshot_id]}
    status, _, message = error(house.commit(removal))

    assert status == 403
    assert "It is the last one, and the next release is built on it" in message


def test_a_tag_that_somebody_lost_may_be_put_back_and_only_where_it_was(
    house: House,
) -> None:
    sql = house.lake()._storage.catalog.load_table("quant.prices")  # noqa: SLF001
    was = pinned(sql)
    sql.manage_snapshots().remove_tag("R1").commit()

    status, _, message = error(house.commit(ref("R1", pinned(sql, "R2"))))
    assert status == 403
    assert "tag R1 of table prices cannot be moved" in message
    assert house.commit(ref("R1", was)).status_code == 200
    assert house.lake().doctor().ok


def test_a_property_that_somebody_spoiled_may_be_put_right(house: House) -> None:
    sql = house.lake()._storage.catalog.load_table("quant.prices")  # noqa: SLF001
    with sql.transaction() as change:
        change.set_properties({"gc.enabled": "true", "history.expire.min": "1"})

    said = {"action": "set-properties", "updates": {"gc.enabled": "false"}}
    gone = {"action": "remove-properties", "removals": ["history.expire.min"]}
    assert house.commit(said, gone).status_code == 200
    assert house.lake().doctor().ok


@pytest.mark.parametrize("table", ["prices", "etf_holdings", "releases", "earnings"])
def test_no_table_of_the_lake_is_dropped_or_renamed(house: House, table: str) -> None:
    declare(house.lake())
    dropped = house.ask("DELETE", f"namespaces/quant/tables/{table}")
    new = {"namespace": ["quant"], "name": "other"}
    body = {"source": {"namespace": ["quant"], "name": table}, "destination": new}
    renamed = house.ask("POST", "tables/rename", json=body)

    for answer, verb in ((dropped, "dropped"), (renamed, "renamed")):
        status, _, message = error(answer)
        assert status == 403
        assert f"table {table} cannot be {verb}: it is the lake's" in message
    assert ("quant", table) in house.client().list_tables("quant")


def test_the_namespace_of_the_lake_stays(house: House) -> None:
    assert error(house.ask("DELETE", "namespaces/quant"))[0] == 403
    moved = {"updates": {"location": "file:///tmp"}}
    assert error(house.ask("POST", "namespaces/quant/properties", json=moved))[0] == 403


def test_a_declared_table_gets_columns_that_may_be_empty_and_loses_none(
    house: House,
) -> None:
    declare(house.lake())
    house.lake().publish({"earnings": calendar()}, release="R3", as_of=AS_OF)
    place = "quant/tables/earnings"
    table = house.table("quant.earnings")
    new = {"id": 99, "name": "hour", "type": "string", "required": False}
    for wrong, why in (
        ({**new, "required": True}, "must be optional and one of"),
        ({**new, "type": "uuid"}, "must be optional and one of"),
    ):
        answer = house.commit(*columns(table, add=wrong), table=place)
        assert error(answer)[0] == 403
        assert why in error(answer)[2]
    key = {"action": "set-properties", "updates": {"lakebt.key": "symbol"}}
    assert "property lakebt.key" in error(house.commit(key, table=place))[2]
    lost = error(house.commit(*columns(table, but="period"), table=place))
    assert "column period of table earnings cannot be changed" in lost[2]

    answer = house.commit(*columns(table, add=new), table=place)

    assert answer.status_code == 200, answer.text
    assert len(house.lake().at("R3").read("earnings")) == len(calendar())
    assert (
        "hour" in dict(house.lake().tables().set_index("name")["columns"])["earnings"]
    )


def test_a_table_beside_the_lakes_own_cannot_become_one_of_them(house: House) -> None:
    client = house.client()
    schema = house.table().schema()
    client.create_table("quant.notes", schema)
    client.create_namespace("mine")
    client.create_table("mine.notes", schema)

    key = {"action": "set-properties", "updates": {"lakebt.key": "symbol"}}
    declared = error(house.commit(key, table="quant/tables/notes"))
    source = {"namespace": ["mine"], "name": "notes"}
    target = {"namespace": ["quant"], "name": "earnings"}
    body = {"source": source, "destination": target}
    renamed = error(house.ask("POST", "tables/rename", json=body))

    assert declared[0] == renamed[0] == 403
    assert "a table of the lake is made by lakebt declare" in declared[2]
    client.drop_table("quant.notes")
    assert house.lake().doctor().ok
