"""Histories of prices and actions from a few lines, for tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import IntVector

NYSE = Sessions.of()
MINUTE = 60_000_000


class Told(NamedTuple):
    """One vintage of an action; known a day early unless told."""

    symbol: str
    kind: str
    session: int
    cash: float = math.nan
    ratio: float = math.nan
    other: str = ""
    known_at: int | None = None
    retracted: bool = False
    name: str = ""


def actions_of(told: Sequence[Told]) -> ActionHistory:
    """Return actions as a history has them."""
    closes = NYSE.instants("close")
    named = [
        one._replace(
            name=one.name or f"{one.symbol}|{one.kind}|{one.other}|{one.session}",
            known_at=int(closes[one.session - 1])
            if one.known_at is None
            else one.known_at,
        )
        for one in told
    ]
    rows = sorted(named, key=lambda r: (r.symbol, r.session, r.name, r.known_at))
    symbols = sorted({r.symbol for r in rows} | {r.other for r in rows if r.other})
    ids = sorted({r.name for r in rows})

    def whole(values: list[int]) -> IntVector:
        return np.array(values, dtype=np.int64)

    return ActionHistory(
        symbols=tuple(symbols),
        action_ids=tuple(ids),
        action=whole([ids.index(r.name) for r in rows]),
        symbol=whole([symbols.index(r.symbol) for r in rows]),
        other=whole([symbols.index(r.other) if r.other else -1 for r in rows]),
        kind=np.array([ActionKind(r.kind).code for r in rows], dtype=np.int8),
        session=whole([r.session for r in rows]),
        cash=np.array([r.cash for r in rows], dtype=np.float64),
        ratio=np.array([r.ratio for r in rows], dtype=np.float64),
        known_at=whole([r.known_at or 0 for r in rows]),
        retracted=np.array([r.retracted for r in rows], dtype=np.bool_),
        labels=("",) * len(rows),
    )


def history_of(
    bars: Mapping[str, Mapping[int, tuple[float, float]]],
    told: Sequence[Told] = (),
    *,
    basis: Mapping[str, str] | None = None,
) -> PriceHistory:
    """Return a history of opens and closes by session, known a minute after each."""
    rows = [
        (symbol, session, *prices)
        for symbol, own in sorted(bars.items())
        for session, prices in sorted(own.items())
    ]
    symbols = tuple(sorted(bars))
    of = {symbol: (basis or {}).get(symbol, "raw") for symbol in symbols}
    bases = tuple(sorted(set(of.values())))
    session = np.array([row[1] for row in rows], dtype=np.int64)
    return PriceHistory(
        symbols=symbols,
        sessions=NYSE,
        symbol=np.array([symbols.index(row[0]) for row in rows], dtype=np.int64),
        session=session,
        known_at=NYSE.instants("close")[session] + MINUTE,
        open=np.array([row[2] for row in rows], dtype=np.float64),
        close=np.array([row[3] for row in rows], dtype=np.float64),
        retracted=np.zeros(len(rows), dtype=np.bool_),
        basis=bases,
        row_basis=np.array([bases.index(of[row[0]]) for row in rows], dtype=np.int8)
        if len(bases) > 1
        else np.zeros(0, dtype=np.int8),
        actions=actions_of(told),
    )
