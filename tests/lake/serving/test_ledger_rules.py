"""The ledger and the trials, which only lakebt writes; and how it does so."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pyiceberg.exceptions import ForbiddenError

from lakebt.errors import ForeignCommitError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import stepwise
from lakebt.lake.committing.follow_up import set_ref
from lakebt.lake.committing.ledger import ledger_rows, read_ledger
from lakebt.lake.committing.stage import stage_rewrite
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.tables.schemas import LEDGER
from tests.lake.committing.test_rest import Interrupted, before_step
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.old import make_old
from tests.lake.redacted import ERASED, redact
from tests.lake.remote import Remote
from tests.lake.serving.conftest import error
from tests.lake.trial_rows import batch
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake.committing.ledger import Release
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

OURS = {"lakebt.release": "X"}


@pytest.fixture
def remote(house: House, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The same lake, as another process opens it, which publishes step by step."""
    made = Remote(house.path, is_ours=True)
    step_by_step = {"lakebt.releases": "no"}
    made.configure(monkeypatch, type="rest", uri=house.address, **step_by_step)
    return made


def commit_page(
    house: House,
    edit: Callable[[list[Release]], list[Release]],
    *,
    summary: dict[str, str] | None = None,
) -> None:
    """Commit a page of the ledger through the server, as lakebt would write it."""
    storage = open_path(house.path, create=False)
    rows = list(read_ledger(storage, storage.tables()[LEDGER]).releases)
    client = house.client()
    table = client.load_table(("quant", LEDGER))
    staged = stage_rewrite(
        table,
        ledger_rows(edit(rows), table),
        summary=OURS if summary is None else summary,
    )
    client.commit_table(
        table,
        staged.requirements,
        (*staged.updates, set_ref("main", staged.snapshot_id)),
    )


def another(release: Release, **changes: Any) -> Release:
    named: dict[str, Any] = {"name": "R3", "sequence": release.sequence + 1}
    return replace(release, **named | changes)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda rows: rows[1:], "'R1' cannot be changed"),
        (lambda rows: rows[:1], "'R2' cannot be taken out of the ledger"),
        (
            lambda rows: [replace(rows[0], note="other"), *rows[1:]],
            "release 'R1' cannot be changed: it is there for ever",
        ),
        (
            lambda rows: [replace(rows[0], redactions=(ERASED,)), *rows[1:]],
            "release 'R1' cannot be changed: it is there for ever",
        ),
        (
            lambda rows: [*rows, another(rows[-1], redactions=(ERASED,))],
            "'R3' cannot be added: nothing was erased from it yet",
        ),
        (
            lambda rows: [*rows, another(rows[-1], sequence=9)],
            "'R3' cannot be added: its sequence is 9, and the next is 3",
        ),
        (
            lambda rows: [*rows, another(rows[-1], name="r1")],
            "'r1' cannot be added: a release of that name exists already",
        ),
        (
            lambda rows: [*rows, another(rows[-1], name="main")],
            "release name 'main' is reserved",
        ),
        (
            lambda rows: [
                *rows,
                another(
                    rows[-1],
                    tables=tuple(
                        replace(pin, snapshot_id=7) for pin in rows[-1].tables
                    ),
                ),
            ],
            "'R3' cannot be added: table .* has no snapshot 7",
        ),
        (
            lambda rows: [
                *rows,
                another(rows[-1]),
                another(rows[-1], name="R4", sequence=4),
            ],
            "2 releases at once",
        ),
    ],
)
def test_a_page_that_would_change_or_lose_a_release_is_refused(
    house: House, edit: Any, why: str
) -> None:
    before = house.lake().releases(ended=True)

    with pytest.raises(ForbiddenError, match=why):
        commit_page(house, edit)

    pd.testing.assert_frame_equal(house.lake().releases(ended=True), before)
    assert house.lake().doctor().ok


def test_what_was_erased_is_read_and_kept_through_the_server(house: House) -> None:
    redact(house.lake(), "R1")

    commit_page(house, lambda rows: [*rows, another(rows[-1])])

    told = house.lake().releases()["redactions"].tolist()
    assert told == [[ERASED.told()], [], []]


