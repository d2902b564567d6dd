"""The events that were traded under many rules, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Traded:
    """The events that were traded, under many rules; a row per event and rule.

    Attributes
    ----------
    rule, date : ndarray of shape (n,)
        Codes, from 0. Events that share a date are deleted together.
    first, n_returns, mean, m2, n_legs : ndarray of shape (n,)
        First session with exposure; number, mean and sum of squared deviations of the
        daily net returns; legs that were traded.
    start, final : ndarray of shape (n,)
        Where the daily returns before the last begin in `held`, and the last.
    held : ndarray of shape (n_held,)
    worth : ndarray of shape (n_held,), optional
        What was held at those closes, longs and shorts added up, as a multiple of what
        the event started with. Without it a calendar portfolio trades for nothing.
    fee : float
        Commission and spread, as a fraction of what is traded.
    """

    rule: IntVector
    date: IntVector
    first: IntVector
    n_returns: IntVector
    mean: FloatVector
    m2: FloatVector
    n_legs: IntVector
    start: IntVector
    final: FloatVector
    held: FloatVector
    worth: FloatVector | None = None
    fee: float = 0.0

    def of(self, rows: IntVector) -> Traded:
        """Return some rows."""
        return Traded(
            rule=self.rule[rows],
            date=self.date[rows],
            first=self.first[rows],
            n_returns=self.n_returns[rows],
            mean=self.mean[rows],
            m2=self.m2[rows],
            n_legs=self.n_legs[rows],
            start=self.start[rows],
            final=self.final[rows],
            held=self.held,
            worth=self.worth,
            fee=self.fee,
        )
