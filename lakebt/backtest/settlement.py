"""Corporate actions in a strategy's book: shares, cash, shares of other symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import UntradeableError
from lakebt.prices.actions import KINDS, ActionKind
from lakebt.prices.effects import cash_of, shares_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.window import PriceWindow
    from lakebt.prices.effects import Effect


@dataclass(frozen=True, kw_only=True, eq=False)
class Flows:
    """The flows of actions at the opens of a window; vectors of shape (n_flows,).

    Attributes
    ----------
    session
        Counted from the window's first.
    column
        Whose action it is.
    kind
        `ActionKind.code`.
    before, after
        Shares held at the close before, and those of the same symbol that an ending or
        the day's splits leave. Several actions of a day have the same `before`.
    cash
        In USD; negative if it was owed.
    other, received
        Column and number of the shares of another symbol; -1 and 0 if there are none.
    """

    session: IntVector
    column: IntVector
    kind: npt.NDArray[np.int8]
    before: FloatVector
    after: FloatVector
    cash: FloatVector
    other: IntVector
    received: FloatVector

    def __len__(self) -> int:
        return len(self.session)

    @classmethod
    def of(
        cls, rows: Sequence[tuple[int, int, int, float, float, float, int, float]]
    ) -> Flows:
        """Return flows from rows of their fields."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * 8
        whole, real = np.int64, np.float64
        session, column, kind, before, after, cash, other, received = columns
        return cls(
            session=np.array(session, dtype=whole),
            column=np.array(column, dtype=whole),
            kind=np.array(kind, dtype=np.int8),
            before=np.array(before, dtype=real),
            after=np.array(after, dtype=real),
            cash=np.array(cash, dtype=real),
            other=np.array(other, dtype=whole),
            received=np.array(received, dtype=real),
        )

    def cash_by_session(self, sessions: int) -> FloatVector:
        """Return the cash flow at each session's open, in USD."""
        cash = np.bincount(self.session, weights=self.cash, minlength=sessions)
        return np.asarray(cash, dtype=np.float64)

    def is_kind(self, *kinds: ActionKind) -> npt.NDArray[np.bool_]:
        """Return which flows are of some kinds."""
        return np.isin(self.kind, [kind.code for kind in kinds])

    @property
    def dividends(self) -> float:
        """Dividends received less dividends owed, in USD."""
        return float(self.cash[self.is_kind(ActionKind.CASH_DIVIDEND)].sum())

    @property
    def endings(self) -> dict[str, int]:
        """How many positions ended, by kind; only the kinds that occur."""
        kinds = [KINDS[code] for code in self.kind.tolist()]
        counts = {kind: kinds.count(kind) for kind in KINDS if kind.is_ending}
        return {str(kind): count for kind, count in counts.items() if count}


def settle(
    changes: FloatPanel, effects: Sequence[Effect], *, window: PriceWindow
) -> Flows:
    """Turn the changes of each session into positions, by orders and by actions.

    Parameters
    ----------
    changes : ndarray of shape (n_sessions, n_symbols)
        What orders brought in each session; afterwards what is held at its close.
    effects
        By session. Those of symbols that are no columns do nothing.
    window
        The prices of every symbol that can be held.

    Raises
    ------
    UntradeableError
        If what is held ends in an amount that is not known, or in shares of a symbol
        that has no price.
    """
    columns, count = window.columns, len(changes)
    held = [
        (effect, effect.session - window.first, columns[effect.symbol])
        for effect in effects
        # Nothing is held before the first session.
        if 0 < effect.session - window.first < count and effect.symbol in columns
    ]
    moving = [each for each in held if each[0].moves]
    begin = 0
    for cut in [*dict.fromkeys(session for _, session, _ in moving), count]:
        np.cumsum(changes[begin:cut], axis=0, out=changes[begin:cut])
        if cut == count:
            break
        before = changes[cut - 1]
        together = [(effect, column) for effect, at, column in moving if at == cut]
        changes[cut] += moved(before, together, columns=columns)
        begin = cut
    rows = []
    for effect, session, column in held:
        shares = float(changes[session - 1, column])
        if shares != 0.0:
            _check(effect, window=window)
            rows += _flows(effect, session, column, shares, columns=columns)
    return Flows.of(rows)


def moved(
    before: FloatVector,
    together: Sequence[tuple[Effect, int]],
    *,
    columns: dict[str, int],
) -> FloatVector:
    """Return the shares after all actions of one open.

    Parameters
    ----------
    before : ndarray of shape (n_symbols,)
        Held at the close before: what is received is not converted again.
    together
        The effects of one session, each with the column of its symbol.
    columns
        The place of each symbol.
    """
    after = before.copy()
    for effect, column in together:
        after[column] = before[column] * effect.kept
    for effect, column in together:
        for other, shares in effect.received:
            if before[column] != 0.0:
                after[columns[other]] += before[column] * shares
    return after


def _flows(
    effect: Effect, session: int, column: int, shares: float, *, columns: dict[str, int]
) -> list[tuple[int, int, int, float, float, float, int, float]]:
    """Return a row for each action of a day of a symbol that is held."""
    rows = []
    for action in effect.actions:
        is_split = action.kind is ActionKind.SPLIT
        if is_split and effect.ending is not None:
            continue  # nothing is left to be split
        changes = is_split or action.kind.is_ending
        after = shares * effect.kept if changes else shares
        received = shares * shares_of(action)
        other = columns[action.other] if received else -1
        cash = shares * cash_of(action)
        rows.append(
            (session, column, action.kind.code, shares, after, cash, other, received)
        )
    return rows


def _check(effect: Effect, *, window: PriceWindow) -> None:
    """Refuse an ending for which the holders' proceeds are unknown.

    Raises
    ------
    UntradeableError
        With what is missing.
    """
    day = window.sessions.date(effect.session)
    if effect.capital != effect.capital:
        msg = (
            f"{effect.symbol} was delisted on {day}, and what its holders got is not "
            f"known: publish its cash, or pass delisting_return"
        )
        raise UntradeableError(msg)
    for other, _ in effect.received:
        if np.isnan(window.prices[:, window.columns[other]]).all():
            msg = (
                f"holders of {effect.symbol} got shares of {other} on {day}, which has "
                f"no prices from {window.sessions.date(window.first)} to "
                f"{window.sessions.date(window.first + window.n_sessions - 1)}: "
                f"publish them"
            )
            raise UntradeableError(msg)
