"""What is kept of files in a store: the last used, up to a size, none that is large."""

from __future__ import annotations

from lakebt.lake.storage.kept_files import Contents


def test_the_last_used_are_kept_up_to_a_size() -> None:
    kept = Contents(10, largest=6)
    kept.keep("a", b"aaaa")
    kept.keep("b", b"bbbb")
    assert kept.get("a") == b"aaaa"  # which makes b the one that goes
    kept.keep("a", b"other")  # a name has one content
    kept.keep("c", b"cccc")
    kept.keep("d", b"ddddddd")  # too large

    assert [kept.get(name) for name in "abcd"] == [b"aaaa", None, b"cccc", None]
    kept.clear()
    assert kept.get("a") is None
