"""What the actions of one symbol and day make of a share, as its bars count shares."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.prices.actions import Action
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.share_units import Units

_IN_BARS = {
    "raw": frozenset(),
    "split_adjusted": frozenset({ActionKind.SPLIT, ActionKind.SPIN_OFF}),
    "total_return": frozenset(
        {ActionKind.SPLIT, ActionKind.SPIN_OFF, ActionKind.CASH_DIVIDEND}
    ),
}
"""What is in the bars already, by their basis; what is nowhere in them is not."""

_OF_BARS = frozenset({ActionKind.RENAME, ActionKind.DELISTING})
"""What has a ratio of its own, or may have the cash that its last close says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the actions of one symbol and day make of one share.

    A holder at the close before has it at the open of the session.

    Attributes
    ----------
    symbol, session
    actions : tuple of Action
        Per share as the bars count them; without those that are in the bars already.
    ending : ActionKind or None
        What ended the symbol; None if it goes on.
    kept : float
        Shares of the symbol itself; none after its ending.
    dividend : float
        Cash of dividends, in USD.
    capital : float
        Cash of an ending, in USD; NaN if it is not known.
    received : tuple of (str, float)
        Shares of others: whose, and how many.
    """

    symbol: str
    session: int
    actions: tuple[Action, ...]
    ending: ActionKind | None = None
    kept: float = 1.0
    dividend: float = 0.0
    capital: float = 0.0
    received: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, actions: tuple[Action, ...]) -> Effect:
        """Return what actions of one symbol and day make of a share."""
        symbol, session = actions[0].symbol, actions[0].session
        if len(actions) == 1:  # nearly all
            return cls._of_one(actions[0], actions)
        ending = next((a.kind for a in actions if a.kind.is_ending), None)
        splits = (a.ratio for a in actions if a.kind is ActionKind.SPLIT)
        return cls(
            symbol=symbol,
            session=session,
            actions=actions,
            ending=ending,
            kept=math.prod(splits, start=1.0) if ending is None else 0.0,
            dividend=math.fsum(a.cash for a in actions if not _is_of_capital(a)),
            capital=sum(cash_of(a) for a in actions if _is_of_capital(a)),
            received=tuple((a.other, shares_of(a)) for a in actions if shares_of(a)),
        )

    @classmethod
    def _of_one(cls, action: Action, actions: tuple[Action, ...]) -> Effect:
        """Return the same of one action, which takes a quarter of the time."""
        symbol, session, kind = action.symbol, action.session, action.kind
        if kind is ActionKind.CASH_DIVIDEND:
            cash = action.cash
            return cls(symbol=symbol, session=session, actions=actions, dividend=cash)
        if kind is ActionKind.SPLIT:
            kept = 1.0 * action.ratio
            return cls(symbol=symbol, session=session, actions=actions, kept=kept)
        shares, is_ending = shares_of(action), kind.is_ending
        return cls(
            symbol=symbol,
            session=session,
            actions=actions,
            ending=kind if is_ending else None,
            kept=0.0 if is_ending else 1.0,
            capital=cash_of(action),
            received=((action.other, shares),) if shares else (),
        )

    @property
    def moves(self) -> bool:
        """Whether other shares are held afterwards."""
        return self.kept != 1.0 or bool(self.received)


def _is_of_capital(action: Action) -> bool:
    return action.kind is not ActionKind.CASH_DIVIDEND


def cash_of(action: Action) -> float:
    """Return the cash for one share, in USD; NaN for a delisting that does not say."""
    is_unknown = action.kind is ActionKind.DELISTING
    return action.cash if is_unknown or action.cash == action.cash else 0.0


def shares_of(action: Action) -> float:
    """Return the shares of `other` for one share."""
    return action.ratio if action.other and action.ratio == action.ratio else 0.0


def effects(actions: Iterable[Action | None]) -> tuple[Effect, ...]:
    """Return what actions do, by session and symbol.

    Parameters
    ----------
    actions
        As `per_bar_share` gives them; None is nothing.
    """
    ordered = sorted(
        (action for action in actions if action is not None),
        key=lambda a: (a.session, a.symbol, a.kind.code, a.other, a.action_id),
    )
    return tuple(
        Effect.of(tuple(together))
        for _, together in itertools.groupby(
            ordered, key=lambda a: (a.session, a.symbol)
        )
    )


def per_bar_share(
    history: PriceHistory,
    actions: Iterable[Action],
    *,
    delisting_return: float | None = None,
) -> list[Action | None]:
    """Return actions per share as the bars count shares, one for one.

    Parameters
    ----------
    history
        Its bars, and the actions in force that they are adjusted for.
    actions
        Per share as it was.
    delisting_return
        What a delisting without cash returned on the last close, as a fraction.

    Returns
    -------
    list
        None where the bars have it in them already. The cash of others is divided by
        what the bars are adjusted for from its day on, the shares too, and multiplied
        by what the bars of `other` are adjusted for after it.
    """
    units = history.units or ShareUnits(history)
    return [
        _per_bar_share(action, units, delisting_return=delisting_return)
        for action in actions
    ]


def _per_bar_share(
    action: Action, units: Units, *, delisting_return: float | None
) -> Action | None:
    if units.are_raw and action.kind not in _OF_BARS:
        return action
    if units.has(action):
        return None
    own = units.of(action.symbol, since=action.session)
    other_units = (
        units.of(action.other, since=action.session + 1) if action.other else 1.0
    )
    cash, ratio = action.cash, action.ratio
    if action.kind is ActionKind.RENAME:
        ratio = 1.0
    elif action.kind is ActionKind.DELISTING and math.isnan(cash):
        if delisting_return is None:
            return action
        close = units.close_before(action.symbol, action.session)
        cash = close * (1.0 + delisting_return) * own
    elif own == other_units == 1.0:
        return action
    if action.other:
        ratio = ratio / own * other_units
    return dataclasses.replace(action, cash=cash / own, ratio=ratio)


class ShareUnits:
    """How many shares of its bars one share of a day is.

    Parameters
    ----------
    history
        Bars on any basis, and actions. Bars are taken to be adjusted for what is in
        force at the view's instant and has its day at or before the symbol's last bar.

    Attributes
    ----------
    history
    are_raw : bool
        Whether one is one always: no bar is adjusted.
    """

    def __init__(self, history: PriceHistory) -> None:
        self.history = history
        self._units: dict[str, list[tuple[int, float]]] = {}
        self.are_raw = set(history.basis) <= {"raw"}
        if self.are_raw:
            return
        in_bars = [action for action in history.actions.final if self.has(action)]
        # Splits first: the closes before a day are not yet divided by its own.
        in_bars.sort(key=lambda a: (-a.session, a.kind.code, a.symbol))
        for action in in_bars:
            since = self.of(action.symbol, since=action.session)
            chain = self._units.setdefault(action.symbol, [])
            chain.append((action.session, since * self._factor(action, since)))

    def has(self, action: Action) -> bool:
        """Whether the bars of its symbol are adjusted for an action."""
        if self.are_raw:
            return False
        history = self.history
        before, after = history.neighbours(action.symbol, action.session)
        if after is None and not history.has_bar(action.symbol, action.session):
            return False
        session = action.session - 1 if before is None else before
        basis = history.basis_of(action.symbol, session)
        return action.kind in _IN_BARS.get(basis, frozenset())

    def of(self, symbol: str, *, since: int) -> float:
        """Return the shares of the bars that one share was before `since` opened."""
        units = 1.0
        for session, product in self._units.get(symbol, ()):
            if session < since:
                break
            units = product
        return units

    def close_before(self, symbol: str, session: int) -> float:
        """Return the last close before a session, as its bar has it; NaN if none."""
        before, _ = self.history.neighbours(symbol, session)
        if before is None:
            return math.nan
        return float(self.history.window([symbol], before, before)[1, 0])

    def _factor(self, action: Action, since: float) -> float:
        """Return what the bars before an action are divided by for it."""
        if action.kind is ActionKind.SPLIT:
            return action.ratio
        # 1 / (1 - d / close), of the close as it was: close = bar * since * factor.
        rest = self.close_before(action.symbol, action.session) * since
        value = action.cash
        if action.kind is ActionKind.SPIN_OFF:
            value = action.ratio * self._first_price(action.other, action.session)
        factor = 1.0 + value / rest
        return factor if math.isfinite(factor) else 1.0

    def _first_price(self, symbol: str, session: int) -> float:
        """Return a child's close before its first session, or its first open."""
        close = self.close_before(symbol, session)
        if not math.isnan(close):
            return close * self.of(symbol, since=session)
        _, first = self.history.neighbours(symbol, session - 1)
        if first is None:
            return math.nan
        bar = self.history.window([symbol], first, first)
        return float(bar[0, 0]) * self.of(symbol, since=first + 1)
