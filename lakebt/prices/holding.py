"""What one share becomes between its entry and an exit: shares, and cash beside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.prices.effect_arrays import EffectArrays
from lakebt.prices.effects import cash_of, effects, per_bar_share, shares_of
from lakebt.prices.held_windows import few_windows, held_windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.prices.actions import Action
    from lakebt.prices.borrow import Rates
    from lakebt.prices.effects import Effect
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.windows import PriceWindows


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One action, as it changed what was held.

    Attributes
    ----------
    session
        At whose open.
    action
    before
        Shares of its symbol at the close before.
    after
        Shares that came of them: of `other` where there is one, else of the symbol.
    cash
        In USD; NaN where it is not told.
    """

    session: int
    action: Action
    before: float
    after: float
    cash: float

    @property
    def is_dividend(self) -> bool:
        """Whether the cash is a dividend."""
        return self.action.kind is ActionKind.CASH_DIVIDEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What there is from the open of a session on.

    Attributes
    ----------
    session
    shares : mapping of str to float
        By symbol; one that ended for cash is not there.
    cash, dividends
        Since the entry, in USD, and how much of it is dividends; NaN where an ending
        does not tell its cash.
    """

    session: int
    shares: Mapping[str, float]
    cash: float = 0.0
    dividends: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The value of one initial share, session by session: shares times prices.

    Attributes
    ----------
    opens, closes : ndarray of shape (n_sessions,)
        Of what is held; NaN where one of its bars is missing, and 0 where nothing is.
    marks : ndarray of shape (n_sessions,)
        The closes, each missing bar at its last close; one that never had one at its
        first open, and at 0 where it has no bar at all.
    cash, dividends : ndarray of shape (n_sessions,)
        What was got beside, from the open of the session on.
    unlent, lent : ndarray of shape (n_sessions,)
        The marks of what has no borrow rate told, and the others, each times its rate.
    """

    opens: FloatVector
    closes: FloatVector
    marks: FloatVector
    cash: FloatVector
    dividends: FloatVector
    unlent: FloatVector
    lent: FloatVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Holding:
    """What one share that was bought in a session has become since.

    The holder at the close before an action's session is entitled to the action, so
    actions in the session of the entry do not count.

    Attributes
    ----------
    symbol, entered, last
        Which share, when it was bought, and how far it is followed.
    held : tuple of Held
        One at the entry, and one after each session that changed it.
    flows : tuple of Flow
        What happened, in order.
    """

    symbol: str
    entered: int
    last: int
    held: tuple[Held, ...]
    flows: tuple[Flow, ...]

    @property
    def is_plain(self) -> bool:
        """Whether nothing happened to it."""
        return not self.flows

    def at(self, session: int) -> Held:
        """Return what there is at the open of a session, and at its close."""
        return next(one for one in reversed(self.held) if one.session <= session)

    def ending(self, session: int) -> Action | None:
        """Return how the initial share ended by the open of a session, if it did."""
        for flow in self.flows:
            if flow.session > session:
                break
            if flow.action.symbol == self.symbol and flow.action.kind.is_ending:
                return flow.action
        return None

    def _split(self, symbol: str, length: int) -> FloatVector:
        """Return what the splits of each session made of one share of `symbol`."""
        ratio = np.ones(length)
        for flow in self.flows:
            if flow.action.symbol == symbol and flow.action.kind is ActionKind.SPLIT:
                ratio[flow.session - self.entered] *= flow.after / flow.before
        return ratio

    def worth(self, history: PriceHistory) -> Worth:
        """Return what it is worth from its entry to the last session."""
        length = self.last - self.entered + 1
        opens, marks = np.zeros(length), np.zeros(length)
        closes, cash, dividends = np.zeros(length), np.zeros(length), np.zeros(length)
        unlent, lent = np.zeros(length), np.zeros(length)
        symbols = sorted({symbol for held in self.held for symbol in held.shares})
        prices = history.window(symbols, self.entered, self.last)
        rates = history.borrow.rates(symbols).panel(
            len(symbols), first=self.entered, last=self.last
        )
        for column, symbol in enumerate(symbols):
            opened, closed = prices[0::2, column], prices[1::2, column]
            marked = _marked(opened, closed, self._split(symbol, length))
            for t in range(length):
                shares = self.at(self.entered + t).shares.get(symbol, 0.0)
                if shares:
                    opens[t] += shares * opened[t]
                    closes[t] += shares * closed[t]
                    marks[t] += shares * marked[t]
                    if np.isnan(rates[t, column]):
                        unlent[t] += shares * marked[t]
                    else:
                        lent[t] += shares * marked[t] * rates[t, column]
        for t in range(length):
            held = self.at(self.entered + t)
            cash[t], dividends[t] = held.cash, held.dividends
        unknown = np.isnan(cash)
        opens[unknown] = closes[unknown] = math.nan
        cash[unknown] = 0.0
        return Worth(
            opens=opens,
            closes=closes,
            marks=marks,
            cash=cash,
            dividends=dividends,
            unlent=unlent,
            lent=lent,
        )


