"""Branches of a lake in other catalogs: Postgres, and Iceberg's own REST server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import ReleaseEndedError
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake import Lake
    from tests.servers import Postgres

pytestmark = pytest.mark.lake

MINE = {"prices": bars(symbols=("MINE",))}

MOST_STEPS = 40
"""More changes of tables than any deed makes."""


@pytest.fixture
def started(remote: Remote) -> Lake:
    return start(remote.open())


def start(lake: Lake) -> Lake:
    """Publish two releases of main."""
    both = {"prices": bars(), "etf_holdings": q1()}
    lake.publish(both, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    return lake


def symbols(lake: Lake, release: str) -> set[str]:
    return set(lake.at(release).read("prices")["symbol"])


@pytest.mark.parametrize("remote", ["iceberg"], indirect=True)
def test_a_branch_lives_and_ends_in_a_catalog_of_others(
    started: Lake, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_life(started, remote)

    catalog: Any = started._storage.catalog  # noqa: SLF001
    really, asked = catalog.load_table, Counter[str]()

    def load_table(name: Any) -> Any:
        asked[name[-1]] += 1
        return really(name)

    monkeypatch.setattr(catalog, "load_table", load_table)
    assert started.branches().empty
    assert asked == {"releases": 1}  # main's and those of all branches lie in one


def test_a_branch_lives_and_ends_in_postgres(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote(tmp_path)
    uri = postgres_server.uri(postgres_server.database())
    remote.configure(monkeypatch, uri=uri, warehouse=f"file://{tmp_path}/warehouse")
    check_life(start(remote.open(create=True)), remote)


def check_life(started: Lake, remote: Remote) -> None:
    """Make, publish onto, rebase, adopt and drop a branch."""
    cleaned = started.branch("cleaned", at="R1")
    assert cleaned.publish(MINE, release="A", as_of=AS_OF).name == "cleaned.A"
    assert started.rebase("cleaned", at="R2").name == "cleaned.R2"
    assert symbols(started, "cleaned.R2") == {"AAA", "BBB", "MINE", "Z"}
    assert symbols(started, "R2") == {"AAA", "BBB", "Z"}
    rows = remote.table("prices").scan().use_ref("cleaned").to_arrow()
    assert "MINE" in rows.column("symbol").to_pylist()

    started.adopt("cleaned", release="R3")
    gone = started.drop_branch("cleaned")

    assert [each.name for each in gone.ended] == [
        *("cleaned.R1", "cleaned.A", "cleaned.R2"),
    ]
    assert "cleaned" not in remote.table("prices").refs()
    with pytest.raises(ReleaseEndedError):
        started.at("cleaned.A")
    assert symbols(remote.open(), "R3") == {"AAA", "BBB", "MINE", "Z"}
    assert remote.open().doctor().ok


def _make(lake: Lake) -> object:
    return lake.branch("cleaned", at="R1")


def _publish(lake: Lake) -> object:
    return lake.publish(MINE, release="cleaned.A", as_of=AS_OF)


def _rebase(lake: Lake) -> object:
    return lake.rebase("cleaned", at="R2")


def _adopt(lake: Lake) -> object:
    return lake.adopt("cleaned", release="R3")


def _drop(lake: Lake) -> object:
    return lake.drop_branch("cleaned")


class Ended(BaseException):
    """Stands for the end of a process."""


def end_at(lake: Lake, step: int) -> None:
    """End whoever uses a lake, just before one of the changes of its tables."""
    catalog: Any = lake._storage.catalog  # noqa: SLF001
    count = 0

    def commit_table(*arguments: Any) -> Any:
        nonlocal count
        if count == step:
            raise Ended
        count += 1
        return catalog.__class__.commit_table(catalog, *arguments)

    catalog.commit_table = commit_table


@pytest.mark.slow
@pytest.mark.parametrize("remote", ["iceberg"], indirect=True)
def test_a_deed_that_is_killed_between_two_tables_is_done_or_not(
    started: Lake, remote: Remote
) -> None:
    """And who does it again completes it, one step of it after the other."""
    deeds: list[Callable[[Lake], object]] = [_make, _publish, _rebase, _adopt, _drop]
    for do in deeds:
        for step in range(MOST_STEPS):
            lake = remote.open()
            end_at(lake, step)
            try:
                do(lake)
                break  # it has fewer steps, or all of it was done before
            except Ended:
                pass
            beside = remote.open()
            assert symbols(beside, "R2") == {"AAA", "BBB", "Z"}
            for name in beside.branches()["newest"]:
                assert symbols(beside, name) >= {"AAA", "BBB"}
        else:
            pytest.fail(f"{do.__name__} has more than {MOST_STEPS} steps")
    assert list(started.releases()["name"]) == ["R1", "R2", "R3"]
    assert symbols(remote.open(), "R3") == {"AAA", "BBB", "MINE", "Z"}
    codes = {finding.code for finding in remote.open().doctor()}
    assert codes <= {"orphan_files", "unfinished"}
