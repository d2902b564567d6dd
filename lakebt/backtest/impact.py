"""Market impact: the costs of a fill that grow with its size.

A fill of n shares costs coefficient x sigma x sqrt(n / volume) of its value, with sigma
and volume as known before the entry's deadline. The exit uses them too, because its own
are not known at the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lakebt._typing import FloatVector
from lakebt.sessions import is_close, session_of
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import FloatPanel, IntVector
    from lakebt.backtest.costs import CostModel
    from lakebt.prices.history import PriceHistory

Amount = TypeVar("Amount", float, FloatVector)


def toll(size: Amount, sigma: Amount, volume: Amount) -> Amount:
    """Return the impact of a fill per USD of share price and unit of a coefficient.

    Parameters
    ----------
    size : float or ndarray of shape (n,)
        Signed number of shares.
    sigma, volume : float or ndarray of shape (n,)
        As `lakebt.prices.liquidity.Liquidity` has them.

    Returns
    -------
    float or ndarray of shape (n,)
        ``sigma * sqrt(|size| / volume) * |size|``; NaN where the volume is unknown.

    Examples
    --------
    10,000 shares at 50 USD, of a million a day that move 2 % a day, for a coefficient
    of 1: 20 basis points of 500,000 USD.

    >>> import numpy as np
    >>> per_usd = toll(np.array([1e4]), np.array([0.02]), np.array([1e6]))
    >>> round(float(per_usd[0]) * 50.0, 6)
    1000.0
    """
    shares = np.abs(size)
    cost: Amount = sigma * np.sqrt(shares / volume) * shares
    return cost


def participation(size: Amount, volume: Amount) -> Amount:
    """Return a fill, or fills, as a part of the volume of a day."""
    part: Amount = np.abs(size) / volume
    return part


@dataclass(frozen=True, kw_only=True, eq=False)
class Depth:
    """Volume and volatility as known before each decision.

    Attributes
    ----------
    costs
    at_close : ndarray of shape (n_decisions,)
        Whether each is filled at the close.
    sigma, volume : ndarray of shape (n_decisions, n_symbols)
        As `lakebt.prices.liquidity.Liquidity` has them.
    """

    costs: CostModel
    at_close: npt.NDArray[np.bool_]
    sigma: FloatPanel
    volume: FloatPanel

    @classmethod
    def of(
        cls,
        history: PriceHistory,
        codes: IntVector,
        *,
        before: IntVector,
        rows: IntVector,
        costs: CostModel,
    ) -> Depth | None:
        """Return it for every decision and symbol; None if the costs do not ask.

        Parameters
        ----------
        history, codes
            Prices, and the symbols as `PriceHistory.codes` gives them.
        before, rows : ndarray of shape (n_decisions,)
            Deadlines, microseconds since 1970 UTC, and half sessions of the fills.
        costs
        """
        if not costs.asks_volume:
            return None
        from lakebt.prices.liquidity import Liquidity  # noqa: PLC0415 - numba: 0.4 s

        shape = len(before), len(codes)
        known = Liquidity.known(
            history,
            np.tile(codes, shape[0]),
            before=np.repeat(before, shape[1]),
            fills=np.repeat(session_of(rows), shape[1]),
            sessions=costs.impact_sessions,
        )
        return cls(
            costs=costs,
            at_close=is_close(rows),
            sigma=known.sigma.reshape(shape),
            volume=known.volume.reshape(shape),
        )

    def unfit(self, decision: int, size: FloatVector) -> npt.NDArray[np.int8]:
        """Return the `Reason.code` of each order that is not sent, else 0."""
        volume, most = self.volume[decision], self.costs.max_participation
        reason = np.zeros(len(size), dtype=np.int8)
        if most is not None:
            reason[participation(size, volume) > most] = Reason.TOO_LARGE.code
        reason[np.isnan(volume)] = Reason.NO_VOLUME.code
        reason[size == 0.0] = 0
        return reason

    def paid(self, decision: int, size: FloatVector, price: FloatVector) -> FloatVector:
        """Return the impact of each order of a decision, in USD."""
        at = self.costs.impact_at(is_close=bool(self.at_close[decision]))
        each = toll(size, self.sigma[decision], self.volume[decision])
        paid: FloatVector = np.where(size == 0.0, 0.0, at * each * price)
        return paid
