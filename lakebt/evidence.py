"""What a result rests on, put into words and into the contents of its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt._version import __version__
from lakebt.analysis.path import PathLeg, event_path
from lakebt.analysis.surface import Aggregate, calendar_returns
from lakebt.commands import study_command
from lakebt.desk import deal
from lakebt.emptiness import empty_rules, left_out_events
from lakebt.events.fills import anchor_session
from lakebt.events.plan import REASONS, Event, Reason
from lakebt.events.rules import Anchor
from lakebt.report.contents import StudyContents

if TYPE_CHECKING:
    from lakebt.lake.reading.view import View
    from lakebt.result import Result

_COMPUTED_BY = ("pyiceberg", "pandas", "numpy")

MARKET = "SPY"
"""What the path of an event is measured against when the study has no hedge."""

_WORDS = {
    Reason.NO_ANCHOR: "without the date a rule counts from",
    Reason.NO_SESSION: "on a day without a session",
    Reason.LOOK_AHEAD: "looking ahead",
    Reason.EXIT_BEFORE_ENTRY: "leaving before entering",
    Reason.NO_PRICE: "without prices",
    Reason.ONE_SIDED: "one-sided",
    Reason.RUINED: "ruined",
}


def left_out(result: Result) -> str:
    """Return in one line how many events run, why the others do not, and the cure.

    An event runs if any of its cells does; else it is counted under the reason that
    came last in the order of telling, the one that stood between it and a trade.
    """
    plan, cells = result.schedule, result.cells
    running = np.zeros(len(plan.events), dtype=bool)
    running[plan.event[cells.traded.any(axis=1)]] = True
    last = np.zeros(len(plan.events), dtype=np.int64)
    np.maximum.at(last, plan.event, cells.reason.max(axis=1))
    why: Counter[Reason] = Counter()
    rescued = 0
    for number in np.flatnonzero(~running).tolist():
        reason = REASONS[last[number] - 1]
        why[reason] += 1
        if reason is Reason.ONE_SIDED and _would_run(number, result):
            rescued += 1
    n_running = int(running.sum())
    noun = "event runs" if n_running == 1 else "events run"
    parts = [f"{n_running} of {len(running)} {noun}"]
    if why:
        parts.append(
            ", ".join(
                f"{number} {_WORDS[reason]}" for reason, number in why.most_common()
            )
        )
    if rescued:
        parts.append(f'`hedge="{MARKET}"` would run {n_running + rescued}')
    gaps = int(cells.gaps[cells.traded].sum())
    if gaps:
        noun = "close was" if gaps == 1 else "closes were"
        parts.append(f"{gaps:,} missing {noun} marked at the last price")
    n_legs = np.diff(plan.start)[:, None]
    dropped = int((n_legs - cells.n_legs)[cells.traded].sum())
    if dropped:
        noun = "once" if dropped == 1 else f"{dropped:,} times"
        parts.append(f"a leg without a price was left out {noun}")
    if told := overlap(result):
        parts.append(told)
    return "; ".join(parts)


def overlap(result: Result) -> str:
    """Return how many events the best rule's calendar portfolio holds at once.

    Empty for events that are pooled, and where no rule could be traded.
    """
    best = result.best if result.study.pooling.how is Aggregate.CALENDAR else None
    if best is None:
        return ""
    rules = result.surface().set_index(["entry", "exit"])
    most, mean = rules.loc[best, ["most_open", "mean_open"]]
    noun = "event" if most == 1 else "events"
    return (
        f"at most {most:.0f} {noun} open at once, {mean:.1f} on average "
        f"({best[0]} to {best[1]})"
    )


def _would_run(event: int, result: Result) -> bool:
    """Whether a one-sided event would trade if it were hedged with the market."""
    if MARKET not in result.history:
        return False
    plan = result.schedule
    one_sided = result.cells.reason == Reason.ONE_SIDED.rank + 1
    slots, exits = np.nonzero(one_sided & (plan.event == event)[:, None])
    for place in zip(slots.tolist(), exits.tolist(), strict=True):
        (found,), _ = deal(
            [plan.cell(*place)],
            result.history,
            sizing=result.study.sizing.hedged_with(MARKET),
            missing=result.study.missing,
        )
        if found.trade is not None:  # mostly the first: a grid has a thousand of them
            return True
    return False


def market_of(result: Result) -> str | None:
    """Return the symbol that paths are measured against; None if none has prices."""
    symbol = result.study.sizing.hedge or MARKET
    return symbol if symbol in result.history else None


def paths(result: Result) -> pd.DataFrame:
    """Return the average path of the study's changes; see `event_path`."""
    sessions = result.study.clock.sessions
    legs = []
    for change in result.study.newest():
        announced = anchor_session(Anchor.AD, change, sessions)
        effective = anchor_session(Anchor.ED, change, sessions)
        if (
            announced is None
            or effective is None
            or change.symbol not in result.history
        ):
            continue
        event = Event.of(change, sessions)
        legs.append(
            PathLeg(
                event_id=event.event_id,
                symbol=change.symbol,
                side=change.side.value,
                announced=announced,
                effective=effective,
                recorded=anchor_session(Anchor.MD, change, sessions),
                date=event.date,
            )
        )
    return event_path(legs, result.history, market=market_of(result))


