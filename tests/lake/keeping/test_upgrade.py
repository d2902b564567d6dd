"""Lakes of other layouts: older ones are read and upgraded, newer ones refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt._version import __version__
from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.storage.layout import unknown
from lakebt.lake.tables.schemas import EXCHANGE, LAYOUT, LAYOUT_NEEDS, LAYOUT_VERSION
from tests.lake.frames import AS_OF, bars
from tests.lake.frames import clock as present
from tests.lake.kept import DIGESTS, HOME, LAKES, NAMES, clock, unpacked
from tests.lake.old import make_old
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.lake


def say(path: Path, **properties: str) -> None:
    """Have the ledger say something, as another version might."""
    names = {"layout": LAYOUT, "needs": LAYOUT_NEEDS}
    with foreign_table(path, "releases") as table, table.transaction() as change:
        change.set_properties({names[key]: value for key, value in properties.items()})


def said(path: Path) -> Mapping[str, str]:
    with foreign_table(path, "releases") as table:
        return dict(table.properties)


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_lake_is_read_upgraded_and_published_into(
    name: str, tmp_path: Path
) -> None:
    lake = Lake.settle(unpacked(name, tmp_path), home=HOME, clock=clock())

    assert {r.name: r.digest for r in lake._ledger().living} == DIGESTS  # noqa: SLF001
    assert lake.doctor(deep=True).ok
    assert len(lake.trials()) == 3
    assert len(lake.at("R4").read("prices")) == 9
    assert lake.upgrade().after == LAYOUT_VERSION
    assert lake.upgrade().done == ()
    assert said(tmp_path / "lake")[LAYOUT] == str(LAYOUT_VERSION)
    assert {r.name: r.digest for r in lake._ledger().living} == DIGESTS  # noqa: SLF001
    lake.publish({"prices": bars(symbols=("Y",))}, release="R5", as_of=AS_OF)
    assert lake.doctor(deep=True).ok


def test_a_lake_is_kept_of_each_layout() -> None:
    assert [f"layout-{n}" for n in range(1, LAYOUT_VERSION + 1)] == list(NAMES)
    assert sorted(p.name for p in LAKES.iterdir()) == [f"{n}.tar.xz" for n in NAMES]


@pytest.mark.slow
def test_a_lake_from_before_digests_gets_all_it_lacks_at_once(path: Path) -> None:
    make_old(path)
    with foreign_table(path, "releases") as table, table.transaction() as change:
        change.remove_properties(EXCHANGE, LAYOUT, LAYOUT_NEEDS)
    lake = Lake.open(path, clock=present)
    before = [(r.name, r.digest) for r in lake._ledger().living]  # noqa: SLF001

    told = lake.upgrade(dry_run=True)

    assert LAYOUT not in said(path)
    assert told.done == (
        "the ledger gets the columns that it lacks",
        "the digests of the files of 3 releases are kept",
        "the lake keeps its calendar: XNYS",
        "the ledger says that its layout is 2",
    )
    assert str(told).startswith("The lake would be upgraded from layout 1 to 2:")
    assert [finding.code for finding in lake.doctor()] == ["digests_missing"]
    assert lake.upgrade().done == told.done
    assert lake.doctor(deep=True).ok
    assert said(path)[EXCHANGE] == "XNYS"
    assert [(r.name, r.digest) for r in lake._ledger().living] == before  # noqa: SLF001
    assert not lake.upgrade().done


def test_a_lake_that_holds_other_rows_is_not_upgraded(path: Path) -> None:
    make_old(path)
    with foreign_table(path, "releases") as table, table.transaction() as change:
        change.remove_properties(LAYOUT, LAYOUT_NEEDS)
    first, second = sorted((path / "warehouse/quant/prices/data").iterdir())[:2]
    first.write_bytes(second.read_bytes())
    lake = Lake.open(path, clock=present)

    with pytest.raises(LakeError, match="not those that were published"):
        lake.upgrade()
    assert LAYOUT not in said(path)


def test_a_newer_lake_is_refused_with_the_version_to_install(path: Path) -> None:
    lake = Lake.open(path, clock=present)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    view = lake.at("R1")
    say(path, layout="3", needs="9.1.0")

    words = (
        rf"it has layout 3, and lakebt {__version__} reads those up to 2\. "
        rf"Install lakebt 9\.1\.0, or a newer one"
    )
    for use in (
        lambda: Lake.open(path),
        lambda: lake.publish({"prices": bars()}, release="R2", as_of=AS_OF),
        lake.releases,
        lake.upgrade,
        lambda: lake.at("R1"),
    ):
        with pytest.raises(LakeError, match=words):
            use()
    assert len(view.read("prices")) == 6  # of a snapshot that it had found before
    (finding,) = Lake.open(path, create=False, check=False).doctor()
    assert finding.code == "layout"
    assert finding.cure == "Install lakebt 9.1.0, or a newer one"


@pytest.mark.parametrize("layout", ["", "0", "-1", "two", "3\n", "9" * 30])
def test_a_layout_that_is_no_number_is_damage(layout: str) -> None:
    problem, cure = unknown({LAYOUT: layout, LAYOUT_NEEDS: "1.0"}) or ("", "")

    assert problem == f"its layout is {layout!r}, which no version of lakebt writes"
    assert "backup" in cure


@pytest.mark.parametrize("needs", ["", "1.0; rm", "http://x/1", "a" * 99])
def test_a_version_that_is_none_is_not_repeated(needs: str) -> None:
    _, cure = unknown({LAYOUT: "3", LAYOUT_NEEDS: needs}) or ("", "")

    assert cure == "Install what wrote it"
