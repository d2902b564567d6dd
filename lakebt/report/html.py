"""One self-contained HTML file per report: no request to anywhere, light and dark."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lakebt.report import sections, story, words
from lakebt.report.charts import (
    claims_figure,
    distribution_figure,
    equity_figure,
    null_figure,
    path_figure,
    ridge_figure,
    surface_figure,
    waterfall_figure,
    weights_figure,
    years_figure,
)
from lakebt.report.hindsight_section import hindsight_section
from lakebt.report.packing import packed
from lakebt.report.page import Figures, render, write
from lakebt.report.sections import growth
from lakebt.report.sheet_section import sheet_figures, sheet_section
from lakebt.report.surface import surface
from lakebt.values.text import count

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd

    from lakebt.report.contents import RunContents, StudyContents


_MOST_BYTES = 3_100_000
"""What the ingredients of the cells may take; Plotly takes 2 MB, a page at most 6."""

_PANEL_HEIGHT = 220
"""Of the figures in the panel, in pixels."""


def write_study_report(contents: StudyContents, path: str | os.PathLike[str]) -> Path:
    """Write the report of a study as one HTML file.

    The file is complete or not there: it is written aside and then renamed. The same
    contents give the same bytes.

    Parameters
    ----------
    contents
        What it shows.
    path
        Where; a file that is there is replaced.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InvalidArgumentError
        If the file cannot be written there.
    """
    cells = surface(contents)
    panel = made_of(contents)
    best, ridge = contents.best, sections.ridge_section(contents, cells)
    page = render(
        "study.html.j2",
        figures=_study_figures(
            contents,
            has_ridge=ridge is not None,
            has_panel=panel["text"] is not None,
        ),
        title=f"{contents.index}: is there an edge?",
        over=story.subject(contents),
        claim=story.claim(contents, cells[best]).rstrip(",") if best else "",
        aggregate=contents.aggregate,
        chance=sections.chance_section(contents.chance),
        chosen=cells[best] if best is not None else None,
        empty=story.answer(contents, cells) if best is None else "",
        caution=story.caution(contents, cells),
        definition=story.definition(contents.definition),
        banners=contents.banners,
        panel=panel,
        entries=contents.entries,
        exits=contents.exits,
        path=sections.path_section(contents),
        surface=sections.surface_section(contents, cells),
        ridge=ridge,
        left_out=sections.left_out_section(contents, cells),
        refused=sections.refused_section(contents, cells),
        provenance=list(contents.provenance.items()),
        lineage=contents.lineage,
        command=contents.command,
        sheet=sheet_section(contents.sheet),
        hindsight=hindsight_section(contents.pretended),
        has_returns=contents.event_returns is not None and len(contents.event_returns),
        **sections.chosen_sections(contents, cells),
    )
    return write(page, path)


def _study_figures(
    contents: StudyContents, *, has_ridge: bool, has_panel: bool
) -> Figures:
    """Return what draws each figure; those of the panel are lower."""
    figures: Figures = {"surface-figure": functools.partial(surface_figure, contents)}
    if not contents.path.empty:
        figures["path-figure"] = functools.partial(path_figure, contents)
    if (chance := contents.chance) is not None and chance.best is not None:
        figures["claims-figure"] = functools.partial(
            claims_figure, chance.rules, alpha=chance.alpha
        )
        if len(chance.null):
            figures["null-figure"] = functools.partial(
                null_figure,
                chance.null,
                observed=chance.observed,
                critical=chance.critical,
                rule=" to ".join(chance.best),
                n_rules=int((chance.rules["n_events"] > 0).sum()),
            )
    if has_ridge:
        figures["ridge-figure"] = functools.partial(ridge_figure, contents)
    if contents.best is not None:
        part, height = ("cell", _PANEL_HEIGHT) if has_panel else ("best", 320)
        figures |= {
            "waterfall-figure": functools.partial(waterfall_figure, contents),
            f"{part}-equity": functools.partial(
                equity_figure, contents.equity, height=height
            ),
            f"{part}-years": functools.partial(
                years_figure, contents.years, rule=contents.best, height=height
            ),
        }
    if contents.event_returns is not None and len(contents.event_returns):
        figures["events-figure"] = functools.partial(
            distribution_figure, contents.event_returns, noun="event"
        )
    return figures | sheet_figures(contents.sheet)


def made_of(contents: StudyContents) -> dict[str, str | None]:
    """Return the panel's data as text, or why there is no panel."""
    if contents.ingredients is None or contents.best is None:
        return {"text": None, "why_not": contents.why_no_panel}
    text = packed(contents.ingredients)
    if len(text) <= _MOST_BYTES:
        return {"text": text, "why_not": ""}
    events = count(len(contents.ingredients.event_ids), "event")
    return {
        "text": None,
        "why_not": f"What the cells of {events} are made of would take "
        f"{len(text) / 1e6:.1f} MB, so this page does not carry it: "
        f"`result.events()` and `result.orders(entry=..., exit=...)` show any cell.",
    }


