"""Histories of bars and actions, made by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.prices.history import PriceHistory
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NYSE = Sessions.of("XNYS")


def act(symbol: str, kind: str, session: int, **rest: Any) -> dict[str, Any]:
    """Return one vintage as `action_history` takes it."""
    return {"symbol": symbol, "kind": kind, "session": session, **rest}


def action_history(rows: Sequence[Mapping[str, Any]]) -> ActionHistory:
    """Return vintages, each a dict: symbol, kind, session, and what else it has.

    `known_at` (micros) is the evening before by default, `action_id` is made of the
    rest, `retracted` is False.
    """
    told = []
    for row in rows:
        kind = ActionKind(row["kind"])
        known_at = row.get("known_at")
        if known_at is None:
            eve = NYSE.instants("close")[row["session"] - 1]
            known_at = int(eve) + 3_600_000_000
        other = row.get("other", "")
        name = f"{row['symbol']}:{kind}:{other}:{row.get('label', '')}:{row['session']}"
        told.append(
            {
                "action_id": row.get("action_id", name),
                "symbol": row["symbol"],
                "other": other,
                "kind": kind.code,
                "session": row["session"],
                "cash": row.get("cash", math.nan),
                "ratio": row.get("ratio", math.nan),
                "known_at": known_at,
                "retracted": row.get("retracted", False),
                "label": row.get("label", ""),
            }
        )
    told.sort(key=lambda r: (r["symbol"], r["session"], r["action_id"], r["known_at"]))
    symbols = sorted({r["symbol"] for r in told} | {r["other"] for r in told} - {""})
    ids = sorted({r["action_id"] for r in told})
    whole = np.int64
    return ActionHistory(
        symbols=tuple(symbols),
        action_ids=tuple(ids),
        action=np.array([ids.index(r["action_id"]) for r in told], dtype=whole),
        symbol=np.array([symbols.index(r["symbol"]) for r in told], dtype=whole),
        other=np.array(
            [symbols.index(r["other"]) if r["other"] else -1 for r in told], dtype=whole
        ),
        kind=np.array([r["kind"] for r in told], dtype=np.int8),
        session=np.array([r["session"] for r in told], dtype=whole),
        cash=np.array([r["cash"] for r in told], dtype=np.float64),
        ratio=np.array([r["ratio"] for r in told], dtype=np.float64),
        known_at=np.array([r["known_at"] for r in told], dtype=whole),
        retracted=np.array([r["retracted"] for r in told], dtype=bool),
        labels=tuple(r["label"] for r in told),
    )


def bars(
    prices: Mapping[str, Mapping[int, tuple[float, float]]],
    *,
    actions: Sequence[Mapping[str, Any]] = (),
    basis: Mapping[str, str] | str = "raw",
    late: frozenset[tuple[str, int]] = frozenset(),
) -> PriceHistory:
    """Return a history: symbol to session to open and close, known at the close.

    `late` are bars that became known a day later.
    """
    symbols = sorted(prices)
    rows = [
        (code, session, *prices[symbol][session], symbol)
        for code, symbol in enumerate(symbols)
        for session in sorted(prices[symbol])
    ]
    of = {s: basis if isinstance(basis, str) else basis[s] for s in symbols}
    names = tuple(sorted(set(of.values())))
    closes = NYSE.instants("close")
    known = [int(closes[r[1]]) + 86_400_000_000 * ((r[4], r[1]) in late) for r in rows]
    return PriceHistory(
        symbols=tuple(symbols),
        sessions=NYSE,
        symbol=np.array([r[0] for r in rows], dtype=np.int64),
        session=np.array([r[1] for r in rows], dtype=np.int64),
        known_at=np.array(known, dtype=np.int64),
        open=np.array([r[2] for r in rows], dtype=np.float64),
        close=np.array([r[3] for r in rows], dtype=np.float64),
        retracted=np.zeros(len(rows), dtype=bool),
        basis=names,
        row_basis=np.array([names.index(of[r[4]]) for r in rows], dtype=np.int8),
        actions=action_history(actions),
    )


def flat(price: float, first: int, last: int) -> dict[int, tuple[float, float]]:
    """Return bars that do not move, from one session to another, inclusive."""
    return dict.fromkeys(range(first, last + 1), (price, price))
