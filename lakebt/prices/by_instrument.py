"""Prices and actions by instrument: each joined on who had the symbol on its day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.prices.borrow import BorrowHistory
from lakebt.prices.history import PriceHistory

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence

    from lakebt._typing import IntVector
    from lakebt.prices.instruments import Instruments, Piece
    from lakebt.sessions import Sessions


def joined_actions(
    actions: ActionHistory, told: Instruments, sessions: Sessions
) -> ActionHistory:
    """Return actions by what their instruments are called in results.

    An action is about who had its symbol at the close before, and gives shares of who
    has the other at the open. A rename of an instrument into itself is no action.
    """
    own = np.array(actions.symbols, dtype=object)[actions.symbol]
    other = np.array(["", *actions.symbols], dtype=object)[actions.other + 1]
    for row, session in enumerate(actions.session.tolist()):
        day = sessions.date(session)
        before = sessions.date(session - 1) if session else day
        own[row] = told.name(own[row], before)
        if other[row]:
            other[row] = told.name(other[row], day)
    goes_on = (actions.kind == ActionKind.RENAME.code) & (own == other)
    kept = np.flatnonzero(~goes_on)
    symbols = tuple(sorted({*own[kept], *other[kept]} - {""}))
    code = {symbol: place for place, symbol in enumerate(symbols)}
    symbol = np.array([code[each] for each in own[kept]], dtype=np.int64)
    by = np.lexsort(
        (actions.known_at[kept], actions.action[kept], actions.session[kept], symbol)
    )
    rows = kept[by]
    ids, action = np.unique(actions.action[rows], return_inverse=True)
    return ActionHistory(
        symbols=symbols,
        action_ids=tuple(actions.action_ids[each] for each in ids.tolist()),
        action=action,
        symbol=symbol[by],
        other=np.array([code.get(each, -1) for each in other[rows]], dtype=np.int64),
        kind=actions.kind[rows],
        session=actions.session[rows],
        cash=actions.cash[rows],
        ratio=actions.ratio[rows],
        known_at=actions.known_at[rows],
        retracted=actions.retracted[rows],
        labels=tuple(actions.labels[row] for row in rows.tolist()),
    )


def joined_borrow(
    rates: BorrowHistory, told: Instruments, sessions: Sessions
) -> BorrowHistory:
    """Return rates by what the instruments are called that had their symbols then."""
    own = [
        told.name(rates.symbols[code], sessions.date(session))
        for code, session in zip(
            rates.symbol.tolist(), rates.session.tolist(), strict=True
        )
    ]
    symbols = tuple(sorted(set(own)))
    code = {name: place for place, name in enumerate(symbols)}
    symbol = np.array([code[name] for name in own], dtype=np.int64)
    by = np.lexsort((rates.known_at, rates.session, symbol))
    return BorrowHistory(
        symbols=symbols,
        span=rates.span,
        symbol=symbol[by],
        session=rates.session[by],
        known_at=rates.known_at[by],
        rate=rates.rate[by],
        available=rates.available[by],
        retracted=rates.retracted[by],
    )


def joined_history(
    read: Callable[[tuple[str, ...]], PriceHistory],
    names: Sequence[str],
    told: Instruments,
) -> PriceHistory:
    """Return the bars of instruments, each from where the price table has them.

    Parameters
    ----------
    read
        Gives the bars of some symbols of the price table, and its actions.
    names
        What the instruments are called in results.
    told

    Returns
    -------
    PriceHistory
        Its symbols are those of `names` that have bars. A bar is known from when both
        it and the row that joins it were.
    """
    pieces = {name: told.bars_of(name) for name in names}
    raw = read(tuple(sorted({p.symbol for own in pieces.values() for p in own})))
    found = [_rows(raw, pieces[name]) for name in names]
    symbols = [name for name, (rows, _) in zip(names, found, strict=True) if len(rows)]
    there = [each for each in found if len(each[0])]
    none = np.zeros(0, dtype=np.int64)
    rows = np.concatenate([none, *(own for own, _ in there)])
    known = np.concatenate([none, *(own for _, own in there)])
    code = np.repeat(np.arange(len(there)), [len(own) for own, _ in there])
    by = np.lexsort((known, raw.session[rows], code))
    rows = rows[by]
    return PriceHistory(
        symbols=tuple(symbols),
        sessions=raw.sessions,
        symbol=code[by].astype(np.int64),
        session=raw.session[rows],
        known_at=known[by],
        open=raw.open[rows],
        close=raw.close[rows],
        retracted=raw.retracted[rows],
        untraded=raw.untraded[rows] if len(raw.untraded) else raw.untraded,
        volume=raw.volume[rows] if len(raw.volume) else raw.volume,
        basis=raw.basis,
        row_basis=raw.row_basis[rows] if len(raw.row_basis) else raw.row_basis,
        actions=raw.actions,
        about={name: said for name in names if (said := told.about(name))},
    )


def _rows(raw: PriceHistory, pieces: Iterable[Piece]) -> tuple[IntVector, IntVector]:
    """Return the rows of some pieces, and when each was known to be of them."""
    none = np.zeros(0, dtype=np.int64)
    rows, known = [none], [none]
    for piece in pieces:
        if piece.symbol not in raw:
            continue
        code = int(raw.codes([piece.symbol])[0])
        start, end = raw.starts[code], raw.starts[code + 1]
        first, last = (_place(raw.sessions, day) for day in (piece.first, piece.last))
        lo, hi = np.searchsorted(raw.session[start:end], [first[0], last[1]])
        own = np.arange(start + lo, start + hi)
        rows.append(own)
        known.append(np.maximum(raw.known_at[own], piece.known_at))
    return np.concatenate(rows), np.concatenate(known)


def _place(sessions: Sessions, day: dt.date) -> tuple[int, int]:
    """Return the number of the first session on or after a day, and after it."""
    at = np.datetime64(day, "D")
    first, after = (
        int(np.searchsorted(sessions.days, at, side=side)) for side in ("left", "right")
    )
    return first, after
