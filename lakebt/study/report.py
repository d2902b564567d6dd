"""The contents of a study's report, and the command that computes it again."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.analysis.path import PathLeg, event_path
from lakebt.analysis.pooling import Aggregate
from lakebt.analysis.surface import calendar_returns
from lakebt.events.clock import anchor_session, lead_option
from lakebt.events.plan import Event
from lakebt.events.rules import Anchor
from lakebt.inputs.where import values_of
from lakebt.report.contents import StudyContents
from lakebt.report.provenance import (
    cost_options,
    only_changed,
    shell,
    versions,
    view_banners,
    view_options,
    view_provenance,
)
from lakebt.study.arguments import MARKET
from lakebt.study.empty_cells import empty_rules, left_out_events, overlap

if TYPE_CHECKING:
    from lakebt.study.result import Result
    from lakebt.study.study import Study


def study_command(study: Study, *, engine: str) -> str:
    """Return the command that gives the same result; a sentence where there is none."""
    if study.supplied:
        return "none: the facts were supplied by the caller"
    changed = {
        "--side": (study.sizing.side, "both"),
        "--hedge": (study.sizing.hedge, None),
        "--gross": (study.sizing.gross, 1.0),
        "--max-gross": (study.max_gross, 2.0),
        "--capital-usd": (study.sizing.capital_usd, 100_000.0),
        "--missing": (study.missing, "exclude"),
        "--aggregate": (study.pooling.how, "pooled"),
        "--weighting": (study.pooling.weighting, "event"),
        "--max-weight": (study.pooling.max_weight, 1.0),
        **cost_options(study.costs),
        "--on-look-ahead": (study.on_look_ahead, "mask"),
        "--min-lead": (lead_option(study.clock.min_lead), "10min"),
        "--engine": (engine, "event"),
    }
    pairs = {
        f"--{name}": None if pair is None else ",".join(map(str, pair))
        for name, pair in (("period", study.period), ("size", study.size))
    }
    where = [
        f"{column}={'' if value is None else value}"
        for column, values in study.where.items()
        for value in values_of(values)
    ]
    return shell(
        {
            **view_options(study.view),
            "--index": study.index,
            "--entries": ",".join(map(str, study.entries)),
            "--exits": ",".join(map(str, study.exits)),
            "--where": where,
            **pairs,
            **only_changed(changed),
        },
        start=["lakebt", "study"],
    )


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
