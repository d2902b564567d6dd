"""How many threads the engine takes: what the process may use, or was told."""

from __future__ import annotations

import os

import pytest

from lakebt.backtest.engine import processors

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("told", "expected"),
    [("1", 1), ("999", HERE), ("0", HERE), ("", HERE), ("4,2", HERE), (None, HERE)],
)
def test_no_more_than_was_told_nor_than_there_are(
    monkeypatch: pytest.MonkeyPatch, told: str | None, expected: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)

    assert processors() == expected
