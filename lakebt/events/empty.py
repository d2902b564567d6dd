"""What empty cells add up to: counts before a run, and errors where nothing is left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.plan import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakebt.events.plan import Cell, Empty
    from lakebt.events.rules import Entry, Exit

_CURES = {
    Reason.NO_PRICE: 'publish the prices, or pass missing="drop_leg"',
    Reason.ONE_SIDED: 'pass hedge="SPY", or trade one side alone',
    Reason.NO_SESSION: "choose a session the exchange is open on",
    Reason.RUINED: "lower gross",
}


def count_empty(cells: Iterable[Cell]) -> pd.DataFrame:
    """Count the empty cells of a plan.

    Returns
    -------
    DataFrame
        A row per entry, exit and reason: ``n_events`` empty of ``n_total``.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        totals[cell.entry, cell.exit] += 1
        if cell.empty is not None:
            counts[cell.entry, cell.exit, str(cell.empty.reason)] += 1
    rows = [
        (entry, exit_, reason, number, totals[entry, exit_])
        for (entry, exit_, reason), number in counts.items()
    ]
    columns = ["entry", "exit", "reason", "n_events", "n_total"]
    return pd.DataFrame(rows, columns=columns)


def check_tradeable(
    empties: Sequence[Empty | None], entries: Sequence[Entry], exits: Sequence[Exit]
) -> None:
    """Stop where every cell is untradeable; one that is refused is a result.

    Parameters
    ----------
    empties
        Of every cell; None for one that was traded.
    entries, exits
        The grid, for the message.

    Raises
    ------
    InvalidArgumentError
        If no exit comes after its entry.
    UntradeableError
        If every cell is empty for want of prices, a session, or a side.
    """
    found = [empty for empty in empties if empty is not None]
    if len(found) < len(empties) or any(empty.reason.is_refusal for empty in found):
        return
    counts = Counter(empty.reason for empty in found)
    if set(counts) == {Reason.EXIT_BEFORE_ENTRY}:
        msg = (
            f"none of the exits {', '.join(map(str, exits))} comes after its entry "
            f"{', '.join(map(str, entries))}: {found[0].fact}"
        )
        raise InvalidArgumentError(msg)
    told = ", ".join(f"{number} {reason}" for reason, number in counts.most_common())
    cure = _CURES.get(counts.most_common(1)[0][0], "choose other rules")
    msg = f"every cell is untradeable: {told} ({found[0].fact}). To mend it, {cure}."
    raise UntradeableError(msg)
