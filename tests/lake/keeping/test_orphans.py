"""What removing files must not reach, and what whoever slept meanwhile finds."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import sql
from lakebt.lake.storage import durability
from tests.lake.frames import AS_OF, NOW, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = NOW.timestamp() - 90 * 86_400


@pytest.mark.parametrize("inside", ["data", "data/deeper", "metadata"])
def test_nothing_is_removed_through_a_link(
    lake: Lake, path: Path, tmp_path: Path, inside: str
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = elsewhere / "theirs.parquet"
    theirs.touch()
    home = path / "warehouse/quant/prices" / inside
    home.mkdir(exist_ok=True)
    (home / "link").symlink_to(elsewhere)
    (home / "one.parquet").symlink_to(theirs)
    own = home / "left.parquet"
    own.touch()
    for file in (theirs, own):
        os.utime(file, (LONG_AGO, LONG_AGO))

    assert len(lake.remove_orphans().done) == 1
    assert theirs.exists()
    assert not own.exists()
    assert lake.at("R1").panel("close").size


def test_a_table_whose_folder_is_a_link_keeps_what_lies_there(
    lake: Lake, path: Path, tmp_path: Path
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    home, moved = path / "warehouse/quant/prices", tmp_path / "moved"
    home.rename(moved)
    home.symlink_to(moved)
    theirs = moved / "data" / "theirs.parquet"
    theirs.touch()
    os.utime(theirs, (LONG_AGO, LONG_AGO))

    assert lake.remove_orphans().done == ()
    assert theirs.exists()
    assert lake.doctor().ok


@pytest.mark.parametrize("kind", ["*.parquet", "snap-*.avro", "*-m0.avro"])
def test_who_slept_until_its_files_were_removed_commits_nothing(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lake.publish({"prices": bars(("2022-09-01",))}, release="R1", as_of=AS_OF)
    home = path / "warehouse/quant/prices"
    before = set(home.rglob(kind))
    commit = sql.commit

    def asleep(*arguments: Any) -> Any:
        for file in set(home.rglob(kind)) - before:
            file.unlink()
        return commit(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sql, "commit", asleep)
        with pytest.raises(LakeError, match="was removed before it could be committed"):
            lake.publish({"prices": bars(("2022-09-02",))}, release="R2", as_of=AS_OF)

    assert lake.releases()["name"].tolist() == ["R1"]
    assert lake.doctor(files=False).ok
    lake.publish({"prices": bars(("2022-09-02",))}, release="R2", as_of=AS_OF)


def test_a_new_lake_is_on_the_disk_before_its_catalog_names_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durability, "_sync", synced.append)
    named: list[str] = []

    def noted(_: Any, __: Any, ___: Any, told: Any, *____: Any) -> None:
        for file in re.findall(r"file://([^']+\.metadata\.json)", repr(told)):
            assert file in set(map(str, synced))
            assert {path, path / "warehouse", path / "warehouse/quant"} <= set(synced)
            named.append(file)

    sa.event.listen(sa.Engine, "before_cursor_execute", noted)
    try:
        Lake.open(path, clock=clock)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", noted)
    assert len(set(named)) == 4
