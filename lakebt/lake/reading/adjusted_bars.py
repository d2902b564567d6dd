"""The splits and spin-offs that a vendor's adjusted bars already contain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.lake.reading.instrument_tables import ByInstrument
from lakebt.lake.reading.known_actions import actions_of
from lakebt.lake.tables.schemas import BASES, CORPORATE_ACTIONS
from lakebt.prices.actions import ActionKind
from lakebt.prices.adjustment import Moves, factors_in_bars

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.lake.reading.bars import Bars
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.prices.actions import ActionHistory

WHEN_ISSUED = 20
"""A close of the new share counts as when-issued so many sessions before its first: a
bar from long before is of another company that had the ticker."""

NEVER = 2**63 - 1
"""What is known by then is known at all."""

Tables: TypeAlias = "Pinned | ByInstrument"
"""A release's bars and actions: as the tables call them, or by instrument."""

Day = tuple[int, int]
"""Column and session."""

Terms = frozenset[tuple[int, float, str]]
"""What was told of a day: kind, ratio and other of each split and spin-off."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """The splits and spin-offs that adjusted bars contain, day by day.

    Attributes
    ----------
    symbols : tuple of str
        The given symbols, and those whose shares come from their actions.
    days : Moves
        As `Moves.by_day` returns them; columns are positions in `symbols`.
    factors : ndarray of shape (n_days,)
        The factor of each day, by which the vendor multiplied the bars before it.
    terms : mapping
    """

    symbols: tuple[str, ...]
    days: Moves
    factors: FloatVector
    terms: Mapping[Day, Terms]

    def only(self, rows: BoolVector) -> Held:
        """Return some of the days."""
        days = self.days.only(rows)
        kept = set(zip(days.column.tolist(), days.session.tolist(), strict=True))
        return Held(
            symbols=self.symbols,
            days=days,
            factors=self.factors[rows],
            terms={day: terms for day, terms in self.terms.items() if day in kept},
        )

    def days_of(self, count: int) -> Held:
        """Return those of the first symbols."""
        return self.only(self.days.column < count)

    def renamed(
        self, symbols: Sequence[str], own: Sequence[str], name: Callable[[str], str]
    ) -> Held:
        """Return the days of some symbols by other names, and of the rest after them.

        Parameters
        ----------
        symbols
            The columns, by their new names.
        own
            What each is called here; one may be there twice.
        name
            Gives the new name of one that is no column.
        """
        rest = [symbol for symbol in self.symbols if symbol not in own]
        taken = [self.symbols.index(symbol) for symbol in (*own, *rest)]
        days = [np.flatnonzero(self.days.column == column) for column in taken]
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *days])
        column = np.repeat(np.arange(len(taken)), [len(each) for each in days])
        return Held(
            symbols=(*symbols, *map(name, rest)),
            days=replace(self.days.only(rows), column=column),
            factors=self.factors[rows],
            terms={
                (place, session): frozenset(
                    (kind, ratio, name(other) if other else "")
                    for kind, ratio, other in terms
                )
                for place, own_column in enumerate(taken)
                for (whose, session), terms in self.terms.items()
                if whose == own_column
            },
        )

    def after(self, column: int, session: int) -> float:
        """Return the shares that one share of a symbol became after a session."""
        later = (self.days.column == column) & (self.days.session > session)
        return float(np.prod(self.days.ratio[later]))


def all_actions(tables: Tables, symbols: Sequence[str]) -> ActionHistory:
    """Return every vintage of the actions of some symbols, known when it may be."""
    names = tuple(symbols)

    def read() -> ActionHistory:
        if isinstance(tables, ByInstrument):
            return tables.actions(names, known_by=NEVER)
        return actions_of(tables, names, known_by=NEVER)

    return tables.kept(
        CORPORATE_ACTIONS.name,
        f"actions of {names}",
        read,
        size=lambda actions: 200 * len(actions) + 20 * len(names),
    )


def held_as_called(tables: Tables, symbols: Sequence[str], *, day: dt.date) -> Held:
    """Return the actions in the adjusted bars of symbols, by their names in `tables`.

    Whose they are by all that is known of identifiers decides what is in them; a row
    that is not known yet renames nothing.

    Parameters
    ----------
    tables
    symbols
        As `tables` calls them.
    day
        On which they are called so, where they are nobody's so far.
    """
    if not isinstance(tables, ByInstrument):
        return held(tables, symbols)
    ends = [tables.in_the_end(symbol, day) for symbol in symbols]
    whole = held(tables, tuple(dict.fromkeys(ends)))
    return whole.renamed(symbols, ends, tables.so_far)


def held(pinned: Tables, symbols: Sequence[str]) -> Held:
    """Return the actions that the adjusted bars of some symbols contain.

    These are the actions of the whole release, up to each symbol's last bar, because
    the vendor knew them. In an altered release they are those known before the
    alteration.
    """
    whole = pinned.whole
    actions = all_actions(whole, symbols)
    names = tuple(dict.fromkeys((*symbols, *actions.symbols)))
    rows = _of_shares(actions, actions.in_force())
    if len(rows):
        last = whole.bars(names, ("close",)).last_sessions(names)
        own = np.array([names.index(s) for s in actions.symbols], dtype=np.int64)
        rows = rows[actions.session[rows] <= last[own[actions.symbol[rows]]]]
    splits = rows[actions.kind[rows] == ActionKind.SPLIT.code]
    alone, _ = moves_of(whole, actions, splits, names, as_of=NEVER, held=None)
    days = alone.by_day()
    result = Held(symbols=names, days=days, factors=1.0 / days.ratio, terms={})
    moves, rows = moves_of(whole, actions, rows, names, as_of=NEVER, held=result)
    days = moves.by_day()
    close, is_adjusted = _closes(whole, names, days)
    result = Held(
        symbols=names,
        days=days,
        factors=factors_in_bars(days, close, is_adjusted=is_adjusted),
        terms=terms_of(actions, rows, moves),
    )
    if (by := pinned.bars_hold_known_by) is None:
        return result
    return result.only(_is_known(pinned, result, by=by))


def _is_known(pinned: Tables, result: Held, *, by: int) -> BoolVector:
    """Return the days whose terms were the same by an instant."""
    actions = all_actions(pinned.whole, result.symbols)
    rows = _of_shares(actions, actions.in_force(before=by + 1))
    moves, rows = _plain(actions, rows, result.symbols)
    terms = terms_of(actions, rows, moves)
    pairs = zip(result.days.column.tolist(), result.days.session.tolist(), strict=True)
    same = [terms.get(day) == result.terms[day] for day in pairs]
    return np.array(same, dtype=bool)


def not_known(pinned: Tables, symbols: Sequence[str], *, by: int) -> Held:
    """Return the actions in adjusted bars that were known only after an instant."""
    whole = held(pinned, symbols)
    return whole.only(~_is_known(pinned, whole, by=by))


def terms_of(actions: ActionHistory, rows: IntVector, moves: Moves) -> dict[Day, Terms]:
    """Return the terms of each day in some rows, without dividends."""
    terms_by_day: dict[Day, set[tuple[int, float, str]]] = {}
    is_dividend = actions.kind[rows] == ActionKind.CASH_DIVIDEND.code
    for place in np.flatnonzero(~is_dividend).tolist():
        row = rows[place]
        other = int(actions.other[row])
        whose = actions.symbols[other] if other >= 0 else ""
        terms = int(actions.kind[row]), float(actions.ratio[row]), whose
        day = int(moves.column[place]), int(moves.session[place])
        terms_by_day.setdefault(day, set()).add(terms)
    return {day: frozenset(terms) for day, terms in terms_by_day.items()}


def moves_of(
    pinned: Tables,
    actions: ActionHistory,
    rows: IntVector,
    symbols: Sequence[str],
    *,
    as_of: int,
    held: Held | None,
) -> tuple[Moves, IntVector]:
    """Return what some rows take from the prices of some symbols, and the rows used.

    Parameters
    ----------
    pinned
        Has the bars of the shares that spin-offs brought.
    actions, rows
        Those of other symbols are left out.
    symbols
        The columns.
    as_of
        What those bars are known by, in microseconds since 1970, inclusive.
    held
        What is in them, if they were adjusted.
    """
    moves, rows = _plain(actions, rows, symbols)
    spin_offs = np.flatnonzero(actions.kind[rows] == ActionKind.SPIN_OFF.code)
    if len(spin_offs) == 0:
        return moves, rows
    children = [actions.symbols[c] for c in actions.other[rows[spin_offs]]]
    bars = _Few(pinned.bars(_names(children), ("close",)), children, as_of=as_of)
    for place, child in zip(spin_offs.tolist(), children, strict=True):
        price = _first_price(bars, child, int(moves.session[place]), held)
        moves.spun[place] = actions.ratio[rows[place]] * price
    return moves, rows


def _plain(
    actions: ActionHistory, rows: IntVector, symbols: Sequence[str]
) -> tuple[Moves, IntVector]:
    """Return moves without the values of spun-off shares."""
    place = {symbol: number for number, symbol in enumerate(symbols)}
    own = np.array([place.get(s, -1) for s in actions.symbols], dtype=np.int64)
    column = own[actions.symbol[rows]]
    rows, column = rows[column >= 0], column[column >= 0]
    kind = actions.kind[rows]
    is_split = kind == ActionKind.SPLIT.code
    is_dividend = kind == ActionKind.CASH_DIVIDEND.code
    moves = Moves(
        column=column,
        session=actions.session[rows],
        ratio=np.where(is_split, actions.ratio[rows], 1.0),
        cash=np.where(is_dividend, actions.cash[rows], 0.0),
        spun=np.zeros(len(rows)),
    )
    return moves, rows


def _of_shares(actions: ActionHistory, rows: IntVector) -> IntVector:
    kinds = ActionKind.SPLIT.code, ActionKind.SPIN_OFF.code
    return rows[np.isin(actions.kind[rows], kinds)]


def _names(symbols: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbols))


def _first_price(bars: _Few, child: str, session: int, held: Held | None) -> float:
    """Return a share's when-issued close, or else its first open, as it was traded."""
    bar = bars.last(child, session - WHEN_ISSUED, session)
    if bar is None:
        bar = bars.first(child, session)
    if bar is None:
        return np.nan
    day, price, is_adjusted = bar
    if held is not None and is_adjusted and child in held.symbols:
        price *= held.after(held.symbols.index(child), day)
    return price


