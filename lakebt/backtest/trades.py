"""From a planned cell to a trade: sizes, fills, and reasons without a fill."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lakebt.backtest.costs import FEWEST_IMPACT_SESSIONS
from lakebt.backtest.impact import participation, toll
from lakebt.backtest.weights import is_hedged, leg_weights
from lakebt.sessions import is_close, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.weights import Sizing
    from lakebt.facts import Side
    from lakebt.prices.holding import Holding


Missing: TypeAlias = Literal["exclude", "drop_leg", "raise"]
MISSING: tuple[Missing, ...] = get_args(Missing)

_TOLD = 3
"""Legs without prices that a fact names; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuote:
    """One leg of a cell with the prices it would trade at.

    Attributes
    ----------
    symbol, side
    exit_row
        Half session it leaves in.
    sizing_price
        The last close known before the entry's deadline; NaN if there was none.
    entry_price, exit_price
        NaN where there is no bar. At the exit of all that one share has become.
    exit_cash
        What one share brought beside until then, in USD.
    holding
        What became of the share; None if nothing happened.
    sigma, volume
        How far it moves and how much of it is traded a day, as known before the entry;
        NaN where that is not known, or nothing asks for it.
    lacks
        What is missing where a price is, in words: "OLD on 2022-10-03: its prices end
        on 2022-09-15"; empty elsewhere.
    no_borrow, no_borrow_later
        Why it could not be sold short at the entry, and at the exit, in words; empty
        where it could.
    """

    symbol: str
    side: Side
    exit_row: int
    sizing_price: float
    entry_price: float
    exit_price: float
    exit_cash: float = 0.0
    holding: Holding | None = None
    sigma: float = math.nan
    volume: float = math.nan
    lacks: str = ""
    no_borrow: str = ""
    no_borrow_later: str = ""

    @property
    def is_priced(self) -> bool:
        """Whether both fills have a price."""
        return math.isfinite(self.entry_price) and math.isfinite(self.exit_price)

    @property
    def dividends(self) -> float:
        """The dividends in `exit_cash`, in USD."""
        if self.holding is None:
            return 0.0
        return self.holding.at(session_of(self.exit_row)).dividends

    @property
    def exit_value(self) -> float:
        """The value of a share at the exit, with cash it paid except dividends."""
        if self.holding is None:
            return self.exit_price
        return self.exit_price + (self.exit_cash - self.dividends)

    @property
    def ending(self) -> str | None:
        """How the share ended while held, as "merger"; None if it did not."""
        if self.holding is None:
            return None
        action = self.holding.ending(session_of(self.exit_row))
        return None if action is None else str(action.kind)

    @property
    def growth(self) -> float:
        """The return of a share on its entry price, with all cash it paid."""
        if self.holding is None:
            return self.exit_price / self.entry_price - 1.0
        return (self.exit_price + self.exit_cash) / self.entry_price - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares of one symbol, bought or sold at the entry, and closed at the exit.

    Attributes
    ----------
    symbol
    side
        Of the leg; None for the hedge.
    weight
        Signed, as a fraction of capital, at the sizing price.
    size
        Signed number of shares.
    entry_price, exit_price
    exit_row
        Half session of the exit.
    exit_cash, holding, sigma, volume, no_borrow, no_borrow_later
        As the quote's.
    """

    symbol: str
    side: Side | None
    weight: float
    size: float
    entry_price: float
    exit_price: float
    exit_row: int
    exit_cash: float = 0.0
    holding: Holding | None = None
    sigma: float = math.nan
    volume: float = math.nan
    no_borrow: str = ""
    no_borrow_later: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetOrder:
    """The net order in one symbol and one half session.

    Attributes
    ----------
    symbol
    row
        Half session of the fill.
    size
        Signed number of shares; 0 where positions cancel, and nothing is sent.
    price
    sigma, volume
        As the quote's.
    """

    symbol: str
    row: int
    size: float
    price: float
    sigma: float = math.nan
    volume: float = math.nan

    def impact_usd(self, costs: CostModel) -> float:
        """Return the impact of its size, in USD."""
        coefficient = costs.impact_at(is_close=is_close(self.row))
        if not (coefficient and self.size and self.price):
            return 0.0
        return coefficient * (toll(self.size, self.sigma, self.volume) * self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One event under one entry and one exit, ready for an engine.

    An account holds a symbol once: where positions in it are on both sides, as of a
    symbol that is added and deleted, or that hedges itself, it is their sum that is
    traded, charged, and short.

    Attributes
    ----------
    entry_row
        Half session of the entry; see `lakebt.sessions.half_session`.
    positions
        At least one.
    """

    entry_row: int
    positions: tuple[Position, ...]

    @property
    def exit_row(self) -> int:
        """The half session of the last exit."""
        return max(position.exit_row for position in self.positions)

    @property
    def opposed(self) -> frozenset[str]:
        """The symbols with positions on both sides."""
        bought, sold = (
            {p.symbol for p in self.positions if (p.size < 0.0) is is_short}
            for is_short in (False, True)
        )
        return frozenset(bought & sold)

    def is_sold_short(self, symbol: str, row: int) -> bool:
        """Whether more of a symbol is short after a half session than before it.

        At the entry, or where a long leaves and what it is held beside is left short.
        """
        own = [position for position in self.positions if position.symbol == symbol]
        after = sum(position.size for position in own if position.exit_row > row)
        if row == self.entry_row:
            return after < 0.0
        left = sum(position.size for position in own if position.exit_row == row)
        return after < 0.0 < left

    def orders(self) -> list[NetOrder]:
        """Return the orders: each position's entry and exit, netted by symbol."""
        opposed = self.opposed
        orders: dict[object, NetOrder] = {}
        for number, position in enumerate(self.positions):
            for row, size, price in (
                (self.entry_row, position.size, position.entry_price),
                (position.exit_row, -position.size, position.exit_price),
            ):
                is_net = position.symbol in opposed
                key = (position.symbol if is_net else number, row)
                if key in orders:
                    size += orders[key].size  # noqa: PLW2901 - the sum
                orders[key] = NetOrder(
                    symbol=position.symbol,
                    row=row,
                    size=size,
                    price=price,
                    sigma=position.sigma,
                    volume=position.volume,
                )
        return list(orders.values())

    @property
    def traded_usd(self) -> float:
        """Bought and sold, over the whole trade."""
        if self.opposed:
            return sum(abs(order.size) * order.price for order in self.orders())
        return sum(
            abs(position.size) * (position.entry_price + position.exit_price)
            for position in self.positions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfilled:
    """Why a cell cannot be traded.

    Attributes
    ----------
    reason
        As `lakebt.values.reasons.Reason` has it.
    fact
        In words.
    """

    reason: Literal["no_price", "one_sided", "no_volume", "too_large", "no_borrow"]
    fact: str


def build_trade(
    legs: Sequence[LegQuote],
    *,
    entry_row: int,
    hedge: Mapping[int, LegQuote],
    sizing: Sizing,
    missing: Missing,
    costs: CostModel | None = None,
) -> Trade | Unfilled:
    """Size the legs of a cell, or say why it cannot be traded.

    Parameters
    ----------
    legs
        Those known at the entry, of the sides the study trades.
    entry_row
        Half session of the entry.
    hedge
        The hedge's quote for each row in which a leg leaves; empty without a hedge.
    sizing
        The study's.
    missing
        What to do about a leg without prices. "raise" is treated as "exclude" here; the
        caller stops on the result.
    costs
        Whether they ask for the volume, and how large a part of it a fill may be.

    Returns
    -------
    Trade or Unfilled
        Sizes are weight times capital over the sizing price; over the entry price where
        there is no sizing price.
    """
    priced = [leg for leg in legs if leg.is_priced]
    without = [leg for leg in legs if not leg.is_priced]
    if without and (missing != "drop_leg" or not priced):
        return _no_price(without)
    sides = [leg.side for leg in priced]
    weights = leg_weights(sides, sizing)
    if weights is None:
        empty = "deletion" if sides[0] == "addition" else "addition"
        return Unfilled(reason="one_sided", fact=f"no {empty} to trade against")
    positions = [
        _position(leg, leg.side, weight, sizing.capital_usd)
        for leg, weight in zip(priced, weights, strict=True)
    ]
    if is_hedged(sides, sizing):
        by_row: dict[int, float] = {}
        for position in positions:
            row = position.exit_row
            by_row[row] = by_row.get(row, 0.0) - position.weight
        for row, weight in by_row.items():
            quote = hedge[row]
            if not quote.is_priced:
                return _no_price([quote])
            positions.append(_position(quote, None, weight, sizing.capital_usd))
    trade = Trade(entry_row=entry_row, positions=tuple(positions))
    unfit = None if costs is None else _unfit(trade, costs)
    return trade if unfit is None else unfit


def _unfit(trade: Trade, costs: CostModel) -> Unfilled | None:
    """Return why volume or lending prevents a trade; None if they do not."""
    if costs.asks_volume and (unfit := _too_small(trade, costs)) is not None:
        return unfit
    for position in trade.positions:
        for row, fact in (
            (trade.entry_row, position.no_borrow),
            (position.exit_row, position.no_borrow_later),
        ):
            if fact and trade.is_sold_short(position.symbol, row):
                return Unfilled(reason="no_borrow", fact=fact)
    return None


def _too_small(trade: Trade, costs: CostModel) -> Unfilled | None:
    """Return why the volume is too small for a trade, or not known."""
    orders = [order for order in trade.orders() if order.size and order.price]
    for order in orders:
        if math.isnan(order.volume):
            fact = (
                f"fewer than {FEWEST_IMPACT_SESSIONS} sessions of {order.symbol} with "
                f"a volume were known before the entry, and impact or "
                f"max_participation depend on them"
            )
            return Unfilled(reason="no_volume", fact=fact)
    for order in orders:
        part = participation(order.size, order.volume)
        if costs.max_participation is not None and part > costs.max_participation:
            fact = (
                f"{abs(order.size):,.0f} shares of {order.symbol} are {part:.1%} of "
                f"the {order.volume:,.0f} traded a day; at most "
                f"{costs.max_participation:.1%} may be"
            )
            return Unfilled(reason="too_large", fact=fact)
    return None


def _no_price(without: Sequence[LegQuote]) -> Unfilled:
    facts = [quote.lacks or quote.symbol for quote in without[:_TOLD]]
    if len(without) > _TOLD:
        facts.append(f"and {len(without) - _TOLD} more")
    return Unfilled(reason="no_price", fact=f"no price of {'; '.join(facts)}")


def _position(
    quote: LegQuote, side: Side | None, weight: float, capital_usd: float
) -> Position:
    price = quote.sizing_price
    if not math.isfinite(price):
        price = quote.entry_price
    return Position(
        symbol=quote.symbol,
        side=side,
        weight=weight,
        size=weight * capital_usd / price,
        entry_price=quote.entry_price,
        exit_price=quote.exit_price,
        exit_row=quote.exit_row,
        exit_cash=quote.exit_cash,
        holding=quote.holding,
        sigma=quote.sigma,
        volume=quote.volume,
        no_borrow=quote.no_borrow,
        no_borrow_later=quote.no_borrow_later,
    )
