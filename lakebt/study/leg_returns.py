"""The changes that a rule held, with their returns and prior volatility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.events.clock import OUTSIDE, anchor_session
from lakebt.events.rules import Anchor
from lakebt.facts import Side
from lakebt.prices.total_return import ReturnPrices
from lakebt.sessions import half_session, session_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from lakebt.backtest.trades import LegQuote
    from lakebt.events.plan import PlannedLeg
    from lakebt.prices.history import PriceHistory
    from lakebt.study.single import CellResult
    from lakebt.study.trading import TradedStudy


ESTIMATION = (-260, -30)
"""First and last session of the returns that volatility is of, from AD."""

FEWEST_RETURNS = 100
"""With fewer, a change has no estimation window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLeg:
    """One change while a rule held it.

    Attributes
    ----------
    event_id
    date
        Of the event: the cluster of its errors.
    symbol, cause
    earned
        What it earned over the hedge, if there is one, before costs, as a fraction; a
        deletion is sold short.
    without_night
        The same with the stretch from the close of AD to the next open cut off; NaN if
        one of its prices is missing, `earned` if it was not held.
    held_night
        Whether it was held then.
    volatility
        Of its returns from session to session before the event, as a fraction (ddof 1);
        NaN without an estimation window.
    """

    event_id: str
    date: dt.date
    symbol: str
    cause: str
    earned: float
    without_night: float
    held_night: bool
    volatility: float


def held_legs(study: TradedStudy, *, entry: str, exit_: str) -> list[HeldLeg]:
    """Return each change that a rule traded, by event.

    Raises
    ------
    UnknownNameError
        If the study has no such entry or exit.
    """
    legs: list[HeldLeg] = []
    for block in study.pieces(entry):
        cells = block.lookup.each(entry=entry, exit_=exit_, only=block.cells.traded)
        prices = ReturnPrices(block.every_bar())
        legs += [leg for done in cells for leg in _held(done, study, prices)]
    rank = study.by_event.rank
    return sorted(legs, key=lambda leg: rank[leg.event_id])


def _held(
    done: CellResult, study: TradedStudy, prices: ReturnPrices
) -> Iterator[HeldLeg]:
    """Yield the legs that one event traded."""
    cell = done.cell
    if done.trade is None or cell.fill is None or done.desk is None:
        return
    history = done.desk.history
    traded = {
        (position.symbol, position.side)
        for position in done.trade.positions
        if position.side is not None
    }
    for leg, quote in zip(cell.legs, done.quotes, strict=True):
        if (quote.symbol, quote.side) not in traded:
            continue
        announced = anchor_session(Anchor.AD, leg.change, study.clock.sessions)
        if announced == OUTSIDE:
            announced = None
        hedge = done.hedge.get(quote.exit_row)
        entered, left = cell.fill.row, quote.exit_row
        close = None if announced is None else half_session(announced, "close")
        held_night = close is not None and entered <= close < left
        sign = 1.0 if quote.side is Side.ADDITION else -1.0
        earned, without = sign * quote.growth, sign * quote.growth
        if held_night and close is not None:
            without = sign * _without(quote, close, history)
        if hedge is not None:
            earned -= sign * hedge.growth
            without -= sign * (
                _without(hedge, close, history)
                if held_night and close is not None
                else hedge.growth
            )
        yield HeldLeg(
            event_id=cell.event.event_id,
            date=cell.event.date,
            symbol=quote.symbol,
            cause=study.causes.of(leg.change),
            earned=earned,
            without_night=without,
            held_night=held_night,
            volatility=_volatility(leg, announced, prices, before=cell.fill.deadline),
        )


def _without(quote: LegQuote, close: int, history: PriceHistory) -> float:
    """Return the earnings without the night after a close."""
    session = session_of(close)
    if quote.holding is None:
        prices = history.window([quote.symbol], session, session + 1)[:, 0]
        before, after = float(prices[1]), float(prices[2])
    else:
        worth, at = quote.holding.worth(history), session - quote.holding.entered
        before = float(worth.closes[at] + worth.cash[at])
        after = float(worth.opens[at + 1] + worth.cash[at + 1])
    return (1.0 + quote.growth) * (before / after) - 1.0


def _volatility(
    leg: PlannedLeg, announced: int | None, prices: ReturnPrices, *, before: dt.datetime
) -> float:
    """Return the volatility over the estimation window, as known at a deadline."""
    if announced is None:
        return float("nan")
    first, last = (announced + since for since in ESTIMATION)
    closes = prices.known_closes(leg.change.symbol, first, last, before=before)
    returns = closes[1:] / closes[:-1] - 1.0
    returns = returns[~np.isnan(returns)]
    if len(returns) < FEWEST_RETURNS:
        return float("nan")
    return float(returns.std(ddof=1))
