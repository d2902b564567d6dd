from __future__ import annotations

import gzip
import shutil
import sqlite3
import subprocess
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.utils.config import Config

from lakebt.errors import (
    BrokenReleaseError,
    InvalidArgumentError,
    LakebtError,
    LakeError,
)
from lakebt.lake import Lake
from lakebt.lake.storage import failures
from tests.forked import python
from tests.lake.crash import without_rights
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake


def test_reading_never_creates_a_lake(path: Path) -> None:
    with pytest.raises(LakeError, match=f"lake {path} does not exist"):
        Lake.open(path, create=False)

    assert not path.exists()


def test_a_directory_without_a_lake_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="is not a lake: publish into it first"):
        Lake.open(tmp_path, create=False)

    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("symbol\n", encoding="utf-8")

    for create in (True, False):
        with pytest.raises(
            LakeError, match=r"prices\.csv is a file: pass the directory"
        ):
            Lake.open(file, create=create)


def test_a_path_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(
        LakeError, match=r"cannot be made: .*Choose a writable directory"
    ):
        Lake.open(tmp_path / "file" / "lake")


def test_a_place_that_is_not_writable_is_refused() -> None:
    with pytest.raises(LakeError, match=r"lake /proc/lake cannot be made: "):
        Lake.open("/proc/lake")


def test_a_lake_that_may_only_be_read_is_read_and_not_written(
    open_to_all: Path,
) -> None:
    path = open_to_all / "lake"
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    with without_rights(open_to_all):
        again = Lake.open(path, clock=clock)
        assert len(again.at("R1").read("prices")) == 6
        with pytest.raises(LakeError, match=r"is not writable: .*Check the perm"):
            again.publish({"prices": bars(symbols=("C",))}, release="R2", as_of=AS_OF)
        with pytest.raises(LakeError, match=r"cannot be made: Permission denied\."):
            Lake.open(open_to_all / "other")

    (path / "catalog.db").chmod(0o444)
    assert list(lake.releases()["name"]) == ["R1"]


@pytest.mark.parametrize("path", ["", None, 5])
def test_a_path_that_names_nothing_is_refused(path: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"pass the path|must name"):
        Lake.open(path)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("damage", ["garbage", "truncated", "directory", "other"])
def test_a_corrupt_catalog_is_one_clear_line(
    path: Path, damage: str, *, create: bool
) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    database = path / "catalog.db"
    whole = database.read_bytes()
    if damage == "garbage":
        database.write_bytes(b"this is not a database, it is a sentence" * 100)
    elif damage == "truncated":
        database.write_bytes(whole[: len(whole) // 3])
    elif damage == "directory":
        database.unlink()
        database.mkdir()
    else:
        database.unlink()
        with sqlite3.connect(database) as connection:
            connection.execute("create table t (x)")
        connection.close()
        if create:  # a SQLite file without a catalog becomes one
            assert Lake.open(path).releases().empty
            return

    with pytest.raises(LakeError, match=f"lake {path} ") as caught:
        Lake.open(path, create=create).at("R1")

    assert "\n" not in str(caught.value)
    assert "sqlalchemy" not in str(caught.value).lower()
    assert caught.value.__cause__ is None


def test_a_lost_metadata_file_is_one_clear_line(path: Path) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    shutil.rmtree(path / "warehouse/quant/prices/metadata")

    with pytest.raises(LakeError, match=r"has lost the file .*\.metadata\.json\. R"):
        Lake.open(path, create=False).at("R1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b'{"format-version": 2}',
        lambda _: gzip.compress(b'{"format-version": 2}'),
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:20] + b"?" * 9 + whole[29:],
    ],
    ids=["not packed", "of something else", "cut", "overwritten"],
)
def test_a_corrupt_metadata_file_is_one_clear_line(
    path: Path, damage: Callable[[bytes], bytes]
) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    for file in (path / "warehouse/quant/prices/metadata").glob("*.json"):
        file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(LakeError, match="has a corrupt metadata file"):
        Lake.open(path, create=False).at("R1")


@pytest.mark.parametrize("kind", ["*.parquet", "snap-*.avro", "*-m0.avro"])
def test_a_damaged_file_is_one_clear_line(path: Path, kind: str) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    for file in (path / "warehouse/quant/prices").rglob(kind):
        file.write_bytes(b"xx")
    view = Lake.open(path, create=False).at("R1")

    words = r"prices: the file \S+ was changed since it was written.* from a backup"
    with pytest.raises(BrokenReleaseError, match=words):
        view.panel("close")


def test_a_lake_that_was_copied_or_moved_is_refused(path: Path, tmp_path: Path) -> None:
    """Its metadata holds absolute paths: a copy would write into the original."""
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    shutil.copytree(path, tmp_path / "copy")

    for _ in range(2):  # with the original in place, and without
        with pytest.raises(LakeError, match=f"copy was moved or copied from {path}"):
            Lake.open(tmp_path / "copy")
        shutil.rmtree(path, ignore_errors=True)


