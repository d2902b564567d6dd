"""Whatever a guest is allowed to do, every release reads the same bits afterwards."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyiceberg.exceptions import ForbiddenError

from lakebt.errors import LakebtError
from lakebt.lake import Lake
from lakebt.lake.serving import requests
from lakebt.lake.serving.errors import BadRequestError, RefusedError
from lakebt.lake.serving.service import Service
from lakebt.lake.serving.updates import as_specified, parsed_updates
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.manifests import Append
from lakebt.lake.trials.record import RECORDED
from tests.lake.frames import AS_OF, bars, clock, q1
from tests.lake.other_engines import SPELLINGS, Clock, foreign_catalog, spelled
from tests.lake.serving.conftest import error
from tests.lake.trial_rows import batch
from tests.nightly import times

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.table import Table

    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

LAST_NUMBER = 2**63 - 1


def contents(path: Path) -> dict[str, pd.DataFrame]:
    """Everything that releases and trials say, read by bare pyiceberg."""
    read = {}
    with foreign_catalog(path) as catalog:
        ledger = catalog.load_table("quant.releases").scan().to_arrow().to_pylist()
        for row in ledger:
            for pin in row["tables"] if row["ended_at"] is None else ():
                table = catalog.load_table(f"quant.{pin['table']}")
                rows = table.scan(snapshot_id=pin["snapshot_id"]).to_pandas()
                read[f"{row['name']}/{pin['table']}"] = rows
        trials = catalog.load_table("quant.trials").scan().to_pandas()
    return read | {"trials": trials.sort_values("trial_id", ignore_index=True)}


def check_same(was: dict[str, pd.DataFrame], path: Path) -> None:
    now = contents(path)
    for name, frame in was.items():
        if name == "trials":
            kept = now[name][now[name]["trial_id"].isin(frame["trial_id"])]
            pd.testing.assert_frame_equal(kept.reset_index(drop=True), frame)
        else:
            pd.testing.assert_frame_equal(now[name], frame)


def make(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(), "etf_holdings": q1()}, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    lake.record(batch([1, 2, 3]))
    lake.record(batch([4, 5, 6]))


def snapshot_of(table: Table, manifest_list: str, **said: Any) -> dict[str, Any]:
    """Say a snapshot on top of the head, with a manifest list of one's choice."""
    head = table.metadata.current_snapshot()
    assert head is not None
    told = head.model_dump(mode="json", by_alias=True, exclude_none=True) | {
        "snapshot-id": 77,
        "parent-snapshot-id": head.snapshot_id,
        "sequence-number": getattr(table.metadata, "last_sequence_number", 0) + 1,
        "manifest-list": manifest_list,
    }
    return {"action": "add-snapshot", "snapshot": told | said}


def ref(name: str, number: int, kind: str = "branch") -> dict[str, Any]:
    told: dict[str, Any] = {"action": "set-snapshot-ref", "ref-name": name}
    return told | {"type": kind, "snapshot-id": number}


def test_a_list_of_another_snapshot_is_refused_in_every_spelling(house: House) -> None:
    table = house.table()
    for snapshot in table.metadata.snapshots:
        for spelling in SPELLINGS:
            there = spelled(snapshot.manifest_list, spelling)
            status, _, message = error(house.commit(snapshot_of(table, there)))
            assert status in {400, 403}
            assert "manifest list of snapshot" in message or "plain file" in message
    assert len(house.table().metadata.snapshots) == 2


@pytest.mark.parametrize("name", ["releases", "trials"])
def test_two_requests_do_not_delete_the_files_of_the_ledger(
    house: House, name: str
) -> None:
    """One adds a snapshot with the files of the head, one removes it."""
    house.lake().record(batch([1, 2]))
    was = contents(house.path)
    table = house.table(f"quant.{name}")
    head = table.metadata.current_snapshot()
    assert head is not None
    place = f"quant/tables/{name}"

    for spelling in SPELLINGS:
        there = spelled(head.manifest_list, spelling)
        assert error(house.commit(snapshot_of(table, there), table=place))[0] in {
            400,
            403,
        }
    removal = {"action": "remove-snapshots", "snapshot-ids": [77]}
    assert house.commit(removal, table=place).status_code == 200  # of none
    if len(table.metadata.snapshots) > 1:
        old = [table.metadata.snapshots[0].snapshot_id]
        removal = {"action": "remove-snapshots", "snapshot-ids": old}
        assert error(house.commit(removal, table=place))[0] == 403

    check_same(was, house.path)


