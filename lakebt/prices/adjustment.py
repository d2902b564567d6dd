"""Factors that bring prices to the shares, and the returns, of a later session."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatPanel, FloatVector, IntVector

    BoolPanel = npt.NDArray[np.bool_]


class Adjustment(enum.StrEnum):
    """For what prices are adjusted."""

    SPLITS = "splits"
    """Splits and spin-offs: prices in the shares of the last session."""
    TOTAL_RETURN = "total_return"
    """Dividends too: the changes of prices are returns."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """What the price of a share loses at the open of a session, action by action.

    Attributes
    ----------
    column : ndarray of shape (n_actions,)
        Of the panel: whose action it is.
    session : ndarray of shape (n_actions,)
        Number of the session of `ex_date`.
    ratio : ndarray of shape (n_actions,)
        What one share becomes; 1 if it is no split.
    cash : ndarray of shape (n_actions,)
        Of a dividend, in USD per share held at the close before; else 0.
    spun : ndarray of shape (n_actions,)
        Of a spin-off, the value in USD of what one share held at the close before
        brings; NaN if it is not known, 0 if it is no spin-off.
    """

    column: IntVector
    session: IntVector
    ratio: FloatVector
    cash: FloatVector
    spun: FloatVector

    def __len__(self) -> int:
        return len(self.column)

    def only(self, rows: BoolVector | IntVector) -> Moves:
        """Return some of them."""
        return Moves(
            column=self.column[rows],
            session=self.session[rows],
            ratio=self.ratio[rows],
            cash=self.cash[rows],
            spun=self.spun[rows],
        )

    def by_day(self) -> Moves:
        """Return them with those of one symbol and session together, sorted."""
        if len(self) == 0:
            return self
        order = np.lexsort((self.session, self.column))
        column, session = self.column[order], self.session[order]
        is_new = (np.diff(column) != 0) | (np.diff(session) != 0)
        starts = np.flatnonzero(np.append(True, is_new))
        return Moves(
            column=column[starts],
            session=session[starts],
            ratio=np.multiply.reduceat(self.ratio[order], starts),
            cash=np.add.reduceat(self.cash[order], starts),
            spun=np.add.reduceat(self.spun[order], starts),
        )


def day_factors(days: Moves, close: FloatVector) -> FloatVector:
    """Return what one share before the open of each day is worth in shares after it.

    Parameters
    ----------
    days
        As `Moves.by_day` gives them.
    close : ndarray of shape (n_days,)
        The last before the day, in the units of that day. NaN if there is none.

    Returns
    -------
    ndarray of shape (n_days,)
        ``(1 - (cash + spun) / close) / ratio``, ``1 / ratio`` where nothing is paid;
        NaN where the close is needed and missing, or not above what is paid.

    Notes
    -----
    The factor of a dividend is that of Yahoo, LEAN and zipline. The other school,
    ``C / (C + D)``, needs the close of `ex_date` and cannot be known at its open.
    """
    taken = days.cash + days.spun
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(taken == 0.0, 1.0, 1.0 - taken / close)
    kept[~(kept > 0.0)] = np.nan
    factors: FloatVector = kept / days.ratio
    return factors


def factors_in_bars(
    days: Moves, close: FloatVector, *, is_adjusted: BoolVector
) -> FloatVector:
    """Return the factors that are in bars already which were adjusted after the fact.

    Parameters
    ----------
    days
        As `Moves.by_day` gives them: all splits and spin-offs that are in the bars.
    close : ndarray of shape (n_days,)
        The last before each day, as the bars have it; NaN if there is none.
    is_adjusted : ndarray of shape (n_days,)
        Whether that close has the factors in it.

    Returns
    -------
    ndarray of shape (n_days,)
        As `day_factors`, of closes in the units of their day, which are found from
        the last day back: what was paid is added again to what is left.
    """
    factors = np.empty(len(days))
    column = -1
    later = 1.0
    listed = zip(
        days.column[::-1].tolist(),
        days.ratio[::-1].tolist(),
        days.spun[::-1].tolist(),
        close[::-1].tolist(),
        is_adjusted[::-1].tolist(),
        strict=True,
    )
    for number, (of, ratio, spun, last, adjusted) in enumerate(listed):
        if of != column:
            column, later = of, 1.0
        if spun == 0.0:
            factor = 1.0 / ratio
        else:
            before = last * ratio / later + spun if adjusted else last
            kept = 1.0 - spun / before if before else np.nan
            factor = kept / ratio if kept > 0.0 else np.nan
        factors[-1 - number] = factor
        later *= factor
    return factors


def cumulated(
    days: Moves, factors: FloatVector, *, begin: int, shape: tuple[int, int]
) -> FloatPanel:
    """Return for every session the product of the factors of later days.

    Parameters
    ----------
    days
        Whose factors they are; those after the last session count for all.
    factors : ndarray of shape (n_days,)
    begin
        Number of the first session.
    shape
        Sessions and symbols.
    """
    panel = np.ones(shape)
    row = np.minimum(days.session - begin, shape[0]) - 1
    inside = row >= 0
    np.multiply.at(panel, (row[inside], days.column[inside]), factors[inside])
    changed = np.unique(days.column[inside])
    if len(changed) > shape[1] // 4:
        backwards = panel[::-1]
        np.cumprod(backwards, axis=0, out=backwards)
    else:
        panel[::-1, changed] = np.cumprod(panel[::-1, changed], axis=0)
    return panel


def last_closes(closes: FloatPanel, days: Moves, *, begin: int) -> FloatVector:
    """Return the last close before each day of a panel, NaN if there is none."""
    row = np.minimum(days.session - begin, len(closes)) - 1
    close = np.full(len(row), np.nan)
    waiting = np.flatnonzero(row >= 0)
    while len(waiting):
        close[waiting] = closes[row[waiting], days.column[waiting]]
        waiting = waiting[np.isnan(close[waiting])]
        row[waiting] -= 1
        waiting = waiting[row[waiting] >= 0]
    return close


@dataclass(frozen=True, kw_only=True, eq=False)
class InBars:
    """What bars have in them that were adjusted for splits after the fact.

    Attributes
    ----------
    cells : ndarray of shape (n_sessions, n_symbols)
        Which bars of a panel they are.
    days : Moves
        As `Moves.by_day` gives them: the splits and spin-offs in them.
    factors : ndarray of shape (n_days,)
        As `factors_in_bars` gives them.
    same : set of (int, int)
        Column and session of the days of which the same was known: they stay.
    """

    cells: BoolPanel
    days: Moves
    factors: FloatVector
    same: AbstractSet[tuple[int, int]]

    def stays(self, days: Moves) -> BoolVector:
        """Return which of some days stay as they are in the bars."""
        pairs = zip(days.column.tolist(), days.session.tolist(), strict=True)
        return np.fromiter((p in self.same for p in pairs), bool, len(days))


def panel_factors(
    known: Moves,
    closes: FloatPanel,
    *,
    begin: int,
    of_volume: bool = False,
    in_bars: InBars | None = None,
) -> FloatPanel:
    """Return what brings each bar of a panel to the shares of its last session.

    Parameters
    ----------
    known
        The actions that count, none after the last session.
    closes : ndarray of shape (n_sessions, n_symbols)
        As the bars have them; NaN where there is none.
    begin
        Number of the first session.
    of_volume
        Whether of volumes, which a split alone multiplies by its ratio.
    in_bars
        Where bars were adjusted after the fact: what is in them and was not known is
        undone, what was known and is not in them is applied, what is both stays.

    Returns
    -------
    ndarray of shape (n_sessions, n_symbols)
        1 where nothing applies. NaN where it is not known: before a spin-off whose
        shares have no price, or a dividend that was not below the close.

    Examples
    --------
    Two for one at the third open:

    >>> import numpy as np
    >>> one = np.array([0])
    >>> split = Moves(
    ...     column=one, session=one + 2, ratio=one + 2.0, cash=one * 0.0, spun=one * 0.0
    ... )
    >>> closes = np.array([[10.0], [12.0], [6.0]])
    >>> (closes * panel_factors(split, closes, begin=0)).ravel().tolist()
    [5.0, 6.0, 6.0]
    """
    days = known.by_day()
    if in_bars is None:
        factors = days.ratio
        if not of_volume:
            factors = day_factors(days, last_closes(closes, days, begin=begin))
        return cumulated(days, factors, begin=begin, shape=closes.shape)
    # In the units of their day: the amount of a dividend is one of that day's share.
    within = cumulated(in_bars.days, in_bars.factors, begin=begin, shape=closes.shape)
    as_traded = np.where(in_bars.cells, closes / within, closes)
    close = last_closes(as_traded, days, begin=begin)
    stays, undone = in_bars.stays(days), ~in_bars.stays(in_bars.days)
    back = in_bars.days.only(undone)
    if of_volume:
        as_raw, beyond = days.ratio, np.where(stays, 1.0, days.ratio)
        undo = back.ratio
    else:
        as_raw = day_factors(days, close)
        # Without what is in the bars: a dividend is paid on what a spin-off left.
        left = replace(
            days,
            ratio=np.where(stays, 1.0, days.ratio),
            spun=np.where(stays, 0.0, days.spun),
        )
        beyond = day_factors(left, np.where(stays, close - days.spun, close))
        undo = in_bars.factors[undone]
    raw = cumulated(days, as_raw, begin=begin, shape=closes.shape)
    adjusted = cumulated(days, beyond, begin=begin, shape=closes.shape)
    if len(back):
        adjusted /= cumulated(back, undo, begin=begin, shape=closes.shape)
    panel: FloatPanel = np.where(in_bars.cells, adjusted, raw)
    return panel
