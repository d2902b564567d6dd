"""How much of a share is traded a day and how far it moves, as known before an order.

The sessions that count are the last whose bars were known and had a trade. They may lie
long before the order, if a share rarely trades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.cut_off import check_uncut
from lakebt.prices.payouts import payouts_known
from lakebt.prices.sizing import splits_known
from lakebt.values.arrays import offsets
from lakebt.values.compilation import compiled

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
        counts to the next; NaN where fewer than two changes are known. What splits,
        dividends and spin-offs that were known took out of a price is no change.
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
            splits: tuple[IntVector, IntVector, FloatVector],
            payouts: tuple[IntVector, IntVector, FloatVector],
        ) -> tuple[FloatVector, FloatVector, IntVector, IntVector]:
            return _known(
                first[own],
                end[own],
                deadline[own],
                sessions,
                *splits,
                *payouts,
                history.session,
                history.known_at,
                history.retracted,
                history.close,
                volumes,
            )

        none = np.zeros(len(code) + 1, dtype=np.int64)
        nothing = none, none[:0], np.zeros(0)
        sigma, volume, oldest, found = walk(slice(None), nothing, nothing)
        check_uncut(history, code[found <= sessions])
        pairs, starts, split, ratio = splits_known(
            history,
            code,
            history.rows_known(code, before=deadline),
            before=deadline,
            since=oldest,
            fills=fill,
        )
        paid_from, paid_on, paid = payouts_known(
            history, code, before=deadline, since=oldest, fills=fill
        )
        moved = np.diff(paid_from) > 0
        moved[pairs] = True
        own = np.flatnonzero(moved)
        if len(own):
            n_splits = np.zeros(len(code), dtype=np.int64)
            n_splits[pairs] = np.diff(starts)
            splits = offsets(n_splits[own]), split, ratio
            payouts = offsets(np.diff(paid_from)[own]), paid_on, paid
            sigma[own], volume[own], *_ = walk(own, splits, payouts)
        return cls(sigma=sigma[place.ravel()], volume=volume[place.ravel()])


@compiled
def _known(  # noqa: C901, PLR0917 - one compiled loop, without keywords
    first: IntVector,
    end: IntVector,
    before: IntVector,
    count: int,
    start: IntVector,
    split: IntVector,
    ratio: FloatVector,
    paid_from: IntVector,
    paid_on: IntVector,
    paid: FloatVector,
    session: IntVector,
    known_at: IntVector,
    retracted: npt.NDArray[np.bool_],
    close: FloatVector,
    volume: FloatVector,
) -> tuple[FloatVector, FloatVector, IntVector, IntVector]:
    """Walk back from the last row, `end` exclusive, of each pair to its first.

    The splits of a pair come newest first, and so do its payouts.

    Returns
    -------
    sigma, volume, oldest, counts : ndarray of shape (n_pairs,)
        As `Liquidity` has them; the first session that counts, and how many do.
    """
    sigma, mean_volume = np.full(len(first), np.nan), np.full(len(first), np.nan)
    oldest = np.zeros(len(first), dtype=np.int64)
    counts = np.zeros(len(first), dtype=np.int64)
    closes, volumes = np.empty(count + 1), np.empty(count + 1)
    for pair in range(len(first)):
        n_found, done = 0, np.int64(-1)
        row = end[pair] - 1
        following, units = start[pair], 1.0
        owing, kept = paid_from[pair], 0.0
        while row >= first[pair] and n_found <= count:
            if known_at[row] < before[pair] and session[row] != done:
                # The newest vintage known decides; a withdrawn bar does not count.
                done = session[row]
                if not retracted[row]:
                    newest, latest = following, owing
                    while following < start[pair + 1] and done < split[following]:
                        units *= ratio[following]
                        following += 1
                    while owing < paid_from[pair + 1] and done < paid_on[owing]:
                        owing += 1
                    # From the oldest on, each out of what those before it left; on one
                    # day all is for a share as it was before a split.
                    worth, after = close[row], following
                    for payout in range(owing - 1, latest - 1, -1):
                        while after > newest and split[after - 1] < paid_on[payout]:
                            after -= 1
                            worth /= ratio[after]
                        if paid[payout] < worth:
                            kept += np.log(1.0 - paid[payout] / worth)
                            worth -= paid[payout]
                    closes[n_found] = np.log(close[row]) - np.log(units) + kept
                    volumes[n_found] = volume[row] * units
                    oldest[pair] = done
                    n_found += 1
            row -= 1
        counts[pair] = n_found
        n_changes = n_found - 1
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
    return sigma, mean_volume, oldest, counts
