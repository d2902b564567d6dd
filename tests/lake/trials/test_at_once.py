"""Recorders beside each other, beside publishers, killed, and without the right."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import requests

from lakebt.errors import ConflictError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import retry
from lakebt.lake.trials import fold as folding
from lakebt.lake.trials import record as recording
from tests.lake import recorders
from tests.lake.crash import (
    data_files,
    orphans,
    publish,
    raw_tables,
    without_rights,
)
from tests.lake.frames import clock
from tests.lake.trial_rows import batch, trial
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lake.remote import Remote
    from tests.servers import Postgres

pytestmark = [pytest.mark.lake, pytest.mark.slow]


def check(lake: Lake, batches: int) -> None:
    """Check that every trial of some batches is there once, whoever recorded it."""
    everything = {n for place in range(batches) for n in recorders.numbers(place)}
    found = lake.trials()
    assert sorted(found["n_returns"]) == sorted(everything)
    assert set(found["trial_id"]) == {trial(n)["trial_id"] for n in everything}


# --------------------------------------------------------------------- several at once


def test_four_recorders_of_the_same_trials_lose_none_and_record_none_twice(
    lake: Lake, path: Path
) -> None:
    batches = times(10, 25)
    running = recorders.start(str(path), recorders=4, batches=batches)
    for number in range(1, 7):  # and somebody publishes beside them
        publish(lake, number)
    new = recorders.ended(running)

    check(lake, batches)
    assert sum(new) == len(lake.trials()) == 10 * (batches + 1)
    assert len(lake.releases()) == 6
    assert len(lake.at("R6").read("etf_holdings")) == 12
    assert data_files(path, "trials") <= 10
    assert lake.doctor().ok


def in_between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done each time that files were written, before they are committed.

    What it writes itself is not followed by anything.
    """
    really: Any = vars(recording)["write_files"]
    is_acting = False

    def write_files(*asked: Any) -> Any:
        nonlocal is_acting
        files = really(*asked)
        if not is_acting:
            is_acting = True
            act()
            is_acting = False
        return files

    monkeypatch.setattr(recording, "write_files", write_files)


