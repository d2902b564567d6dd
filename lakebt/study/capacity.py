"""The capacity of a rule: its mean return by the size of orders."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.backtest.impact import participation
from lakebt.backtest.levels import Level
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_positive
from lakebt.study.engines import ENGINES
from lakebt.study.lookup import Lookup, rule_number
from lakebt.study.scope import Scope
from lakebt.study.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector
    from lakebt.events.schedule import Schedule
    from lakebt.study.arguments import Arguments
    from lakebt.study.cells import Cells
    from lakebt.study.summary import Planned
    from lakebt.study.trading import TradedStudy


SIZES_USD = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8)
"""The capital of an event, where none is given."""

BREAK_EVEN = "break_even_usd"
"""Where a frame keeps the capital at which the mean is gone."""


def capacity(
    study: TradedStudy, *, entry: str, exit_: str, sizes_usd: Sequence[float]
) -> pd.DataFrame:
    """Return the earnings of one rule at several sizes; see `lakebt.Result.capacity`.

    Raises
    ------
    InvalidArgumentError
        If the sizes are not positive and ascending, or nothing is charged for size.
    UnknownNameError
        If the study has no such entry or exit.
    """
    sizes = _checked(sizes_usd)
    arguments = study.arguments
    if not arguments.costs.has_impact:
        msg = (
            "the costs of this study do not grow with size, so any size earns alike: "
            "run it with costs=CostModel(impact_at_open=1.0, impact_at_close=1.0)"
        )
        raise InvalidArgumentError(msg)
    one = arguments.replaced(
        entries=(arguments.entries[rule_number("entry", entry, study.entries)],),
        exits=(arguments.exits[rule_number("exit", exit_, study.exits)],),
    )
    levels = [
        Level(costs=one.costs, gross=one.gross, capital_usd=size) for size in sizes
    ]
    # Every size in one pass: equity is linear in the shares, and impact in their root.
    plan, per_size, parts = _traded(study, one, levels)
    rows = [
        _row(plan, cells, level, one, parts * (level.capital_usd / one.capital_usd))
        for cells, level in zip(per_size, levels, strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame.attrs[BREAK_EVEN] = _break_even(frame)
    return frame


def _traded(
    study: TradedStudy, one: Arguments, levels: Sequence[Level]
) -> tuple[Planned, list[Cells], FloatVector]:
    """Return a rule's events, its cells at each level, and `_participations`."""
    chunks = study.blocks.chunks
    if chunks is None:
        schedule = Scope(study.view, one).schedule
        per_size = ENGINES["event"](schedule, study.history, one, levels, None)
        lookup = Lookup(_unlimited(one), schedule, per_size[0], study.history)
        return schedule, per_size, _participations(schedule, lookup)
    decided = chunks.plan(one.entries, one.exits)
    plan, per_size = chunks.trade(decided, levels, engine="event")
    parts = []
    for chunk, own in zip(chunks.chunks, decided.schedules, strict=True):
        with chunk.opened(own, levels) as history:
            lookup = Lookup(
                _unlimited(one), own, per_size[0], history, in_full=chunk.in_full
            )
            parts.append(_participations(own, lookup))
    return plan, per_size, np.concatenate(parts)


def _checked(sizes_usd: Sequence[float]) -> list[float]:
    """Return sizes that ascend.

    Raises
    ------
    InvalidArgumentError
        If they do not, or one is no positive number.
    """
    sizes = [check_positive("each of sizes_usd", size) for size in sizes_usd]
    if not sizes:
        msg = "sizes_usd is empty: give at least one amount in USD"
        raise InvalidArgumentError(msg)
    for smaller, larger in itertools.pairwise(sizes):
        if larger <= smaller:
            msg = f"sizes_usd must ascend, but {larger:,.0f} follows {smaller:,.0f}"
            raise InvalidArgumentError(msg)
    return [float(size) for size in sizes]


def _unlimited(arguments: Arguments) -> Arguments:
    """Return arguments under which any order is filled, however large."""
    costs = replace(arguments.costs, max_participation=None)
    return arguments.replaced(costs=costs)


def _participations(plan: Schedule, lookup: Lookup) -> FloatVector:
    """Return each entry as a part of the volume of a day, at the study's capital."""
    slots = np.flatnonzero(plan.reason[:, 0] == 0).tolist()
    parts = []
    for slot in slots:
        (result,), _ = lookup.deal([(slot, 0)])
        if result.trade is not None:
            entered = result.trade.entry_row
            parts += [
                participation(abs(order.size), order.volume)
                for order in result.trade.orders()
                if order.row == entered and order.size
            ]
    return np.array(parts)


def _row(
    plan: Planned,
    cells: Cells,
    level: Level,
    arguments: Arguments,
    parts: FloatVector,
) -> dict[str, float]:
    """Return the row of one size."""
    summary = Summary(
        plan,
        cells,
        costs=level.costs,
        capital_usd=level.capital_usd,
        pooling=arguments.pooling,
    )
    (row,) = summary.table().to_dict("records")
    return {
        "size_usd": level.capital_usd,
        "n_events": row["n_events"],
        "n_too_large": int(summary.counts["n_too_large"].sum()),
        "mean_bps": row["net_bps"],
        "impact_bps": row["impact_bps"],
        "sharpe": row["sharpe"],
        "sharpe_low": row["sharpe_low"],
        "sharpe_high": row["sharpe_high"],
        "median_participation": float(np.median(parts)) if len(parts) else math.nan,
        "max_participation": float(parts.max()) if len(parts) else math.nan,
    }


def _break_even(frame: pd.DataFrame) -> float:
    """Return the capital at which the mean is zero, for the events of the least size.

    ``mean(size) = a - b sqrt(size)``: what is not impact does not depend on the size.
    """
    first = frame.iloc[0]
    per_root = float(first["impact_bps"]) / math.sqrt(float(first["size_usd"]))
    before = float(first["mean_bps"] + first["impact_bps"])
    if math.isnan(before) or before <= 0.0:
        return before if math.isnan(before) else 0.0
    return math.inf if per_root == 0.0 else (before / per_root) ** 2
