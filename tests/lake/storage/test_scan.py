from __future__ import annotations

from lakebt.lake.storage.scan import Cache


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache, made = Cache(limit=10), []

    def get(name: str, size: int) -> str:
        def make() -> str:
            made.append(name)
            return name

        return cache.get(name, make, size=lambda _: size)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert get(name, 4) == name

    assert made == ["a", "b", "c", "b"]  # "b" had to go for "c"


def test_the_cache_keeps_one_thing_larger_than_its_limit() -> None:
    cache = Cache(limit=1)
    first = cache.get("a", lambda: [1], size=lambda _: 100)

    assert cache.get("a", lambda: [2], size=lambda _: 100) is first
