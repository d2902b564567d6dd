"""One self-contained HTML file per report: no request to anywhere, light and dark."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lakebt.report import story, words
from lakebt.report.cells import Cell, count_reasons, example, records, surface
from lakebt.report.figures import (
    equity_figure,
    path_figure,
    surface_figure,
    waterfall_figure,
    weights_figure,
)
from lakebt.report.page import Figures, render, write

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd

    from lakebt.report.contents import RunContents, StudyContents

_LISTED = 500
"""Left-out events listed in a page; the rest are counted."""


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
    figures: Figures = {
        "surface-figure": functools.partial(surface_figure, contents),
    }
    if not contents.path.empty:
        figures["path-figure"] = functools.partial(path_figure, contents)
    if contents.best is not None:
        figures["waterfall-figure"] = functools.partial(waterfall_figure, contents)
        figures["equity-figure"] = functools.partial(equity_figure, contents.equity)
    page = render(
        "study.html.j2",
        figures=figures,
        title=f"{contents.index}: is there an edge?",
        over=story.subject(contents),
        tradable=contents.is_point_in_time,
        chosen=cells[contents.best] if contents.best is not None else None,
        empty=story.answer(contents, cells) if contents.best is None else "",
        caution=story.caution(contents, cells),
        definition=story.definition(contents.definition),
        banners=contents.banners,
        path=_path_section(contents),
        surface=_surface_section(contents, cells),
        left_out=_left_out_section(contents, cells),
        refused=_refused_section(contents, cells),
        provenance=list(contents.provenance.items()),
        command=contents.command,
        **_chosen_sections(contents, cells),
    )
    return write(page, path)


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
    if len(contents.equity):
        figures["equity-figure"] = functools.partial(equity_figure, contents.equity)
        equity = {"lede": _growth(contents.equity)}
    if len(contents.weights):
        figures["weights-figure"] = functools.partial(weights_figure, contents.weights)
        weights = _weights_section(contents.weights)
    n = words.count(contents.n_returns, "daily return")
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
        weights=weights,
        costs=[
            {"name": words.with_unit(name), "value": f"{value:,.2f}"}
            for name, value in contents.costs.items()
        ],
        provenance=list(contents.provenance.items()),
        command=contents.command,
    )
    return write(page, path)


def _path_section(contents: StudyContents) -> dict[str, str] | None:
    if contents.path.empty:
        return None
    return {
        "lede": story.overnight(contents.path, market=contents.market),
        "note": story.path_note(contents.path),
    }


def _surface_section(
    contents: StudyContents, cells: dict[tuple[str, str], Cell]
) -> dict[str, Any]:
    counts = count_reasons(cells.values())
    ran = [cell.n_events for cell in cells.values() if cell.reason is None]
    lede = "No cell could be traded; each is hatched with its reason."
    if ran:
        lede = (
            f"Sharpe ratio per year, net, {contents.aggregate}; each cell rests on "
            f"{words.span(ran)} events. The chosen cell is outlined. "
            f"{story.empty_cells(counts, total=len(cells))}"
        )
    rows = [
        {
            "entry": cell.entry,
            "exit": cell.exit,
            "chosen": cell.chosen,
            "sharpe": words.NOTHING
            if cell.reason
            else f"{words.sharpe(cell.sharpe)} {words.error(cell.sharpe_se)}",
            "events": words.count(cell.n_events),
            "dates": words.count(cell.n_dates),
            "returns": words.count(cell.n_returns),
            "gross": words.bps(cell.gross_bps),
            "costs": words.cost_bps(cell.costs_bps),
            "net": words.bps(cell.net_bps),
            "reason": words.reason_label(cell.reason) if cell.reason else "",
        }
        for cell in cells.values()
    ]
    return {
        "lede": lede,
        "rows": rows,
    }


def _chosen_sections(
    contents: StudyContents, cells: dict[tuple[str, str], Cell]
) -> dict[str, Any]:
    """Return the sections about the chosen cell; all None if there is none."""
    if contents.best is None:
        return dict.fromkeys(("big", "earned", "money", "equity"))
    best = cells[contents.best]
    n = (
        f"{words.count(best.n_events, 'event')} on {words.count(best.n_dates, 'date')} "
        f"({words.count(best.n_returns, 'daily return')})"
    )
    paid = "net of costs" if best.costs_bps else "no costs charged"
    return {
        "big": {
            "value": words.sharpe(best.sharpe),
            "error": words.error(best.sharpe_se),
            "caption": f"Sharpe ratio per year, {contents.aggregate}, {paid}, over "
            f"{n}.",
        },
        "earned": story.earned(best),
        "money": {
            "lede": f"Basis points of capital per event, mean of {n}.",
        },
        "equity": {"lede": f"{_growth(contents.equity)} From {n}."},
    }


def _left_out_section(
    contents: StudyContents, cells: dict[tuple[str, str], Cell]
) -> dict[str, Any]:
    """Return the events missing from the chosen cell, or from all, by reason."""
    refused = contents.refused
    where, ran = "Left out of one cell or more", 0
    of = words.count(contents.n_events, "event")
    if contents.best is not None:
        entry, exit_ = contents.best
        refused = refused[(refused["entry"] == entry) & (refused["exit"] == exit_)]
        where = f"Left out of the chosen rule, {entry} to {exit_}"
        ran = cells[contents.best].n_events
    rows = records(refused.drop_duplicates(["event_id", "reason"]))
    rows.sort(key=lambda row: words.reason_rank(row["reason"]))
    n = int(refused["event_id"].nunique())
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    shown = f", the first {_LISTED} of them" if len(rows) > _LISTED else ""
    return {
        "line": contents.left_out,
        "meaning": story.left_out(counts, ran=ran),
        "counts": [
            {
                "label": words.reason_label(reason),
                "meaning": words.reason_meaning(reason),
                "events": words.count(number),
            }
            for reason, number in counts.items()
        ],
        "scope": f"{where}: {words.count(n)} of {of}.",
        "summary": f"The events left out{shown}",
        "rows": [
            {
                "event": row["event_id"],
                "label": words.reason_label(row["reason"]),
                "fact": example(row),
            }
            for row in rows[:_LISTED]
        ],
    }


def _refused_section(
    contents: StudyContents, cells: dict[tuple[str, str], Cell]
) -> dict[str, Any]:
    """Return the empty cells, a row per entry and reason."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells.values():
        if cell.reason is not None:
            groups.setdefault((cell.entry, cell.reason), []).append(cell)
    rows = [
        {
            "entry": entry,
            "exits": [f"all {len(group)}"]
            if len(group) == len(contents.exits) > 1
            else [cell.exit for cell in group],
            "label": words.reason_label(reason),
            "events": words.span([cell.n_reason for cell in group]),
            "example": group[0].detail,
        }
        for (entry, reason), group in groups.items()
    ]
    number = sum(map(len, groups.values()))
    return {
        "lede": f"{words.count(number, 'cell')} of {words.count(len(cells))}, with the "
        f"reason that empties each and how many events it stops.",
        "rows": rows,
    }