def test_trials_are_not_taken_back_by_an_old_list(house: House) -> None:
    """Six became three, under a summary that said that three were added."""
    house.lake().record(batch([1, 2, 3]))
    first = house.table("quant.trials").metadata.current_snapshot()
    house.lake().record(batch([4, 5, 6]))
    table = house.table("quant.trials")
    assert first is not None
    folder = house.path / "warehouse/quant/trials/metadata"
    name = first.manifest_list.rsplit("/", maxsplit=1)[-1]
    shutil.copy(folder / name, folder / "copy.avro")

    for there, why in (
        (first.manifest_list, "has the manifest list of snapshot"),
        (f"file://{folder}/copy.avro", "trials would be lost"),
    ):
        answer = house.commit(
            snapshot_of(table, there), ref("main", 77), table="quant/tables/trials"
        )
        assert error(answer)[0] == 403
        assert why in error(answer)[2]
    assert len(house.lake().trials()) == 6


def test_a_trial_is_not_added_twice(house: House) -> None:
    house.lake().record(batch([1, 2, 3]))
    client = house.client()
    table = client.load_table("quant.trials")
    rows = table.scan().to_arrow()
    producer = Append(table, {RECORDED: "3"})
    for file in write_files(table, rows):
        producer.append_data_file(file)
    updates, requirements = producer._commit()  # noqa: SLF001

    with pytest.raises(ForbiddenError, match="a trial is recorded already"):
        client.commit_table(table, requirements, updates)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"sequence-number": LAST_NUMBER}, "and the table's next is 3"),
        ({"sequence-number": 9}, "and the table's next is 3"),
        ({"timestamp-ms": 2**62}, "which is not in the past"),
        ({"timestamp-ms": -1}, "which is not in the past"),
        ({"parent-snapshot-id": 77}, "is built on snapshot 77, which the table does"),
        ({"parent-snapshot-id": 5}, "is built on snapshot 5, which the table does"),
    ],
)
@pytest.mark.parametrize("name", ["prices", "releases"])
def test_a_snapshot_after_which_nobody_can_commit_is_refused(
    house: House, name: str, said: dict[str, Any], why: str
) -> None:
    table = house.table(f"quant.{name}")
    there = f"{table.location()}/metadata/none.avro"

    answer = house.commit(
        snapshot_of(table, there, **said), table=f"quant/tables/{name}"
    )

    assert error(answer)[0] == 400
    assert why in error(answer)[2]
    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)


def test_a_table_that_a_fast_clock_wrote_can_be_committed_to(house: House) -> None:
    """Times of a table never go back, so the next is as late as that clock's."""
    metadata = house.table().metadata
    later = metadata.last_updated_ms + 5 * 86_400_000
    said = snapshot_of(house.table(), "mine.avro", **{"timestamp-ms": later})
    updates = parsed_updates([said])

    with pytest.raises(BadRequestError, match="which is not in the past"):
        as_specified(updates, metadata)
    fast = metadata.model_copy(update={"last_updated_ms": later})
    assert len(as_specified(updates, fast)) == 1


@pytest.mark.parametrize("content", [None, b"no list of manifests"])
def test_a_branch_on_a_list_that_cannot_be_read_is_refused(
    house: House, content: bytes | None
) -> None:
    table = house.table()
    there = f"{table.location()}/metadata/mine.avro"
    if content is not None:
        (house.path / "warehouse/quant/prices/metadata/mine.avro").write_bytes(content)

    status, _, message = error(house.commit(snapshot_of(table, there), ref("mine", 77)))

    assert status == 403
    assert "the manifest list mine.avro of snapshot 77 of table prices is" in message
    assert house.lake().retain().n_snapshots == 0