class Holdings:
    """What becomes of shares by the actions in force at a history's instant.

    Parameters
    ----------
    history
    delisting_return
        What a delisting without cash earns over the last close; by default its cash is
        not known.
    """

    def __init__(
        self, history: PriceHistory, delisting_return: float | None = None
    ) -> None:
        self.history, self.delisting_return = history, delisting_return

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """What each symbol's day does, by session and symbol."""
        final = self.history.actions.final
        if not final:
            return ()
        return effects(
            per_bar_share(self.history, final, delisting_return=self.delisting_return)
        )

    @cached_property
    def _by_symbol(self) -> dict[str, dict[int, Effect]]:
        of: dict[str, dict[int, Effect]] = {}
        for effect in self.effects:
            of.setdefault(effect.symbol, {})[effect.session] = effect
        return of

    @cached_property
    def rates(self) -> Rates:
        """The borrow rates of the symbols with bars, by their codes."""
        return self.history.borrow.rates(self.history.symbols)

    @cached_property
    def _arrays(self) -> EffectArrays:
        return EffectArrays.of(self.history, self.effects)

    def acted(
        self, codes: IntVector, *, entered: IntVector, last: IntVector
    ) -> BoolVector:
        """Return to which shares something happened between entry and last exit.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Symbols, as `PriceHistory.codes` gives them.
        entered, last : ndarray of shape (n,)
            Numbers of the sessions.
        """
        acted = np.zeros(len(codes), dtype=bool)
        if self.effects:
            some = np.flatnonzero(self._arrays.has_any[codes])
            lo, hi = self._arrays.between(codes[some], entered[some], last[some])
            acted[some] = hi > lo
        return acted

    def windows(
        self,
        codes: IntVector,
        *,
        entered: IntVector,
        last: IntVector,
        has_close: BoolVector,
    ) -> tuple[PriceWindows, IntVector]:
        """Return what `Holding.worth` gives for many shares, and where each is.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Symbols with bars.
        entered, last : ndarray of shape (n,)
            Numbers of the sessions, inclusive. Something has happened between them.
        has_close : ndarray of shape (n,)
            Whether the symbol has a close in the session of the entry.

        Returns
        -------
        windows : PriceWindows
            Fewer than shares: some have the same.
        place : ndarray of shape (n,)
            In which of them each is.
        """
        few, place = few_windows(
            self._arrays, codes, entered=entered, last=last, has_close=has_close
        )
        return held_windows(self._arrays, self.rates, *few), place

    def follow(self, symbol: str, *, entered: int, last: int) -> Holding:
        """Return what becomes of one share.

        Parameters
        ----------
        symbol
        entered, last
            Numbers of the sessions of the entry and of the last exit.
        """
        held = [Held(session=entered, shares={symbol: 1.0})]
        flows: list[Flow] = []
        while (session := self._next(held[-1], last)) is not None:
            after, own = self._after(held[-1], session)
            held.append(after)
            flows += own
        return Holding(
            symbol=symbol,
            entered=entered,
            last=last,
            held=tuple(held),
            flows=tuple(flows),
        )

    def _next(self, held: Held, last: int) -> int | None:
        """Return the next session that changes what is held, up to the last."""
        ahead = [
            session
            for symbol in held.shares
            for session in self._by_symbol.get(symbol, ())
            if held.session < session <= last
        ]
        return min(ahead, default=None)

    def _after(self, held: Held, session: int) -> tuple[Held, list[Flow]]:
        """Return what there is from a session's open on, and what made it so."""
        left: dict[str, float] = {}
        come: list[tuple[str, float]] = []
        flows: list[Flow] = []
        cash, dividends = held.cash, held.dividends
        for symbol, shares in held.shares.items():
            effect = self._by_symbol.get(symbol, {}).get(session)
            if effect is None:
                left[symbol] = shares
                continue
            if effect.ending is None:
                left[symbol] = shares * effect.kept
            cash += shares * (effect.dividend + effect.capital)
            dividends += shares * effect.dividend
            come += [(other, shares * each) for other, each in effect.received]
            flows += [
                _flow(session, action, shares)
                for action in effect.actions
                # Nothing is left to be split where it ended.
                if effect.ending is None or action.kind is not ActionKind.SPLIT
            ]
        # Shares that came count as they trade at that open: nothing of that day is
        # done to them again.
        for symbol, shares in come:
            left[symbol] = left.get(symbol, 0.0) + shares
        after = Held(session=session, shares=left, cash=cash, dividends=dividends)
        return after, flows


def _flow(session: int, action: Action, shares: float) -> Flow:
    """Return what an action made of some shares."""
    after = shares * shares_of(action)
    if not after and not action.kind.is_ending:
        is_split = action.kind is ActionKind.SPLIT
        after = shares * action.ratio if is_split else shares
    return Flow(
        session=session,
        action=action,
        before=shares,
        after=after,
        cash=shares * cash_of(action),
    )


def _marked(opens: FloatVector, closes: FloatVector, split: FloatVector) -> FloatVector:
    """Return closes, each gap with the last before it, else with the next open.

    What splits made of a share since then divides the last close.
    """
    marks = closes.copy()
    ahead, last = 0.0, math.nan
    first = np.flatnonzero(~np.isnan(opens))
    if len(first):
        ahead = float(opens[first[0]])
    for t in range(len(closes)):
        last /= split[t]
        if not math.isnan(closes[t]):
            last = float(closes[t])
        marks[t] = ahead if math.isnan(last) else last
    return marks
