"""The look-ahead audit, gate 2 of the guard.

A new instance of the strategy repeats its decisions in lakes whose facts from after a
decision's deadline are removed or replaced. The facts known by the deadline are the
same, so the decision must be the same. The audit names the first decision that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from lakebt.strategy.audit.verdict import Difference, Verdict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd


TOLERANCE = 1e-9
"""Weights closer than this are the same: sums may be added up in another order."""

FEW = 50
"""The default number of decisions that are tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """How the facts known after a decision's deadline are altered.

    Attributes
    ----------
    cut
        Number of the decision.
    seed
        It is replaced, by what is drawn from this; None removes it.
    is_mirrored
        Whether what would be drawn high is drawn low, and the other way round.
    """

    cut: int
    seed: int | None = None
    is_mirrored: bool = False

    @property
    def words(self) -> str:
        """The alteration in words."""
        return f"the future {'removed' if self.seed is None else 'replaced'}"


@dataclass(frozen=True, slots=True)
class Failed:
    """The error of a decision that returned no weights."""

    error: str


Decided: TypeAlias = "pd.Series | Failed"


class Rerun(Protocol):
    """Makes a strategy anew, and calls it for decisions."""

    def __call__(self, future: Future | None, numbers: Sequence[int]) -> list[Decided]:
        """Return some decisions.

        Parameters
        ----------
        future
            In which lake: with its future altered, or as it is.
        numbers
            Which decisions, in this order, all by one strategy.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The result of `audit`: the verdict, the difference and the number of tests."""

    verdict: Verdict
    n_checked: int
    difference: Difference | None = None


def audit(
    rerun: Rerun,
    *,
    sessions: Sequence[dt.date],
    decisions: int | None,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Make decisions again with their future altered, and compare.

    Parameters
    ----------
    rerun
        Makes decisions.
    sessions
        Of all decisions.
    decisions
        How many to cut at; up to `FEW` by default. The first and the last always are,
        half of the others where weights changed. If one differs, all before it are cut
        at too, so that the first is named.
    seed
        From which other futures are drawn.
    progress
        Called with the decisions made and their number, as far as it is known.
    """
    count = len(sessions)
    counted = _Counted(rerun, progress)
    counted.expect(2 * count)
    base = counted(None, range(count))
    again = counted(None, range(count))
    for number in range(count):
        if weights := _differs(base[number], again[number]):
            difference = _difference(sessions[number], weights, "the same data again")
            return Found(
                verdict=Verdict.NOT_REPRODUCIBLE, n_checked=0, difference=difference
            )
    examiner = _Examiner(counted, base=base, seed=seed)
    cuts = chosen(base, min(count, FEW if decisions is None else decisions))
    counted.expect(4 * len(cuts))
    for number in cuts:
        # Whatever its state, the whole way to the last one is made again.
        changed = examiner.cut(number, is_whole=number == cuts[-1])
        if changed is None:
            continue
        first, weights, how = changed
        for earlier in range(first):
            if earlier not in cuts and (nearer := examiner.cut(earlier)) is not None:
                first, weights, how = nearer
                break
        return Found(
            verdict=Verdict.LOOK_AHEAD,
            n_checked=examiner.n_cuts,
            difference=_difference(sessions[first], weights, how),
        )
    return Found(verdict=Verdict.PASSED, n_checked=len(cuts))


_Told: TypeAlias = "tuple[str | None, float | None, float | None, str]"
"""Symbol, weight, other weight, error."""


class _Counted:
    """Counts the decisions that are made."""

    def __init__(
        self, rerun: Rerun, progress: Callable[[int, int], None] | None
    ) -> None:
        self._rerun, self._progress = rerun, progress
        self._done = self._total = 0

    def expect(self, number: int) -> None:
        self._total += number

    def __call__(self, future: Future | None, numbers: Sequence[int]) -> list[Decided]:
        decided = self._rerun(future, numbers)
        self._done += len(numbers)
        self._total = max(self._total, self._done)
        if self._progress is not None:
            self._progress(self._done, self._total)
        return decided


class _Examiner:
    """Tests decisions, and compares the new ones with the first."""

    def __init__(self, rerun: _Counted, *, base: list[Decided], seed: int) -> None:
        self._rerun, self._base, self._seed = rerun, base, seed
        self.n_cuts = 0

    def cut(
        self, number: int, *, is_whole: bool = False
    ) -> tuple[int, _Told, str] | None:
        """Return the first decision that changes when the future of one does.

        A strategy that decides the same without its earlier decisions carries nothing
        that matters here from one to the next: that decision alone is made again.
        """
        self.n_cuts += 1
        is_whole = is_whole or self._needs_its_past(number)
        numbers = range(number + 1) if is_whole else range(number, number + 1)
        for future in (
            Future(cut=number),
            Future(cut=number, seed=self._seed),
            Future(cut=number, seed=self._seed, is_mirrored=True),
        ):
            decided = self._rerun(future, numbers)
            for place, other in zip(numbers, decided, strict=True):
                if weights := _differs(self._base[place], other):
                    return place, weights, future.words
        return None

    def _needs_its_past(self, number: int) -> bool:
        if number == 0:
            return False
        (alone,) = self._rerun(None, [number])
        return _differs(self._base[number], alone) is not None


def chosen(base: Sequence[Decided], number: int) -> list[int]:
    """Return the numbers of the decisions to test, in order.

    Examples
    --------
    >>> import pandas as pd
    >>> flat, long = pd.Series(dtype=float), pd.Series({"A": 1.0})
    >>> chosen([flat, flat, flat, flat, long, long, long, long], 3)
    [0, 4, 7]
    """
    count = len(base)
    number = max(1, min(number, count))
    moves = [n for n in range(1, count) if _differs(base[n - 1], base[n])]
    picked: dict[int, None] = dict.fromkeys([0, count - 1][:number])
    half = number // 2 + number % 2
    for numbers, until in ((moves, len(picked) + half - 1), (range(count), number)):
        left = [n for n in numbers if n not in picked]
        wanted = min(until - len(picked), len(left))
        picked |= dict.fromkeys(_spread(left, wanted))
    return sorted(picked)


def _spread(numbers: Sequence[int], count: int) -> Iterable[int]:
    """Return a number of evenly spread items."""
    if count <= 0:
        return ()
    places = np.linspace(0, len(numbers) - 1, count + 2)[1:-1].round().astype(int)
    if count >= len(numbers):
        places = np.arange(len(numbers))
    return (numbers[place] for place in places)


def _differs(base: Decided, other: Decided) -> _Told | None:
    """Return the weight that changed most; None if none did."""
    if isinstance(other, Failed):
        return None, None, None, other.error
    if isinstance(base, Failed):  # on the way to what differs
        return None, None, None, base.error
    if base.index.equals(other.index) and np.array_equal(
        base.to_numpy(), other.to_numpy()
    ):
        return None
    symbols = base.index.union(other.index, sort=True)
    before = base.reindex(symbols, fill_value=0.0)
    after = other.reindex(symbols, fill_value=0.0)
    moved = (after - before).abs()
    if not len(moved) or moved.max() <= TOLERANCE:
        return None
    symbol = str(moved.idxmax())
    return symbol, float(before[symbol]), float(after[symbol]), ""


def _difference(session: dt.date, weights: _Told, how: str) -> Difference:
    symbol, weight, other, error = weights
    return Difference(
        session=session,
        symbol=symbol,
        weight=weight,
        other=other,
        how=how,
        error=error,
    )