def test_files_of_another_table_are_refused(house: House) -> None:
    """A list of one's own may name manifests, and they files, of anybody."""
    table, other = house.table(), house.table("quant.etf_holdings")
    theirs = other.metadata.current_snapshot()
    assert theirs is not None
    name = theirs.manifest_list.rsplit("/", maxsplit=1)[-1]
    folder = house.path / "warehouse/quant"
    shutil.copy(
        folder / "etf_holdings/metadata" / name, folder / "prices/metadata/mine.avro"
    )
    there = f"{table.location()}/metadata/mine.avro"

    status, _, message = error(house.commit(snapshot_of(table, there)))

    assert status == 403
    assert "the manifest of table prices" in message
    assert "is not in the folder of its table" in message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lakebt-staged-1-7", "tag"),
        ("lakebt-staged-9-{}", "tag"),
        ("lakebt-staging-x", "branch"),
        ("lakebt-staging-x", "tag"),
        ("lakebt-unfinished", "tag"),
        ("LAKEBT-x", "branch"),
    ],
)
def test_names_of_what_lakebt_stages_are_not_for_releases(
    house: House, name: str, kind: str
) -> None:
    """What they name is removed with them."""
    for release in ("R1", "R2"):
        pinned = house.table().metadata.refs[release].snapshot_id
        answer = house.commit(ref(name.format(pinned), pinned, kind))
        assert error(answer)[0] == 403
        assert "names that begin with lakebt- are lakebt's" in error(answer)[2]


PROPERTIES = {
    "write.object-storage.enabled": "x",
    "write.metadata.previous-versions-max": "many",
    "write.parquet.row-group-limit": "x",
    "write.summary.partition-limit": "x",
    "commit.retry.num-retries": "x",
    "schema.name-mapping.default": "{",
    "write.avro.compression-codec": "none-such",
    "s3.endpoint": "http://localhost:1",
    "Write.Metadata.Path": "/elsewhere",
}


@pytest.mark.parametrize("name", ["prices", "releases", "trials"])
def test_no_property_that_an_engine_obeys_is_set(house: House, name: str) -> None:
    house.lake().record(batch([1]))
    for key, value in PROPERTIES.items():
        said = {"action": "set-properties", "updates": {key: value}}
        status, _, message = error(house.commit(said, table=f"quant/tables/{name}"))
        assert status == 403, key
        assert f"property {key} of table {name} cannot be set to" in message
    note = {"action": "set-properties", "updates": {"comment": "seen by me"}}
    assert house.commit(note, table=f"quant/tables/{name}").status_code == 200
    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)


def test_no_table_becomes_that_of_the_trials(house: House) -> None:
    client = house.client()
    client.create_table("quant.notes", house.table().schema())
    target = {"namespace": ["quant"], "name": "trials"}
    body = {"source": {"namespace": ["quant"], "name": "notes"}, "destination": target}

    status, _, message = error(house.ask("POST", "tables/rename", json=body))

    assert status == 403
    assert "cannot become the lake's" in message
    assert house.lake().record(batch([1])) == 1


def test_no_table_is_declared_that_stops_publishers(house: House) -> None:
    client = house.client()
    schema = house.table().schema()
    for properties, why in (
        ({"lakebt.key": "none"}, "no column of it"),
        (
            {"lakebt.key": "symbol", "commit.retry.num-retries": "x"},
            "cannot be set",
        ),
    ):
        with pytest.raises(ForbiddenError, match=why):
            client.create_table("quant.mine", schema, properties=properties)
    table = client.create_table("quant.mine", schema)
    with pytest.raises(ForbiddenError, match="cannot say that lakebt made it"):
        table.append(house.table().scan().to_arrow(), {"lakebt.release": "R1"})

    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)


# ------------------------------------------------------------ any sequence of requests


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guests")
    make(path / "lake")
    return path / "lake"


