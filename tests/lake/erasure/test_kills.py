"""Killed at any instant, or without room, a lake is the old one or the new one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from pyiceberg.table.update import SetLocationUpdate

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake import Lake
from lakebt.lake.erasure import transaction
from lakebt.lake.erasure.certificate import salted
from lakebt.lake.erasure.draft import Draft
from lakebt.lake.storage import erasure_note
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.erasure_files import ErasureFiles
from tests.lake.erasure.looking import found
from tests.lake.erasure.test_erase import GONE, LONGER, make, opened
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.interrupted import Interrupter
from tests.lake.original import Original
from tests.lake.other_engines import foreign_table
from tests.lake.remote import Remote
from tests.nightly import times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake

INSTANTS = times(2, 50)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake in which nothing else than prices has the subject."""

    def prepare(path: Path) -> None:
        lake = make(path)
        lake.erase("index_changes", where={"symbol": GONE}, reason="first")

    return Original(tmp_path_factory.mktemp("killed"), prepare)


def notes_in(path: Path) -> list[str]:
    return ErasureFiles.in_folder(path).notes()


def erase(lake: Lake) -> None:
    lake.erase("prices", where={"symbol": GONE}, reason="a test")


def answers(path: Path) -> dict[str, str]:
    """A digest of every table of every release, and of all trials."""
    lake = opened(path)
    said = {"trials": lake.trials().sort_values("trial_id").to_csv()}
    tables = list(lake.tables()["name"])
    for name in lake.releases()["name"]:
        view = lake.at(name)
        for table in tables:
            said[f"{name} {table}"] = str(view.arrow(table).to_pydict())
    return {k: hashlib.sha256(text.encode()).hexdigest() for k, text in said.items()}


def check_whole(
    path: Path, before: dict[str, str], after: dict[str, str], to: Path
) -> bool:
    """Check that a lake is the old one or the new, and return whether it is the new."""
    now = answers(path)
    assert now in (before, after)
    assert notes_in(path) == []
    assert opened(path).doctor(deep=True).ok
    if now == before:
        assert len(opened(path).erasures()) == 1
        return False
    assert len(opened(path).erasures()) == 2
    assert found(path, [GONE], to, but=[LONGER]) == []
    shutil.rmtree(to)
    return True


def ended(path: Path, at: int) -> None:
    """Erase in a process of its own that ends, as by SIGKILL, at a line it runs."""
    child = os.fork()
    if child == 0:
        Interrupter(at, end=partial(os._exit, 9)).run(partial(erase, opened(path)))
        os._exit(0)
    os.waitpid(child, 0)


def stopped(path: Path, at: int) -> None:
    """Erase in this process, and press Ctrl-C at a line it runs."""
    Interrupter(at).run(partial(erase, opened(path)))


def digests(path: Path) -> list[tuple[str, ...]]:
    """Which of a list of texts each certificate gives away, by its digests."""
    tickers = ("AAA", GONE, LONGER)
    return [
        tuple(
            t
            for t in tickers
            if any(salted(c["id"], t) in v.values() for v in c["values"])
        )
        for c in ErasureFiles.in_folder(path).certificates()
    ]


def check_proved_when_asked_again(path: Path) -> None:
    """Check that whoever erases the same again knows what to look for."""
    lake = opened(path)
    before = answers(path)
    assert digests(path) == [(), (GONE,)]  # kept for who asks again
    with pytest.raises(InvalidArgumentError, match=r"nothing of prices matches"):
        lake.erase("prices", where={"symbol": "AAAA"}, reason="another")
    (path / "left.txt").write_text(GONE)
    asked: dict[str, Any] = {"where": {"symbol": GONE}, "reason": "again", "by": "Ann"}
    assert lake.erase("prices", **asked, dry_run=True).n_rows == 0
    done = lake.erase("prices", **asked)
    assert (done.reason, dict(done.rows)) == ("a test", {"R1": 3, "R2": 4, "R3": 4})
    assert done.proof is not None
    assert [trace.path for trace in done.proof.traces] == ["left.txt"]
    assert lake.erasures()["is_proved"].tolist() == [True, False]
    assert digests(path) == [(), (GONE,)]

    (path / "left.txt").unlink()
    done = lake.erase("prices", **asked)  # what was found then is gone by now
    assert done.proof is not None
    assert done.proof.ok
    assert lake.erasures()["is_proved"].all()
    assert len(lake.erasures()) == 2
    assert digests(path) == [(), ()]
    with pytest.raises(
        InvalidArgumentError, match=f"before, last at .* .certificate {done.id}.* which"
    ):
        lake.erase("prices", **asked)
    assert answers(path) == before