def write_run_report(contents: RunContents, path: str | os.PathLike[str]) -> Path:
    """Write the report of a user's strategy as one HTML file.

    Parameters
    ----------
    contents
        What it shows.
    path
        Where; a file that is there is replaced.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InvalidArgumentError
        If the file cannot be written there.
    """
    figures: Figures = {}
    equity = weights = None
    sheet = sheet_section(contents.sheet)
    if len(contents.equity):
        equity = {"lede": growth(contents.equity)}
        if sheet is None:
            figures["equity-figure"] = functools.partial(equity_figure, contents.equity)
    if len(contents.weights):
        figures["weights-figure"] = functools.partial(weights_figure, contents.weights)
        weights = _weights_section(contents.weights)
    figures |= sheet_figures(contents.sheet)
    n = count(contents.n_returns, "daily return")
    page = render(
        "run.html.j2",
        figures=figures,
        title=f"{contents.title}: what it earned",
        over=_period(contents.equity),
        headline=contents.title,
        big={
            "value": words.sharpe(contents.sharpe),
            "error": words.error(contents.sharpe_se),
            "caption": f"Sharpe ratio per year, net of costs, from {n}.",
        },
        definition=story.definition(contents.definition),
        banners=contents.banners,
        equity=equity,
        sheet=sheet,
        has_positions="positions-figure" in figures,
        weights=weights,
        costs=[
            {"name": words.with_unit(name), "value": f"{value:,.2f}"}
            for name, value in contents.costs.items()
        ],
        actions=list(contents.actions.items()),
        provenance=list(contents.provenance.items()),
        lineage=contents.lineage,
        command=contents.command,
    )
    return write(page, path)


def _weights_section(weights: pd.DataFrame) -> dict[str, Any]:
    filled = weights.fillna(0.0)
    last = filled.iloc[-1]
    last = last[last != 0]
    largest = last.reindex(last.abs().sort_values(ascending=False).index)[:10]
    average = (filled != 0).sum(axis=1).mean()
    return {
        "lede": f"{count(len(filled), 'decision')}, on average "
        f"{count(round(average), 'symbol')} held.",
        "summary": f"The last decision, {str(filled.index[-1])[:10]}: "
        f"{count(len(largest))} largest of {count(len(last), 'position')}",
        "rows": [
            {"symbol": symbol, "weight": f"{value:+.2%}".replace("-", words.MINUS)}
            for symbol, value in largest.items()
        ],
    }


def _period(equity: pd.Series[float]) -> str:
    traded = equity.iloc[1:]  # it starts at 1, at the close of the session before
    if not len(traded):
        return "No session was traded"
    first, last = str(traded.index[0])[:10], str(traded.index[-1])[:10]
    return f"{first} to {last}, {count(len(traded), 'session')}"
