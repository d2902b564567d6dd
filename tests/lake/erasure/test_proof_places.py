"""Every byte of a lake: its folder, tables in a store, and panels on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.erasure.proof import prove
from lakebt.lake.erasure.proof_places import contents_of
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


def test_a_lake_is_looked_at_whole(lake: Lake, path: Path) -> None:
    rows = bars(symbols=("GOOGLE", "GOOGLEX"))
    note = "of Söhne"
    lake.publish({"prices": rows}, release="A", as_of=AS_OF, note=note)
    (path / "left.txt").write_text("somebody left GOOGLE here")
    contents = list(contents_of(lake._storage, environment={"LAKEBT_CACHE": "off"}))  # noqa: SLF001

    stays = ["somebody left GOOGLE here", "GOOGLEX"]
    proof = prove(contents, ["GOOGLE", "Söhne", "MISSING"], kept=stays)

    there = {file.relative_to(path).as_posix() for file in path.rglob("*")}
    files = {name for name in there if (path / name).is_file()}
    assert {content.path for content in contents} == files
    assert proof.n_files == len(files)
    found = {(each.value, each.path.rpartition(".")[2]) for each in proof.traces}
    assert found == {(0, "parquet"), (0, "avro"), (1, "parquet"), (1, "avro")}
    assert not proof.unread


def test_panels_of_the_lake_are_looked_at_and_no_others(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("LAKEBT_CACHE", str(cache))
    monkeypatch.setattr("lakebt.lake.storage.panel_cache.LEAST_BYTES", 1)
    other = Lake.open(tmp_path / "other", clock=clock)
    for each in (lake, other):
        rows = {"prices": bars(symbols=("GOOGLE",))}
        each.publish(rows, release="A", as_of=AS_OF)
        each.at("A").panel("close", symbols=["GOOGLE"])

    contents = list(contents_of(lake._storage))  # noqa: SLF001
    panels = [each.path for each in contents if each.path.startswith("panels/")]

    assert len(list(cache.rglob("*.panel"))) == 2
    assert len(panels) == 1
    traces = prove(contents, ["GOOGLE"]).traces
    assert (panels[0], "head of a panel") in {(t.path, t.where) for t in traces}
