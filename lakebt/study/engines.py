"""The engines a study can run on: each fills in every cell of a schedule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from lakebt.backtest.reference import run_vectorbt
from lakebt.backtest.walk import walk_trades
from lakebt.prices.holding import Holdings
from lakebt.study.batch import trade_together
from lakebt.study.cells import Cells, Filling
from lakebt.study.single import deal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from lakebt.backtest.levels import Level
    from lakebt.backtest.outcome import Engine
    from lakebt.backtest.trades import Trade
    from lakebt.backtest.window import PriceWindow
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments
    from lakebt.study.single import Desk

    Place = tuple[int, int]
    Progress = Callable[[int, int], None]


class Trader(Protocol):
    """Fills in every cell of a schedule, once for each level."""

    def __call__(
        self,
        plan: Schedule,
        history: PriceHistory,
        arguments: Arguments,
        levels: Sequence[Level],
        progress: Progress | None,
        /,
    ) -> list[Cells]:
        """Trade every cell that the schedule did not leave empty."""
        ...


def run_event(
    plan: Schedule,
    history: PriceHistory,
    arguments: Arguments,
    levels: Sequence[Level],
    progress: Progress | None,
    /,
) -> list[Cells]:
    """Trade all cells in one pass; those whose legs leave apart one by one."""
    holdings = Holdings(history, arguments.delisting_return)
    filled = trade_together(
        plan,
        holdings,
        sizing=arguments.sizing,
        missing=arguments.missing,
        levels=levels,
    )
    apart = plan.apart & (plan.reason == 0)
    for filling in filled:
        _trade_alone(
            apart,
            plan=plan,
            holdings=holdings,
            arguments=arguments,
            filling=filling,
            engine=walk_trades,
        )
    if progress is not None:
        progress(len(plan.events), len(plan.events))
    return [filling.done() for filling in filled]


def run_reference(
    plan: Schedule,
    history: PriceHistory,
    arguments: Arguments,
    levels: Sequence[Level],
    progress: Progress | None,
    /,
) -> list[Cells]:
    """Trade the cells of each event as one ``vectorbt.Portfolio``."""
    filled = Filling.each(plan, levels)
    holdings = Holdings(history, arguments.delisting_return)
    for filling in filled:
        _trade_alone(
            plan.reason == 0,
            plan=plan,
            holdings=holdings,
            arguments=arguments,
            filling=filling,
            engine=run_vectorbt,
            progress=progress,
        )
    return [filling.done() for filling in filled]


ENGINES: dict[str, Trader] = {"event": run_event, "vectorbt": run_reference}


def _trade_alone(
    wanted: npt.NDArray[np.bool_],
    *,
    plan: Schedule,
    holdings: Holdings,
    arguments: Arguments,
    filling: Filling,
    engine: Engine,
    progress: Progress | None = None,
) -> None:
    """Trade some cells in full, one event after the other."""
    level = filling.level
    sizing = replace(arguments.sizing, gross=level.gross, capital_usd=level.capital_usd)
    by_event: dict[int, list[tuple[int, int]]] = {}
    for slot, exit_ in zip(*(part.tolist() for part in wanted.nonzero()), strict=True):
        by_event.setdefault(int(plan.event[slot]), []).append((slot, exit_))
    for number, places in enumerate(by_event.values()):
        dealt, desk = deal(
            [plan.cell(*place) for place in places],
            holdings,
            sizing=sizing,
            missing=arguments.missing,
            costs=level.costs,
        )
        ready = [
            (place, one.trade)
            for place, one in zip(places, dealt, strict=True)
            if one.trade is not None
        ]
        for place, one in zip(places, dealt, strict=True):
            if one.empty is not None:
                filling.reason[place] = one.empty.reason.code
        if ready and desk is not None:
            for window, together in _by_window(ready, desk):
                outcomes = engine(
                    [trade for _, trade in together],
                    window=window,
                    costs=level.costs,
                    capital_usd=level.capital_usd,
                )
                for (place, trade), outcome in zip(together, outcomes, strict=True):
                    filling.outcome(place, trade, outcome, gaps=desk.gaps(trade))
        if progress is not None:
            progress(number + 1, len(by_event))


def _by_window(
    ready: Sequence[tuple[Place, Trade]], desk: Desk
) -> Iterable[tuple[PriceWindow, list[tuple[Place, Trade]]]]:
    """Yield trades grouped by the price window of their shares."""
    together: dict[int, tuple[PriceWindow, list[tuple[Place, Trade]]]] = {}
    for place, trade in ready:
        window = desk.window_of(trade)
        together.setdefault(id(window), (window, []))[1].append((place, trade))
    return together.values()
