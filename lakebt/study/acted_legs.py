"""Legs with corporate actions while a study held them."""

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
    from lakebt.study.block import Block
    from lakebt.study.trading import TradedStudy


def is_acted(study: TradedStudy) -> bool:
    """Whether a leg or a hedge had a corporate action while a cell held it."""
    if not study.actions.final:
        return False
    for block in study.blocks.pieces():
        if _is_acted(block):
            return True
        del block  # before the next is made
    return False


def _is_acted(block: Block) -> bool:
    holdings, (slots, last) = block.lookup.holdings, _held(block)
    entered = session_of(block.schedule.row[slots])
    legs, slot = _legs(block, slots)
    code = _codes(block, legs)
    if holdings.acted(code, entered=entered[slot], last=last[slot]).any():
        return True
    hedge = block.scope.arguments.hedge
    if hedge is None:
        return False
    codes = np.repeat(block.history.codes([hedge]), len(slots))
    return bool(holdings.acted(codes, entered=entered, last=last).any())


def count_ended(study: TradedStudy) -> int:
    """Return the number of legs that ended while held, each counted once."""
    ended: set[tuple[str, str]] = set()
    for block in study.blocks.pieces():
        ended |= _ended(block)
        del block  # before the next is made
    return len(ended)


def _ended(block: Block) -> set[tuple[str, str]]:
    """Return the events and symbols of the legs that ended."""
    slots, last = _held(block)
    entered = session_of(block.schedule.row[slots])
    legs, slot = _legs(block, slots)
    code = _codes(block, legs)
    ends = [e for e in block.lookup.holdings.effects if e.ending is not None]
    ended = np.zeros(len(code), dtype=bool)
    for symbol, effect in zip(
        block.history.codes([e.symbol for e in ends]).tolist(), ends, strict=True
    ):
        is_over = (entered[slot] < effect.session) & (effect.session <= last[slot])
        ended |= (code == symbol) & is_over & (symbol >= 0)
    event = block.schedule.event[slots][slot]
    held = {
        (int(event[leg]), int(code[leg]), int(entered[slot[leg]]), int(last[slot[leg]]))
        for leg in np.flatnonzero(ended).tolist()
    }
    return {
        (block.schedule.events[number].event_id, block.history.symbols[symbol])
        for number, symbol, *own in held
        if _is_priced(block, symbol, *own)
    }


def _is_priced(block: Block, code: int, entered: int, last: int) -> bool:
    """Whether a share has a price at both ends: one that had none was left out."""
    symbol = block.history.symbols[code]
    holding = block.lookup.holdings.follow(symbol, entered=entered, last=last)
    closes = holding.worth(block.history).closes
    return bool(np.isfinite(closes[[0, -1]]).all())


def dividends_bps(study: TradedStudy, *, entry: str, exit_: str) -> float:
    """Return the dividends of one rule, received less owed: basis points per event."""
    cells = study.each(entry=entry, exit_=exit_, only=lambda found: found.traded)
    flows = flow_table(cells, study)
    paid = flows.loc[flows["kind"] == str(ActionKind.CASH_DIVIDEND), "cash_usd"]
    block = study.block(entry)
    column = block.column(exit_)
    count = int(block.cells.traded[block.slots(entry), column].sum())
    if not len(paid) or not count:
        return 0.0
    return float(paid.sum()) / (count * study.arguments.capital_usd * BPS)


def _held(block: Block) -> tuple[IntVector, IntVector]:
    """Return the slots with a traded cell, and the last session of each."""
    traded = block.cells.traded
    slots = np.flatnonzero(traded.any(axis=1))
    rows = np.where(traded[slots], block.schedule.exit_row[slots], -1)
    return slots, session_of(rows.max(axis=1, initial=-1))


def _legs(block: Block, slots: IntVector) -> tuple[IntVector, IntVector]:
    """Return the legs of some slots, and the place of each one's slot."""
    sizes = np.diff(block.schedule.start)[slots]
    legs = spans(block.schedule.start[slots], sizes)
    return legs, np.repeat(np.arange(len(slots)), sizes)


def _codes(block: Block, legs: IntVector) -> IntVector:
    place, changes = block.schedule.vintages_of(legs)
    codes: IntVector = block.history.codes([c.symbol for c in changes])[place]
    return codes
