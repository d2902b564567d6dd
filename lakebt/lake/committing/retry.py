"""Trying again when somebody else changed the lake first."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, TypeVar

from lakebt.errors import LakebtError, LakeError
from lakebt.lake.storage.failures import BusyError, LostRaceError, locked

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")

ATTEMPTS = 40
"""How often something is tried before it fails because others came first."""


def again(
    attempt: Callable[[], T],
    *,
    where: str,
    exhausted: Callable[[int], LakebtError],
    has_moved: Callable[[], bool] = lambda: False,
) -> T:
    """Repeat an attempt until no other writer comes first.

    Parameters
    ----------
    attempt
        Looks at the lake, and changes it; raises `LostRaceError` if others did.
    where
        The lake, for errors.
    exhausted
        Makes the error after that many attempts.
    has_moved
        Whether the lake has changed since the attempt read it. After a lock timeout the
        attempt is repeated only then: there is no point in waiting twice for a program
        that holds the lock and makes no progress.

    Raises
    ------
    LakeError
        If the catalog is locked, and nothing gets done.
    LakebtError
        If others came first each time; or what `attempt` raises.
    """
    for number in range(ATTEMPTS):
        try:
            return attempt()
        except BusyError:
            if not has_moved():
                msg = f"{where} {locked()}"
                raise LakeError(msg) from None
        except LostRaceError:
            step_back(number)
    raise exhausted(ATTEMPTS)


def step_back(attempt: int) -> None:
    """Wait before the next attempt: longer each time, and not all for equally long."""
    pause_ms = min(20 * (attempt + 1), 400)
    time.sleep((pause_ms + secrets.randbelow(pause_ms)) / 1000)
