from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake import Lake
from lakebt.lake.storage.scan import FEW, Cache
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from pathlib import Path


def fill(cache: Cache, numbers: range, size: int, table: str = "t") -> None:
    for number in numbers:
        cache.get((table, number, "rows"), lambda: 0, size=lambda _: size)


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache, made = Cache(limit=10_000), []

    def get(name: str, size: int) -> str:
        def make() -> str:
            made.append(name)
            return name

        return cache.get(("t", 1, name), make, size=lambda _: size)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert get(name, 3_500) == name

    assert made == ["a", "b", "c", "b"]  # "b" had to go for "c"


def test_the_cache_keeps_one_thing_larger_than_its_limit() -> None:
    cache = Cache(limit=1)
    first = cache.get(("t", 1, "a"), lambda: [1], size=lambda _: 100)

    assert cache.get(("t", 1, "a"), lambda: [2], size=lambda _: 100) is first


def test_large_things_are_kept_of_a_few_snapshots_only() -> None:
    cache = Cache(limit=10**9, old=10**6)

    fill(cache, range(100), size=10**6)

    assert len(cache) == FEW


def test_small_things_are_kept_of_many_snapshots() -> None:
    cache = Cache(limit=10**9, old=10**6)

    fill(cache, range(100), size=100)

    assert len(cache) == 100


def test_small_things_of_many_snapshots_fill_no_more_than_their_part() -> None:
    cache = Cache(limit=10**9, old=10**6)

    fill(cache, range(2000), size=0)

    assert len(cache) < 10**6 / 1000  # an empty thing takes something too


def test_what_a_table_has_of_many_snapshots_counts_for_itself() -> None:
    cache = Cache(limit=10**9, old=10**6)

    for table in "abcdefghij":
        fill(cache, range(2), size=10**6, table=table)

    assert len(cache) == 20


def test_a_thing_that_two_threads_made_counts_once() -> None:
    cache = Cache(limit=10_000)
    key = ("t", 1, "rows")

    def make() -> int:
        cache.get(key, lambda: 1, size=lambda _: 8_000)
        return 2

    cache.get(key, make, size=lambda _: 8_000)

    assert cache.get(key, lambda: 3, size=lambda _: 8_000) == 1
    fill(cache, range(2, 4), size=1)
    assert len(cache) == 2  # the one of 8,000 had to go, once


def test_what_was_read_of_a_release_holds_nothing_of_the_lakes_history(
    path: Path,
) -> None:
    lake = Lake.open(path)
    for number in range(5):
        rows = bars(symbols=(f"S{number}",))
        lake.publish({"prices": rows}, release=f"R{number}", as_of=AS_OF)
    view = lake.at("R2")
    view.panel("close")

    (table,) = view._pinned.tables.values()  # noqa: SLF001 - what it holds

    assert len(table.metadata.snapshots) == 1
    assert table.metadata.refs == {}
    lake.publish({"prices": bars(symbols=("N",))}, release="N", as_of=AS_OF)
    assert list(view.panel("volume").columns) == ["S0", "S1", "S2"]
