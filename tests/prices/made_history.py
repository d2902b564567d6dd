"""Histories of prices and actions from a few lines, for tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import IntVector

NYSE = Sessions.of()
DAY = 86_400_000_000


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
    action_id: str = ""


def actions_of(rows: Sequence[Told | Mapping[str, Any]]) -> ActionHistory:
    """Return actions as a history has them."""
    every = [one if isinstance(one, Told) else Told(**one) for one in rows]
    closes = NYSE.instants("close")
    named = [
        one._replace(
            action_id=one.action_id
            or f"{one.symbol}|{one.kind}|{one.other}|{one.session}",
            known_at=int(closes[one.session - 1])
            if one.known_at is None
            else one.known_at,
        )
        for one in every
    ]
    told = sorted(named, key=lambda r: (r.symbol, r.session, r.action_id, r.known_at))
    symbols = sorted({r.symbol for r in told} | {r.other for r in told if r.other})
    ids = sorted({r.action_id for r in told})

    def whole(values: list[int]) -> IntVector:
        return np.array(values, dtype=np.int64)

    return ActionHistory(
        symbols=tuple(symbols),
        action_ids=tuple(ids),
        action=whole([ids.index(r.action_id) for r in told]),
        symbol=whole([symbols.index(r.symbol) for r in told]),
        other=whole([symbols.index(r.other) if r.other else -1 for r in told]),
        kind=np.array([ActionKind(r.kind).code for r in told], dtype=np.int8),
        session=whole([r.session for r in told]),
        cash=np.array([r.cash for r in told], dtype=np.float64),
        ratio=np.array([r.ratio for r in told], dtype=np.float64),
        known_at=whole([r.known_at or 0 for r in told]),
        retracted=np.array([r.retracted for r in told], dtype=np.bool_),
        labels=("",) * len(told),
    )


def act(symbol: str, kind: str, session: int, **rest: Any) -> dict[str, Any]:
    """Return one vintage as a row that can be changed; see `Told`."""
    return {"symbol": symbol, "kind": kind, "session": session, **rest}


def history_of(
    bars: Mapping[str, Mapping[int, tuple[float, float]]],
    told: Sequence[Told | Mapping[str, Any]] = (),
    *,
    basis: Mapping[str, str] | str = "raw",
    late: frozenset[tuple[str, int]] = frozenset(),
) -> PriceHistory:
    """Return a history of opens and closes by session, each known at its close.

    `late` are bars that became known a day later.
    """
    rows = [
        (symbol, session, *prices)
        for symbol, own in sorted(bars.items())
        for session, prices in sorted(own.items())
    ]
    symbols = tuple(sorted(bars))
    of = {s: basis if isinstance(basis, str) else basis.get(s, "raw") for s in symbols}
    bases = tuple(sorted(set(of.values())))
    closes = NYSE.instants("close")
    known = [int(closes[r[1]]) + DAY * ((r[0], r[1]) in late) for r in rows]
    return PriceHistory(
        symbols=symbols,
        sessions=NYSE,
        symbol=np.array([symbols.index(row[0]) for row in rows], dtype=np.int64),
        session=np.array([row[1] for row in rows], dtype=np.int64),
        known_at=np.array(known, dtype=np.int64),
        open=np.array([row[2] for row in rows], dtype=np.float64),
        close=np.array([row[3] for row in rows], dtype=np.float64),
        retracted=np.zeros(len(rows), dtype=np.bool_),
        basis=bases,
        row_basis=np.array([bases.index(of[row[0]]) for row in rows], dtype=np.int8)
        if len(bases) > 1
        else np.zeros(0, dtype=np.int8),
        actions=actions_of(told),
    )


def flat(price: float, first: int, last: int) -> dict[int, tuple[float, float]]:
    """Return bars that do not move, from one session to another, inclusive."""
    return dict.fromkeys(range(first, last + 1), (price, price))
