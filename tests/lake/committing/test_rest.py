"""Publishing through a catalog that changes one table at a time: Iceberg's own REST."""

from __future__ import annotations

import signal
import subprocess
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import requests
from pyiceberg.exceptions import BadRequestError, CommitFailedException
from pyiceberg.table.update import SetSnapshotRefUpdate

from lakebt.errors import (
    ConflictError,
    ForeignCommitError,
    LakeError,
    ReleaseExistsError,
)
from lakebt.lake.committing import follow_up, retry, stepwise
from lakebt.lake.committing.follow_up import set_ref
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.recovery import STAGED, unfinished
from lakebt.lake.committing.stage import stage_append
from lakebt.lake.storage.datafiles import write_files
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.snapshots import at_ref
from lakebt.lake.tables.schemas import LEDGER
from tests.forked import python
from tests.lake.conftest import KINDS
from tests.lake.crash import COLUMNS, expected, found, publish, tables
from tests.lake.frames import AS_OF, q1
from tests.nightly import IS_NIGHTLY
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.lake.storage.catalog import Storage
    from tests.lake.remote import Remote

pytestmark = pytest.mark.lake

TABLE = "etf_holdings"
LOST = "the answer was lost"
SECRET = "hush"  # noqa: S105 - opens nothing

STEPS = (
    *("stage 1", "stage 2", "stage 3", "decide"),
    *("follow 1", "follow 2", "follow 3", "finish"),
)
"""The changes of one publication over three tables, in their order."""

DECIDED = STEPS.index("decide") + 1
"""After how many of them the release exists."""


def made_by(remote: Remote) -> tuple[str, ...]:
    """The changes a publisher makes: at our own server tables follow the decision."""
    return STEPS[:DECIDED] if remote.is_ours else STEPS


def cases(
    steps: Sequence[str] = STEPS, *, half: int | None = None
) -> list[tuple[str, str]]:
    """Return kinds of catalog and the changes that a publisher makes there.

    Parameters
    ----------
    steps
        The changes wanted.
    half
        Which half of the cases, where two tests differ in one thing more: 0 or 1. What
        is done in one kind of catalog alone is in both, and the nightly run does all.
    """
    return [
        (kind, name)
        for name in steps
        for kind in KINDS
        if kind == "iceberg" or name in STEPS[:DECIDED]
        if IS_NIGHTLY
        or half is None
        or name not in STEPS[:DECIDED]
        or (STEPS.index(name) + KINDS.index(kind)) % 2 == half
    ]


def at_steps(
    fixture: str, steps: Sequence[str] = STEPS, *, half: int | None = None
) -> pytest.MarkDecorator:
    """Run a test before each change that a publisher makes: see `cases`."""
    chosen = [
        pytest.param(kind, STEPS.index(name), id=f"{kind}-{name}")
        for kind, name in cases(steps, half=half)
    ]
    return pytest.mark.parametrize((fixture, "step"), chosen, indirect=[fixture])


def test_halves_have_every_change_in_every_catalog_and_each_both() -> None:
    halves = [set(cases(half=half)) for half in (0, 1)]

    assert set.union(*halves) == set(cases())
    for half in halves:
        assert {name for _, name in half} == set(STEPS)
        assert {kind for kind, _ in half} == set(KINDS)


def where_tables_follow(fixture: str) -> pytest.MarkDecorator:
    """Run a test where tables follow the decision one by one: not at our own server."""
    return pytest.mark.parametrize(fixture, ["iceberg"], indirect=True)


class Interrupted(BaseException):
    """Stands for the end of a process."""


def before_step(storage: Storage, step: int, do: Callable[[], object]) -> None:
    """Do something just before one of a publisher's changes."""
    catalog: Any = storage.catalog
    really, count = catalog.commit_table, 0

    def commit_table(*arguments: Any) -> Any:
        nonlocal count
        if count == step:
            catalog.commit_table = really
            do()
        count += 1
        return catalog.__class__.commit_table(catalog, *arguments)

    catalog.commit_table = commit_table


