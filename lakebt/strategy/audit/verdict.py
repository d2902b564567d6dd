"""What an audit of a strategy found, as a value that tells itself."""

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
    """What an audit found."""

    PASSED = "passed"
    LOOK_AHEAD = "look_ahead"
    NOT_REPRODUCIBLE = "not_reproducible"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first decision that another future, or another run, changed.

    Attributes
    ----------
    session : date
        The decision's.
    symbol : str or None
        Whose weight changed most; None if the decision failed instead.
    weight, other : float or None
        As decided, and as decided again.
    how : str
        What was different, in words.
    error : str
        What the decision raised instead; empty if it did not.
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
    """Whether a strategy's decisions depend on what was not yet known.

    Attributes
    ----------
    strategy, release : str
        What was audited, on which release.
    verdict : Verdict
        ``passed``; ``look_ahead``; ``not_reproducible``, if two runs on the same facts
        differ; ``unseen``, if it holds data that an audit cannot make anew.
    n_decisions, n_checked : int
        Of the run, and how many of them were cut at.
    seed : int
        From which other futures were drawn.
    difference : Difference or None
        The first decision that changed.
    unseen : tuple of str
        What it holds.
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
                held = listed(self.unseen, between="; ")
                return (
                    f"{self.strategy} cannot be audited, for it holds data made before "
                    f"the audit: {held}. Give its class, or a "
                    f"function of the view that makes it with its data"
                )

    def _repr_html_(self) -> str:
        return marked(f"{self}.", good=self.passed)
