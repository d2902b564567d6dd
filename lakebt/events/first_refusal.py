"""The first order that needs a later fact, which may stop a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import LookAheadError
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import IntVector
    from lakebt.events.plan import Cell


def first_refused(
    reason: npt.NDArray[np.int8], entry: IntVector
) -> tuple[int, int] | None:
    """Return the slot and the exit of the first order that needs a later fact.

    It is one of the first entry that has any, in the oldest event; None if none has.

    Parameters
    ----------
    reason : ndarray of int8, shape (n_slots, n_exits)
        Why each cell of a schedule is empty, as a code.
    entry : ndarray of int, shape (n_slots,)
        The entry rule of each slot.
    """
    slots, exits = np.nonzero(reason == Reason.LOOK_AHEAD.code)
    if not len(slots):
        return None
    first = int(np.lexsort((exits, slots, entry[slots]))[0])
    return int(slots[first]), int(exits[first])


def look_ahead_of(cell: Cell) -> LookAheadError:
    """Return the error for an order that needs a later fact."""
    assert cell.empty is not None  # noqa: S101 - that is its reason
    fact = f"{cell.entry} to {cell.exit} wanted {cell.empty.fact}"
    return LookAheadError(fact, cell.empty.known_at, cell.empty.needed_by)
