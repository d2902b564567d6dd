"""What every cell of a study earned, or why it is empty, as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lakebt.events.plan import Reason

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.backtest.engine import Earned
    from lakebt.backtest.outcome import Outcome
    from lakebt.backtest.trades import Trade
    from lakebt.events.schedule import Schedule

FloatCells = npt.NDArray[np.float64]
IntCells = npt.NDArray[np.int64]

_FLOATS = (
    *("mean", "m2", "gross", "net"),
    *("traded_usd", "borrow_usd", "drawdown", "final"),
)
_INTS = ("n_legs", "first", "n_returns", "gaps", "held_start")

_RUINED = Reason.RUINED.rank + 1
_NO_PRICE = Reason.NO_PRICE.rank + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The cells of a schedule after they were traded, each array (n_slots, n_exits).

    Figures of a cell that is empty are 0.

    Attributes
    ----------
    reason
        Why a cell is empty: 0 where it was traded, else 1 + `Reason.rank`.
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
    traded_usd, borrow_usd
        Bought and sold, and paid for what was short.
    drawdown
        The worst fall of net equity from its highest value, as a fraction.
    gaps
        Closes that were missing while held; each was marked at the last price.
    final
        The last daily net return.
    held_start
        Where the daily net returns before the last begin in `held`.
    held : ndarray of shape (n_held,)
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
    drawdown: FloatCells
    gaps: IntCells
    final: FloatCells
    held_start: IntCells
    held: FloatVector

    @property
    def traded(self) -> npt.NDArray[np.bool_]:
        """Whether each cell was traded, shape (n_slots, n_exits)."""
        traded: npt.NDArray[np.bool_] = self.reason == 0
        return traded

    def returns(self, slot: int, exit_: int) -> FloatVector:
        """Return the daily net returns of one cell, shape (n_returns,)."""
        count = int(self.n_returns[slot, exit_])
        if count == 0:
            return np.zeros(0)
        start = int(self.held_start[slot, exit_])
        held = self.held[start : start + count - 1]
        return np.append(held, self.final[slot, exit_])


class Filling:
    """Cells while they are being filled in.

    Parameters
    ----------
    schedule
        As the guard decided it; what it left empty stays empty.
    """

    def __init__(self, schedule: Schedule) -> None:
        shape = schedule.reason.shape
        self._panels: dict[str, npt.NDArray[Any]] = {
            **{name: np.zeros(shape) for name in _FLOATS},
            **{name: np.zeros(shape, dtype=np.int64) for name in _INTS},
        }
        self.reason = schedule.reason.copy()
        self._late = schedule.late
        self._held: list[FloatVector] = []
        self._n_held = 0

    def earned(
        self, cells: IntVector, earned: Earned, *, level: int, n_legs: IntVector
    ) -> None:
        """Fill in what a book earned.

        Parameters
        ----------
        cells : ndarray of shape (n_cells,)
            The place of each of the book's cells, counted through rows and columns.
        earned, level
            Of the book, and which level of costs.
        n_legs : ndarray of shape (n_cells,)
        """
        status = earned.status[level]
        self.reason.reshape(-1)[cells] = np.array([0, _NO_PRICE, _RUINED])[status]
        done = status == 0
        at = cells[done]
        for name, values in (
            ("n_legs", n_legs),
            ("first", earned.first),
            ("n_returns", earned.n_returns),
            ("mean", earned.mean[level]),
            ("m2", earned.m2[level]),
            ("gross", earned.gross),
            ("net", earned.net[level]),
            ("traded_usd", earned.traded_usd),
            ("borrow_usd", earned.borrow_usd[level]),
            ("drawdown", earned.drawdown[level]),
            ("gaps", earned.gaps),
            ("final", earned.final[level]),
            ("held_start", earned.held_start + self._n_held),
        ):
            self._panels[name].reshape(-1)[at] = values[done]
        self._keep(earned.held[level])

    def outcome(
        self, cell: tuple[int, int], trade: Trade, outcome: Outcome, *, gaps: int
    ) -> None:
        """Fill in one trade that was run alone."""
        if outcome.is_ruined:
            self.reason[cell] = _RUINED
            return
        returns = outcome.net_returns
        mean = float(returns.mean())
        equity = np.append(outcome.capital_usd, outcome.equity)
        for name, value in {
            "n_legs": sum(position.side is not None for position in trade.positions),
            "first": outcome.first,
            "n_returns": len(returns),
            "mean": mean,
            "m2": float(((returns - mean) ** 2).sum()),
            "gross": outcome.gross_return,
            "net": outcome.net_return,
            "traded_usd": sum(
                abs(position.size) * (position.entry_price + position.exit_price)
                for position in trade.positions
            ),
            "borrow_usd": outcome.borrow_usd,
            "drawdown": float((1.0 - equity / np.maximum.accumulate(equity)).max()),
            "gaps": gaps,
            "final": float(returns[-1]),
            "held_start": self._n_held,
        }.items():
            self._panels[name][cell] = value
        self._keep(returns[:-1])

    def _keep(self, held: FloatVector) -> None:
        self._held.append(held)
        self._n_held += len(held)

    def done(self) -> Cells:
        """Return the cells, read only."""
        held = np.concatenate(self._held) if self._held else np.zeros(0)
        cells = Cells(
            reason=self.reason,
            late=self._late & (self.reason == 0),
            held=held,
            **self._panels,
        )
        for field in fields(Cells):
            getattr(cells, field.name).flags.writeable = False
        return cells
