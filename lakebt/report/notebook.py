"""Tables for notebooks: HTML that carries its style with it.

Colours are laid over whatever background the notebook has, and the text keeps its own
colour, so that one table is readable in light and in dark.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from lakebt.report import story, words
from lakebt.report.palette import LIGHT, faded
from lakebt.report.sheet_words import MONTHS, rows_of
from lakebt.report.surface import count_reasons, records, scale, surface
from lakebt.values.few_dates import mark
from lakebt.values.reasons import text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from lakebt.report.contents import Chance, RunContents, StudyContents
    from lakebt.report.surface import Cell


HATCH = (
    "background:repeating-linear-gradient(45deg,rgba(128,128,128,.4) 0 1px,"
    "transparent 1px 6px)"
)
"""What an empty cell is filled with."""

_STRONGEST = 0.55
"""Opacity at the end of the scale; more would drown black or white text."""

_MOST_ENTRIES, _MOST_EXITS = 20, 14
"""Rows and columns that a person reads in one table."""

_BANNER = (
    "border:1px solid #d93a36;border-left-width:5px;border-radius:3px;"
    "background:rgba(217,58,54,.12);padding:6px 12px;margin:0 0 8px;font-weight:600"
)
_NOTE = "margin:6px 0 0;font-size:12px;opacity:.75;max-width:90ch"
# Said, because some pages set their tables' colour and size.
_TABLE = (
    "border-collapse:collapse;color:inherit;font-size:inherit;"
    "font-variant-numeric:tabular-nums"
)
_CELL = "padding:5px 10px;text-align:right;border:1px solid rgba(128,128,128,.25)"
_LABEL = "padding:5px 10px;text-align:left;font-weight:600;white-space:nowrap"


def surface_html(contents: StudyContents) -> str:
    """Return the surface as a table: entries down, exits across.

    Parameters
    ----------
    contents
        Any number of entries and exits. Of many, those around the best are shown, and
        the table says so.

    Returns
    -------
    str
        One ``<div>``. Empty cells are hatched and say why when pointed at.
    """
    cells = surface(contents)
    limit = scale(cells.values())
    entry, exit_ = contents.best or (contents.entries[0], contents.exits[0])
    entries = _around(entry, contents.entries, most=_MOST_ENTRIES)
    exits = _around(exit_, contents.exits, most=_MOST_EXITS)
    head = "".join(
        f'<th style="{_LABEL};text-align:right">{html.escape(exit_)}</th>'
        for exit_ in exits
    )
    body = "".join(
        f'<tr><th style="{_LABEL}">{html.escape(entry)}</th>'
        + "".join(_cell(cells[entry, exit_], limit) for exit_ in exits)
        + "</tr>"
        for entry in entries
    )
    ran = [cell.n_events for cell in cells.values() if cell.reason is None]
    over = f", over {words.span(ran, 'event')}" if ran else ""
    counts = "; ".join(
        f"{count(number, 'cell')} {text_of(reason).label}"
        for reason, number in count_reasons(cells.values()).items()
    )
    few = story.few_dates(cells.values())
    hatched = f"; hatched: {counts}" if counts else ""
    return _block(
        _banners(contents.banners),
        _chance(contents.chance),
        f'<p style="margin:8px 0">{html.escape(story.answer(contents, cells))}</p>',
        f'<div style="overflow-x:auto"><table style="{_TABLE}">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>",
        _cut(contents, len(entries), len(exits)),
        _note(
            f"Sharpe ratio per year, net, {contents.aggregate}{over}{hatched}. "
            f"{story.plain(contents.left_out)}{f'. {few}' if few else ''}"
        ),
        _note(story.definition(contents.definition)),
    )


def looking_ahead(sentence: str, rows: pd.DataFrame) -> str:
    """Return the results with look-ahead as a table, under a red banner."""
    head = "".join(
        f'<th style="{_LABEL}">{html.escape(str(name))}</th>' for name in rows
    )
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{_CELL}">{html.escape(_plain(v))}</td>' for v in row)
        + "</tr>"
        for row in rows.itertuples(index=False)
    )
    return _block(
        _banners((sentence,)),
        f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>",
    )


def _plain(value: object) -> str:
    if isinstance(value, float):
        return (
            words.NOTHING
            if math.isnan(value)
            else f"{value:z,.2f}".replace("-", words.MINUS)
        )
    return str(value)


def _chance(chance: Chance | None) -> str:
    """Return the sentence on all rules, which stands before that on one."""
    if chance is None:
        return ""
    sentence = html.escape(chance.sentence)
    return f'<p style="margin:0 0 4px;font-weight:600">{sentence}</p>' + _note(
        " ".join(chance.notes)
    )


def _around(name: str, names: tuple[str, ...], *, most: int) -> tuple[str, ...]:
    """Return at most `most` neighbours of a name, itself in the middle."""
    first = max(0, min(names.index(name) - most // 2, len(names) - most))
    return names[first : first + most]


def _cut(contents: StudyContents, n_entries: int, n_exits: int) -> str:
    """Return a note on what a table omits; empty if it shows all."""
    entries, exits = len(contents.entries), len(contents.exits)
    if (n_entries, n_exits) == (entries, exits):
        return ""
    where = "first" if contents.best is None else "ones around the best"
    return _note(
        f"Shown: {count(n_entries)} of {count(entries)} entries and "
        f"{count(n_exits)} of {count(exits)} exits, the {where}. "
        f".plot() draws all of them, .report(path) shows each; the numbers are in "
        f".sharpe() and .surface()."
    )


def study_html(rows: Mapping[str, object], refusals: pd.DataFrame | None = None) -> str:
    """Return the plan of a study, before it runs.

    Parameters
    ----------
    rows
        Name to value, in the order shown: release, as of, index, events, ...
    refusals : DataFrame, optional
        A row per `entry`, `exit` and `reason`, with `n_events` that will be empty of
        `n_total`.

    Returns
    -------
    str
        One ``<div>``.
    """
    parts = [_pairs({name: str(value) for name, value in rows.items()})]
    if refusals is not None:
        parts.append(_refusals(refusals))
    return _block(*parts)


def run_html(contents: RunContents) -> str:
    """Return the earnings of a strategy as a small table.

    Parameters
    ----------
    contents
        The run.

    Returns
    -------
    str
        One ``<div>``.
    """
    rows = {
        "Sharpe": f"{words.sharpe(contents.sharpe)} {words.error(contents.sharpe_se)}, "
        f"from {count(contents.n_returns, 'daily return')}",
    }
    if len(contents.equity) > 1:  # the first value is that of the session before
        first, last = (str(contents.equity.index[end])[:10] for end in (1, -1))
        rows["Equity"] = (
            f"1 became {float(contents.equity.iloc[-1]):,.4f}, {first} to {last}"
        )
    if len(contents.weights):
        rows["Decisions"] = count(len(contents.weights))
    for name, value in contents.costs.items():
        rows[words.with_unit(name)] = f"{value:,.2f}"
    rows |= contents.actions
    return _block(
        _banners(contents.banners),
        f'<p style="margin:0 0 8px;font-weight:600">{html.escape(contents.title)}</p>',
        _pairs(rows),
        _note(story.definition(contents.definition)),
    )


def sheet_html(stats: pd.DataFrame, months: pd.DataFrame, *, title: str) -> str:
    """Return a tear sheet's numbers, and its months, as two tables.

    Parameters
    ----------
    stats
        From `TearSheet.stats`.
    months
        From `TearSheet.by_month`.
    title
        Of what it is.

    Returns
    -------
    str
        One ``<div>``.
    """
    body = "".join(
        f'<tr title="{html.escape(row["definition"], quote=True)}">'
        f'<th style="{_LEFT};font-weight:400;opacity:.75">{html.escape(row["name"])}'
        f'</th><td style="{_NUMBER}">{html.escape(row["value"])}</td>'
        f'<td style="{_LEFT};white-space:nowrap">{html.escape(row["when"])}</td></tr>'
        for row in rows_of(stats)
    )
    return _block(
        f'<p style="margin:0 0 8px;font-weight:600">{html.escape(title)}</p>',
        f'<table style="{_TABLE}"><tbody>{body}</tbody></table>',
        _months(months),
        _note("Point at a number for what it is; .stats() has definition and source."),
    )


def _months(months: pd.DataFrame) -> str:
    if months.empty:
        return ""
    names = ("", *MONTHS)
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in names)
    lines = "".join(
        f'<tr><th style="{_CELL}">{year}</th>'
        + "".join(
            f'<td style="{_CELL}">{"" if math.isnan(v) else words.percent(v)}</td>'
            for v in values
        )
        + "</tr>"
        for year, values in zip(months.index, months.to_numpy().tolist(), strict=True)
    )
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr>{head}</tr>'
        f"</thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(cell: Cell, limit: float) -> str:
    """Return one cell, its tooltip a line per fact."""
    # The first line names the cell; its row and column do that already.
    title = html.escape("\n".join(cell.lines[1:]), quote=True)
    if cell.reason is not None:
        return f'<td title="{title}" style="{_CELL};{HATCH}"></td>'
    end = LIGHT.positive if cell.sharpe > 0 else LIGHT.negative
    fill = faded(end, _STRONGEST * abs(cell.sharpe) / limit)
    chosen = (
        ";outline:2px solid currentColor;outline-offset:-2px;font-weight:700"
        if cell.chosen
        else ""
    )
    return (
        f'<td title="{title}" style="{_CELL};background:{fill}{chosen}">'
        f"{words.sharpe(cell.sharpe)}{mark(cell.n_dates)}</td>"
    )


def _refusals(refusals: pd.DataFrame) -> str:
    """Return a row per entry, reason and count, its exits together."""
    if refusals.empty:
        return _note("Nothing will be refused.")
    groups: dict[tuple[str, str, int, int], list[str]] = {}
    for row in records(refusals):
        key = (row["entry"], row["reason"], row["n_events"], row["n_total"])
        groups.setdefault(key, []).append(row["exit"])
    n_exits = refusals["exit"].nunique()
    lines = []
    for (entry, reason, n_events, n_total), exits in groups.items():
        named = (
            f"all {n_exits} exits" if len(exits) == n_exits > 1 else ", ".join(exits)
        )
        events = f"{count(n_events)} of {count(n_total, 'event')}"
        values = (entry, named, text_of(reason).meaning, events)
        lines.append(
            "<tr>"
            + "".join(f'<td style="{_LEFT}">{html.escape(v)}</td>' for v in values)
            + "</tr>"
        )
    head = "".join(
        f'<th style="{_LEFT}">{name}</th>'
        for name in ("entry", "exit", "empty because", "events")
    )
    return (
        f'<p style="margin:10px 0 4px">Known before anything runs:</p>'
        f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


_LEFT = "padding:3px 14px 3px 0;text-align:left;vertical-align:top"
_NUMBER = (
    "padding:3px 14px 3px 0;text-align:right;vertical-align:top;white-space:nowrap"
)


def _pairs(rows: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th style="{_LEFT};font-weight:400;opacity:.75">{html.escape(name)}</th>'
        f'<td style="{_LEFT}">{html.escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f'<table style="{_TABLE}"><tbody>{body}</tbody></table>'


def _banners(banners: Iterable[str]) -> str:
    return "".join(
        f'<div style="{_BANNER}">{html.escape(banner)}</div>' for banner in banners
    )


def _note(text: str) -> str:
    return f'<p style="{_NOTE}">{html.escape(text)}</p>'


def _block(*parts: str) -> str:
    return f'<div class="lakebt" style="font-size:13px">{"".join(parts)}</div>'