def _closes(
    pinned: Tables, symbols: Sequence[str], days: Moves
) -> tuple[FloatVector, BoolVector]:
    """Return the last close before each spin-off, and whether it was adjusted."""
    close, is_adjusted = np.full(len(days), np.nan), np.ones(len(days), dtype=bool)
    needed = np.flatnonzero(days.spun != 0.0)
    if len(needed) == 0:
        return close, is_adjusted
    parents = [symbols[column] for column in days.column[needed]]
    bars = _Few(pinned.bars(_names(parents), ("close",)), parents, as_of=NEVER)
    for place, parent in zip(needed.tolist(), parents, strict=True):
        bar = bars.last(parent, 0, int(days.session[place]))
        if bar is not None:
            _, close[place], is_adjusted[place] = bar
    return close, is_adjusted


class _Few:
    """The bars of a few symbols in force at an instant, by symbol and session."""

    def __init__(self, bars: Bars, symbols: Sequence[str], *, as_of: int) -> None:
        self._names = {symbol: n for n, symbol in enumerate(_names(symbols))}
        place = bars.places(list(self._names))
        rows = np.flatnonzero((place >= 0) & (bars.known_at <= as_of))
        rows = rows[np.lexsort((bars.known_at[rows], bars.session[rows], place[rows]))]
        is_last = (np.diff(place[rows]) != 0) | (np.diff(bars.session[rows]) != 0)
        rows = rows[np.append(is_last, True)[: len(rows)]]
        rows = rows[~bars.retracted[rows]]
        self._bars, self._rows = bars, rows
        self._starts = np.searchsorted(place[rows], np.arange(len(self._names) + 1))

    def _of(self, symbol: str) -> IntVector:
        number = self._names[symbol]
        rows: IntVector = self._rows[self._starts[number] : self._starts[number + 1]]
        return rows

    def last(
        self, symbol: str, first: int, before: int
    ) -> tuple[int, float, bool] | None:
        """Return session and close of the last bar of some sessions, None if none."""
        rows = self._of(symbol)
        place = int(np.searchsorted(self._bars.session[rows], before)) - 1
        if place < 0 or self._bars.session[rows[place]] < first:
            return None
        return self._told(rows[place], "close")

    def first(self, symbol: str, since: int) -> tuple[int, float, bool] | None:
        """Return session and open of the first bar since a session, None if none."""
        rows = self._of(symbol)
        place = int(np.searchsorted(self._bars.session[rows], since))
        return None if place == len(rows) else self._told(rows[place], "open")

    def _told(self, row: int, column: str) -> tuple[int, float, bool]:
        bars = self._bars
        basis = BASES[int(bars.column("basis")[row])]
        price = float(bars.column(column)[row])
        return int(bars.session[row]), price, basis != "raw"
