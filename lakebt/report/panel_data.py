"""The data from which a page trades any cell of a study again.

Results of every cell would take a page of their own size: a thousand events under a
thousand rules are a million cells. What they are made of is small: some bars around
each event, and where each order is filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms that all cells share.

    Attributes
    ----------
    side : str
        "both", "additions" or "deletions".
    hedge : int
        Position of the hedge in `Ingredients.symbols`; -1 for none.
    gross, capital_usd : float
        Exposure as a multiple of capital, and what each event starts with.
    drop_leg : bool
        Whether a leg without prices is left out, rather than its event.
    fee, borrow_per_day : float
        Fractions: of what is bought and sold, and of what is short per calendar day.
    by_leg : bool
        Whether a portfolio weights the open events by their legs.
    max_weight : float
        The most of a portfolio that is invested for each open event.
    """

    side: str
    hedge: int
    gross: float
    capital_usd: float
    drop_leg: bool
    fee: float
    borrow_per_day: float
    by_leg: bool
    max_weight: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Ingredients:
    """The data of every traded cell.

    Sessions are counted from the first of `days`; a half session is twice its session,
    and 1 more at the close. A *slot* is an event under an entry, with at least one cell
    that was traded.

    Attributes
    ----------
    terms
        What holds for every cell.
    n_entries, n_exits : int
        The grid.
    event_ids, symbols : tuple of str
    event_day : ndarray of shape (n_events,)
        The day each event is counted under, in days since 1970.
    days : ndarray of shape (n_sessions,)
        Days since 1970.
    leg_symbol, leg_is_addition : ndarray of shape (n_legs,)
        Of each leg, as an entry knew it.
    series_symbol, series_first, series_count : ndarray of shape (n_series,)
        Runs of bars: whose, from which session, how many.
    opens, closes : ndarray of shape (n_bars,)
        The bars of one series after the other; NaN where there is none.
    slot_event, slot_entry, entry_row : ndarray of shape (n_slots,)
        Event and entry of each slot, and the half session it is entered in.
    start : ndarray of shape (n_slots + 1,)
        Where each slot's positions begin: its legs and, with a hedge, the hedge last.
    leg : ndarray of shape (n_positions,)
        The leg; -1 for the hedge.
    sizing_price : ndarray of shape (n_positions,)
        The last close known before the entry; NaN if there was none.
    is_traded : ndarray of shape (n_slots, n_exits)
    exit_row : ndarray of shape (n_slots, n_exits)
        Half session in which the last leg leaves; 0 where the cell was not traded.
    is_relative : ndarray of shape (n_exits,)
        Whether an exit counts from the entry; for packing only.
    apart : ndarray of shape (n_apart,)
        Cells, counted through rows and columns, whose legs leave in different half
        sessions; ascending.
    apart_row : ndarray of shape (n_apart_legs,)
        The half session of each of their legs, one cell after the other.
    """

    terms: Terms
    n_entries: int
    n_exits: int
    event_ids: tuple[str, ...]
    symbols: tuple[str, ...]
    event_day: IntVector
    days: IntVector
    leg_symbol: IntVector
    leg_is_addition: IntVector
    series_symbol: IntVector
    series_first: IntVector
    series_count: IntVector
    opens: FloatVector
    closes: FloatVector
    slot_event: IntVector
    slot_entry: IntVector
    entry_row: IntVector
    start: IntVector
    leg: IntVector
    sizing_price: FloatVector
    is_traded: npt.NDArray[np.bool_]
    exit_row: npt.NDArray[np.int64]
    is_relative: npt.NDArray[np.bool_]
    apart: IntVector
    apart_row: IntVector
