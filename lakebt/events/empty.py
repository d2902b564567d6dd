"""The error where nothing is left to trade, with its cure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.plan import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from lakebt.events.plan import Empty
    from lakebt.events.rules import Entry, Exit

_CURES = {
    Reason.NO_PRICE: 'publish the prices, or pass missing="drop_leg"',
    Reason.ONE_SIDED: 'pass hedge="SPY", or trade one side alone',
    Reason.NO_SESSION: "choose a session the exchange is open on",
    Reason.RUINED: "lower gross",
}


def check_tradeable(
    reason: npt.NDArray[np.int8],
    entries: Sequence[Entry],
    exits: Sequence[Exit],
    *,
    first: Callable[[], Empty],
) -> None:
    """Stop where every cell is untradeable; one that is refused is a result.

    Parameters
    ----------
    reason : ndarray
        Of every cell: 1 + `Reason.rank`; 0 for one that was traded.
    entries, exits
        The grid, for the message.
    first
        Returns why the first cell is empty.

    Raises
    ------
    InvalidArgumentError
        If no exit comes after its entry.
    UntradeableError
        If every cell is empty for want of prices, a session, or a side.
    """
    codes, numbers = np.unique(reason, return_counts=True)
    if 0 in codes or any(REASONS[code - 1].is_refusal for code in codes.tolist()):
        return
    counts = Counter(
        {
            REASONS[code - 1]: number
            for code, number in zip(codes.tolist(), numbers.tolist(), strict=True)
        }
    )
    fact = first().fact
    if set(counts) == {Reason.EXIT_BEFORE_ENTRY}:
        msg = (
            f"none of the exits {', '.join(map(str, exits))} comes after its entry "
            f"{', '.join(map(str, entries))}: {fact}"
        )
        raise InvalidArgumentError(msg)
    told = ", ".join(f"{number} {reason}" for reason, number in counts.most_common())
    cure = _CURES.get(counts.most_common(1)[0][0], "choose other rules")
    msg = f"every cell is untradeable: {told} ({fact}). To mend it, {cure}."
    raise UntradeableError(msg)
