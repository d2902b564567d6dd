"""The turns in which a server writes: one after the other, as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from lakebt.lake.serving.errors import BusyServerError

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")

MOST_WAITING = 64
"""Writes that may wait; one more is told to come again."""

WAITING_SECONDS = 20.0
"""How long a write waits for its turn: less than a client waits for its answer."""


class Turns:
    """Gives each write its turn. Who came first is first, whoever it is.

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
        self._threads = CapacityLimiter(1)
        self.waiting = 0

    async def take(self, do: Callable[[], T]) -> T:
        """Do something in a thread when its turn has come.

        Raises
        ------
        BusyServerError
            If too many wait already, or the turn did not come in time.
        """
        if self.waiting >= MOST_WAITING:
            msg = f"{self.waiting} writes wait already. Nothing was changed; try again"
            raise BusyServerError(msg)
        turn = object()  # one client may write several things at once
        self.waiting += 1
        self._waits(1)
        try:
            with fail_after(WAITING_SECONDS):
                await self._one.acquire_on_behalf_of(turn)
        except TimeoutError:
            msg = (
                f"others wrote for {WAITING_SECONDS:g} s. Nothing was changed; try "
                f"again"
            )
            raise BusyServerError(msg) from None
        finally:
            self.waiting -= 1
            self._waits(-1)
        try:
            return await to_thread.run_sync(do, limiter=self._threads)
        finally:
            self._one.release_on_behalf_of(turn)