def test_a_page_that_ends_or_adds_a_release_is_taken(house: House) -> None:
    end: dict[str, Any] = {"ended_at": clock(), "ended_because": "a test"}
    commit_page(house, lambda rows: [replace(rows[0], **end), *rows[1:]])
    assert list(house.lake().releases()["name"]) == ["R2"]

    commit_page(house, lambda rows: [*rows, another(rows[-1])])

    assert list(house.lake().releases()["name"]) == ["R2", "R3"]
    assert house.table().metadata.refs["R3"] == house.table().metadata.refs["R2"]
    revive: dict[str, Any] = {"ended_at": None, "ended_because": ""}
    with pytest.raises(ForbiddenError, match="'R1' cannot be changed"):
        commit_page(house, lambda rows: [replace(rows[0], **revive), *rows[1:]])


def test_a_page_that_is_not_lakebts_is_refused(house: House) -> None:
    with pytest.raises(ForbiddenError, match="releases is written by lakebt only"):
        commit_page(house, lambda rows: rows, summary={})
    table = house.table("quant.releases")
    rows = table.scan().to_arrow()
    for write in (table.append, table.overwrite):
        with pytest.raises(ForbiddenError, match="written by lakebt only"):
            write(rows)
    head = table.metadata.current_snapshot()
    assert head is not None
    with pytest.raises(ForbiddenError, match="has no branch or tag 'mine'"):
        table.manage_snapshots().create_tag(head.snapshot_id, "mine").commit()
    old = table.metadata.snapshots[0].snapshot_id
    with pytest.raises(ForbiddenError, match="written by lakebt only"):
        house.client().commit_table(table, (), (set_ref("main", old),))


def test_files_of_a_page_are_the_ledgers_own(house: House) -> None:
    """They are deleted ten pages later."""
    table = house.table("quant.releases")
    other = house.table("quant.prices").metadata.current_snapshot()
    head = table.metadata.current_snapshot()
    assert other is not None
    assert head is not None
    said = head.model_dump(mode="json", by_alias=True, exclude_none=True) | {
        "snapshot-id": 99,
        "parent-snapshot-id": head.snapshot_id,
        "sequence-number": 3,
        "manifest-list": other.manifest_list,
    }
    status, _, message = error(
        house.commit(
            {"action": "add-snapshot", "snapshot": said},
            {
                "action": "set-snapshot-ref",
                "ref-name": "main",
                "type": "branch",
                "snapshot-id": 99,
            },
            table="quant/tables/releases",
        )
    )
    assert status == 403
    assert "is not in the folder of its table" in message