def test_a_lake_opens_through_a_link_to_its_directory(
    path: Path, tmp_path: Path
) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    (tmp_path / "link").symlink_to(path)

    assert len(Lake.open(tmp_path / "link").at("R1").read("prices")) == 6


@pytest.mark.parametrize("name", ["a lake", "Ünï", "it's", 'say "x"', "a;b", "a+b&c=d"])
def test_directories_have_any_name(tmp_path: Path, name: str) -> None:
    lake = Lake.open(tmp_path / name, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    again = Lake.open(tmp_path / name, create=False, clock=clock)

    assert len(again.at("R1").read("prices")) == 6
    assert (tmp_path / name / "warehouse/quant/prices/data").is_dir()
    assert again.at("R1").provenance()["lake"] == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a#b", "contains '#': choose another"),
        ("a?b", r"contains '\?': choose another"),
        ("a%20b", "contains '%': choose another"),
        ("a\0b", r"contains U\+0000, which nobody sees: take it out"),
    ],
)
def test_directories_that_a_url_cannot_name_are_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        Lake.open(tmp_path / name)


def test_a_lake_has_a_path_or_a_catalog() -> None:
    with pytest.raises(
        InvalidArgumentError, match="pass the path of a lake or catalog="
    ):
        Lake.open()
    with pytest.raises(InvalidArgumentError, match="one of the two"):
        Lake.open("lake", catalog="prod")


def configure(monkeypatch: pytest.MonkeyPatch, home: Path, **catalogs: str) -> None:
    """Set what pyiceberg reads once, when it is imported."""
    monkeypatch.setenv("PYICEBERG_HOME", str(home))
    for name, uri in catalogs.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__{name}__URI", uri)
        monkeypatch.setenv(f"PYICEBERG_CATALOG__{name}__WAREHOUSE", f"file://{home}")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())


def test_a_catalog_is_found_by_pyicebergs_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, tmp_path, PROD=f"sqlite:///{tmp_path}/prod.db")

    lake = Lake.open(catalog="prod", clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)

    read = Lake.open(catalog="prod", create=False, clock=clock)
    assert len(read.at("R1").read("prices")) == 6
    assert read.at("R1").provenance()["lake"] == "prod"


def test_a_catalog_that_is_not_configured_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, tmp_path)

    match = r"catalog 'nowhere' is not configured\..*PYICEBERG_CATALOG__NOWHERE__URI"
    with pytest.raises(LakeError, match=match):
        Lake.open(catalog="nowhere")


def test_a_catalog_without_a_lake_is_refused_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, tmp_path, EMPTY=f"sqlite:///{tmp_path}/x.db")

    with pytest.raises(LakeError, match="catalog 'empty' is not a lake"):
        Lake.open(catalog="empty", create=False)


@pytest.mark.slow
def test_a_locked_catalog_is_one_clear_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    monkeypatch.setattr(failures, "LOCK_SECONDS", 0.1)
    lake = Lake.open(path, clock=clock)
    other = sqlite3.connect(path / "catalog.db", isolation_level=None)
    other.execute("begin exclusive")

    with pytest.raises(LakeError, match="is locked: another program holds its catalog"):
        lake.publish({"prices": bars(symbols=("C",))}, release="R2", as_of=AS_OF)
    other.execute("rollback")
    other.close()

    assert list(lake.releases()["name"]) == ["R1"]


@pytest.mark.slow
def test_several_processes_may_make_a_lake_at_once(path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from lakebt.lake import Lake
        print(len(Lake.open(sys.argv[1]).releases()))
        """
    )
    runs = [
        subprocess.Popen(
            [*python(), "-c", program, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    results = [run.communicate() for run in runs]

    assert [(out, err) for out, err in results] == [("0\n", "")] * 3


@pytest.mark.slow
def test_no_connection_is_left_open(path: Path) -> None:
    program = textwrap.dedent(
        """
        import gc, os, sys, warnings
        from lakebt.lake import Lake
        from tests.lake.frames import AS_OF, bars, clock

        warnings.simplefilter("error", ResourceWarning)
        lake = Lake.open(sys.argv[1], clock=clock)
        lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
        lake.at("R1").read("prices")
        fds = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        print([fd for fd in fds if "catalog.db" in os.path.realpath(fd)])
        del lake
        gc.collect()
        """
    )
    run = subprocess.run(
        [*python(), "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout == "[]\n", run.stderr
    assert "ResourceWarning" not in run.stderr


def test_an_unknown_exchange_is_refused(path: Path) -> None:
    with pytest.raises(LakebtError, match="'NYSEE'"):
        Lake.open(path, exchange="NYSEE")
