"""Panels adjusted for the known corporate actions only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError
from lakebt.lake.reading.adjusted_bars import (
    NEVER,
    all_actions,
    held_as_called,
    moves_of,
    terms_of,
)
from lakebt.lake.tables.schemas import BASES
from lakebt.prices.actions import ActionKind
from lakebt.prices.adjustment import Adjustment, InBars, bring, panel_factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatPanel
    from lakebt.lake.reading.adjusted_bars import Tables
    from lakebt.lake.reading.bars import Bars
    from lakebt.lake.reading.known_release import Known

_OF_SHARES = (ActionKind.SPLIT, ActionKind.SPIN_OFF)
_OF_RETURNS = (*_OF_SHARES, ActionKind.CASH_DIVIDEND)


def adjusted_panel(
    known: Known,
    tables: Tables,
    bars: Bars,
    values: FloatPanel,
    *,
    column: str,
    symbols: Sequence[str],
    begin: int,
    adjustment: Adjustment,
) -> FloatPanel:
    """Return a panel in the shares of its last session, as far as they were known.

    Parameters
    ----------
    known, tables
        The release and the instant, and what its bars and actions are read from.
    bars
        Those of the symbols.
    values : ndarray of shape (n_sessions, n_symbols)
        As the bars have them. They may be written to.
    column
        Which they are.
    symbols
    begin
        Number of the first session.
    adjustment

    Raises
    ------
    InvalidArgumentError
        If a bar has its dividends in it.
    """
    if len(values) == 0:
        return values
    last = begin + len(values) - 1
    any_adjusted, cells = _adjusted_cells(known, bars, symbols, begin=begin, last=last)
    closes = values
    if column != "close":
        _, closes = bars.panel("close", symbols, as_of=known.by, first=begin, last=last)
    kinds = _OF_SHARES if adjustment is Adjustment.SPLITS else _OF_RETURNS
    actions = all_actions(tables, symbols)
    in_bars = None
    if any_adjusted:
        in_bars = held_as_called(tables, symbols, day=known.pinned.sessions.date(last))
    rows = actions.in_force(before=known.by + 1)
    is_wanted = np.isin(actions.kind[rows], [kind.code for kind in kinds])
    is_inside = (actions.session[rows] > begin) & (actions.session[rows] <= last)
    rows = rows[is_wanted & is_inside]
    moves, rows = moves_of(tables, actions, rows, symbols, as_of=known.by, held=in_bars)
    if len(moves) == 0 and (in_bars is None or len(in_bars.days) == 0):
        return values
    within = None
    if in_bars is not None:
        known_terms = terms_of(actions, rows, moves)
        days = in_bars.days_of(len(symbols))
        within = InBars(
            cells=cells,
            days=days.days,
            factors=days.factors,
            same={
                day
                for day, terms in days.terms.items()
                if known_terms.get(day) == terms
            },
        )
    of_volume = column == "volume"
    if within is None:
        bring(values, moves, closes, begin=begin, of_volume=of_volume)
        return values
    factors = panel_factors(
        moves, closes, begin=begin, of_volume=of_volume, in_bars=within
    )
    factors *= values
    return factors


def _adjusted_cells(
    known: Known, bars: Bars, symbols: Sequence[str], *, begin: int, last: int
) -> tuple[bool, npt.NDArray[np.bool_] | None]:
    """Return whether bars of a panel are adjusted for splits, and which; None for all.

    Raises
    ------
    InvalidArgumentError
        If one is on a basis that cannot be undone.
    """
    if bars.one_basis in ("raw", "split_adjusted"):
        return bars.one_basis != "raw", None
    _, code = bars.panel("basis", symbols, as_of=known.by, first=begin, last=last)
    beyond = (code == BASES.index("total_return")).any(axis=0)
    if beyond.any():
        msg = (
            f"the prices of {symbols[int(np.argmax(beyond))]} are on the basis "
            f"total_return, which cannot be undone: leave it out, ask without "
            f"adjusted=, or publish its prices as raw or split_adjusted"
        )
        raise InvalidArgumentError(msg)
    cells = code == BASES.index("split_adjusted")
    return bool(cells.any()), cells


def last_known_action(tables: Tables, symbols: Sequence[str]) -> int:
    """Return when the last action of some symbols became known."""
    return int(all_actions(tables, symbols).known_at.max(initial=-NEVER))
