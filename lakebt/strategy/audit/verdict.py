"""The result of a look-ahead audit."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt._messages import as_words
from lakebt.errors import listed
from lakebt.values.text import marked

if TYPE_CHECKING:
    import datetime as dt


class Verdict(enum.StrEnum):
    """The verdict of a look-ahead audit."""

    PASSED = "passed"
    LOOK_AHEAD = "look_ahead"
    NOT_REPRODUCIBLE = "not_reproducible"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first decision that changed with another future, or in another run.

    Attributes
    ----------
    session : date
        The session of the decision.
    symbol : str or None
        The symbol whose weight changed most; None if the decision failed instead.
    weight, other : float or None
        The weight at first, and when the decision was repeated.
    how : str
        What was different, in words.
    error : str
        The error that the repeated decision raised; empty if it raised none.
    """

    session: dt.date
    symbol: str | None
    weight: float | None
    other: float | None
    how: str
    error: str = ""

    @as_words
    def __str__(self) -> str:
        if self.symbol is None:
            return f"decision of {self.session}: with {self.how} it raised {self.error}"
        return (
            f"decision of {self.session}, {self.symbol}: {self.weight:g}, "
            f"but {self.other:g} with {self.how}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The result of a look-ahead audit of a strategy.

    Attributes
    ----------
    strategy, release : str
        The strategy, and the release it was audited on.
    verdict : Verdict
        ``passed``; ``look_ahead``; ``not_reproducible``, if two runs on the same facts
        differ; ``unseen``, if the strategy holds data that an audit cannot make anew.
    n_decisions, n_checked : int
        The number of decisions of the run, and of those that were tested.
    seed : int
        The seed of the invented futures.
    difference : Difference or None
        The first decision that changed.
    unseen : tuple of str
        The data that the audit cannot make anew.
    """

    strategy: str
    release: str
    verdict: Verdict
    n_decisions: int
    n_checked: int = 0
    seed: int = 0
    difference: Difference | None = None
    unseen: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.verdict is Verdict.PASSED

    @as_words
    def __str__(self) -> str:
        match self.verdict:
            case Verdict.PASSED:
                return (
                    f"{self.strategy} passed: {self.n_checked:,} of "
                    f"{self.n_decisions:,} decisions stood with the future removed and "
                    f"with it replaced (seed {self.seed})"
                )
            case Verdict.LOOK_AHEAD:
                return f"{self.strategy} looks ahead: {self.difference}"
            case Verdict.NOT_REPRODUCIBLE:
                return f"{self.strategy} is not reproducible: {self.difference}"
            case Verdict.UNSEEN:
                data = listed(self.unseen, between="; ")
                return (
                    f"{self.strategy} cannot be audited, for it holds data made before "
                    f"the audit: {data}. Give its class, or a "
                    f"function of the view that makes it with its data"
                )

    def _repr_html_(self) -> str:
        return marked(f"{self}.", good=self.passed)