def _weights_section(weights: pd.DataFrame) -> dict[str, Any]:
    held = weights.fillna(0.0)
    last = held.iloc[-1]
    last = last[last != 0]
    largest = last.reindex(last.abs().sort_values(ascending=False).index)[:10]
    average = (held != 0).sum(axis=1).mean()
    return {
        "lede": f"{words.count(len(held), 'decision')}, on average "
        f"{words.count(round(average), 'symbol')} held.",
        "summary": f"The last decision, {str(held.index[-1])[:10]}: "
        f"{words.count(len(largest))} largest of {words.count(len(last), 'position')}",
        "rows": [
            {"symbol": symbol, "weight": f"{value:+.2%}".replace("-", words.MINUS)}
            for symbol, value in largest.items()
        ],
    }


def _growth(equity: pd.Series[float]) -> str:
    if not len(equity):
        return ""
    end = f"{float(equity.iloc[-1]):.4f}"
    n = words.count(len(equity) - 1, "session")
    return f"An investment of 1 became {end} in {n}, net of costs."


def _period(equity: pd.Series[float]) -> str:
    if not len(equity):
        return "No session was traded"
    first, last = str(equity.index[0])[:10], str(equity.index[-1])[:10]
    return f"{first} to {last}, {words.count(len(equity), 'session')}"
