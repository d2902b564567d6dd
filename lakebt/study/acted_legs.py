"""Which legs had something happen to them while a study held them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.costs import BPS
from lakebt.prices.actions import ActionKind
from lakebt.sessions import session_of
from lakebt.study.flow_table import flow_table
from lakebt.values.arrays import spans

if TYPE_CHECKING:
    from lakebt._typing import IntVector
    from lakebt.study.trading import TradedStudy


def is_acted(study: TradedStudy) -> bool:
    """Whether anything happened to a leg or a hedge while a cell held it."""
    holdings, (slots, last) = study.lookup.holdings, _held(study)
    entered = session_of(study.schedule.row[slots])
    legs, slot = _legs(study, slots)
    code = _codes(study, legs)
    if holdings.acted(code, entered=entered[slot], last=last[slot]).any():
        return True
    hedge = study.arguments.hedge
    if hedge is None:
        return False
    codes = np.repeat(study.history.codes([hedge]), len(slots))
    return bool(holdings.acted(codes, entered=entered, last=last).any())


def count_ended(study: TradedStudy) -> int:
    """Return how many legs ended while a cell held them, each of an event once."""
    slots, last = _held(study)
    entered = session_of(study.schedule.row[slots])
    legs, slot = _legs(study, slots)
    code = _codes(study, legs)
    ends = [e for e in study.lookup.holdings.effects if e.ending is not None]
    ended = np.zeros(len(code), dtype=bool)
    for symbol, effect in zip(
        study.history.codes([e.symbol for e in ends]).tolist(), ends, strict=True
    ):
        is_over = (entered[slot] < effect.session) & (effect.session <= last[slot])
        ended |= (code == symbol) & is_over & (symbol >= 0)
    event = study.schedule.event[slots][slot]
    held = {
        (int(event[leg]), int(code[leg]), int(entered[slot[leg]]), int(last[slot[leg]]))
        for leg in np.flatnonzero(ended).tolist()
    }
    return len(
        {
            (number, symbol)
            for number, symbol, *own in held
            if _is_priced(study, symbol, *own)
        }
    )


def _is_priced(study: TradedStudy, code: int, entered: int, last: int) -> bool:
    """Whether a share has a price at both ends: one that had none was left out."""
    symbol = study.history.symbols[code]
    holding = study.lookup.holdings.follow(symbol, entered=entered, last=last)
    closes = holding.worth(study.history).closes
    return bool(np.isfinite(closes[[0, -1]]).all())


def dividends_bps(study: TradedStudy, *, entry: str, exit_: str) -> float:
    """Return the dividends of one rule, received less owed: basis points per event."""
    cells = study.lookup.each(entry=entry, exit_=exit_, only=study.cells.traded)
    flows = flow_table(cells, study)
    paid = flows.loc[flows["kind"] == str(ActionKind.CASH_DIVIDEND), "cash_usd"]
    column = study.lookup.column(exit_)
    count = int(study.cells.traded[study.lookup.slots(entry), column].sum())
    if not len(paid) or not count:
        return 0.0
    return float(paid.sum()) / (count * study.arguments.capital_usd * BPS)


def _held(study: TradedStudy) -> tuple[IntVector, IntVector]:
    """Return the slots with a traded cell, and the last session of each."""
    traded = study.cells.traded
    slots = np.flatnonzero(traded.any(axis=1))
    rows = np.where(traded[slots], study.schedule.exit_row[slots], -1)
    return slots, session_of(rows.max(axis=1, initial=-1))


def _legs(study: TradedStudy, slots: IntVector) -> tuple[IntVector, IntVector]:
    """Return the legs of some slots, and the place of each one's slot."""
    sizes = np.diff(study.schedule.start)[slots]
    legs = spans(study.schedule.start[slots], sizes)
    return legs, np.repeat(np.arange(len(slots)), sizes)


def _codes(study: TradedStudy, legs: IntVector) -> IntVector:
    place, changes = study.schedule.vintages_of(legs)
    codes: IntVector = study.history.codes([c.symbol for c in changes])[place]
    return codes
