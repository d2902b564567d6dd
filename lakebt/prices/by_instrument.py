"""Actions, rates and bars by instrument: joined on who had the symbol on its day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.prices.borrow import BorrowHistory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.instruments import Instruments
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
    return replace(
        actions.taken(rows),
        symbols=symbols,
        action_ids=tuple(actions.action_ids[each] for each in ids.tolist()),
        action=action,
        symbol=symbol[by],
        other=np.array([code.get(each, -1) for each in other[rows]], dtype=np.int64),
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Owners:
    """Whose some bars are.

    Attributes
    ----------
    names : tuple of str
        What the instruments are called in results.
    code : ndarray of shape (n_rows,)
        Position in `names`; -1 where the bars of the instrument are elsewhere.
    known_at : ndarray of shape (n_rows,)
        When it was known, in microseconds since 1970 UTC.
    """

    names: tuple[str, ...]
    code: IntVector
    known_at: IntVector


def owners_of(
    told: Instruments,
    symbols: Sequence[str],
    *,
    code: IntVector,
    session: IntVector,
    sessions: Sessions,
) -> Owners:
    """Return whose bars are, each by its name in the price table and its session.

    Parameters
    ----------
    told
    symbols
        The names in the price table.
    code, session : ndarray of shape (n_rows,)
        Of each bar: the position of its name in `symbols`, and its session's number.
    sessions
    """
    span = len(sessions)
    of_symbols = [told.owners(symbol) for symbol in symbols]
    firsts = np.array(
        [owned.first for each in of_symbols for owned in each], dtype="datetime64[D]"
    )
    begins = np.searchsorted(sessions.days.astype("datetime64[D]"), firsts)
    keys = np.repeat(np.arange(len(symbols)), [len(each) for each in of_symbols])
    listed = [owned for each in of_symbols for owned in each]
    names = tuple(dict.fromkeys(owned.name for owned in listed if owned.name))
    number = {name: place for place, name in enumerate(names)}
    whose = np.array([number.get(owned.name, -1) for owned in listed], dtype=np.int64)
    since = np.array([owned.known_at for owned in listed], dtype=np.int64)
    at = np.searchsorted(keys * span + begins, code * span + session, side="right") - 1
    return Owners(names=names, code=whose[at], known_at=since[at])
