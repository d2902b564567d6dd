"""The contents of a study's report, and the command that computes it again."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.analysis.event_series import calendar_returns
from lakebt.analysis.pooling import Aggregate
from lakebt.inputs.where import untyped
from lakebt.lake.api.lineage import picture_of
from lakebt.lake.api.trials import address_of, told_of
from lakebt.report.contents import Chance, Headline, Pretended, StudyContents
from lakebt.report.provenance import (
    shell,
    versions,
    view_banners,
    view_options,
    view_provenance,
)
from lakebt.study.acted_legs import dividends_bps
from lakebt.study.arguments import GRID
from lakebt.study.average_paths import market, paths
from lakebt.study.empty_cells import empty_rules, left_out, left_out_events, overlap
from lakebt.study.tables import by_year, causes
from lakebt.study.tear_sheet import headline
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.study.hindsight import Hindsight
    from lakebt.study.trading import TradedStudy


def study_command(study: TradedStudy) -> str:
    """Return the command that gives the same result; a sentence where there is none."""
    arguments = study.arguments
    if arguments.index is None:
        return "none: the facts were supplied by the caller"
    if (text := untyped(arguments.where)) is not None:
        return f"none: no command says where {text!r}, which it would read as another"
    options = {
        **view_options(study.view, address_of(study.view)),
        **arguments.options(always=("index", *GRID)),
        "--engine": study.engine if study.engine != "event" else None,
    }
    return shell(options, start=["lakebt", "study"])


def banners(study: TradedStudy) -> tuple[str, ...]:
    """Return the warnings above the numbers; empty if there are none."""
    sentences = view_banners(study.view, told_of(study.view))
    if not study.is_point_in_time:
        cells = study.by_event
        sentences.insert(
            0,
            f"Not point in time: {cells.n_late:,} of {cells.n_cells:,} cells used a "
            f"fact that was not yet known when the order had to be sent. Nobody could "
            f"earn this.",
        )
    if study.arguments.index is None:
        sentences.append("Facts supplied by the caller, not read from the lake.")
    return tuple(sentences)


def contents(study: TradedStudy) -> StudyContents:
    """Return the contents of a result's report."""
    dates = [event.date for event in study.by_event.events]
    refused, n_refused = left_out_events(study)
    best, acted = study.best, bool(study.actions.final)
    return StudyContents(
        index=study.arguments.index or "changes supplied by the caller",
        entries=study.entries,
        exits=study.exits,
        table=study.table.copy(),
        empty=empty_rules(study),
        refused=refused,
        n_refused=n_refused,
        best=best,
        dividends_bps=dividends_bps(study, entry=best[0], exit_=best[1])
        if acted and best is not None
        else 0.0,
        equity=_equity(study),
        years=_years(study),
        path=paths(study),
        market=market(study),
        left_out=left_out(study),
        first=min(dates, default=None),
        last=max(dates, default=None),
        n_events=len(dates),
        aggregate=str(study.arguments.aggregate),
        definition=_definition(study),
        banners=banners(study),
        is_point_in_time=study.is_point_in_time,
        provenance=provenance(study),
        command=study_command(study),
        headline=_headline(study),
    )


DRAWS = 1_999
"""Of what a page and a notebook say of chance: half a second, for most."""


def chance_of(study: TradedStudy) -> Chance:
    """Return the significance of the rules, for a page."""
    from lakebt.study.significance import Significance  # noqa: PLC0415 - reports only

    significance = Significance(
        study, draws=DRAWS, seed=0, alternative="greater", alpha=0.05
    )
    return Chance(
        sentence=significance.sentence,
        notes=(*significance.notes, *of_which(significance.best, study.best)),
        rules=significance.table(),
        alpha=significance.alpha,
        best=significance.best,
        observed=significance.observed,
        critical=significance.critical,
        null=significance.null,
    )


