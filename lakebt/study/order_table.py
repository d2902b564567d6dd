"""The orders of cells: a row per fill, with the fact that it was decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.backtest.costs import BPS
from lakebt.events.plan import describe
from lakebt.sessions import is_close, session_of
from lakebt.study.tables import at_names, deadlines, instants, session_dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt.backtest.costs import CostModel
    from lakebt.backtest.trades import Position
    from lakebt.events.plan import PlannedLeg
    from lakebt.facts import IndexChange
    from lakebt.sessions import Sessions
    from lakebt.study.single import CellResult
    from lakebt.study.trading import TradedStudy

_SIDES = {True: "buy", False: "sell"}


def orders(cells: Iterable[CellResult], study: TradedStudy) -> pd.DataFrame:
    """Return a row per fill; see `lakebt.Result.orders`."""
    costs, clock = study.arguments.costs, study.clock
    rows = [
        {
            **fill,
            "side": _SIDES[fill["size"] > 0.0],
            "size": abs(fill["size"]),
            "impact_usd": _impact(fill, costs),
        }
        for done in cells
        for fill in sorted(
            _fills(done, study), key=lambda f: (f["session"], f["symbol"])
        )
    ]
    columns = (
        *("event_id", "entry", "exit", "session", "symbol", "side", "size", "price"),
        *("impact_usd", "weight", "fact", "known_at"),
    )
    frame = pd.DataFrame(study.in_order(rows), columns=list(columns))
    halves = frame["session"].to_list()
    traded = frame["size"] * frame["price"]
    frame.insert(4, "at", at_names(halves))
    frame.insert(9, "commission_usd", traded * costs.commission_bps * BPS)
    frame.insert(10, "spread_usd", traded * costs.half_spread_bps * BPS)
    frame.insert(13, "deadline", deadlines(halves, clock))
    frame["session"] = session_dates(halves, clock)
    frame["known_at"] = instants(frame["known_at"])
    return frame


def _fills(done: CellResult, study: TradedStudy) -> Iterator[dict[str, Any]]:
    """Yield the fills with signed sizes; both sides of one symbol are netted."""
    if done.trade is None:
        return
    opposed = done.trade.opposed
    netted: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for position in done.trade.positions:
        for fill in _fills_of(position, done, study):
            if position.symbol in opposed:
                key = (fill["symbol"], fill["session"])
                netted.setdefault(key, []).append(fill)
            else:
                yield fill
    for key in sorted(netted):
        fills = netted[key]
        held = [
            position.weight
            for position in done.trade.positions
            if position.symbol == key[0] and position.exit_row > key[1]
        ]
        size = sum(fill["size"] for fill in fills)
        if size:
            yield {
                **fills[0],
                "size": size,
                "bought": sum(fill["bought"] for fill in fills),
                "weight": sum(held),
                "fact": "; ".join(dict.fromkeys(fill["fact"] for fill in fills)),
                "known_at": max(fill["known_at"] for fill in fills),
            }


def _fills_of(
    position: Position, done: CellResult, study: TradedStudy
) -> Iterator[dict[str, Any]]:
    """Yield the entry and the exit of a position, sizes signed.

    What leaves are the shares of that day, whatever they have become by then.
    """
    clock, cell = study.clock, done.cell
    assert done.trade is not None  # noqa: S101 - it has positions
    legs = [leg for leg in cell.legs if _is_of(position, leg)]
    hedged = f"hedge of {', '.join(sorted(leg.change.symbol for leg in legs))}"
    is_hedge = position.side is None
    common = {
        "event_id": cell.event.event_id,
        "entry": cell.entry,
        "exit": cell.exit,
        "symbol": position.symbol,
        "bought": position.size,
        "sigma": position.sigma,
        "volume": position.volume,
    }
    yield {
        **common,
        "session": done.trade.entry_row,
        "size": position.size,
        "price": position.entry_price,
        "weight": position.weight,
        "fact": hedged if is_hedge else _told(legs[0].change, clock.sessions),
        "known_at": max(leg.entry_known_at for leg in legs),
    }
    left = {
        **common,
        "session": position.exit_row,
        "size": -position.size,
        "price": position.exit_price,
        "weight": 0.0,
        "fact": hedged if is_hedge else _told(legs[0].exit_change, clock.sessions),
        "known_at": max(leg.exit_known_at for leg in legs),
    }
    if position.holding is None or done.desk is None:
        yield left
        return
    session, at = session_of(position.exit_row), int(is_close(position.exit_row))
    shares = position.holding.at(session).shares
    prices = done.desk.history.window(list(shares), session, session)[at]
    for (symbol, each), price in zip(shares.items(), prices.tolist(), strict=True):
        size = -position.size * each
        yield {**left, "symbol": symbol, "size": size, "price": price}


def _impact(fill: dict[str, Any], costs: CostModel) -> float:
    """Return the impact of a fill, in USD.

    By the shares that were bought, of whose market something was known.
    """
    coefficient = costs.impact_at(is_close=is_close(fill["session"]))
    if not coefficient:
        return 0.0
    rate = coefficient * fill["sigma"] * np.sqrt(abs(fill["bought"]) / fill["volume"])
    return float(rate * abs(fill["size"]) * fill["price"])


def _told(change: IndexChange, sessions: Sessions) -> str:
    """Return the vintage behind an order in words, with both its dates."""
    if change.announced is None or change.effective is None:
        return describe(change, sessions)
    return f"{describe(change, sessions)}, effective {change.effective}"


def _is_of(position: Position, leg: PlannedLeg) -> bool:
    """Whether a position is that of a leg, or the hedge that leaves with it."""
    if position.side is None:
        return leg.exit.row == position.exit_row
    return (leg.change.symbol, leg.change.side) == (position.symbol, position.side)