class Guest:
    """Sends what may be allowed, in this process: no port, no thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.service = Service(open_path(path, create=False))
        self.allowed = 0

    def table(self, name: str) -> Any:
        with foreign_catalog(self.path) as catalog:
            return catalog.load_table(f"quant.{name}")

    def commit(self, name: str, *updates: dict[str, Any]) -> None:
        change = requests.TableChange(updates=list(updates))
        try:
            self.service.commit("quant", name, change)
        except RefusedError:
            return
        self.allowed += 1

    def lists(self) -> list[str]:
        names = ("prices", "etf_holdings", "releases", "trials")
        return [
            s.manifest_list for n in names for s in self.table(n).metadata.snapshots
        ]

    def copied(self, name: str, there: str, number: int) -> str:
        """Return a copy of a manifest list that lies in the folder of a table."""
        mine = self.path / f"warehouse/quant/{name}/metadata/copy-{number}.avro"
        shutil.copy(there.removeprefix("file://"), mine)
        return f"file://{mine}"

    def do(self, action: tuple[Any, ...]) -> None:
        kind, name, which, how, where = action
        table = self.table(name)
        snapshots = table.metadata.snapshots
        lists = self.lists()
        there = spelled(lists[which % len(lists)], how)
        numbers = [s.snapshot_id for s in snapshots]
        number, new = numbers[which % len(numbers)], 1000 + len(lists) + which
        said = {
            "snapshot-id": new,
            "summary": {"operation": "append", "lakebt.trials": "9"},
        }
        match kind:
            case "add":
                self.commit(name, snapshot_of(table, there, **said))
            case "copy":
                mine = self.copied(name, lists[which % len(lists)], new)
                self.commit(name, snapshot_of(table, mine, **said))
            case "add as head":
                mine = self.copied(name, lists[which % len(lists)], new)
                self.commit(name, snapshot_of(table, mine, **said), ref("main", new))
            case "add as branch":
                mine = self.copied(name, lists[which % len(lists)], new)
                self.commit(name, snapshot_of(table, mine, **said), ref(where, new))
            case "tag":
                self.commit(name, ref(where.format(number), number, "tag"))
            case "branch":
                self.commit(name, ref(where.format(number), number))
            case "remove":
                gone = {"action": "remove-snapshots", "snapshot-ids": [number]}
                self.commit(name, gone)
            case "untag":
                self.commit(name, {"action": "remove-snapshot-ref", "ref-name": where})
            case "set":
                keys = list(PROPERTIES)
                key = keys[which % len(keys)]
                said = {key: PROPERTIES[key], "gc.enabled": "true"}
                self.commit(name, {"action": "set-properties", "updates": said})


ACTIONS = st.tuples(
    st.sampled_from(
        [
            *("add", "copy", "add as head", "add as branch", "tag", "branch"),
            *("remove", "untag", "set"),
        ]
    ),
    st.sampled_from(["prices", "etf_holdings", "releases", "trials"]),
    st.integers(0, 12),
    st.sampled_from(list(SPELLINGS)),
    st.sampled_from(
        [
            *("main", "R1", "R2", "mine", "lakebt-unfinished", "lakebt-staging-x"),
            *("lakebt-staged-1-7", "lakebt-staged-1-{}", "lakebt-staged-9-{}"),
        ]
    ),
)


def keep(path: Path, now: Clock) -> None:
    """Do all that keeps a lake, as its owner does, and publish."""

    def quietly(do: Any) -> None:
        with contextlib.suppress(LakebtError):  # it says why, and changes nothing
            do()

    lake = Lake.open(path, create=False, clock=now)
    quietly(lake.retain)
    for table in ("prices", "etf_holdings", "releases", "trials"):
        quietly(lambda table=table: lake.roll_back(table))
    quietly(lake.restore)
    now.pass_by(days=9_999)
    quietly(lake.remove_orphans)
    quietly(lake.retain)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R3", as_of=AS_OF)
    lake.record(batch([7, 8]))
    lake.record(batch([9]))
    quietly(lake.retain)


@pytest.mark.slow
@settings(
    max_examples=times(5, 60),
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=6))
def test_after_any_requests_every_release_reads_the_same_bits(
    template: Path, actions: list[Any]
) -> None:
    # A lake cannot be moved; so the one is put back.
    backup = template.with_name("backup")
    if not backup.exists():
        shutil.copytree(template, backup)
    shutil.rmtree(template)
    shutil.copytree(backup, template)
    was = contents(template)
    guest = Guest(template)

    for action in actions:
        guest.do(action)
    keep(template, Clock())

    check_same(was, template)
    assert len(contents(template)["trials"]) == 9