def told(remote: Remote) -> Any:
    """Say what is unfinished, as a new process would."""
    storage = remote.storage()
    tables = storage.tables()
    return unfinished(tables, read_ledger(storage, tables[LEDGER]))


# ------------------------------------------------------------------ what is relied on


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_test_did_to_a_lake_is_undone(
    kind: str, request: pytest.FixtureRequest
) -> None:
    originals = request.getfixturevalue(f"{kind}_originals")
    with originals.given_back(releases=1) as begun:
        files = {file for file in begun.folder.rglob("*") if file.is_file()}
        publish(begun.open(), 2)
        schema = pa.schema([pa.field("symbol", pa.string())])
        begun.catalog().create_table("quant.more", schema)

    with originals.given_back(releases=1) as begun:
        assert {file for file in begun.folder.rglob("*") if file.is_file()} == files
        assert ("quant", "more") not in begun.catalog().list_tables("quant")
        begun.check_whole([1])


def test_the_catalog_does_what_is_required_or_nothing(remote: Remote) -> None:
    """What `stepwise` needs of a catalog, and nothing more."""
    catalog = remote.catalog()
    schema = pa.schema([pa.field("symbol", pa.string())])
    table = catalog.create_table("quant.t", schema)
    rows = pa.table({"symbol": ["A"]}, schema=schema)

    def staged(tag: str) -> Any:
        return stage_append(table, write_files(table, rows), tag=tag, summary={})

    def kept(change: Any) -> tuple[Any, ...]:
        return tuple(
            u for u in change.updates if not isinstance(u, SetSnapshotRefUpdate)
        )

    def named(ref: str, number: int) -> SetSnapshotRefUpdate:
        return set_ref(ref, number)

    # A snapshot may be held by a tag alone, in a table without a head.
    first = staged("R1")
    number = first.snapshot_id
    catalog.commit_table(table, first.requirements, (*kept(first), named("S", number)))
    table = catalog.load_table("quant.t")
    assert table.current_snapshot() is None
    assert list(table.metadata.refs) == ["S"]

    # Head and tag move together, and only if they are as required.
    both = (named("main", number), named("R1", number))
    for stale in (at_ref("main", number), at_ref("S", None), at_ref("S", number + 1)):
        with pytest.raises(CommitFailedException, match="Requirement failed"):
            catalog.commit_table(table, (stale,), both)
    required = (at_ref("main", None), at_ref("R1", None), at_ref("S", number))
    table = catalog.load_table("quant.t")
    catalog.commit_table(table, required, both)
    table = catalog.load_table("quant.t")
    assert {ref: to.snapshot_id for ref, to in table.metadata.refs.items()} == {
        "main": number,
        "R1": number,
        "S": number,
    }
    with pytest.raises(CommitFailedException, match="R1 was created concurrently"):
        catalog.commit_table(table, (at_ref("R1", None),), both)

    # Of two snapshots staged side by side only one gets the sequence number.
    ours, theirs = staged("R2"), staged("R3")
    catalog.commit_table(
        table, theirs.requirements, (*kept(theirs), named("S2", theirs.snapshot_id))
    )
    late = (BadRequestError, CommitFailedException)
    with pytest.raises(late, match="sequence number"):
        catalog.commit_table(
            table, ours.requirements, (*kept(ours), named("S3", ours.snapshot_id))
        )


# --------------------------------------------------------------------- one publisher


