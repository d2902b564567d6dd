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


_WIDE = 2**32


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
    column = days.column[inside]
    np.multiply.at(panel.reshape(-1), row[inside] * shape[1] + column, factors[inside])
    # Row by row: a cumulative product along the first axis reads against memory.
    for earlier in range(int(row.max(initial=0)) - 1, -1, -1):
        panel[earlier] *= panel[earlier + 1]
    return panel


def bring(
    values: FloatPanel,
    known: Moves,
    closes: FloatPanel,
    *,
    begin: int,
    of_volume: bool = False,
) -> None:
    """Multiply bars by what `panel_factors` gives where none was adjusted before.

    Without a panel of factors, which would take as long as the bars.

    Parameters
    ----------
    values : ndarray of shape (n_sessions, n_symbols)
        Written to. It may be `closes`.
    known, closes, begin, of_volume
        As `panel_factors` takes them.
    """
    days = known.by_day()
    close, _ = last_closes(closes, days, begin=begin)
    factors = days.ratio if of_volume else day_factors(days, close)
    row = np.minimum(days.session - begin, len(values)) - 1
    order = np.argsort(row, kind="stable")
    row, column, factors = row[order], days.column[order], factors[order]
    starts = np.searchsorted(row, np.arange(len(values) + 1))
    later = np.ones(values.shape[1])
    for session in range(int(row.max(initial=-1)), -1, -1):
        own = slice(starts[session], starts[session + 1])
        if own.start < own.stop:
            np.multiply.at(later, column[own], factors[own])
        values[session] *= later


def last_closes(
    closes: FloatPanel, days: Moves, *, begin: int
) -> tuple[FloatVector, IntVector]:
    """Return the last close before each day of a panel, and its session.

    Returns
    -------
    close : ndarray of shape (n_days,)
        NaN if there is none.
    session : ndarray of shape (n_days,)
    """
    row = np.minimum(days.session - begin, len(closes)) - 1
    inside = row >= 0
    row = np.maximum(row, 0)
    close: FloatVector = closes[row, days.column]
    waiting = np.flatnonzero(np.isnan(close) & inside)
    if len(waiting):
        columns, place = np.unique(days.column[waiting], return_inverse=True)
        there = ~np.isnan(closes[:, columns])
        last = np.where(there, np.arange(len(closes))[:, None], 0)
        row[waiting] = np.maximum.accumulate(last, axis=0)[row[waiting], place]
        close = closes[row, days.column]
    close[~inside] = np.nan
    return close, row + begin


@dataclass(frozen=True, kw_only=True, eq=False)
class InBars:
    """What bars have in them that were adjusted for splits after the fact.

    Attributes
    ----------
    cells : ndarray of shape (n_sessions, n_symbols), or None
        Which bars of a panel they are; None for all.
    days : Moves
        As `Moves.by_day` gives them: the splits and spin-offs in them.
    factors : ndarray of shape (n_days,)
        As `factors_in_bars` gives them.
    same : set of (int, int)
        Column and session of the days of which the same was known: they stay.
    """

    cells: BoolPanel | None
    days: Moves
    factors: FloatVector
    same: AbstractSet[tuple[int, int]]

    def stays(self, days: Moves) -> BoolVector:
        """Return which of some days stay as they are in the bars."""
        same = np.array(sorted(self.same), dtype=np.int64).reshape(-1, 2)
        return np.isin(_keys(days.column, days.session), _keys(*same.T))

    def after(self, column: IntVector, session: IntVector) -> FloatVector:
        """Return what bars of some sessions have been multiplied by."""
        products = np.ones(len(self.days) + 1)
        following = np.append(self.days.column[1:], -1) == self.days.column
        for place in range(len(self.days) - 1, -1, -1):
            rest = products[place + 1] if following[place] else 1.0
            products[place] = rest * self.factors[place]
        keys = _keys(self.days.column, self.days.session)
        row = np.searchsorted(keys, _keys(column, session), side="right")
        whose = np.append(self.days.column, -1)[row]
        return np.where(whose == column, products[row], 1.0)


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
    shape = closes.shape
    close, session = last_closes(closes, days, begin=begin)
    if in_bars is None:
        factors = days.ratio if of_volume else day_factors(days, close)
        return cumulated(days, factors, begin=begin, shape=shape)
    # In the units of their day: the amount of a dividend is one of that day's share.
    is_adjusted = np.ones(len(days), dtype=bool)
    if in_bars.cells is not None:
        is_adjusted = in_bars.cells[session - begin, days.column]
    within = in_bars.after(days.column, session)
    close = np.where(is_adjusted, close / within, close)
    stays, undone = in_bars.stays(days), ~in_bars.stays(in_bars.days)
    # Without what is in the bars: a dividend is paid on what a spin-off left.
    left = replace(
        days,
        ratio=np.where(stays, 1.0, days.ratio),
        spun=np.where(stays, 0.0, days.spun),
    )
    factors = left.ratio
    if not of_volume:
        factors = day_factors(left, np.where(stays, close - days.spun, close))
    panel = cumulated(left, factors, begin=begin, shape=shape)
    back = in_bars.days.only(undone)
    if len(back):
        undo = back.ratio if of_volume else in_bars.factors[undone]
        panel /= cumulated(back, undo, begin=begin, shape=shape)
    if in_bars.cells is None:
        return panel
    factors = days.ratio if of_volume else day_factors(days, close)
    raw = cumulated(days, factors, begin=begin, shape=shape)
    return np.where(in_bars.cells, panel, raw)


def _keys(column: IntVector, session: IntVector) -> IntVector:
    """Return one number for each column and session, in their order."""
    return column * _WIDE + session
