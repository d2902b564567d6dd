"""Prices of some symbols over a run of sessions, two rows a session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.prices.actions import ActionKind
from lakebt.prices.effects import effects, per_bar_share
from lakebt.sessions import Halves, half_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.holding import Worth
    from lakebt.sessions import Sessions


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceWindow:
    """Opens and closes of some symbols over a run of sessions.

    Attributes
    ----------
    symbols : tuple of str
        The columns.
    prices : ndarray of shape (2 * n_sessions, n_symbols)
        Opens in even rows and closes in odd ones; NaN where there is no bar.
    first : int
        Number of the session of the first two rows.
    sessions
        The exchange calendar.
    entered : int, optional
        Number of the session from which `worths` count.
    worths : mapping of str to Worth, optional
        Of the symbols to which something happened since then: what one share was worth.
        Their prices are those of all that it has become.
    splits : tuple of (int, int, float)
        Row of the open, column and ratio of each split that is not in the bars.
    rates : ndarray of shape (n_sessions, n_symbols), optional
        Borrow rates in force, in basis points per year; NaN where none is told. None
        where none is told at all.
    """

    symbols: tuple[str, ...]
    prices: FloatPanel
    first: int
    sessions: Sessions
    entered: int = 0
    worths: Mapping[str, Worth] = field(default_factory=dict)
    splits: tuple[tuple[int, int, float], ...] = ()
    rates: FloatPanel | None = None

    @classmethod
    def of(
        cls, history: PriceHistory, symbols: Sequence[str], *, first: int, last: int
    ) -> PriceWindow:
        """Return the bars in force now from session `first` to `last`, inclusive."""
        columns = {symbol: place for place, symbol in enumerate(symbols)}
        final_splits = [
            action
            for action in history.actions.final
            if action.kind is ActionKind.SPLIT
            and action.symbol in columns
            and first <= action.session <= last
        ]
        splits = effects(per_bar_share(history, final_splits)) if final_splits else ()
        rates = history.borrow.rates(symbols)
        return cls(
            symbols=tuple(symbols),
            prices=history.window(symbols, first, last),
            first=first,
            sessions=history.sessions,
            splits=tuple(
                (2 * (e.session - first), columns[e.symbol], e.kept) for e in splits
            ),
            rates=rates.panel(len(symbols), first=first, last=last)
            if len(rates)
            else None,
        )

    def since(self, entered: int, worths: Mapping[str, Worth]) -> PriceWindow:
        """Return the window of shares that were bought in a session.

        Parameters
        ----------
        entered
            Number of that session.
        worths
            Of the symbols to which something happened, up to the last session at most.
        """
        prices = self.prices.copy()
        for symbol, worth in worths.items():
            rows = self._rows(entered, worth)
            prices[rows, self.columns[symbol]] = _in_turn(worth.opens, worth.closes)
        return replace(self, prices=prices, entered=entered, worths=worths)

    def _rows(self, entered: int, worth: Worth) -> slice:
        start = int(self.row(half_session(entered, "open")))
        return slice(start, start + 2 * len(worth.opens))

    def cash(self, symbol: str) -> FloatVector | None:
        """Return the cash one share has paid by each session, since the entry's.

        Returns
        -------
        ndarray of shape (n_sessions,) or None
            In USD; None if nothing happened to it.
        """
        worth = self.worths.get(symbol)
        return None if worth is None else worth.cash

    def lending(
        self, symbol: str, held: IntVector
    ) -> tuple[FloatVector, FloatVector | None]:
        """Return a share's marks without a borrow rate, and the borrow of the others.

        Parameters
        ----------
        symbol
        held : ndarray of shape (n,)
            Numbers of the sessions at whose closes it is held.

        Returns
        -------
        unlent, lent : ndarray of shape (n,)
            In USD, and in USD times basis points per year; no `lent` where no rate of
            any symbol is told.
        """
        worth = self.worths.get(symbol)
        at, since = held - self.first, held - self.entered
        column = self.columns[symbol]
        marks = self.closes[at, column]
        if self.rates is None and (
            worth is None or np.array_equal(worth.unlent, worth.marks)
        ):
            return marks, None
        rates = np.full(len(at), np.nan)
        if self.rates is not None:
            rates = self.rates[at, column]
        is_told = np.isfinite(rates)
        unlent = np.where(is_told, 0.0, marks)
        lent = np.where(is_told, marks * rates, 0.0)
        if worth is not None:
            own = (since >= 0) & (since < len(worth.lent))
            unlent[own] = worth.unlent[since[own]]
            lent[own] = worth.lent[since[own]]
        return unlent, lent

    @property
    def n_sessions(self) -> int:
        """Number of sessions."""
        return len(self.prices) // 2

    @cached_property
    def columns(self) -> dict[str, int]:
        """The place of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    def row(self, half: Halves) -> Halves:
        """Return the row of a half session."""
        return half - half_session(self.first, "open")

    def price(self, symbol: str, half: int) -> float:
        """Return the price of `symbol` in a half session; NaN if there is none."""
        return float(self.prices[self.row(half), self.columns[symbol]])

    @cached_property
    def marks(self) -> FloatPanel:
        """The prices with each gap filled by the last price before it.

        A split in a gap divides what fills the rest of it. Leading gaps take the first
        price. A column without any price is 1 throughout.
        """
        marks = fill_gaps(self.prices)
        for row, column, ratio in self.splits:
            priced = np.isfinite(self.prices[:, column])
            if priced[:row].any() and not priced[row]:
                later = np.flatnonzero(priced[row:])
                end = row + int(later[0]) if len(later) else len(priced)
                marks[row:end, column] /= ratio
        for symbol, worth in self.worths.items():
            opens = np.where(np.isnan(worth.opens), worth.marks, worth.opens)
            rows = self._rows(self.entered, worth)
            marks[rows, self.columns[symbol]] = _in_turn(opens, worth.marks)
        return marks

    @property
    def closes(self) -> FloatPanel:
        """The marks at the closes, shape (n_sessions, n_symbols)."""
        return self.marks[1::2]

    @property
    def instants(self) -> pd.DatetimeIndex:
        """The UTC instant of each row."""
        both = np.empty(len(self.prices), dtype=np.int64)
        run = slice(self.first, self.first + self.n_sessions)
        both[0::2] = self.sessions.instants("open")[run]
        both[1::2] = self.sessions.instants("close")[run]
        return pd.DatetimeIndex(both.astype("datetime64[us]"), tz="UTC")


def _in_turn(opens: FloatVector, closes: FloatVector) -> FloatVector:
    """Return the open and the close of each session in turn."""
    both = np.empty(2 * len(opens))
    both[0::2], both[1::2] = opens, closes
    return both


def fill_gaps(prices: FloatPanel) -> FloatPanel:
    """Return `prices` with each gap filled; see `PriceWindow.marks`."""
    gapped = np.flatnonzero(np.isnan(prices).any(axis=0))
    filled = prices.copy()
    few = prices[:, gapped]
    rows = np.arange(len(few))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(few), -1, rows), axis=0)
    taken = np.take_along_axis(few, np.maximum(last, 0), axis=0)
    first = np.argmax(~np.isnan(few), axis=0)
    head = few[first, np.arange(few.shape[1])]
    filled[:, gapped] = np.where(last >= 0, taken, np.where(np.isnan(head), 1.0, head))
    return filled