def test_a_lake_that_is_open_asks_for_no_table_more_often_than_it_must(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = begun.storage()
    lake, asked = begun.lake(storage), Counter[str]()
    really = storage.catalog.load_table

    def load_table(name: Any) -> Any:
        asked[name[-1]] += 1
        return really(name)

    monkeypatch.setattr(storage.catalog, "load_table", load_table)
    lake.releases()
    assert asked == {LEDGER: 1}

    publish(lake, 2)

    # To look, and to read back: what follows is as the publisher left it. The ledger
    # also twice to see whether it has moved.
    assert asked == {**dict.fromkeys(COLUMNS, 2), LEDGER: 1 + 2 + 2}


@where_tables_follow("remote")
def test_a_tag_that_appears_in_between_stops_what_has_yet_to_follow(
    remote: Remote,
) -> None:
    lake = remote.storage()
    publish(remote.lake(lake), 1)
    table = remote.table("prices")
    head = table.metadata.refs["main"].snapshot_id

    def tag() -> None:
        table.manage_snapshots().create_tag(head, "R2").commit()

    before_step(lake, DECIDED, tag)
    with pytest.raises(LakeError, match=r"'R2' is published and can .*another tag"):
        publish(remote.lake(lake), 2)

    remote.table("prices").manage_snapshots().remove_tag("R2").commit()
    publish(remote.open(), 3)
    remote.check_whole([1, 2, 3])


@where_tables_follow("begun")
def test_a_head_that_others_move_in_between_is_not_moved_back(begun: Remote) -> None:
    storage = begun.storage()

    def write() -> None:
        table = begun.table(TABLE)
        table.append(table.scan().to_arrow())

    before_step(storage, DECIDED, write)
    with pytest.raises(ForeignCommitError, match=f"{TABLE}.*lake.doctor"):
        publish(begun.lake(storage), 2)

    assert len(begun.table(TABLE).scan().to_arrow()) == 4
    for number in (1, 2):
        assert found(begun.open(), number) == expected(number)


# ----------------------------------------------------------- publishers that are killed

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pyiceberg.catalog.rest import RestCatalog
    from tests.lake.crash import publish
    from lakebt.lake import Lake
    from tests.lake.frames import clock

    step, number = map(int, sys.argv[1:])
    lake = Lake.open(catalog="prod", create=False, clock=clock)
    really, done = RestCatalog.commit_table, 0

    def commit_table(*arguments):
        global done
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return really(*arguments)

    RestCatalog.commit_table = commit_table
    publish(lake, number)
    """
)


@pytest.mark.slow
@at_steps("remote", half=0)
def test_a_publisher_killed_at_any_step_leaves_nothing_or_the_first_release(
    remote: Remote, step: int
) -> None:
    check_killed(remote, step, before=[])


@pytest.mark.slow
@at_steps("begun", half=1)
def test_a_publisher_killed_at_any_step_leaves_old_or_new(
    begun: Remote, step: int
) -> None:
    check_killed(begun, step, before=[1])


def check_killed(remote: Remote, step: int, *, before: list[int]) -> None:
    """Kill the publisher of the next release, and go on."""
    number = len(before) + 1

    killed = subprocess.run(
        [*python(), "-c", KILLED, str(step), str(number)], check=False
    )
    assert killed.returncode == -signal.SIGKILL

    # What is there can be read at once, by whoever may only read.
    there = [*before, number] if step >= DECIDED else before
    lake = remote.open()
    assert list(lake.releases()["name"]) == [f"R{each}" for each in there]
    for each in there:
        assert found(lake, each) == expected(each)

    # The next publisher finishes, or goes on without it.
    following = len(there) + 1
    publish(lake, following)
    remote.check_whole([*there, following])


def test_a_publisher_that_never_dies_makes_all_these_steps(begun: Remote) -> None:
    lake = begun.storage()
    made = []
    for step, name in enumerate(made_by(begun)):
        before_step(lake, step, lambda name=name: made.append(name))  # type: ignore[misc]
        number = step + 2
        publish(begun.lake(lake), number)
    beyond = len(made_by(begun))
    before_step(lake, beyond, lambda: made.append("more"))
    publish(begun.lake(lake), beyond + 2)

    assert made == list(made_by(begun))


@at_steps("begun", STEPS[1:])
def test_what_is_unfinished_is_told_without_changing_it(
    begun: Remote, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = begun.storage()

    before_step(lake, step, die)
    monkeypatch.setattr(stepwise.LedgerOrder, "_withdraw", lambda *_: None)
    with pytest.raises(Interrupted):
        publish(begun.lake(lake), 2)

    report = told(begun)
    assert told(begun) == report
    if step < DECIDED:
        assert report is None  # its publisher might be alive
        publish(begun.open(), 2)
        assert told(begun) is None
    else:
        assert report.release == "R2"
        assert report.abandoned == ()
        assert len(report.behind) == max(0, 3 - (step - DECIDED))
        follow_up.finish(begun.storage())
        assert told(begun) is None
    begun.check_whole([1, 2])


def die() -> None:
    raise Interrupted


def test_what_a_dead_publisher_staged_goes_with_the_next_release(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepwise.LedgerOrder, "_withdraw", lambda *_: None)
    dead = begun.storage()
    before_step(dead, 2, die)
    with pytest.raises(Interrupted):
        publish(begun.lake(dead), 2)
    staged = [ref for ref in begun.table(TABLE).metadata.refs if STAGED in ref]
    assert len(staged) == 1

    publish(begun.open(), 2)

    begun.check_whole([1, 2])
    assert len(begun.table(TABLE).metadata.snapshots) == 2


def test_what_is_staged_too_late_is_told_and_goes_with_the_next_release(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepwise.LedgerOrder, "_withdraw", lambda *_: None)
    slow = begun.storage()

    def overtake() -> None:
        other = {"index_changes": tables(2)["index_changes"]}
        begun.open().publish(other, release="Other", as_of=AS_OF)
        before_step(slow, 1, die)

    before_step(slow, 0, overtake)
    with pytest.raises(Interrupted):
        begun.lake(slow).publish({TABLE: q1(fund="X")}, release="X", as_of=AS_OF)
    report = told(begun)
    assert report.release is None
    assert [name for name, _ in report.abandoned] == [TABLE]

    begun.open().publish({TABLE: q1(fund="Y")}, release="Y", as_of=AS_OF)

    assert told(begun) is None
    view = begun.open().at("Y")
    assert set(view.read(TABLE)["fund"]) == {"F1", "Y"}
    assert len(view.read("index_changes")) == 4


# ------------------------------------------------------------- several publishers


@at_steps("begun")
def test_a_publisher_who_is_overtaken_at_any_step_loses_nothing(
    begun: Remote, step: int
) -> None:
    slow = begun.storage()
    mine, others = (2, 3) if step >= DECIDED else (3, 2)
    before_step(slow, step, lambda: publish(begun.open(), others))

    publish(begun.lake(slow), mine)

    begun.check_whole([1, 2, 3])


def test_snapshots_staged_side_by_side_do_not_get_in_each_others_way(
    begun: Remote,
) -> None:
    """The second one's sequence number is taken, though no head has moved."""
    ours, theirs = begun.storage(), begun.storage()
    before_step(theirs, DECIDED - 1, die)

    def stage() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stepwise.LedgerOrder, "_withdraw", lambda *_: None)
            with pytest.raises(Interrupted):
                publish(begun.lake(theirs), 9)

    before_step(ours, 1, stage)
    publish(begun.lake(ours), 2)

    begun.check_whole([1, 2])


