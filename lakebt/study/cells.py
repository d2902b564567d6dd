"""The figures of every cell of a study, or why it is empty, as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakebt.backtest.engine import Earned
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.backtest.levels import Level
    from lakebt.backtest.outcome import Outcome
    from lakebt.backtest.trades import Trade
    from lakebt.events.schedule import Schedule


FloatCells = npt.NDArray[np.float64]
IntCells = npt.NDArray[np.int64]

_RUINED = Reason.RUINED.code
_NO_PRICE = Reason.NO_PRICE.code


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The cells of a schedule after they were traded, each array (n_slots, n_exits).

    Figures of a cell that is empty have no meaning.

    Attributes
    ----------
    reason
        Why a cell is empty: 0 where it was traded, else `Reason.code`.
    late
        Whether it was traded on a fact that was not yet known.
    n_legs
        Legs that were traded, without the hedge.
    first
        Number of the first session with market exposure.
    n_returns, mean, m2
        Of the daily net returns: their number, their mean, and the sum of their squared
        deviations from it.
    gross, net
        Returns over the whole trade, as fractions of capital.
    traded_usd, borrow_usd, impact_usd
        Bought and sold, paid for what was short, and for the size of orders.
    drawdown
        The worst fall of net equity from its highest value, as a fraction.
    gaps
        Closes that were missing while held; each was marked at the last price.
    final
        The last daily net return.
    held_start
        Where the daily net returns before the last begin in `held`.
    held : ndarray of shape (n_held,)
    worth : ndarray of shape (n_held,)
        What is held at the close of each session in `held`, longs and shorts added up,
        in USD.
    """

    reason: npt.NDArray[np.int8]
    late: npt.NDArray[np.bool_]
    n_legs: IntCells
    first: IntCells
    n_returns: IntCells
    mean: FloatCells
    m2: FloatCells
    gross: FloatCells
    net: FloatCells
    traded_usd: FloatCells
    borrow_usd: FloatCells
    impact_usd: FloatCells
    drawdown: FloatCells
    gaps: IntCells
    final: FloatCells
    held_start: IntCells
    held: FloatVector
    worth: FloatVector

    @property
    def traded(self) -> npt.NDArray[np.bool_]:
        """Whether each cell was traded, shape (n_slots, n_exits)."""
        traded: npt.NDArray[np.bool_] = self.reason == 0
        return traded

    def returns(self, slot: int, exit_: int) -> FloatVector:
        """Return the daily net returns of one cell, shape (n_returns,)."""
        if self.reason[slot, exit_] != 0:
            return np.zeros(0)
        count = int(self.n_returns[slot, exit_])
        start = int(self.held_start[slot, exit_])
        held = self.held[start : start + count - 1]
        return np.append(held, self.final[slot, exit_])


