"""The bars next to actions: all that says in which shares the others are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.prices.actions import ActionKind
from lakebt.prices.history import PriceHistory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.prices.actions import ActionHistory


class BesideActions:
    """Keeps of the bars of some symbols those that lie next to their actions.

    They are few, and `lakebt.prices.effects.ShareUnits` says the same of them as of all
    bars.

    Parameters
    ----------
    actions
        Of the symbols.
    basis
        The bases that bars may have: of raw ones it is asked only before delistings.
    """

    def __init__(self, actions: ActionHistory, basis: Sequence[str]) -> None:
        is_wanted = np.ones(len(actions), dtype=bool)
        if set(basis) <= {"raw"}:
            is_wanted = actions.kind == ActionKind.DELISTING.code
        gives = is_wanted & (actions.other >= 0)
        # A spin-off is worth what its shares cost then.
        whose = np.concatenate([actions.symbol[is_wanted], actions.other[gives]])
        when = np.concatenate([actions.session[is_wanted], actions.session[gives]])
        pairs = np.unique(np.column_stack([whose, when]), axis=0)
        used, self._place = np.unique(pairs[:, 0], return_inverse=True)
        self._session: IntVector = pairs[:, 1].copy()
        self.symbols = tuple(actions.symbols[code] for code in used.tolist())
        self._kept: PriceHistory | None = None

    def add(self, history: PriceHistory) -> None:
        """Add bars of some sessions, of which no other part has any."""
        own = self._next_to(history)
        if self._kept is not None:
            own = self._next_to(_together(self._kept, own))
        self._kept = own

    def done(self) -> PriceHistory:
        """Return what is kept. Something was added."""
        assert self._kept is not None  # noqa: S101 - it was
        return self._kept

    def _next_to(self, history: PriceHistory) -> PriceHistory:
        """Return the bars in force before, in and after each session that is asked for.

        The first bar of each symbol is there, too, and the last before each session
        whether or not it is in force: they say on which basis a symbol's bars are.
        """
        if not len(history.symbol):
            return _only(history, history.symbol)
        codes = history.codes(self.symbols)[self._place]
        session, codes = self._session[codes >= 0], codes[codes >= 0]
        span, newest = len(history.sessions), history.newest
        every = history.symbol * span + history.session
        keys, begins = codes * span + session, np.unique(codes) * span
        in_force = np.append(every[newest], -1)
        neighbours = [
            newest[place[in_force[place] // span == codes]]
            for place in (
                np.searchsorted(in_force[:-1], keys) - 1,
                np.searchsorted(in_force[:-1], keys),
                np.searchsorted(in_force[:-1], keys + 1),
            )
        ]
        last = np.searchsorted(every, keys) - 1
        neighbours.append(last[(last >= 0) & (every[last] // span == codes)])
        first = np.searchsorted(every, begins)
        of_first = np.searchsorted(every, every[first], side="right") - 1
        rows = np.unique(np.concatenate([*neighbours, first, of_first]))
        return _only(history, rows)


def _only(history: PriceHistory, rows: IntVector) -> PriceHistory:
    """Return some rows, without volumes, which are not needed here."""
    used, symbol = np.unique(history.symbol[rows], return_inverse=True)
    taken: dict[str, Any] = {
        name: values[rows] if len(values) else values
        for name, values in _columns(history).items()
    }
    return replace(
        history,
        **taken,
        symbols=tuple(history.symbols[code] for code in used.tolist()),
        symbol=symbol.astype(np.int64),
        volume=np.zeros(0),
        untraded=np.zeros(0, dtype=bool),
    )


def _together(one: PriceHistory, other: PriceHistory) -> PriceHistory:
    """Return the rows of two histories that share no bar."""
    symbols = tuple(sorted({*one.symbols, *other.symbols}))
    place = {symbol: code for code, symbol in enumerate(symbols)}
    symbol = np.concatenate(
        [
            np.array([place[s] for s in each.symbols], dtype=np.int64)[each.symbol]
            for each in (one, other)
        ]
    )
    session = np.concatenate([one.session, other.session])
    known_at = np.concatenate([one.known_at, other.known_at])
    order = np.lexsort((known_at, session, symbol))
    others = _columns(other)
    taken: dict[str, Any] = {
        name: np.concatenate([values, others[name]])[order]
        for name, values in _columns(one).items()
        if name != "row_basis" or len(one.basis) > 1
    }
    return replace(one, **taken, symbols=symbols, symbol=symbol[order])


_LEFT_OUT = frozenset({"symbol", "volume", "untraded", "cut"})


def _columns(history: PriceHistory) -> dict[str, Any]:
    """Return what a history has of each row, but for its symbol and its volume."""
    return {
        field.name: values
        for field in fields(PriceHistory)
        if field.name not in _LEFT_OUT
        and isinstance(values := getattr(history, field.name), np.ndarray)
    }
