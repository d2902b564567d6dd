"""The returns that an event study is made of, a change after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class EstimationData:
    """Daily returns before each event, over its own estimation window.

    Attributes
    ----------
    stock, market : ndarray of shape (n_returns,)
        Simple returns from close to close, of all changes after each other. Finite.
    session, place : ndarray of shape (n_returns,)
        Number of the session of each, and where it lies in the window, from 0.
    start : ndarray of shape (n_changes + 1,)
        Where each change's returns begin, and where the last one's end. Each has at
        least three.
    """

    stock: FloatVector
    market: FloatVector
    session: IntVector
    place: IntVector
    start: IntVector

    def __post_init__(self) -> None:
        _check(self.stock, self.market, self.start, fewest=3)

    @property
    def n_changes(self) -> int:
        """How many changes there are."""
        return len(self.start) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowData:
    """What each change returned in one window, in stretches between prices held.

    A stretch ends in the session that it is counted under: from the close before, or
    from the open at which the window begins, to the close, or to the open at which it
    ends.

    Attributes
    ----------
    stock, market : ndarray of shape (n_stretches,)
        Simple returns of all changes after each other. Finite.
    session : ndarray of shape (n_stretches,)
        The session of each.
    start : ndarray of shape (n_changes + 1,)
        Where each change's stretches begin, and where the last one's end.
    is_close : ndarray of shape (n_stretches,)
        Whether it ends at a close.
    """

    stock: FloatVector
    market: FloatVector
    session: IntVector
    start: IntVector
    is_close: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def __post_init__(self) -> None:
        _check(self.stock, self.market, self.start, fewest=1)

    @property
    def n_changes(self) -> int:
        """How many changes there are."""
        return len(self.start) - 1

    @property
    def sessions_held(self) -> IntVector:
        """How many sessions each is exposed in, shape (n_changes,)."""
        return np.diff(self.start)

    @property
    def closes(self) -> IntVector:
        """How many closes each reaches, shape (n_changes,)."""
        return np.add.reduceat(self.is_close.astype(np.int64), self.start[:-1])

    @property
    def owner(self) -> IntVector:
        """The change of each stretch, shape (n_stretches,)."""
        return np.repeat(np.arange(self.n_changes), self.sessions_held)


def _check(
    stock: FloatVector, market: FloatVector, start: IntVector, *, fewest: int
) -> None:
    """Check what would else give NaN much later.

    Raises
    ------
    InvalidArgumentError
        If a return is not finite, or a change has too few.
    """
    for name, values in (("stock", stock), ("market", market)):
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            msg = f"{name} must be finite, and is {values[at]} at {at}: leave it out"
            raise InvalidArgumentError(msg)
    sizes = np.diff(start)
    if len(sizes) and sizes.min() < fewest:
        msg = f"change {int(sizes.argmin())} has {sizes.min()} returns, not {fewest}"
        raise InvalidArgumentError(msg)


def summed(values: FloatVector, start: IntVector) -> FloatVector:
    """Return the sum of each change's values, shape (n_changes,)."""
    if len(start) < 2:
        return np.zeros(0)
    sums: FloatVector = np.add.reduceat(values, start[:-1])
    return sums