def test_two_who_record_the_same_trials_leave_one_row_each(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    in_between(monkeypatch, lambda: other.record(batch([1, 2, 3], engine="theirs")))

    assert lake.record(batch([0, 1, 2])) == 1

    found = lake.trials(columns=["n_returns", "engine"])
    assert found.to_numpy().tolist() == [
        [0, "event"],
        [1, "theirs"],
        [2, "theirs"],
        [3, "theirs"],
    ]
    assert orphans(path) == set()


def test_nothing_is_left_when_others_recorded_all_of_it(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    in_between(monkeypatch, lambda: other.record(batch([0, 1])))

    assert lake.record(batch([0, 1])) == 0

    assert len(lake.trials()) == 2
    assert orphans(path) == set()


def test_whoever_is_always_overtaken_says_so(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, numbers = Lake.open(path, clock=clock), iter(range(100))
    monkeypatch.setattr(retry, "ATTEMPTS", 3)
    in_between(monkeypatch, lambda: other.record(batch([next(numbers)])))

    with pytest.raises(ConflictError, match="somebody else recorded first 3 times"):
        lake.record(batch(range(50)))

    assert len(lake.trials()) == 3
    assert orphans(path) == set()


# ----------------------------------------------------------------------------- killed


@pytest.fixture(scope="module")
def doomed() -> Iterator[recorders.Doomed]:
    made = recorders.Doomed()
    yield made
    made.close()


@pytest.mark.parametrize("moment", recorders.MOMENTS)
def test_a_recorder_killed_at_any_moment_leaves_old_or_new(
    lake: Lake, path: Path, doomed: recorders.Doomed, moment: str
) -> None:
    lake.record(batch(range(10)))

    assert doomed.run(path, first=1, moment=moment) == 0

    is_there = moment in {"tidy", "sweep"}
    again = Lake.open(path, create=False, clock=clock)
    assert len(again.trials()) == (20 if is_there else 10)
    assert again.record(batch(range(20))) == (0 if is_there else 10)
    assert sorted(again.trials()["n_returns"]) == list(range(20))
    assert again.doctor().ok  # what was left is young, and litter


def test_a_recorder_killed_when_it_made_the_table_leaves_an_empty_one(
    lake: Lake, path: Path, doomed: recorders.Doomed
) -> None:
    assert doomed.run(path, first=0, moment="write_files") == 0

    assert lake.trials().empty
    assert lake.record(batch([1])) == 1
    assert lake.doctor().ok


def test_recorders_killed_at_random_instants_leave_whole_batches(
    lake: Lake, path: Path, doomed: recorders.Doomed
) -> None:
    draw = random.Random(20220902)  # noqa: S311 - instants, not secrets
    last = kills = 0
    enough = times(5, 24)
    while (
        kills < enough or last <= enough
    ):  # a machine that is busy records little at a time
        kills += 1
        done = doomed.run(path, first=last, delay_s=draw.uniform(0, 0.6))
        found = sorted(lake.trials()["n_returns"])
        assert found == list(range(len(found)))
        assert len(found) % 10 == 0
        assert len(found) // 10 - last in {
            done,
            done + 1,
        }  # the interrupted one, or not
        last = len(found) // 10
    assert kills < 100
    assert lake.record(batch(range(last * 10 + 1))) == 1
    assert lake.doctor().ok


# --------------------------------------------------------------------- without a right


@pytest.mark.parametrize("recorded", [3, 0])
def test_a_lake_that_cannot_be_written_is_read_and_says_so_when_recorded_into(
    open_to_all: Path, recorded: int
) -> None:
    path = open_to_all / "lake"
    lake = Lake.open(path, clock=clock)
    lake.record(batch(range(recorded)) if recorded else batch([0]).head(0))
    before = sorted(map(str, [path, *path.rglob("*")]))

    with without_rights(open_to_all):
        again = Lake.open(path, create=False)
        assert len(again.trials()) == len(again.trial_ids()) == recorded
        if recorded:
            assert again.record(batch(range(3))) == 0
        with pytest.raises(LakeError) as failed:
            again.record(batch(range(9)))

    error = str(failed.value)
    assert error.startswith(f"lake {path} is not writable: ")
    assert error.endswith("Check the permissions of its directory")
    assert sorted(map(str, [path, *path.rglob("*")])) == before
    assert len(lake.trials()) == recorded


# -------------------------------------------------------------------- other catalogs


@pytest.fixture(scope="session")
def server(postgres_server: Postgres) -> Postgres:
    return postgres_server


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_recorders_at_once_in_postgres(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolation: str
) -> None:
    import psycopg  # noqa: PLC0415 - an extra

    from tests.lake.remote import Remote  # noqa: PLC0415

    uri = server.uri(server.database())
    with psycopg.connect(uri.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        setting = f"set default_transaction_isolation = '{isolation}'"
        connection.execute(f"alter database {name} {setting}".encode())
    remote = Remote(tmp_path)
    remote.configure(monkeypatch, uri=uri, warehouse=f"file://{tmp_path}/warehouse")
    lake = remote.open(create=True)

    batches = times(4, 8)
    running = recorders.start(None, recorders=3, batches=batches)
    for number in range(1, 5):
        publish(lake, number)
    new = recorders.ended(running)

    check(lake, batches)
    assert sum(new) == 10 * (batches + 1)
    remote.check_whole([1, 2, 3, 4])
    assert lake.doctor().ok


def test_recorders_at_once_in_a_catalog_that_is_not_sql(remote: Remote) -> None:
    lake = remote.open()
    running = recorders.start(None, recorders=3, batches=6)
    publish(lake, 1)
    new = recorders.ended(running)

    check(lake, 6)
    assert sum(new) == 70
    remote.check_whole([1])
    assert lake.doctor().ok
    assert len(remote.table("trials").metadata.snapshots) <= 10


@pytest.mark.parametrize("arrives", [True, False], ids=["done", "not done"])
def test_a_lost_answer_records_nothing_twice(remote: Remote, *, arrives: bool) -> None:
    remote.open().record(batch([0]))
    storage = remote.storage()
    catalog: Any = storage.catalog
    really = catalog.commit_table

    def commit_table(*asked: Any) -> Any:
        catalog.commit_table = really
        if arrives:
            really(*asked)
        lost = "the answer was lost"
        raise requests.ConnectionError(lost)

    catalog.commit_table = commit_table
    lake = remote.lake(storage)
    if arrives:
        assert lake.record(batch([0, 1])) == 1
    else:
        with pytest.raises(LakeError, match="did not say whether the trials were rec"):
            lake.record(batch([0, 1]))
        assert lake.record(batch([0, 1])) == 1

    assert list(remote.open().trials()["n_returns"]) == [0, 1]


def test_a_fold_in_a_catalog_that_is_not_sql(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LIMIT", 3)
    lake = remote.open()
    for number in range(8):
        assert lake.record(batch([number])) == 1

    assert sorted(remote.open().trials()["n_returns"]) == list(range(8))
    files = list(remote.table("trials").scan().plan_files())
    assert len(files) <= 4
    assert lake.doctor().ok


def test_raw_tables_are_those_of_the_lake(lake: Lake, path: Path) -> None:
    """What other programs see of trials: one more table of the namespace."""
    lake.record(batch([1]))

    with raw_tables(path) as raw:
        assert set(raw) == {
            *("etf_holdings", "index_changes", "prices", "releases", "trials")
        }