def test_a_late_proof_of_some_values_is_not_lost_as_another_is_found(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = ("GONECO", "LOSTCO")
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(symbols=("AAA", *symbols))}, release="R", as_of=AS_OF)
    monkeypatch.setattr(transaction, "prove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lake.erase("prices", where={"symbol": list(symbols)}, reason="a test")
    monkeypatch.undo()
    left = path / "left.txt"

    def proved(symbol: str) -> bool:
        lake = opened(path)
        done = lake.erase("prices", where={"symbol": symbol}, reason="a test")
        assert done.proof is not None
        return done.proof.ok

    assert proved("GONECO")
    left.write_text("LOSTCO")
    assert not proved("LOSTCO")
    left.unlink()
    assert proved("LOSTCO")
    assert opened(path).erasures()["is_proved"].tolist() == [True]


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("stop", [ended, stopped])
def test_killed_at_any_instant_it_is_the_old_lake_or_the_new(
    original: Original, tmp_path: Path, stop: Callable[[Path, int], None]
) -> None:
    path = original.restored()
    before = answers(path)
    counter = Interrupter()
    assert counter.run(partial(erase, opened(path)))
    after = answers(path)
    assert after != before

    chosen = random.Random(stop.__name__)  # noqa: S311 - which instants
    for at in sorted(chosen.sample(range(1, counter.count), INSTANTS)):
        stop(original.restored(), at)
        if not check_whole(path, before, after, tmp_path / "bytes"):
            erase(opened(path))
            assert check_whole(path, before, after, tmp_path / "bytes"), at


@pytest.mark.slow
@pytest.mark.parametrize("step", ["note", "commit", "finish", "certify"])
def test_around_the_instant_it_is_finished_or_undone(
    original: Original, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = original.restored()
    before = answers(path)
    files = {file for file in path.rglob("*") if file.is_file()}

    def leave(*_: object) -> None:
        os._exit(9)

    def write_and_leave(*arguments: Any) -> None:
        leave_note(*arguments)
        os._exit(9)

    leave_note = erasure_note.leave
    child = os.fork()
    if child == 0:
        lake = opened(path)
        places: dict[str, tuple[Any, str, Any]] = {
            "note": (erasure_note, "leave", leave),
            # The note is there, and the transaction never ends.
            "commit": (erasure_note, "leave", write_and_leave),
            "finish": (erasure_note, "finish", leave),
            "certify": (ErasureFiles, "certify", leave),
        }
        monkeypatch.setattr(*places[step])
        erase(lake)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    is_new = step in {"finish", "certify"}
    assert bool(notes_in(path)) == (step != "note")
    if is_new:
        erase_again = answers(path)
        assert erase_again != before
        check_whole(path, before, erase_again, tmp_path / "bytes")
        proved = opened(path).erasures().set_index("reason")["is_proved"]
        assert proved["first"]
        assert not proved["a test"]  # nobody knew any more what to look for
        check_proved_when_asked_again(path)
    else:
        assert answers(path) == before
        left = {file for file in path.rglob("*") if file.is_file()} - files
        assert (left == set()) == (step == "commit")


def relocate(path: Path, to: Path) -> None:
    """Have a table's files lie elsewhere from now on, as another program may."""
    with foreign_table(path, "prices") as table:
        there = SetLocationUpdate(action="set-location", location=f"file://{to}")
        table.catalog.commit_table(table, (), (there,))


@pytest.mark.parametrize("by", ["catalog", "path"])
def test_files_of_tables_outside_of_the_folder_go_too(
    tmp_path: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, outside = tmp_path / "lake", tmp_path / "elsewhere"
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(symbols=("AAA",))}, release="R1", as_of=AS_OF)
    relocate(path, outside)
    rows = bars(days=("2022-09-07",), symbols=("AAA", GONE))
    opened(path).publish({"prices": rows}, release="R2", as_of=AS_OF)
    held = {file for file in outside.rglob("*") if file.is_file()}
    assert held
    name = open_path(path, create=False).catalog.name
    if by == "catalog":
        place = f"sqlite:///{path}/catalog.db"
        for key, value in (("URI", place), ("WAREHOUSE", f"{path}/warehouse")):
            monkeypatch.setenv(f"PYICEBERG_CATALOG__{name.upper()}__{key}", value)
        Remote(tmp_path).configure(monkeypatch)
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(erasure_note, "finish", lambda *_: os._exit(9))
        erase(opened(path))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    if by == "catalog":  # who configured it said where its tables are
        lake = Lake.open(catalog=name, create=False, clock=clock)
        assert lake.erasures()["is_proved"].tolist() == [False]
        assert notes_in(path) == []
    else:  # whoever made it says so, and may be a stranger
        lake = opened(path)
        assert held <= {file for file in outside.rglob("*") if file.is_file()}
        (finding,) = lake.doctor(files=False).findings
        assert (finding.code, "erase the same again" in finding.cure) == (
            "erasure_unfinished",
            True,
        )
        done = lake.erase("prices", where={"symbol": GONE}, reason="again")
        assert done.proof is not None
        assert done.proof.ok
    assert notes_in(path) == []
    assert found(path, [GONE], tmp_path / "inside") == []
    assert found(outside, [GONE], tmp_path / "bytes") == []
    assert len(opened(path).at("R2").read("prices")) == 4
    assert opened(path).doctor(deep=True).ok


def test_a_full_disk_changes_nothing(
    original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = original.restored()
    before = answers(path)
    files = {file for file in path.rglob("*") if file.is_file()}
    put, count = Draft._put, 0  # noqa: SLF001

    def write(self: Draft, place: str, content: bytes) -> None:
        nonlocal count
        count += 1
        put(self, place, content)
        if count == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "_put", write)
        with pytest.raises(LakeError, match="No space left on device"):
            erase(opened(path))

    assert count == 5
    assert answers(path) == before
    assert {file for file in path.rglob("*") if file.is_file()} == files


def test_a_note_that_is_no_note_and_one_in_a_lake_of_others_are_left(
    original: Original,
) -> None:
    path = original.restored()
    (path / "erasure-0123456789abcdef.json").write_text("{")
    (path / "erasure-0123456789abcdee.json").write_text(json.dumps({"id": "x"}))

    assert answers(path)["trials"]
    assert len(notes_in(path)) == 2


@pytest.mark.parametrize("what", ["written", "doomed"])
@pytest.mark.parametrize("how", ["above", "absolute", "by a link", "of another id"])
def test_a_note_of_a_stranger_deletes_nothing_of_ones_own(
    original: Original, tmp_path: Path, what: str, how: str
) -> None:
    path = original.restored()
    mine = tmp_path / "mine.parquet"
    mine.touch()
    (path / "link").unlink(missing_ok=True)
    (path / "link").symlink_to(tmp_path)
    (erasure,) = opened(path).erasures()["id"]
    known = erasure if what == "doomed" else "0" * 16  # one that is done, and one not
    told = {
        "above": f"./{'../' * 40}{mine}",
        "absolute": f"file://{mine}",
        "by a link": "./link/mine.parquet",
        "of another id": f"./{'../' * 40}{mine}",
    }[how]
    said = {"id": known, "written": [], "doomed": [], "tables": [], what: [told]}
    said["certificate"] = {"id": "../mine" if how == "of another id" else known}
    (path / f"erasure-{known}.json").write_text(json.dumps(said))

    assert opened(path).doctor(files=False) is not None

    assert mine.exists()
    assert not (path / "mine.json").exists()