def with_chance(study: TradedStudy, chance: Chance) -> StudyContents:
    """Return the contents with the rules' significance."""
    return replace(contents(study), chance=chance)


def with_lineage(contents: StudyContents, study: TradedStudy) -> StudyContents:
    """Return the contents with the result's lineage as a picture."""
    picture = picture_of(
        study.view,
        result=study.result_id,
        called=f"{contents.index}, {count(contents.n_events, 'event')}",
        code=study.origin.code,
    )
    return replace(contents, lineage=picture)


def with_hindsight(contents: StudyContents, ahead: Hindsight) -> StudyContents:
    """Return the contents with the results of the rules with look-ahead."""
    section = Pretended(
        sentence=ahead.sentence, rules=ahead.table(), facts=ahead.facts()
    )
    return replace(contents, pretended=section)


def of_which(
    judged: tuple[str, str] | None, shown: tuple[str, str] | None
) -> Iterator[str]:
    """Return a note on which rule each number is of, if they differ."""
    if judged is not None and shown is not None and judged != shown:
        yield (
            f"That is of {' to '.join(judged)}, whose score (mean over its error by "
            f"date) is the highest; the Sharpe ratio below is of {' to '.join(shown)}, "
            f"whose ratio is."
        )
    if judged is not None:
        yield f"Computed with {count(DRAWS, 'draw')}."


def _definition(study: TradedStudy) -> str:
    """Return the definitions of the curve's and the surface's Sharpe ratios."""
    pooling = study.arguments.pooling
    if pooling.how is Aggregate.CALENDAR:
        return pooling.definition
    drawn = replace(pooling, how=Aggregate.CALENDAR)
    return (
        f"of the calendar portfolio: {drawn.definition}. {capitalised(pooling.how)}: "
        f"{pooling.definition}"
    )


def _headline(study: TradedStudy) -> Headline | None:
    """Return the Sharpe ratio of the equity; None where the surface has it."""
    if study.best is None or study.arguments.pooling.how is Aggregate.CALENDAR:
        return None
    return headline(study, *study.best)


def _equity(study: TradedStudy) -> pd.Series:
    """Return the equity of the best cell's calendar portfolio, from 1."""
    best = study.best
    if best is None:
        return pd.Series(dtype="float64")
    first, returns = calendar_returns(study.traded(*best), study.arguments.pooling)
    days = study.clock.sessions.days[first - 1 : first + len(returns)]
    equity = pd.Series(returns).add(1.0).cumprod().to_list()
    return pd.Series(
        [1.0, *equity], index=pd.DatetimeIndex(days, name="session"), name="equity"
    )


def _years(study: TradedStudy) -> pd.DataFrame:
    """Return the best cell by year; without one, no year."""
    entry, exit_ = study.best or (study.entries[0], study.exits[0])
    years = by_year(study, entry=entry, exit_=exit_)
    return years if study.best is not None else years.iloc[:0]


def provenance(study: TradedStudy) -> dict[str, str]:
    """Return release, rules, costs and versions, in the order shown."""
    return {
        **view_provenance(study.view),
        **study.arguments.in_words(),
        "events by cause": _causes(study),
        "sharpe": study.arguments.pooling.definition,
        **_overlap(study),
        "engine": _engine(study.engine),
        "result": f"{study.result_id}, code {study.origin.code}",
        **versions(),
    }


def _overlap(study: TradedStudy) -> dict[str, str]:
    sentence = overlap(study)
    return {"overlap": sentence} if sentence else {}


def _engine(name: str) -> str:
    """Return an engine with the version of what computes in it."""
    library = {"event": "numba", "vectorbt": "vectorbt"}[name]
    return f"{name} ({library} {version(library)})"


def _causes(study: TradedStudy) -> str:
    """Return how many of the traded events have a leg of each cause."""
    counts = causes(study).sort_values(ascending=False)
    return ", ".join(f"{number} {cause}" for cause, number in counts.items()) or "none"
