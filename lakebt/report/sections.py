"""The sections of a study's report, as its template names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.report import story, words
from lakebt.report.charts.ridge import ridge, ridge_in_words, ridge_rows
from lakebt.report.charts.surface import NUMBERED
from lakebt.report.charts.years import years_rows
from lakebt.report.surface import Cell, count_reasons, example, records
from lakebt.values.few_dates import NOTE, mark
from lakebt.values.reasons import order_of, text_of
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.report.contents import Chance, StudyContents


Cells = dict[tuple[str, str], Cell]


def path_section(contents: StudyContents) -> dict[str, str] | None:
    """Return the path of an event; None if there is none to draw."""
    if contents.path.empty:
        return None
    return {
        "lede": story.overnight(contents.path, market=contents.market),
        "note": story.path_note(contents.path),
    }


def chance_section(chance: Chance | None) -> dict[str, Any] | None:
    """Return the section on significance; None if it was not computed."""
    if chance is None:
        return None
    return {
        "sentence": chance.sentence,
        "note": " ".join(chance.notes),
        "has_rules": chance.best is not None,
        "has_null": chance.best is not None and len(chance.null) > 0,
    }


def surface_section(contents: StudyContents, cells: Cells) -> dict[str, Any]:
    """Return the surface: what it rests on, and a row per cell."""
    counts = count_reasons(cells.values())
    ran = [cell.n_events for cell in cells.values() if cell.reason is None]
    lede = "No cell could be traded; each is hatched with its reason."
    if ran:
        lede = (
            f"Sharpe ratio per year, net, {contents.aggregate}; each cell rests on "
            f"{words.span(ran, 'event')}. The best cell is outlined. "
            f"{story.empty_cells(counts, total=len(cells))}"
        )
        if few := story.few_dates(cells.values()):
            lede += f" {few}."
    rows = [
        {
            "entry": cell.entry,
            "exit": cell.exit,
            "chosen": cell.chosen,
            "sharpe": words.NOTHING if cell.reason else cell.ratio,
            "events": count(cell.n_events),
            "dates": count(cell.n_dates),
            "returns": count(cell.n_returns),
            "gross": words.bps(cell.gross_bps),
            "costs": words.cost_bps(cell.costs_bps),
            "net": words.bps(cell.net_bps),
            "left_out": count(cell.n_left_out),
            "reason": text_of(cell.reason).label if cell.reason else "",
        }
        for cell in cells.values()
    ]
    return {
        "lede": lede,
        "rows": rows,
        "dotted": bool(ran) and len(contents.exits) > NUMBERED,
    }


def ridge_section(contents: StudyContents, cells: Cells) -> dict[str, Any] | None:
    """Return the best exit of each entry; None if no cell was traded."""
    best = list(ridge(contents, cells).values())
    if not any(best):
        return None
    return {
        "lede": ridge_in_words(best),
        "note": f"The band is one standard error either way. Each point is the highest "
        f"of up to {count(len(contents.exits), 'exit')}, and so flatters.",
        "rows": ridge_rows(contents),
    }


def chosen_sections(contents: StudyContents, cells: Cells) -> dict[str, Any]:
    """Return the sections about the best cell; all None if there is none."""
    if contents.best is None:
        return dict.fromkeys(("big", "earned", "money", "equity", "years"))
    best = cells[contents.best]
    n = (
        f"{count(best.n_events, 'event')} on {count(best.n_dates, 'date')} "
        f"({count(best.n_returns, 'daily return')})"
    )
    paid = "net of costs" if best.costs_bps else "no costs charged"
    top, held = contents.headline or best, contents.headline
    few = f" {NOTE}." if mark(best.n_dates) else ""
    caption = f"Sharpe ratio per year, {contents.aggregate}, {paid}, over {n}.{few}"
    if held is not None:
        caption = (
            f"Sharpe ratio per year of the calendar portfolio, {paid}, over "
            f"{count(held.n_returns, 'session')}: the one whose equity is drawn. "
            f"{capitalised(contents.aggregate)}: {words.sharpe(best.sharpe)} "
            f"{words.error(best.sharpe_se)}, over {n}.{few}"
        )
    return {
        "big": {
            "value": words.sharpe(top.sharpe),
            "error": f"{words.error(top.sharpe_se)} {mark(best.n_dates)}".rstrip(),
            "caption": caption,
        },
        "earned": story.earned(best),
        "money": {
            "lede": f"Basis points of capital per event, mean of {n}.",
        },
        "equity": {"lede": f"{growth(contents.equity)} From {n}."},
        "years": {
            "lede": f"{best.entry} to {best.exit}: mean net return per event by year "
            f"of the event, ± one standard error, clustered by date.",
            "rows": years_rows(contents.years),
        },
    }


def left_out_section(contents: StudyContents, cells: Cells) -> dict[str, Any]:
    """Return the events missing from the best cell, or from any, by reason."""
    counts = dict(
        sorted(contents.n_refused.items(), key=lambda item: order_of(item[0]))
    )
    rows = records(contents.refused)
    rows.sort(key=lambda row: order_of(row["reason"]))
    where, ran = "Left out of one cell or more", 0
    if contents.best is not None:
        entry, exit_ = contents.best
        where = f"Left out of the chosen rule, {entry} to {exit_}"
        ran = cells[contents.best].n_events
    # A rule leaves an event out for one reason. Without a best, none runs under any.
    of = count(contents.n_events, "event")
    n = contents.n_events if contents.best is None else sum(counts.values())
    return {
        "line": contents.left_out,
        "meaning": story.left_out(counts, ran=ran),
        "counts": [
            {
                "label": text_of(reason).label,
                "meaning": text_of(reason).meaning,
                "events": count(number),
            }
            for reason, number in counts.items()
        ],
        "scope": f"{where}: {count(n)} of {of}.",
        "groups": [
            _listed(reason, number, [row for row in rows if row["reason"] == reason])
            for reason, number in counts.items()
        ],
    }


def _listed(reason: str, number: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the events left out for one reason, and how many of them are listed."""
    shown = count(number, "event")
    if len(rows) < number:
        shown = f"the first {count(len(rows))} of {count(number)} events"
    return {
        "summary": f"{capitalised(text_of(reason).label)}: {shown}",
        "rows": [{"event": row["event_id"], "fact": example(row)} for row in rows],
    }