@pytest.mark.parametrize("load", range(6))
def test_a_publisher_who_reads_while_others_publish_looks_again(
    begun: Remote, load: int
) -> None:
    """Tables are read one after the other, and the ledger may move in between."""
    storage = begun.storage()
    catalog: Any = storage.catalog
    really, count = catalog.load_table, 0

    def load_table(name: Any) -> Any:
        nonlocal count
        if count == load:
            catalog.load_table = really
            publish(begun.open(), 2)
        count += 1
        return really(name)

    catalog.load_table = load_table
    publish(begun.lake(storage), 3)

    assert catalog.load_table == really
    begun.check_whole([1, 2, 3])


def test_a_release_is_absent_or_whole_for_a_reader_at_any_step(begun: Remote) -> None:
    seen: list[list[str]] = []
    storage = begun.storage()
    catalog: Any = storage.catalog
    really = catalog.commit_table

    def commit_table(*arguments: Any) -> Any:
        reader = begun.open()
        seen.append(list(reader.releases()["name"]))
        for number in range(1, len(seen[-1]) + 1):
            assert found(reader, number) == expected(number)
        return really(*arguments)

    catalog.commit_table = commit_table
    publish(begun.lake(storage), 2)

    after = len(made_by(begun)) - DECIDED
    assert seen == [["R1"]] * DECIDED + [["R1", "R2"]] * after