class Filling:
    """Cells while they are being filled in, at one of several levels.

    Parameters
    ----------
    schedule
        As the guard decided it; what it left empty stays empty.
    earned : Earned
        Room for every cell of the schedule, under every level.
    n_legs : ndarray of shape (n_cells,)
        Room for the legs that are traded.
    level
        Which level this is.
    number
        Which of the levels in `earned` that is.

    Attributes
    ----------
    level : Level
    reason : ndarray of shape (n_slots, n_exits)
        Why each cell is empty, so far.
    """

    def __init__(
        self,
        schedule: Schedule,
        earned: Earned,
        n_legs: IntVector,
        *,
        level: Level,
        number: int,
    ) -> None:
        self.level = level
        self._schedule, self._number, self._n_legs = schedule, number, n_legs
        self.earned = earned
        self.reason = schedule.reason.copy()
        self._alone: list[FloatVector] = []
        self._worth_alone: list[FloatVector] = []
        self._n_alone = 0
        self._traded_alone: dict[int, tuple[float, float]] = {}

    @classmethod
    def each(cls, schedule: Schedule, levels: Sequence[Level]) -> list[Filling]:
        """Return empty arrays for the cells of a schedule, one set per level."""
        n_cells = schedule.reason.size
        earned = Earned.empty(levels, n_cells)
        n_legs = np.zeros(n_cells, dtype=np.int64)
        return [
            cls(schedule, earned, n_legs, level=level, number=number)
            for number, level in enumerate(levels)
        ]

    def book(self, cells: IntVector, earned: Earned, *, n_legs: IntVector) -> None:
        """Copy the figures of a book into the cells.

        Parameters
        ----------
        cells : ndarray of shape (n,)
            The places of the book's cells.
        earned
            With the book filled in.
        n_legs : ndarray of shape (n,)
        """
        self.earned = earned
        self._n_legs[cells] = n_legs
        codes = np.array([0, _NO_PRICE, _RUINED], dtype=np.int8)
        self.reason.reshape(-1)[cells] = codes[earned.status[self._number, cells]]

    def outcome(
        self, cell: tuple[int, int], trade: Trade, outcome: Outcome, *, gaps: int
    ) -> None:
        """Fill in one trade that was run alone."""
        at, level, earned = self._place(cell), self._number, self.earned
        self.reason[cell] = _RUINED if outcome.is_ruined else 0
        returns = outcome.net_returns
        mean = float(returns.mean())
        equity = np.append(outcome.capital_usd, outcome.equity)
        self._n_legs[at] = sum(p.side is not None for p in trade.positions)
        earned.first[at] = outcome.first
        earned.n_returns[at] = len(returns)
        earned.held_start[at] = earned.held.shape[1] + self._n_alone
        traded_usd = trade.traded_usd
        self._traded_alone[at] = outcome.gross_return, traded_usd
        earned.gaps[at] = gaps
        earned.mean[level, at] = mean
        earned.m2[level, at] = float(((returns - mean) ** 2).sum())
        earned.net[level, at] = outcome.net_return
        earned.borrow_usd[level, at] = outcome.borrow_usd
        if self.level.costs.has_impact:
            earned.impact_usd[level, at] = outcome.impact_usd
        fallen = 1.0 - equity / np.maximum.accumulate(equity)
        earned.drawdown[level, at] = float(fallen.max())
        earned.final[level, at] = float(returns[-1])
        self._alone.append(returns[:-1])
        self._worth_alone.append(outcome.worth)
        self._n_alone += len(returns) - 1

    def _place(self, cell: tuple[int, int]) -> int:
        return int(cell[0] * self.reason.shape[1] + cell[1])

    def _traded(self) -> tuple[FloatVector, FloatVector]:
        """Return gross returns and what was traded, in USD, at this level."""
        level, gross, traded_usd = self.level, self.earned.gross, self.earned.traded_usd
        if self._traded_alone or (level.gross, level.scale) != (1.0, 1.0):
            gross, traded_usd = gross * level.gross, traded_usd * level.scale
        for at, alone in self._traded_alone.items():
            gross[at], traded_usd[at] = alone
        return gross, traded_usd

    def _worth(self) -> FloatVector:
        """Return what the book holds at each close, in USD, at this level."""
        scale, worth = self.level.scale, self.earned.worth
        return worth if scale == 1.0 else scale * worth

    def done(self) -> Cells:
        """Return the cells, read only."""
        earned, level, shape = self.earned, self._number, self.reason.shape
        gross, traded_usd = self._traded()
        cells = Cells(
            reason=self.reason,
            late=self._schedule.late.copy(),
            n_legs=self._n_legs.reshape(shape),
            first=earned.first.reshape(shape),
            n_returns=earned.n_returns.reshape(shape),
            mean=earned.mean[level].reshape(shape),
            m2=earned.m2[level].reshape(shape),
            gross=gross.reshape(shape),
            net=earned.net[level].reshape(shape),
            traded_usd=traded_usd.reshape(shape),
            borrow_usd=earned.borrow_usd[level].reshape(shape),
            impact_usd=earned.impact_usd[level].reshape(shape),
            drawdown=earned.drawdown[level].reshape(shape),
            gaps=earned.gaps.reshape(shape),
            final=earned.final[level].reshape(shape),
            held_start=earned.held_start.reshape(shape),
            held=np.concatenate([earned.held[level], *self._alone]),
            worth=np.concatenate([self.level.scale * earned.worth, *self._worth_alone]),
        )
        for field in fields(Cells):
            getattr(cells, field.name).flags.writeable = False
        return cells
