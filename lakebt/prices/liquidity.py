"""How much of a share is traded a day and how far it moves, as known before an order.

The sessions that count are the last whose bars were known and had a trade. They may lie
long before the order: of a share that nobody trades nothing newer is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.sizing import splits_known
from lakebt.values.compiled import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector
    from lakebt.prices.history import PriceHistory


@dataclass(frozen=True, kw_only=True, eq=False)
class Liquidity:
    """Volatility and volume of shares, each before an instant of its own.

    Attributes
    ----------
    sigma : ndarray of shape (n,)
        Standard deviation (ddof 1) of the changes of log closes, from one session that
        counts to the next; NaN where fewer than two changes are known.
    volume : ndarray of shape (n,)
        Mean number of shares a session; NaN where `sigma` is, or where a session that
        counts has no volume.
    """

    sigma: FloatVector
    volume: FloatVector

    @classmethod
    def known(
        cls,
        history: PriceHistory,
        codes: IntVector,
        *,
        before: IntVector,
        fills: IntVector,
        sessions: int,
    ) -> Liquidity:
        """Return what was known of some symbols before some orders.

        Parameters
        ----------
        history
            With the volumes of its bars.
        codes : ndarray of shape (n,)
            Symbols, as `PriceHistory.codes` gives them; of -1 nothing is known.
        before : ndarray of shape (n,)
            Deadlines of the orders: microseconds since 1970 UTC, exclusive.
        fills : ndarray of shape (n,)
            Numbers of the sessions in which they are filled: volumes are in the shares
            of that day, by the splits known before the deadline.
        sessions
            How many changes and volumes count at most: the last ones.
        """
        # Few of them differ: the legs of an event have one deadline at each entry.
        orders = np.column_stack([codes, before, fills])
        distinct, place = np.unique(orders, axis=0, return_inverse=True)
        code, deadline, fill = (distinct[:, number].copy() for number in range(3))
        first = np.where(code >= 0, history.starts[code], 0)
        end = np.where(code >= 0, history.closed_by(code, deadline), 0)
        volumes = history.volume
        if not len(volumes):  # they were not read: none is known
            volumes = np.full(len(history.close), np.nan)

        def walk(
            own: IntVector | slice,
            starts: IntVector,
            session: IntVector,
            ratio: FloatVector,
        ) -> tuple[FloatVector, FloatVector, IntVector]:
            return _known(
                first[own],
                end[own],
                deadline[own],
                sessions,
                starts,
                session,
                ratio,
                history.session,
                history.known_at,
                history.retracted,
                history.close,
                volumes,
            )

        none = np.zeros(len(code) + 1, dtype=np.int64)
        sigma, volume, oldest = walk(slice(None), none, none[:0], np.zeros(0))
        pairs, starts, split, ratio = splits_known(
            history,
            code,
            history.rows_known(code, before=deadline),
            before=deadline,
            since=oldest,
            fills=fill,
        )
        if len(pairs):
            sigma[pairs], volume[pairs], _ = walk(pairs, starts, split, ratio)
        return cls(sigma=sigma[place.ravel()], volume=volume[place.ravel()])


@compiled
def _known(  # noqa: PLR0917 - compiled functions take no keywords
    first: IntVector,
    end: IntVector,
    before: IntVector,
    count: int,
    start: IntVector,
    split: IntVector,
    ratio: FloatVector,
    session: IntVector,
    known_at: IntVector,
    retracted: npt.NDArray[np.bool_],
    close: FloatVector,
    volume: FloatVector,
) -> tuple[FloatVector, FloatVector, IntVector]:
    """Walk back from the last row, `end` exclusive, of each pair to its first.

    The splits of a pair come newest first.
    """
    sigma, mean_volume = np.full(len(first), np.nan), np.full(len(first), np.nan)
    oldest = np.zeros(len(first), dtype=np.int64)
    closes, volumes = np.empty(count + 1), np.empty(count + 1)
    for pair in range(len(first)):
        found, done = 0, np.int64(-1)
        row = end[pair] - 1
        following, units = start[pair], 1.0
        while row >= first[pair] and found <= count:
            if known_at[row] < before[pair] and session[row] != done:
                # The newest vintage known decides; a withdrawn bar does not count.
                done = session[row]
                while following < start[pair + 1] and done < split[following]:
                    units *= ratio[following]
                    following += 1
                if not retracted[row]:
                    closes[found] = np.log(close[row]) - np.log(units)
                    volumes[found] = volume[row] * units
                    oldest[pair] = done
                    found += 1
            row -= 1
        n_changes = found - 1
        if n_changes < 2:
            continue
        total = 0.0
        for i in range(n_changes):
            total += closes[i] - closes[i + 1]
        centre, squares, traded = total / n_changes, 0.0, 0.0
        for i in range(n_changes):
            squares += (closes[i] - closes[i + 1] - centre) ** 2
            traded += volumes[i]
        sigma[pair] = np.sqrt(squares / (n_changes - 1))
        mean_volume[pair] = traded / n_changes
    return sigma, mean_volume, oldest
