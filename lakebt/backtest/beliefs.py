"""A decision's view of its own positions: by its fills and the actions known then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.settlement import moved
from lakebt.instants import EPOCH, TICK
from lakebt.prices.effects import effects, per_bar_share

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.backtest.shorts import Shorts
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.effects import Effect
    from lakebt.prices.history import PriceHistory

_NEVER = np.iinfo(np.int64).max
_BEFORE = -_NEVER


class Account:
    """Shares and cash of a strategy before the fills of each decision.

    Parameters
    ----------
    n_symbols
    sessions : ndarray of shape (n_decisions,)
        Of the fills, counted from the window's first.
    capital_usd
        At the start.
    shorts
        What shorts pay.
    """

    def __init__(
        self,
        n_symbols: int,
        *,
        sessions: IntVector,
        capital_usd: float,
        shorts: Shorts,
    ) -> None:
        self._sessions = sessions.tolist()
        self._shorts, self._capital = shorts, capital_usd
        self.shares, self.cash = np.zeros(n_symbols), capital_usd

    def reach(self, number: int) -> None:
        """Advance to a decision, and pay the borrow of the sessions up to its own."""
        self.cash -= self._shorts.learn(number)
        if number:
            start, end = self._sessions[number - 1 : number + 1]
            self.cash -= self._shorts.paid(self.shares, start, end)

    def prices(
        self, number: int, values: FloatVector
    ) -> tuple[FloatVector, FloatVector]:
        """Return the factor and the price of each share at a decision.

        Parameters
        ----------
        number
            The decision that was reached.
        values : ndarray of shape (n_symbols,)
            The last closes known before its deadline.

        Returns
        -------
        price, worth : ndarray of shape (n_symbols,)
            In the share units of the fill.
        """
        del number
        return values, values

    def fill(self, size: FloatVector, spent: float) -> None:
        """Take the fills of the decision that was reached."""
        self.shares = self.shares + size
        self.cash -= spent


class Beliefs(Account):
    """An account with corporate actions, some of which are known too late.

    An action that is not known before a deadline is not there for its decision,
    whatever it has done to the book by then.

    Parameters
    ----------
    history
        Its actions, all vintages.
    window
        Its symbols are the columns.
    deadlines
        Of the decisions.
    sessions, capital_usd, shorts
        As of `Account`.
    delisting_return
        The run's.
    """

    def __init__(
        self,
        history: PriceHistory,
        *,
        window: PriceWindow,
        deadlines: Sequence[dt.datetime],
        sessions: IntVector,
        capital_usd: float,
        shorts: Shorts,
        delisting_return: float | None,
    ) -> None:
        columns = window.columns
        super().__init__(
            len(columns), sessions=sessions, capital_usd=capital_usd, shorts=shorts
        )
        actions = history.actions
        self._parts = per_bar_share(
            history,
            actions.actions(np.arange(len(actions))),
            delisting_return=delisting_return,
        )
        self._known, self._gone = (
            actions.known_at,
            _superseded(actions.action, actions.known_at),
        )
        self._session = actions.session - window.first
        is_column = np.array([s in columns for s in actions.symbols], dtype=bool)
        self._may_count = ~actions.retracted & is_column[actions.symbol]
        self._columns, self._first = columns, window.first
        before = np.array([(at - EPOCH) // TICK for at in deadlines], dtype=np.int64)
        self._deadlines = before.tolist()
        self._closed = _closed(history, window, before)
        self._in_force = np.zeros(len(actions), dtype=bool)
        self._fills: list[tuple[FloatVector, float]] = []
        self._restart()

    def _restart(self) -> None:
        self.shares, self.cash = np.zeros(len(self._columns)), self._capital
        self._of: dict[int, list[Effect]] = {}
        self._latest = np.full(len(self._columns), _BEFORE, dtype=np.int64)

    def reach(self, number: int) -> None:
        """Advance to a decision, with the actions known before its deadline."""
        deadline, end = self._deadlines[number], self._sessions[number]
        in_force = (
            self._may_count
            & (self._known < deadline)
            & (deadline <= self._gone)
            & (self._session <= end)
        )
        start = self._sessions[number - 1] if number else _BEFORE
        past = self._session <= start
        more = self._shorts.learn(number)
        if np.array_equal(in_force & past, self._in_force & past):
            self.cash -= more
            self._advance(in_force & ~past, start, end)
        else:
            self._again(number, in_force)
        self._in_force = in_force

    def _again(self, number: int, in_force: BoolVector) -> None:
        """Replay from the start, because a late fact changed the past."""
        self._restart()
        start = _BEFORE
        for earlier, end in enumerate(self._sessions[: number + 1]):
            between = (self._session > start) & (self._session <= end)
            self._advance(in_force & between, start, end)
            if earlier < number:
                super().fill(*self._fills[earlier])
            start = end

    def _advance(self, rows: BoolVector, start: int, end: int) -> None:
        """Apply actions, and pay the borrow of the sessions between."""
        by_session: dict[int, list[tuple[Effect, int]]] = {}
        for effect in effects(self._parts[row] for row in np.flatnonzero(rows)):
            column = self._columns[effect.symbol]
            session = effect.session - self._first
            by_session.setdefault(session, []).append((effect, column))
            self._of.setdefault(column, []).append(effect)
            self._latest[column] = session
        for session, together in by_session.items():
            held = [each for each in together if self.shares[each[1]] != 0.0]
            for effect, column in held:
                cash = effect.dividend + _told(effect.capital)
                self.cash += float(self.shares[column]) * cash
            if any(effect.moves for effect, _ in held):
                self.cash -= self._shorts.paid(self.shares, start, session)
                self.shares = moved(self.shares, held, columns=self._columns)
                start = session
        if start > _BEFORE:  # nothing is held before the first fill
            self.cash -= self._shorts.paid(self.shares, start, end)

    def prices(
        self, number: int, values: FloatVector
    ) -> tuple[FloatVector, FloatVector]:
        """Return closes adjusted for the known actions since; see `Account`.

        To divide by: over the splits since the close. Worth: less dividends and
        children, too, which are in the cash and in other columns.
        """
        since = self._closed[number]
        is_stale = self._latest > since
        if not is_stale.any():
            return values, values
        stale = {
            column: [
                e for e in self._of[column] if e.session > since[column] + self._first
            ]
            for column in np.flatnonzero(is_stale).tolist()
        }
        price, worth = values.copy(), values.copy()
        for column, later in stale.items():
            for effect in later:
                price[column] /= 1.0 if effect.ending else effect.kept
        is_known = since < _NEVER
        for column, later in stale.items():
            for effect in later:
                rest = self._share_out(effect, worth, column, price, is_known)
                worth[column] = rest / (1.0 if effect.ending else effect.kept)
        return price, worth

    def _share_out(
        self,
        effect: Effect,
        worth: FloatVector,
        column: int,
        price: FloatVector,
        is_known: BoolVector,
    ) -> float:
        """Return a share's value less the value of what an effect gave for it."""
        rest = float(worth[column]) - effect.dividend - _told(effect.capital)
        untold = []
        for other, shares in effect.received:
            place = self._columns.get(other)
            if place is None:  # nothing of it can be held: it came before the run
                continue
            if is_known[place]:
                rest -= shares * float(price[place])
            else:
                untold.append((place, shares))
        rest = max(rest, 0.0)
        for place, shares in untold:
            # What goes on is worth what it was until a price says what its child is.
            worth[place] = rest / shares / len(untold) if effect.ending else 0.0
        return rest

    def fill(self, size: FloatVector, spent: float) -> None:
        """Take the fills of the decision that was reached."""
        self._fills.append((size, spent))
        super().fill(size, spent)


def _told(amount: float) -> float:
    """Return an amount; none if it is not known."""
    return 0.0 if math.isnan(amount) else amount


def _closed(
    history: PriceHistory, window: PriceWindow, before: IntVector
) -> npt.NDArray[np.int64]:
    """Return the session of the last close known before each instant, by column.

    Counted from the window's first; where no close was known, a session never reached:
    what stands in for it has had all that came.
    """
    codes = history.codes(window.symbols)
    rows = history.rows_known(
        np.tile(codes, len(before)), before=np.repeat(before, len(codes))
    )
    closed = np.full(len(rows), _NEVER, dtype=np.int64)
    closed[rows >= 0] = history.session[rows[rows >= 0]] - window.first
    return closed.reshape(len(before), len(codes))


def _superseded(action: IntVector, known_at: IntVector) -> IntVector:
    """Return when each vintage was replaced by the next one of its action."""
    gone = np.full(len(action), _NEVER, dtype=np.int64)
    order = np.lexsort((known_at, action))
    has_next = action[order[1:]] == action[order[:-1]]
    gone[order[:-1][has_next]] = known_at[order[1:][has_next]]
    return gone
