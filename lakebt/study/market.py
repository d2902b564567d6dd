"""Market limits of positions: impact, participation, shares to borrow.

Which positions an order may be, and what its size costs, is decided on what was known
of the market before the entry's deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.impact import participation, toll
from lakebt.sessions import session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.levels import Level
    from lakebt.events.clock import Clock
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.liquidity import Liquidity


@dataclass(frozen=True, kw_only=True, eq=False)
class Positions:
    """The positions in some slots, as in a book.

    Attributes
    ----------
    slot, code : ndarray of shape (n_positions,)
        Of which slot, and of which symbol, as `PriceHistory.codes` gives it.
    size : ndarray of shape (n_positions,)
        Signed number of shares, at a scale of 1.
    row : ndarray of shape (n_slots,)
        Half session of each slot's entry.
    """

    slot: IntVector
    code: IntVector
    size: FloatVector
    row: IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """Impact costs at some levels, and slots that cannot be traded.

    Attributes
    ----------
    toll : ndarray of shape (n_tolls, n_positions)
        As `lakebt.backtest.engine.Book` has it.
    sessions : tuple of int
        How many sessions each row of `toll` is of.
    reason : ndarray of shape (n_levels, n_slots)
        Why a slot is not traded: `Reason.code`, 0 where it is.
    """

    toll: FloatPanel
    sessions: tuple[int, ...]
    reason: npt.NDArray[np.int8]

    @classmethod
    def of(
        cls,
        positions: Positions,
        levels: Sequence[Level],
        *,
        history: PriceHistory,
        clock: Clock,
    ) -> Market:
        """Return the impact costs; volume is read only if a level needs it."""
        n_slots = len(positions.row)
        reason = np.zeros((len(levels), n_slots), dtype=np.int8)
        volume_costs = [level.costs for level in levels if level.costs.asks_volume]
        sessions = tuple(sorted({costs.impact_sessions for costs in volume_costs}))
        tolls = np.zeros((len(sessions), len(positions.size)))
        known = [
            known_of(positions, count, history=history, clock=clock)
            for count in sessions
        ]
        for number, level_known in enumerate(known):
            each = toll(positions.size, level_known.sigma, level_known.volume)
            tolls[number] = np.nan_to_num(each, nan=0.0)
        for number, level in enumerate(levels):
            if level.costs.asks_volume:
                level_known = known[sessions.index(level.costs.impact_sessions)]
                reason[number] = _unfit(positions, level_known, level)
        refused = _refused(positions, history=history, clock=clock)
        reason[:, refused] = np.where(
            reason[:, refused] == 0, Reason.NO_BORROW.code, reason[:, refused]
        )
        return cls(toll=tolls, sessions=sessions, reason=reason)


def known_of(
    positions: Positions, sessions: int, *, history: PriceHistory, clock: Clock
) -> Liquidity:
    """Return each position's volume and volatility, as known before its entry."""
    from lakebt.prices.liquidity import Liquidity  # noqa: PLC0415 - numba takes 0.4 s

    return Liquidity.known(
        history,
        positions.code,
        before=clock.deadlines(positions.row)[positions.slot],
        fills=session_of(positions.row)[positions.slot],
        sessions=sessions,
    )


def _refused(positions: Positions, *, history: PriceHistory, clock: Clock) -> IntVector:
    """Return the slots with a short whose shares could not be borrowed."""
    if not len(history.borrow):
        return np.zeros(0, dtype=np.int64)
    short = np.flatnonzero(positions.size < 0.0)
    slot = positions.slot[short]
    place = np.append(history.borrow.codes(history.symbols), -1)
    rows = history.borrow.refused(
        place[positions.code[short]],
        before=clock.deadlines(positions.row)[slot],
        fills=session_of(positions.row)[slot],
    )
    return np.unique(slot[rows >= 0])


def _unfit(
    positions: Positions, known: Liquidity, level: Level
) -> npt.NDArray[np.int8]:
    """Return why each slot is untradeable at a level; 0 if it is tradeable."""
    reason = np.zeros(len(positions.row), dtype=np.int8)
    most = level.costs.max_participation
    if most is not None:
        part = participation(level.scale * positions.size, known.volume)
        reason[positions.slot[part > most]] = Reason.TOO_LARGE.code
    unknown = np.isnan(known.volume) & (positions.size != 0.0)
    reason[positions.slot[unknown]] = Reason.NO_VOLUME.code
    return reason