def refused_section(contents: StudyContents, cells: Cells) -> dict[str, Any]:
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
            "label": text_of(reason).label,
            "events": words.span([cell.n_reason for cell in group]),
            "example": group[0].detail,
        }
        for (entry, reason), group in groups.items()
    ]
    number = sum(map(len, groups.values()))
    return {
        "lede": f"{count(number, 'cell')} of {count(len(cells))}, with the "
        f"reason that empties each and how many events it stops.",
        "rows": rows,
    }


def growth(equity: pd.Series[float]) -> str:
    """Say what an investment of 1 became."""
    if not len(equity):
        return ""
    end = f"{float(equity.iloc[-1]):,.4f}"
    n = count(len(equity) - 1, "session")
    return f"An investment of 1 became {end} in {n}, net of costs.{_worst(equity)}"


def _worst(equity: pd.Series[float]) -> str:
    """Say how deep the equity fell below its highest, and on which day it lost most."""
    daily = (equity / equity.shift() - 1.0).iloc[1:].reset_index(drop=True)
    if not daily.notna().any():
        return ""
    below = (equity / equity.cummax() - 1.0).reset_index(drop=True)
    days = [str(day)[:10] for day in equity.index]
    low, worst = int(below.to_numpy().argmin()), int(daily.to_numpy().argmin())
    return (
        f" Largest drawdown {words.percent(below[low])} on {days[low]}; worst day "
        f"{days[worst + 1]}, {words.percent(daily[worst])}."
    )