def banners(result: Result) -> tuple[str, ...]:
    """Return what must be read before the numbers; empty when nothing must."""
    told = view_banners(result.study.view)
    if not result.is_point_in_time:
        late = int(result.cells.late.sum())
        told.insert(
            0,
            f"Not point in time: {late:,} of {result.cells.reason.size:,} cells used a "
            f"fact that was not yet known when the order had to be sent. Nobody could "
            f"earn this.",
        )
    if result.study.supplied:
        told.append("Facts supplied by the caller, not read from the lake.")
    return tuple(told)


def view_banners(view: View) -> list[str]:
    """Return what must be said of a view."""
    if not view.past_cutoff:
        return []
    told = (
        f"As of {view.instant.isoformat()}, past the release's cutoff "
        f"{view.cutoff.isoformat()}: facts known since are not in it."
    )
    return [told]


def study_contents(result: Result) -> StudyContents:
    """Return what the report of a result shows."""
    study = result.study
    dates = [event.date for event in result.schedule.events]
    refused, n_refused = left_out_events(result)
    return StudyContents(
        index=study.index or "changes supplied by the caller",
        entries=result.entries,
        exits=result.exits,
        table=result.table(),
        empty=empty_rules(result),
        refused=refused,
        n_refused=n_refused,
        best=result.best,
        equity=_equity(result),
        years=_years(result),
        path=paths(result),
        market=market_of(result),
        left_out=result.summary(),
        first=min(dates, default=None),
        last=max(dates, default=None),
        n_events=len(dates),
        aggregate=str(study.pooling.how),
        definition=result.definition,
        banners=banners(result),
        is_point_in_time=result.is_point_in_time,
        provenance=provenance(result),
        command=study_command(study, engine=result.engine),
    )


def _equity(result: Result) -> pd.Series:
    """Return the equity of the best cell as a person would hold it, from 1."""
    best = result.best
    if best is None:
        return pd.Series(dtype="float64")
    pooling = replace(result.study.pooling, how=Aggregate.CALENDAR)
    first, returns = calendar_returns(result.traded(*best), pooling)
    days = result.study.clock.sessions.days[first - 1 : first + len(returns)]
    equity = pd.Series(returns).add(1.0).cumprod().to_list()
    return pd.Series(
        [1.0, *equity], index=pd.DatetimeIndex(days, name="session"), name="equity"
    )


def _years(result: Result) -> pd.DataFrame:
    """Return the best cell by year; without one, no year."""
    entry, exit_ = result.best or (result.entries[0], result.exits[0])
    years = result.by_year(entry=entry, exit=exit_)
    return years if result.best is not None else years.iloc[:0]


def provenance(result: Result) -> dict[str, str]:
    """Return release, rules, costs and versions, in the order shown."""
    study = result.study
    return {
        **view_provenance(study.view),
        "index": study.index or "changes supplied by the caller",
        "entries": ", ".join(result.entries),
        "exits": ", ".join(result.exits),
        "where": ", ".join(f"{k}={v}" for k, v in study.where.items()) or "everything",
        "side": str(study.sizing.side),
        "hedge": study.sizing.hedge or "none",
        "gross": f"{study.sizing.gross:g} of {study.sizing.capital_usd:,.0f} USD",
        "missing": study.missing,
        "events by cause": _causes(result),
        "costs": str(study.costs),
        "look-ahead": f"{study.on_look_ahead}, lead {study.clock.min_lead}",
        "sharpe": result.definition,
        **_overlap(result),
        "engine": _engine(result.engine),
        "result": f"{result.id}, code {result.origin.code}",
        **versions(),
    }


def _overlap(result: Result) -> dict[str, str]:
    told = overlap(result)
    return {"overlap": told} if told else {}


def _engine(name: str) -> str:
    """Return an engine with the version of what computes in it."""
    library = {"event": "numba", "vectorbt": "vectorbt"}[name]
    return f"{name} ({library} {version(library)})"


def _causes(result: Result) -> str:
    """Return how many of the traded events have a leg of each cause."""
    counts = result.causes().sort_values(ascending=False)
    return ", ".join(f"{number} {cause}" for cause, number in counts.items()) or "none"


def view_provenance(view: View) -> dict[str, str]:
    """Return what a view read, in words."""
    facts = view.provenance()
    return {
        "release": view.release,
        "as of": view.instant.isoformat(),
        "cutoff": view.cutoff.isoformat(),
        "snapshots": ", ".join(
            f"{table} {snapshot}"
            for table, snapshot in facts["snapshots"].items()
            if snapshot is not None
        ),
        "price basis": ", ".join(facts["basis"]) or "no prices",
    }


def versions() -> dict[str, str]:
    """Return the versions of what computed a result."""
    others = ", ".join(f"{name} {version(name)}" for name in _COMPUTED_BY)
    return {"versions": f"lakebt {__version__}, {others}"}
