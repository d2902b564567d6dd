"""A study with every cell traded: what its tables, report and trials are made of."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lakebt.backtest.levels import Level
from lakebt.lake.trials.origin import Origin
from lakebt.study.arguments import one_writing
from lakebt.study.causes import Causes
from lakebt.study.engines import ENGINES
from lakebt.study.lookup import Lookup
from lakebt.study.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from lakebt.analysis.traded_events import Traded
    from lakebt.events.clock import Clock
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments
    from lakebt.study.cells import Cells
    from lakebt.study.scope import Scope


@dataclass(frozen=True, kw_only=True, eq=False)
class TradedStudy:
    """A study with every cell traded.

    Attributes
    ----------
    scope
        The view, the arguments, and the changes they are about.
    engine
        What turned orders into equity.
    schedule
        Every event under every entry and exit, as the guard decided it.
    cells
        What each of them earned, or why it is empty.
    history
        The prices it was computed from.
    seconds
        How long it took.
    """

    scope: Scope
    engine: str
    schedule: Schedule
    cells: Cells
    history: PriceHistory
    seconds: float

    @property
    def view(self) -> View:
        """What is known."""
        return self.scope.view

    @property
    def arguments(self) -> Arguments:
        """What is asked."""
        return self.scope.arguments

    @property
    def clock(self) -> Clock:
        """Sessions, and the lead an order needs."""
        return self.scope.clock

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.arguments.entries))

    @property
    def exits(self) -> tuple[str, ...]:
        """The exit rules, as written."""
        return tuple(map(str, self.arguments.exits))

    @cached_property
    def is_point_in_time(self) -> bool:
        """False if a fact from after a deadline was used."""
        return not self.cells.late.any()

    @cached_property
    def summary(self) -> Summary:
        """What each rule came to."""
        return Summary(
            self.schedule,
            self.cells,
            costs=self.arguments.costs,
            capital_usd=self.arguments.capital_usd,
            pooling=self.arguments.pooling,
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per entry and exit; see `lakebt.Result.table`. Not to be changed."""
        return self.summary.table()

    @cached_property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the highest Sharpe ratio; None if all are empty."""
        ratios = self.table["sharpe"]
        if ratios.isna().all():
            return None
        row = int(np.nanargmax(ratios.to_numpy()))
        return str(self.table["entry"].iloc[row]), str(self.table["exit"].iloc[row])

    @cached_property
    def lookup(self) -> Lookup:
        """Its cells in full, by the names of their event, entry and exit."""
        return Lookup(self.arguments, self.schedule, self.cells, self.history)

    def traded(self, entry: str, exit_: str) -> Traded:
        """Return the traded events of one rule, by event.

        Raises
        ------
        UnknownNameError
            If the study has no such entry or exit.
        """
        where = np.zeros(self.cells.reason.shape, dtype=bool)
        where[self.lookup.slots(entry), self.lookup.column(exit_)] = True
        return self.summary.traded(where)

    @cached_property
    def causes(self) -> Causes:
        """Why each change came about."""
        return Causes(self.history.actions, self.clock.sessions)

    @cached_property
    def origin(self) -> Origin:
        """What it was run on, and by what."""
        return Origin.of(self.view, engine=self.engine)

    def __repr__(self) -> str:
        return f"TradedStudy({self.scope.title})"

    @cached_property
    def result_id(self) -> str:
        """Its id among the lake's trials: the key of all that decides its numbers."""
        return self.origin.result_id(one_writing(self.arguments.plain()))


def trade(
    scope: Scope,
    *,
    engine: str,
    progress: Callable[[int, int], None] | None = None,
) -> TradedStudy:
    """Fill in every cell of a study, even if none can be traded.

    Raises
    ------
    InvalidArgumentError
        If the hedge has no prices.
    LookAheadError
        Under ``on_look_ahead="raise"``.
    """
    started = time.perf_counter()
    schedule = scope.schedule
    history = scope.history(schedule)
    level = Level.of(scope.arguments.costs, scope.arguments.sizing)
    (cells,) = ENGINES[engine](schedule, history, scope.arguments, (level,), progress)
    return TradedStudy(
        scope=scope,
        engine=engine,
        schedule=schedule,
        cells=cells,
        history=history,
        seconds=time.perf_counter() - started,
    )
