"""Actions, rates and bars by instrument: the holder of the symbol on that day."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.prices.borrow import BorrowHistory
from lakebt.prices.instruments import PRICES, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.instruments import Identifier, Instruments
    from lakebt.sessions import Sessions


_DAY = dt.timedelta(days=1)
_LONG_AGO = -(2**63)


def joined_actions(
    actions: ActionHistory, told: Instruments, sessions: Sessions
) -> ActionHistory:
    """Return actions under the names that their instruments have in results.

    An action's symbol means the instrument that had it at the close before; the shares
    it gives are of the instrument that has the other symbol at the open. A rename of an
    instrument into itself is not an action. An action is known once both it and the
    rows that join it are.
    """
    called = _Called.of(told, actions.symbols, sessions)
    own, since = called.at(actions.symbol, np.maximum(actions.session - 1, 0))
    other_codes, since_theirs = called.at(np.maximum(actions.other, 0), actions.session)
    has_other = actions.other >= 0
    other = np.where(has_other, other_codes, "")
    since = np.where(has_other, np.maximum(since, since_theirs), since)
    known_at = _in_turn(actions, np.maximum(actions.known_at, since))
    goes_on = (actions.kind == ActionKind.RENAME.code) & (own == other)
    kept = np.flatnonzero(~goes_on)
    symbols = tuple(sorted({*own[kept], *other[kept]} - {""}))
    code = {symbol: place for place, symbol in enumerate(symbols)}
    symbol = np.array([code[each] for each in own[kept]], dtype=np.int64)
    by = np.lexsort(
        (known_at[kept], actions.action[kept], actions.session[kept], symbol)
    )
    rows = kept[by]
    ids, action = np.unique(actions.action[rows], return_inverse=True)
    return replace(
        actions.taken(rows),
        symbols=symbols,
        action_ids=tuple(actions.action_ids[each] for each in ids.tolist()),
        action=action,
        known_at=known_at[rows],
        symbol=symbol[by],
        other=np.array([code.get(each, -1) for each in other[rows]], dtype=np.int64),
    )


def joined_borrow(
    rates: BorrowHistory, told: Instruments, sessions: Sessions
) -> BorrowHistory:
    """Return rates by what the instruments are called that had their symbols then."""
    called = _Called.of(told, rates.symbols, sessions)
    own, since = called.at(rates.symbol, rates.session)
    names, symbol = np.unique(own.astype(str), return_inverse=True)
    symbols = tuple(names.tolist())
    known_at = np.maximum(rates.known_at, since)
    # Of two vintages that are known at one instant then the later comes later still.
    by = np.lexsort((rates.known_at, known_at, rates.session, symbol))
    return BorrowHistory(
        symbols=symbols,
        span=rates.span,
        symbol=symbol[by],
        session=rates.session[by],
        known_at=known_at[by],
        rate=rates.rate[by],
        available=rates.available[by],
        retracted=rates.retracted[by],
    )


def _in_turn(actions: ActionHistory, known_at: IntVector) -> IntVector:
    """Return instants at which the vintages of an action still follow each other."""
    if np.array_equal(known_at, actions.known_at):
        return known_at
    known_at = known_at.copy()
    order = np.lexsort((actions.known_at, actions.action))
    for before, row in itertools.pairwise(order.tolist()):
        if actions.action[before] == actions.action[row]:
            known_at[row] = max(known_at[row], known_at[before] + 1)
    return known_at


@dataclass(frozen=True, kw_only=True, eq=False)
class _Called:
    """What symbols are called in results, from session to session.

    Attributes
    ----------
    span
        Number of sessions.
    keys : ndarray of shape (n_turns,)
        ``symbol * span + session`` from which a name counts, ascending.
    names : ndarray of shape (n_turns,)
    since : ndarray of shape (n_turns,)
        When it was known, in microseconds since 1970 UTC.
    """

    span: int
    keys: IntVector
    names: Any
    since: IntVector

    @classmethod
    def of(
        cls, told: Instruments, symbols: Sequence[str], sessions: Sessions
    ) -> _Called:
        rows: dict[str, list[Identifier]] = {symbol: [] for symbol in symbols}
        for each in sorted(told.identifiers, key=lambda i: (i.first, i.last)):
            if each.kind in {SYMBOL, PRICES} and each.identifier in rows:
                rows[each.identifier].append(each)
        turns: list[tuple[int, dt.date, str, int]] = []
        for code, symbol in enumerate(symbols):
            own = rows[symbol]
            days = {dt.date.min, *(row.first for row in own)}
            days |= {row.last + _DAY for row in own if row.last < dt.date.max}
            for day in sorted(days):
                valid = [row for row in own if row.first <= day <= row.last]
                valid = [row for row in valid if row.kind == SYMBOL] or valid
                since = valid[-1].known_at if valid else _LONG_AGO
                turns.append((code, day, told.name(symbol, day), since))
        days_of_all = np.array([turn[1] for turn in turns], dtype="datetime64[D]")
        begins = np.searchsorted(sessions.days.astype("datetime64[D]"), days_of_all)
        codes = np.array([turn[0] for turn in turns], dtype=np.int64)
        return cls(
            span=len(sessions),
            keys=codes * len(sessions) + begins,
            names=np.array([turn[2] for turn in turns], dtype=object),
            since=np.array([turn[3] for turn in turns], dtype=np.int64),
        )

    def at(self, code: IntVector, session: IntVector) -> tuple[Any, IntVector]:
        """Return what symbols are called in some sessions, and since when known."""
        if not len(self.keys):
            return np.zeros(len(code), dtype=object), np.zeros(len(code), np.int64)
        turn = np.searchsorted(self.keys, code * self.span + session, side="right") - 1
        return self.names[turn], self.since[turn]


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
    if not listed:
        nobodys = np.full(len(code), -1, dtype=np.int64)
        return Owners(names=names, code=nobodys, known_at=nobodys)
    at = np.searchsorted(keys * span + begins, code * span + session, side="right") - 1
    return Owners(names=names, code=whose[at], known_at=since[at])
