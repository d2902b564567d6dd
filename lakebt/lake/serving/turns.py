"""The turns in which a server writes: one after the other, as they are ready."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from lakebt.lake.serving.errors import BusyServerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


S = TypeVar("S")
T = TypeVar("T")

MOST_WAITING = 64
"""Writes that may wait; one more is told to come again."""

WAITING_SECONDS = 20.0
"""How long a write waits for its turn: less than a client waits for its answer."""


class Turns:
    """Gives each write its turn, first come, first served.

    Parameters
    ----------
    waits
        Told when one more waits, and one fewer.

    Attributes
    ----------
    waiting : int
        How many wait.
    """

    def __init__(self, waits: Callable[[int], object] = lambda _: None) -> None:
        self._waits = waits
        self._one = CapacityLimiter(1)
        self._threads, self._before = CapacityLimiter(1), CapacityLimiter(1)
        self.waiting = 0

    async def take(self, do: Callable[[], T]) -> T:
        """Do something in a thread when its turn has come.

        Raises
        ------
        BusyServerError
            If too many wait already, or the turn did not come in time.
        """
        turn = object()  # one client may write several things at once
        async with self._wait():
            await self._one.acquire_on_behalf_of(turn)
        try:
            return await to_thread.run_sync(do, limiter=self._threads)
        finally:
            self._one.release_on_behalf_of(turn)

    async def take_after(self, before: Callable[[], S], do: Callable[[S], T]) -> T:
        """Do something in a turn with what is made before it, while others write.

        Parameters
        ----------
        before
            Makes what needs no turn, in a thread: one at a time.
        do
            What is done in the turn.

        Raises
        ------
        BusyServerError
            As `take` does.
        """
        async with self._wait():
            result = await to_thread.run_sync(before, limiter=self._before)
        return await self.take(lambda: do(result))

    @contextlib.asynccontextmanager
    async def _wait(self) -> AsyncIterator[None]:
        """Count as one that waits, for so long and no longer.

        Raises
        ------
        BusyServerError
            If too many do already, or it takes longer.
        """
        if self.waiting >= MOST_WAITING:
            msg = f"{self.waiting} writes wait already. Nothing was changed; try again"
            raise BusyServerError(msg)
        self.waiting += 1
        self._waits(1)
        try:
            with fail_after(WAITING_SECONDS):
                yield
        except TimeoutError:
            msg = (
                f"others wrote for {WAITING_SECONDS:g} s. Nothing was changed; try "
                f"again"
            )
            raise BusyServerError(msg) from None
        finally:
            self.waiting -= 1
            self._waits(-1)
