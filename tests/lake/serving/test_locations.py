"""No client makes the server, or an engine that trusts it, reach for other files."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.lake.serving.errors import BadRequestError, RefusedError
from lakebt.lake.serving.names import Warehouse, check_name, check_namespace
from tests.lake.serving.conftest import error
from tests.lake.serving.test_protocol import SCHEMA, STAGED, make

if TYPE_CHECKING:
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

BAD_NAMES = (
    *("", " ", "..", ".", "a.b", "a/b", "a\\b", "a\x00b", "a\nb", "a\x1fb", "\x7f"),
    *(
        "a%2Fb",
        "a?b",
        "a#b",
        "*",
        "a:b",
        '"',
        "<",
        "|",
        "\ud800",
        "a ",
        " a",
        "x" * 201,
    ),
    *("\u2028", "\x9b"),
)


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_no_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError, match=re.escape(ascii(name[:80]))):
        check_name(name, what="table")
    with pytest.raises(BadRequestError, match="namespace"):
        check_namespace([name])


@pytest.mark.parametrize(
    "name", ["a", "A_b-1", "préçis", "日本", "a b", "x" * 200, "$"]
)
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name, what="table") == name
    assert check_namespace(["quant", name]) == ("quant", name)


@pytest.mark.parametrize("name", ["Quant", "QUANT", "quanT"])
def test_a_namespace_whose_folder_might_be_the_lakes_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError, match="in case only"):
        check_namespace([name])


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    folder = tmp_path / "warehouse"
    (folder / "mine").mkdir(parents=True)
    (folder / "quant").mkdir()
    (folder / "mine" / "out").symlink_to("/etc")
    (folder / "mine" / "in").symlink_to(folder / "quant")
    return Warehouse(f"file://{folder}")


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("{w}/mine/t", 200),
        ("{w}/other/t/", 200),
        ("{p}/mine/t", 200),
        ("file:{p}/mine/t", 200),
        ("{w}", 403),
        ("{w}/", 403),
        ("{w}/quant", 403),
        ("{w}/quant/prices/data", 403),
        ("{w}/QUANT/x", 403),
        ("{w}/mine/out/passwd", 403),
        ("{w}/mine/in/prices", 403),
        ("{w}x/mine", 403),
        ("file:///etc/passwd", 403),
        ("file:///", 403),
        ("/etc", 403),
        ("{w}/../x", 400),
        ("{w}/mine/../quant", 400),
        ("{w}/mine/%2e%2e/quant", 400),
        ("{w}/mine?x", 400),
        ("{w}/mine#x", 400),
        ("{w}/mi\nne", 400),
        ("file://host/etc", 400),
        ("s3://bucket/mine", 400),
        ("http://127.0.0.1/mine", 400),
        ("mine/t", 400),
        ("", 400),
        ("file://[", 400),
    ],
)
def test_a_place_is_in_the_warehouse_and_not_the_lakes(
    warehouse: Warehouse, place: str, status: int
) -> None:
    plain = warehouse.address.removeprefix("file://")
    asked = place.replace("{w}", warehouse.address).replace("{p}", plain)
    if status == 200:
        warehouse.check(asked, what="location")
        return
    with pytest.raises(RefusedError, match="location") as caught:
        warehouse.check(asked, what="location")
    assert caught.value.status == status


@pytest.fixture
def mine(house: House) -> House:
    house.client().create_namespace("mine")
    return house


def outside(house: House) -> str:
    return f"file://{house.path.parent}/elsewhere"


def test_a_table_is_made_in_the_warehouse_only(mine: House) -> None:
    for place in (outside(mine), f"file://{mine.path}/warehouse/quant/prices"):
        for staged in ({}, STAGED):
            assert error(make(mine, location=place, **staged))[0] == 403
        said = {"location": place}
        named = {"namespace": ["n"], "properties": said}
        assert error(mine.ask("POST", "namespaces", json=named))[0] == 403
    assert make(mine, location=f"file://{mine.path}/warehouse/t").status_code == 200
    assert not (mine.path.parent / "elsewhere").exists()


@pytest.mark.parametrize(
    "key", ["write.data.path", "write.metadata.path", "write.object-storage.path"]
)
def test_files_are_written_into_the_warehouse_only(mine: House, key: str) -> None:
    assert error(make(mine, properties={key: outside(mine)}))[0] == 403
    make(mine)
    for place in (outside(mine), f"file://{mine.path}/warehouse/quant/prices/data"):
        said = {"action": "set-properties", "updates": {key: place}}
        assert error(mine.commit(said, table="mine/tables/t"))[0] == 403
    said = {"action": "set-properties", "updates": {}}
    said["updates"] = {key: f"file://{mine.path}/warehouse/mine/files"}
    assert mine.commit(said, table="mine/tables/t").status_code == 200
    more = {"action": "set-properties", "updates": {"a": "b"}}
    assert mine.commit(more, table="mine/tables/t").status_code == 200


@pytest.mark.parametrize("key", ["py-io-impl", "write.py-location-provider.impl"])
def test_no_property_names_code(mine: House, key: str) -> None:
    """pyiceberg imports what these say: in the server, and wherever it is read."""
    said = {key: "antigravity.fly"}
    assert error(make(mine, properties=said))[0] == 403
    make(mine)
    update = {"action": "set-properties", "updates": said}

    status, _, message = error(mine.commit(update, table="mine/tables/t"))

    assert status == 403, message
    assert f"property {key} cannot be set: it names code" in message


def snapshot(place: str) -> dict[str, Any]:
    said = {
        "snapshot-id": 5,
        "sequence-number": 1,
        "timestamp-ms": 1_700_000_000_000,
        "manifest-list": place,
        "summary": {"operation": "append"},
        "schema-id": 0,
    }
    return {"action": "add-snapshot", "snapshot": said}


def test_a_snapshot_names_files_of_the_warehouse_only(mine: House) -> None:
    make(mine)
    for place in ("file:///etc/passwd", f"file://{mine.path}/warehouse/quant/x.avro"):
        answer = mine.commit(snapshot(place), table="mine/tables/t")
        assert error(answer)[0] == 403
    there = f"file://{mine.path}/warehouse/mine/t/metadata/x.avro"
    assert mine.commit(snapshot(there), table="mine/tables/t").status_code == 200
    prices = snapshot(there)
    prices["snapshot"] |= {"sequence-number": 3}
    status, _, message = error(mine.commit(prices))
    assert status == 403
    assert "is not in the folder of its table" in message


def test_what_is_registered_is_in_the_warehouse_and_names_nothing_else(
    mine: House,
) -> None:
    """Else the table could be expired, and the files of a release with it."""
    made = make(mine).json()
    good = Path(made["metadata-location"].removeprefix("file://"))
    text = json.loads(gzip.decompress(good.read_bytes()))
    spoiled = {
        "location": outside(mine),
        "snapshots": [snapshot("file:///etc/passwd")["snapshot"]],
        "metadata-log": [{"metadata-file": "file:///etc/passwd", "timestamp-ms": 1}],
        "properties": {"py-io-impl": "antigravity.fly"},
    }

    def register(place: Path) -> int:
        body = {"name": "r", "metadata-location": f"file://{place}"}
        answer = mine.ask("POST", "namespaces/mine/register", json=body)
        return answer.status_code

    for key, value in spoiled.items():
        place = good.with_name(f"{key}.metadata.json")
        place.write_text(json.dumps({**text, key: value}), encoding="utf-8")
        assert register(place) == 403, key
    prices = mine.table().metadata_location.removeprefix("file://")
    beside = mine.path.parent / "x.metadata.json"
    beside.write_text(json.dumps(text), encoding="utf-8")
    assert register(Path(prices)) == 403
    assert register(beside) == 403
    assert register(good.with_name("none.metadata.json")) == 400
    assert register(good.with_name("other.json")) == 400
    good.with_name("broken.metadata.json").write_text("{", encoding="utf-8")
    assert register(good.with_name("broken.metadata.json")) == 400
    lakes = {"name": "r", "metadata-location": f"file://{good}"}
    answer = mine.ask("POST", "namespaces/quant/register", json=lakes)
    assert error(answer)[0] == 403
    assert register(good) == 200


def test_the_table_of_a_user_that_is_called_like_the_ledger_keeps_its_files(
    house: House,
) -> None:
    client = house.client()
    client.create_namespace("mine")
    rows = house.table().scan().to_arrow()
    table = client.create_table("mine.releases", rows.schema)
    table.append(rows)
    first = table.metadata.snapshots[0].snapshot_id
    table.append(rows)
    removal = {"action": "remove-snapshots", "snapshot-ids": [first]}

    answer = house.commit(removal, table="mine/tables/releases")

    assert answer.status_code == 200
    assert len(client.load_table("mine.releases").scan().to_arrow()) == 2 * len(rows)


def test_a_path_in_the_url_cannot_leave_its_namespace(house: House) -> None:
    for path in (
        "namespaces/..%2Fx/tables",
        "namespaces/%2e%2e/tables/x",
        "namespaces/quant/tables/..%2F..%2Fcatalog.db",
        "namespaces/quant/tables/a%00b",
        "namespaces/a%1F/tables",
    ):
        assert house.ask("GET", path).status_code in {400, 404}


@pytest.mark.parametrize("staged", [{}, {"stage-create": True}])
def test_a_table_among_the_lakes_own_lies_where_they_do(
    house: House, staged: dict[str, Any]
) -> None:
    said = {"name": "x", "schema": SCHEMA, "location": outside(house), **staged}

    status, _, message = error(house.ask("POST", "namespaces/quant/tables", json=said))

    assert status == 403
    assert "a table in the lake's namespace lies in" in message
    assert not (house.path.parent / "elsewhere").exists()
