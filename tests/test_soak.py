"""A process that lives long does not grow: `benchmarks/soak.py`, shortened."""

from __future__ import annotations

import contextlib
import gc
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.soak import Life, files, soak

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3

PACKAGES = ("lakebt", "pandas", "pyarrow", "pyiceberg", "sqlalchemy", "vectorbt")

HISTORY = {
    # A line of the ledger stays for ever, with a pin for each of three tables.
    "lakebt.lake.committing.ledger.Release": 1,
    "lakebt.lake.committing.ledger.TablePin": 3,
    # Two files of trials a round, until they are folded.
    "lakebt.lake.trials.index.Keys": 2,
    # Those, and what manifests say, which hold ten thousand entries together at most.
    "pyiceberg.manifest.DataFile": 5,
    "pyiceberg.manifest.ManifestEntry": 5,
    "pyiceberg.typedef.Record": 5,
    "pyiceberg.utils.lazydict.LazyDict": 15,
    # Of a table its last ten versions are known, and its snapshots until they expire.
    "pyiceberg.table.snapshots.MetadataLogEntry": 6,
    "pyiceberg.table.snapshots.Snapshot": 3,
    "pyiceberg.table.snapshots.SnapshotLogEntry": 3,
    "pyiceberg.table.snapshots.Summary": 3,
    # Of at most 256 manifests, whoever asks.
    "lakebt.lake.storage.scan_plan._Manifest": 20,
}
"""What a round may leave behind, by type."""


def objects() -> Counter[str]:
    """Return how many objects there are of each type that is not Python's own."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    named = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    return Counter(name for name in named if name.startswith(PACKAGES))


@pytest.mark.slow
def test_rounds_of_everything_leave_only_history_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakebt.lake.storage.scan.FEW", 2)
    life = Life(tmp_path / "lake", living=2)
    life.lake._cache._old = 100_000  # noqa: SLF001 - as if much had been read
    for _ in range(4):
        life.round()
    before, opened = objects(), files()

    for _ in range(ROUNDS):
        life.round()

    grown = objects() - before
    allowed = {name: n * ROUNDS for name, n in HISTORY.items()}
    assert {k: n for k, n in grown.items() if n > allowed.get(k, 0)} == {}
    assert files() <= opened


@pytest.mark.slow
def test_a_soak_says_what_grew(tmp_path: Path) -> None:
    life = Life(tmp_path / "lake", living=2)
    said: list[str] = []
    with contextlib.ExitStack() as kept:

        def hoard() -> None:
            file = tmp_path / "kept.txt"
            kept.enter_context(file.open("w", encoding="utf-8"))

        life.round = lambda: None  # type: ignore[method-assign]
        assert soak(life, 2, said.append)
        life.round = hoard  # type: ignore[method-assign]
        assert not soak(life, 2, said.append)

    assert said[-1].endswith("+1 files")
