"""The acts of the demo as facts, which `lakebt.cli.demo.play` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.backtest.costs import CostModel
from lakebt.backtest.weights import leg_weights
from lakebt.errors import LookAheadError
from lakebt.sources.sample import sample_releases
from lakebt.sources.simulated import SimulatedMarket, simulated_market
from lakebt.study.study import Study

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from lakebt.facts import Side
    from lakebt.lake.lake import Lake
    from lakebt.lake.reading.diff import Diff
    from lakebt.study.result import Result


BEFORE, AFTER, SIMULATED = "Q1_2022", "Q3_2022", "simulated_market"
RELEASES = (BEFORE, AFTER, SIMULATED)

SYMBOLS = ("CSGP", "INVH", "PENN", "PVH")
"""The four changes that the article trades."""

WANTED, HELD = "2022-10-03@open", "4w"
"""When the article buys what the September holdings show, and how long it holds."""

ANNOUNCED_ENTRY, ANNOUNCED_EXIT = "AD+1@open", "ED-1@close"

ENTRIES = ("AD@close", "AD+1@open", "ED-1@close", "ED@close", "MD+1@open")
EXITS = ("+1", "1w", "2w", "3w", "4w", "ED-1@close")

SEED, EVENTS = 7, 60

COSTS = CostModel(commission_bps=1.0, half_spread_bps=5.0, borrow_bps_per_year=50.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    """One leg of a trade, before any price is looked at.

    Attributes
    ----------
    symbol, side
    weight
        Of the capital; negative if it is sold short.
    enter, leave
        Fill instants, UTC.
    enter_by, leave_by
        Deadlines of the two orders, UTC.
    """

    symbol: str
    side: Side
    weight: float
    enter: dt.datetime
    enter_by: dt.datetime
    leave: dt.datetime
    leave_by: dt.datetime


def publish_sample(lake: Lake) -> pd.DataFrame:
    """Publish the article's two reports; return the releases."""
    for sample in sample_releases():
        lake.publish(
            dict(sample.tables),
            release=sample.name,
            as_of=sample.as_of,
            note="the article's published facts",
        )
    return lake.releases()


def compare(lake: Lake) -> Diff:
    """Return what changed between the two reports."""
    return lake.diff("etf_holdings", BEFORE, AFTER)


def trade_on_holdings(lake: Lake, diff: Diff) -> LookAheadError:
    """Try to buy on 3 October what the September holdings show; return the refusal.

    Raises
    ------
    AssertionError
        If nothing refuses it: the guard would be broken.
    """
    shown = [change for change in diff.changes() if change.symbol in SYMBOLS]
    study = Study(
        lake.at(AFTER),
        changes=shown,
        entries=[WANTED],
        exits=[HELD],
        on_look_ahead="raise",
    )
    try:
        study.plan()
    except LookAheadError as refusal:
        return refusal
    msg = f"nothing refused {WANTED} from holdings accepted later"
    raise AssertionError(msg)


def trade_on_announcement(lake: Lake) -> list[PlannedOrder]:
    """Plan the same trade from the press release, additions first."""
    study = Study(
        lake.at(AFTER),
        index="SP500",
        entries=[ANNOUNCED_ENTRY],
        exits=[ANNOUNCED_EXIT],
        on_look_ahead="raise",
    )
    (cell,) = study.plan()
    weights = leg_weights(
        [leg.change.side for leg in cell.legs], study.arguments.sizing
    )
    assert cell.fill is not None  # noqa: S101 - the article's own trade
    assert weights is not None  # noqa: S101
    return [
        PlannedOrder(
            symbol=leg.change.symbol,
            side=leg.change.side,
            weight=weight,
            enter=cell.fill.instant,
            enter_by=cell.fill.deadline,
            leave=leg.exit.instant,
            leave_by=leg.exit.deadline,
        )
        for leg, weight in zip(cell.legs, weights, strict=True)
    ]


def publish_simulated(lake: Lake) -> SimulatedMarket:
    """Publish a market made from a seed as one more release."""
    market = simulated_market(seed=SEED, n_events=EVENTS)
    lake.publish(
        market.tables,
        release=SIMULATED,
        as_of=market.as_of,
        note=f"simulated from seed {SEED}; no symbol is a real one's",
    )
    return market


def sweep(lake: Lake, market: SimulatedMarket) -> Result:
    """Trade every entry and exit of the simulated market."""
    return Study(
        lake.at(SIMULATED),
        index=market.index,
        entries=ENTRIES,
        exits=EXITS,
        hedge=market.market,  # no event is one-sided; paths are measured against it
        costs=COSTS,
    ).run()


def pretend(lake: Lake, market: SimulatedMarket) -> Result:
    """Trade the overnight jump that no order could have caught."""
    return Study(
        lake.at(SIMULATED),
        index=market.index,
        entries=["AD@close"],
        exits=["AD+1@open"],
        on_look_ahead="allow",
    ).run()
