"""What one study of a sweep leaves for the next: its schedule and its prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lakebt.content import content_key
from lakebt.trading import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakebt.backtest.levels import Level
    from lakebt.cells import Cells
    from lakebt.events.schedule import Schedule
    from lakebt.history import PriceHistory
    from lakebt.study import Study

T = TypeVar("T")

_DECIDE = (
    *("index", "changes", "entries", "exits", "where", "period", "size"),
    *("side", "on_look_ahead", "min_lead"),
)
"""Arguments that orders are decided by."""

_BOOK = (*_DECIDE, "hedge", "missing")
"""Arguments that books are made by. Costs, gross and capital are their levels."""


class Memory:
    """The last schedule and prices: the next study often differs in little."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._last: dict[str, tuple[Any, Any]] = {}

    def schedule(self, study: Study) -> Schedule:
        """Return what the guard decides for a study.

        Raises
        ------
        LookAheadError
            Under ``on_look_ahead="raise"``.
        """
        key = self._key(study, _DECIDE)
        return self._kept("schedule", key, lambda: study.schedule)

    def history(self, study: Study) -> PriceHistory:
        """Return the prices of a study.

        Raises
        ------
        InvalidArgumentError
            If its hedge has none.
        """
        plan = self.schedule(study)
        key = self._key(study, (*_DECIDE, "hedge"))
        return self._kept("history", key, lambda: study.history(plan))

    def trade(self, study: Study, levels: Sequence[Level]) -> list[Cells]:
        """Return what each cell of a study comes to, at each level, in one pass."""
        plan, history = self.schedule(study), self.history(study)
        return ENGINES[self.engine](plan, history, study, levels, None)

    def book_key(self, study: Study) -> object:
        """Return what is equal for studies that differ in nothing but their levels.

        They may differ in how their events become one series, too.
        """
        return self._key(study, _BOOK)

    @staticmethod
    def _key(study: Study, names: tuple[str, ...]) -> tuple[int, str]:
        asked = {name: study.arguments.get(name) for name in names}
        return id(study.view), content_key(asked)

    def _kept(self, what: str, key: object, make: Callable[[], T]) -> T:
        if what in self._last and self._last[what][0] == key:
            kept: T = self._last[what][1]
            return kept
        self._last.pop(what, None)  # before the next is made: they are large
        made = make()
        self._last[what] = (key, made)
        return made