@pytest.mark.slow
def test_lakebt_publishes_declares_records_and_ends_through_the_server(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    there.publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
    assert set(house.table("quant.releases").metadata.refs) == {"main"}
    assert there.record(batch([1, 2])) == 2
    assert there.record(batch([2, 3])) == 1
    there.drop("R1", because="a test")

    here = house.lake()
    assert list(here.releases()["name"]) == ["R2", "R3"]
    assert len(here.trials()) == 3
    assert here.doctor().ok
    table = house.table("quant.trials")
    rows = table.scan().to_arrow()
    with pytest.raises(ForbiddenError, match="trials is written by lakebt only"):
        table.append(rows)


def test_the_trials_are_made_by_lakebt(house: House) -> None:
    with pytest.raises(ForbiddenError, match="table trials is made by lakebt"):
        house.client().create_table("quant.trials", house.table().schema())


@pytest.mark.slow
def test_whoever_publishes_without_the_server_never_sees_half_a_release(
    house: House, remote: Remote
) -> None:
    """Between any two changes of a publisher there, one here publishes."""
    steps = 2  # of one table: its snapshot is staged, then the release decided
    for step in range(steps):
        slow = remote.storage()
        before_step(
            slow,
            step,
            lambda step=step: house.lake().publish(  # type: ignore[misc]
                {"prices": bars(("2022-09-08",), symbols=(f"H{step}",))},
                release=f"HERE{step}",
                as_of=AS_OF,
            ),
        )
        remote.lake(slow).publish(
            {"prices": bars(("2022-09-08",), symbols=(f"T{step}",))},
            release=f"THERE{step}",
            as_of=AS_OF,
        )
        assert house.lake().doctor().ok

    names = list(house.lake().releases()["name"])
    assert names == [
        "R1",
        "R2",
        *(f"{w}{n}" for n in range(steps) for w in ("HERE", "THERE")),
    ]


def test_a_head_that_others_moved_stops_a_release_before_it_is_decided(
    house: House, remote: Remote
) -> None:
    storage = remote.storage()

    def write() -> None:
        table = house.table()
        table.append(table.scan().to_arrow())

    before_step(storage, 1, write)
    with pytest.raises(ForeignCommitError, match=r"prices.*lake.doctor"):
        remote.lake(storage).publish(
            {"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF
        )

    assert list(house.lake().releases()["name"]) == ["R1", "R2"]


@pytest.mark.slow
def test_publishers_on_both_sides_lose_and_duplicate_nothing(
    house: House, remote: Remote
) -> None:
    each, failed = 4, []

    def publish(lake: Lake, who: str) -> None:
        try:
            for number in range(each):
                rows = bars(("2022-09-08",), symbols=(f"{who}{number}",))
                lake.publish({"prices": rows}, release=f"{who}{number}", as_of=AS_OF)
        except BaseException as error:
            failed.append(error)
            raise

    sides = [("A", house.lake()), ("B", house.lake()), ("C", remote.open())]
    threads = [
        threading.Thread(target=publish, args=(lake, who)) for who, lake in sides
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failed
    names = {f"{who}{number}" for who, _ in sides for number in range(each)}
    assert set(house.lake().releases()["name"]) == {"R1", "R2", *names}
    newest = house.lake().releases()["name"].iloc[-1]
    assert names <= set(house.lake().at(newest).read("prices")["symbol"])
    assert house.lake().doctor().ok


def test_what_a_dead_publisher_staged_goes_with_a_release_of_this_side(
    house: House, remote: Remote
) -> None:
    storage = remote.storage()

    def die() -> None:
        raise Interrupted

    before_step(storage, 1, die)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stepwise.LedgerOrder, "_withdraw", lambda *_: None)
        with pytest.raises(Interrupted):
            remote.lake(storage).publish(
                {"prices": bars(("2022-09-08",))}, release="DEAD", as_of=AS_OF
            )
    assert "lakebt-staged-3" in " ".join(house.table().metadata.refs)

    house.lake().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)

    assert set(house.table().metadata.refs) == {"main", "R1", "R2", "R3"}
    assert len(house.table().metadata.snapshots) == 3
    assert house.lake().doctor().ok


@pytest.mark.slow
def test_an_old_lake_is_published_into_through_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledger gets the columns that it lacks; digests are its owner's to give."""
    path = make_old(tmp_path / "lake")
    with serving(open_path(path, create=False)) as (address, _):
        remote = Remote(path, is_ours=True)
        step_by_step = {"lakebt.releases": "no"}
        remote.configure(monkeypatch, type="rest", uri=address, **step_by_step)
        there = remote.open()

        there.publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
        with pytest.raises(LakeError, match="where the lake lies"):
            there.restore()

    here = Lake.open(path, clock=clock)
    assert list(here.releases()["name"]) == ["R0", "R1", "R2", "R3"]
    assert here.restore().done == ("the digests of the files of 4 releases are kept",)
    assert here.doctor(deep=True).ok


def test_closed_days_are_added_where_the_lake_lies(
    house: House, remote: Remote
) -> None:
    with pytest.raises(LakeError, match=r"where the lake lies.* closed=") as failed:
        Lake.open(catalog="prod", closed=["2022-09-14"], create=False, clock=clock)

    assert "retain" not in str(failed.value)
    here = Lake.open(house.path, closed=["2022-09-14"], clock=clock)
    assert "2022-09-14" in here.at("R1").sessions.name
    assert remote.open().releases()["name"].to_list() == ["R1", "R2"]
