"""Turns come one after the other, and what needs none is done before."""

from __future__ import annotations

import threading

import anyio
import pytest
from anyio import to_thread

from lakebt.lake.serving import turns
from lakebt.lake.serving.errors import BusyServerError
from lakebt.lake.serving.turns import Turns


def test_what_needs_no_turn_is_done_while_others_write() -> None:
    done: list[str] = []
    is_read, writes = threading.Event(), threading.Event()

    def write() -> None:
        done.append("turn begins")
        writes.set()
        assert is_read.wait(5)
        done.append("turn ends")

    def read() -> str:
        done.append("read")
        is_read.set()
        return "made before"

    async def run() -> None:
        mine = Turns()
        async with anyio.create_task_group() as group:
            group.start_soon(mine.take, write)
            await to_thread.run_sync(writes.wait, 5)
            group.start_soon(mine.take_after, read, done.append)
        assert mine.waiting == 0

    anyio.run(run)

    assert done == ["turn begins", "read", "turn ends", "made before"]


def test_what_fails_before_its_turn_takes_none() -> None:
    def fail() -> None:
        msg = "no publication"
        raise ValueError(msg)

    async def run() -> None:
        mine = Turns()
        with pytest.raises(ValueError, match="no publication"):
            await mine.take_after(fail, lambda _: pytest.fail("it had a turn"))
        assert mine.waiting == 0
        assert await mine.take(lambda: "next") == "next"

    anyio.run(run)


def test_too_many_that_wait_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 1)
    go_on, waits = threading.Event(), threading.Event()
    told: list[int] = []

    def wait() -> bool:
        waits.set()
        return go_on.wait(5)

    async def run() -> None:
        mine = Turns(told.append)
        async with anyio.create_task_group() as group:
            group.start_soon(mine.take_after, wait, bool)
            await to_thread.run_sync(waits.wait, 5)
            with pytest.raises(BusyServerError, match="1 writes wait already"):
                await mine.take_after(go_on.is_set, bool)
            go_on.set()

    anyio.run(run)

    assert sum(told) == 0
