"""Corporate actions with all their vintages."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt._typing import FloatVector, IntVector


class ActionKind(enum.StrEnum):
    """What a holder of one share at the close before `ex_date` has at its open."""

    SPLIT = "split"
    """`ratio` shares; a stock dividend is one."""
    CASH_DIVIDEND = "cash_dividend"
    """The share, and `cash`."""
    SPIN_OFF = "spin_off"
    """The share, and `ratio` shares of `other`."""
    RENAME = "rename"
    """One share of `other`."""
    MERGER = "merger"
    """`cash`, and `ratio` shares of `other`: at least one of them."""
    DELISTING = "delisting"
    """`cash`: what was got, or could be; unknown if there is none."""

    @property
    def is_ending(self) -> bool:
        """Whether the symbol is gone from `ex_date` on."""
        return self in (ActionKind.RENAME, ActionKind.MERGER, ActionKind.DELISTING)

    @property
    def code(self) -> int:
        """Its number in arrays."""
        return _CODES[self]


KINDS: tuple[ActionKind, ...] = tuple(ActionKind)
"""Every kind, by its code."""

_CODES = {kind: code for code, kind in enumerate(KINDS)}

_ENDING = tuple(code for code, kind in enumerate(KINDS) if kind.is_ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One corporate action, as one vintage tells it.

    Attributes
    ----------
    action_id, symbol, kind
    session
        Number of the session of `ex_date`: the first without the entitlement.
    cash
        In USD per share held at the close before; NaN where there is none.
    ratio
        Shares per share held at the close before; NaN where there is none.
    other
        The symbol of these shares at that open; empty if there are none.
    label
        As "special"; empty if not given.
    known_at
        Microseconds since 1970 UTC.
    """

    action_id: str
    symbol: str
    kind: ActionKind
    session: int
    cash: float
    ratio: float
    other: str
    label: str
    known_at: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ActionHistory:
    """Every vintage of every corporate action of some symbols that a view could see.

    Rows are sorted by symbol, session, action, known_at.

    Attributes
    ----------
    symbols : tuple of str
        Those of the actions, and of the shares that come of them, sorted.
    action_ids : tuple of str
        Sorted.
    action : ndarray of shape (n_rows,)
        Position in `action_ids`.
    symbol, other : ndarray of shape (n_rows,)
        Positions in `symbols`; `other` is -1 where there is none.
    kind : ndarray of shape (n_rows,)
        `ActionKind.code`.
    session : ndarray of shape (n_rows,)
        Number of the session of `ex_date`.
    cash, ratio : ndarray of shape (n_rows,)
        Per share held at the close before; NaN where there is none.
    known_at : ndarray of shape (n_rows,)
        Microseconds since 1970 UTC.
    retracted : ndarray of shape (n_rows,)
    labels : tuple of str
        Of each row; empty if not told.
    """

    symbols: tuple[str, ...]
    action_ids: tuple[str, ...]
    action: IntVector
    symbol: IntVector
    other: IntVector
    kind: npt.NDArray[np.int8]
    session: IntVector
    cash: FloatVector
    ratio: FloatVector
    known_at: IntVector
    retracted: npt.NDArray[np.bool_]
    labels: tuple[str, ...]

    @classmethod
    def none(cls) -> ActionHistory:
        """Return a history without actions."""
        whole = np.zeros(0, dtype=np.int64)
        return cls(
            symbols=(),
            action_ids=(),
            action=whole,
            symbol=whole,
            other=whole,
            kind=np.zeros(0, dtype=np.int8),
            session=whole,
            cash=np.zeros(0),
            ratio=np.zeros(0),
            known_at=whole,
            retracted=np.zeros(0, dtype=bool),
            labels=(),
        )

    def __len__(self) -> int:
        return len(self.action)

    def of(
        self, symbols: Iterable[str], *, known_by: int | None = None
    ) -> ActionHistory:
        """Return the actions of some symbols, and of the shares that come of them.

        Parameters
        ----------
        symbols
        known_by
            Microseconds since 1970 UTC, inclusive; all vintages by default.
        """
        wanted = set(symbols)
        known = np.full(len(self), fill_value=True)
        if known_by is not None:
            known = self.known_at <= known_by
        reached = np.array([name in wanted for name in self.symbols], dtype=bool)
        come = known & (self.other >= 0)
        pairs = np.unique(np.stack([self.symbol[come], self.other[come]]), axis=1)
        while len(new := pairs[1][reached[pairs[0]] & ~reached[pairs[1]]]):
            reached[new] = True
        return self._only(np.flatnonzero(known & reached[self.symbol]))

    def about(self, symbols: Iterable[str]) -> ActionHistory:
        """Return the actions of some symbols, and those that give shares of them."""
        wanted = set(symbols)
        named = np.array([*(name in wanted for name in self.symbols), False])
        return self._only(np.flatnonzero(named[self.symbol] | named[self.other]))

    def within(
        self, first: int, last: int, *, and_of: Iterable[str] = ()
    ) -> ActionHistory:
        """Return the actions of some sessions, and those that end or give shares.

        Parameters
        ----------
        first, last
            Numbers of the sessions, inclusive. Of an action that was moved every
            vintage is there if one is.
        and_of
            Symbols of which all are there.
        """
        wanted = set(and_of)
        whole = np.array([name in wanted for name in self.symbols], dtype=bool)
        kept = (self.session >= first) & (self.session <= last)
        kept |= (self.other >= 0) | np.isin(self.kind, _ENDING)
        kept |= whole[self.symbol]
        return self._only(np.flatnonzero(np.isin(self.action, self.action[kept])))

    def _only(self, rows: IntVector) -> ActionHistory:
        """Return some rows, in their order, as a history of their own."""
        if len(rows) == len(self):
            return self
        symbol, other = self.symbol[rows], self.other[rows]
        used = np.unique(np.concatenate([symbol, other[other >= 0]]))
        ids, action = np.unique(self.action[rows], return_inverse=True)
        return replace(
            self.taken(rows),
            symbols=tuple(self.symbols[code] for code in used.tolist()),
            action_ids=tuple(self.action_ids[code] for code in ids.tolist()),
            action=action,
            symbol=np.searchsorted(used, symbol),
            other=np.where(other < 0, -1, np.searchsorted(used, other)),
        )

    def taken(self, rows: IntVector) -> ActionHistory:
        """Return some rows, in their order; symbols and ids keep their codes."""
        return replace(
            self,
            action=self.action[rows],
            symbol=self.symbol[rows],
            other=self.other[rows],
            kind=self.kind[rows],
            session=self.session[rows],
            cash=self.cash[rows],
            ratio=self.ratio[rows],
            known_at=self.known_at[rows],
            retracted=self.retracted[rows],
            labels=tuple(self.labels[row] for row in rows.tolist()),
        )

    def in_force(
        self, *, before: int | None = None, among: IntVector | None = None
    ) -> IntVector:
        """Return the rows in force: of each action the newest vintage known.

        Parameters
        ----------
        before
            Microseconds since 1970 UTC, exclusive: a vintage known at this instant came
            too late. By default all that the view could see.
        among
            Rows with every vintage of some actions; by default of all.

        Returns
        -------
        ndarray of shape (n_actions,)
            In the order of the rows; an action whose newest vintage retracts it is not
            among them.
        """
        rows = np.arange(len(self)) if among is None else among
        if before is not None:
            rows = rows[self.known_at[rows] < before]
        by_action = rows[np.lexsort((self.known_at[rows], self.action[rows]))]
        is_last = np.append(np.diff(self.action[by_action]) != 0, True)
        newest = by_action[is_last[: len(by_action)]]
        return np.sort(newest[~self.retracted[newest]])

    @cached_property
    def final(self) -> tuple[Action, ...]:
        """The actions in force at the view's instant, by symbol and session."""
        return tuple(self.actions(self.in_force()))

    def successors(
        self, symbols: Iterable[str], *, first: int, last: int
    ) -> frozenset[str]:
        """Return the symbols whose shares may come of some, by any vintage.

        Parameters
        ----------
        symbols
        first, last
            Sessions of the actions, inclusive.

        Returns
        -------
        frozenset of str
            Those of what comes of them in turn, too.
        """
        rows = np.flatnonzero(
            (self.other >= 0) & (self.session >= first) & (self.session <= last)
        )
        pairs = {
            (self.symbols[self.symbol[row]], self.symbols[self.other[row]])
            for row in rows.tolist()
        }
        symbols_after: set[str] = set()
        ahead = set(symbols)
        while ahead:
            symbols_after |= (
                come := {other for own, other in pairs if own in ahead} - symbols_after
            )
            ahead = come
        return frozenset(symbols_after)

    def actions(self, rows: IntVector) -> Iterator[Action]:
        """Yield some rows as objects."""
        for row in rows.tolist():
            other = int(self.other[row])
            yield Action(
                action_id=self.action_ids[self.action[row]],
                symbol=self.symbols[self.symbol[row]],
                kind=KINDS[self.kind[row]],
                session=int(self.session[row]),
                cash=float(self.cash[row]),
                ratio=float(self.ratio[row]),
                other=self.symbols[other] if other >= 0 else "",
                label=self.labels[row],
                known_at=int(self.known_at[row]),
            )
