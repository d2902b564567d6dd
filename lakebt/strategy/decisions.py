"""Repeated decisions of a strategy, with the real or with an altered future."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.backtest.targets import checked_weights, symbols_of
from lakebt.errors import InvalidArgumentError
from lakebt.instants import TICK
from lakebt.lake.reading.counterfactual import Alteration, altered
from lakebt.lake.reading.instrument_view import in_results
from lakebt.strategy.audit.audit import Failed, Future, audit
from lakebt.strategy.audit.captures import captured
from lakebt.strategy.audit.surroundings import Surroundings
from lakebt.strategy.audit.verdict import Audit, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.events.clock import Fill
    from lakebt.lake.reading.view import View
    from lakebt.strategy.audit.audit import Decided
    from lakebt.strategy.audit.captures import Captured
    from lakebt.strategy.factory import Maker

FEWEST = 10
"""What a strategy holds may be so long, however few decisions it makes."""


class Decisions:
    """Asks a strategy for its decisions; see `lakebt.strategy.audit.audit.Rerun`.

    Parameters
    ----------
    view
        What is known in the end.
    maker
        Of the strategy.
    fills
        Of all decisions.
    max_gross
        The most that the absolute weights of a decision may sum to.
    """

    def __init__(
        self, view: View, maker: Maker, *, fills: Sequence[Fill], max_gross: float
    ) -> None:
        self._view, self._maker, self._fills = view, maker, fills
        self._max_gross = max_gross
        self._surroundings: Surroundings | None = None

    def when(self, number: int) -> str:
        """Return the name of a decision in words."""
        return f"decision of {self._view.sessions.date(self._fills[number].session)}"

    def decide(self, strategy: object, number: int) -> pd.Series:
        """Return one decision of a strategy, checked."""
        view = self._view.for_decision(self._fills[number].deadline - TICK)
        return checked_weights(
            strategy.target_weights(view),  # type: ignore[attr-defined]  # Maker's duty
            when=self.when(number),
            max_gross=self._max_gross,
        )

    def traded(self, weights: pd.Series, number: int) -> pd.Series:
        """Return the weights of a decision by the symbols' names in results.

        Raises
        ------
        InvalidArgumentError
            If two of them are of one instrument.
        """
        names = symbols_of(weights.index)
        view = self._view.for_decision(self._fills[number].deadline - TICK)
        called = in_results(view, self._view, names)
        if called == names:
            return weights
        held = weights.to_numpy() != 0.0
        seen: dict[str, str] = {}
        for name, own, is_held in zip(names, called, held.tolist(), strict=True):
            if is_held and seen.setdefault(own, name) != name:
                msg = (
                    f"{self.when(number)}: {seen[own]} and {name} are one instrument, "
                    f"{own}: give it one weight"
                )
                raise InvalidArgumentError(msg)
        by_name = pd.Series(weights.to_numpy(), index=called)
        return by_name.groupby(level=0, sort=False).sum()

    def __call__(self, future: Future | None, numbers: Sequence[int]) -> list[Decided]:
        """Return some decisions of a strategy made anew."""
        with altered(self._alteration(future)):
            if future is None and len(numbers) == len(self._fills):
                strategy = self._made()
                return [self.decide(strategy, number) for number in numbers]
            decided: list[Decided] = []
            try:
                strategy = self._made()
                for number in numbers:
                    decided.append(self.decide(strategy, number))  # noqa: PERF401
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                text = " ".join(str(error).split())
                failed = Failed(f"{type(error).__name__}{text and f': {text}'}")
                decided += [failed] * (len(numbers) - len(decided))
            return decided

    def _made(self) -> object:
        if self._surroundings is not None:
            self._surroundings.restore()
        if self._maker.is_remade:
            return self._maker.make(self._view)
        return self._maker.copied()

    def _alteration(self, future: Future | None) -> Alteration | None:
        if future is None:
            return None
        return Alteration(
            after=self._fills[future.cut].deadline - TICK,
            seed=future.seed,
            is_mirrored=future.is_mirrored,
        )

    def _reached(self) -> Captured:
        return self._captured(self._maker.given, max(FEWEST, len(self._fills)))

    def _captured(self, given: object, many: int) -> Captured:
        first, zone = self._fills[0].deadline, self._view.sessions.zone
        return captured(given, after=first, many=many, zone=zone)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run a strategy in restored surroundings, and record what it changes."""
        given = self._maker.given
        # What an object learnt is its own: it goes on where it was.
        around = given if self._maker.is_remade else type(given)
        Surroundings(self._captured(around, FEWEST)).take_back()
        before = Surroundings(self._reached())
        try:
            yield
        finally:
            before.remember()

    def audited(
        self,
        *,
        decisions: int | None,
        seed: int,
        progress: Callable[[int, int], None] | None,
    ) -> Audit:
        """Return the look-ahead audit of the decisions."""
        sessions = [self._view.sessions.date(fill.session) for fill in self._fills]
        now = Surroundings(self._reached())
        now.take_back()  # a memo that a run filled would hide what it was made from
        try:
            if not self._maker.is_remade:
                self._maker.copied()  # or it says why not
            # What it holds is looked for first: a copy of it would hold the same.
            surroundings = self._reached()
            unseen = list(surroundings.histories.values())
            if self._maker.is_made_with_view:
                unseen.append("it was made with a view")
            if unseen:
                return self._unseen(unseen, count=len(sessions), seed=seed)
            self._surroundings = Surroundings(surroundings)
            try:
                outcome = audit(
                    self,
                    sessions=sessions,
                    decisions=decisions,
                    seed=seed,
                    progress=progress,
                )
            finally:
                self._surroundings.restore()
            # A module that was imported on the way was made of what all could see.
            if unseen := list(self._reached().histories.values()):
                return self._unseen(unseen, count=len(sessions), seed=seed)
        finally:
            now.restore()
        return Audit(
            strategy=self._maker.name,
            release=self._view.release,
            verdict=outcome.verdict,
            n_decisions=len(sessions),
            n_checked=outcome.n_checked,
            seed=seed,
            difference=outcome.difference,
        )

    def _unseen(self, held: Sequence[str], *, count: int, seed: int) -> Audit:
        return Audit(
            strategy=self._maker.name,
            release=self._view.release,
            verdict=Verdict.UNSEEN,
            n_decisions=count,
            seed=seed,
            unseen=tuple(held),
        )