def test_the_same_name_at_once_is_one_release(remote: Remote) -> None:
    for step in range(DECIDED):
        slow, name = remote.storage(), f"R{step}"
        other = {TABLE: q1(fund=f"theirs {step}")}
        before_step(
            slow,
            min(step, 1),
            lambda name=name, other=other: remote.open().publish(  # type: ignore[misc]
                other, release=name, as_of=AS_OF
            ),
        )
        with pytest.raises(ReleaseExistsError, match="comes with other rows"):
            remote.lake(slow).publish(
                {TABLE: q1(fund="ours")}, release=name, as_of=AS_OF
            )
        assert "ours" not in set(remote.open().at(name).read(TABLE)["fund"])


def test_a_publisher_who_keeps_losing_gives_up_and_leaves_nothing(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 3)
    storage = begun.storage()

    def lose(*_: object) -> None:
        raise LostRaceError

    monkeypatch.setattr(storage.catalog, "commit_table", lose)
    files = sorted((begun.folder / "warehouse").rglob("*.*"))
    with pytest.raises(ConflictError, match=r"'R2': somebody else wrote first 3 times"):
        publish(begun.lake(storage), 2)

    assert sorted((begun.folder / "warehouse").rglob("*.*")) == files


def test_a_publisher_who_was_overtaken_takes_back_what_he_staged(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 1)
    storage = begun.storage()
    changes = tables(2)["index_changes"]
    before_step(
        storage,
        0,  # the first of his tables stays as it was, the second does not
        lambda: begun.open().publish(
            {"index_changes": changes}, release="Other", as_of=AS_OF
        ),
    )

    mine = {TABLE: q1(fund="X"), "index_changes": tables(3)["index_changes"]}
    with pytest.raises(ConflictError, match="'X': somebody else wrote first"):
        begun.lake(storage).publish(mine, release="X", as_of=AS_OF)

    assert set(begun.table(TABLE).metadata.refs) == {"main", "R1", "Other"}
    assert len(begun.table(TABLE).metadata.snapshots) == 1


# --------------------------------------------------------------- answers that are lost


def lose_answer(storage: Storage, step: int, *, arrives: bool) -> None:
    """Cut the connection at one of a publisher's changes: before it, or after it."""
    catalog: Any = storage.catalog
    really, count = catalog.commit_table, 0

    def commit_table(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        answer = really(*arguments) if count != step + 1 or arrives else None
        if count == step + 1:
            raise requests.ConnectionError(LOST)
        return answer

    catalog.commit_table = commit_table


@at_steps("begun", half=0)
def test_a_lost_answer_tears_nothing(begun: Remote, step: int) -> None:
    storage = begun.storage()
    lose_answer(storage, step, arrives=True)

    publish(begun.lake(storage), 2)

    begun.check_whole([1, 2])


@at_steps("begun", half=1)
def test_a_change_that_never_arrives_tears_nothing(begun: Remote, step: int) -> None:
    storage = begun.storage()
    lose_answer(storage, step, arrives=False)

    after = "did not say whether" if STEPS[step] == "decide" else "was cut"
    with pytest.raises(LakeError, match=after) as caught:
        publish(begun.lake(storage), 2)

    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    publish(begun.open(), 2)
    begun.check_whole([1, 2])


def test_a_catalog_that_is_gone_is_one_clear_line_without_its_credential(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("lakebt.lake.storage.remote.STARTING_SECONDS", 0.0)
    remote.configure(monkeypatch, type="rest", uri=gone, token=SECRET)

    with pytest.raises(LakeError, match="catalog 'prod' cannot be used: ") as caught:
        remote.open()

    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
