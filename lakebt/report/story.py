"""The sentences around the figures. Each number comes with its n."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.report import words
from lakebt.report.surface import records
from lakebt.values.few_dates import FEW_DATES, NOTE, mark
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from lakebt.report.contents import StudyContents
    from lakebt.report.surface import Cell


BP = "\u00a0bp"
"""Basis points, never at the start of a line."""

Cells = dict[tuple[str, str], "Cell"]


def subject(contents: StudyContents) -> str:
    """Say whose changes, how many events, and when."""
    n = count(contents.n_events, "event")
    if contents.first is None or contents.last is None:
        return f"{contents.index}: {n}"
    first, last = contents.first.isoformat(), contents.last.isoformat()
    when = first if first == last else f"{first} to {last}"
    return f"{contents.index}: {n}, {when}"


def answer(contents: StudyContents, cells: Cells) -> str:
    """Say which cell is best and what it earned, or that none could be traded."""
    if contents.best is None:
        return (
            f"No rule could be traded: all {count(len(cells), 'cell')} of "
            f"{count(contents.n_events, 'event')} are empty."
        )
    best = cells[contents.best]
    own = f"{words.sharpe(best.sharpe)} {words.error(best.sharpe_se)}"
    ratio = f"Sharpe {own} ({contents.aggregate})"
    if (headline := contents.headline) is not None:
        ratio = (
            f"Sharpe {words.sharpe(headline.sharpe)} {words.error(headline.sharpe_se)} "
            f"(calendar), {own} ({contents.aggregate}),"
        )
    return (
        f"{claim(contents, best)} is to enter at {best.entry} and exit at "
        f"{best.exit}: {ratio} over {count(best.n_events, 'event')} on "
        f"{count(best.n_dates, 'date')}."
    )


def claim(contents: StudyContents, best: Cell) -> str:
    """Call the chosen rule what its dates allow."""
    if best.n_dates < FEW_DATES:
        return (
            f"Too few dates to call a rule the best ({best.n_dates} of at least "
            f"{FEW_DATES}). The highest Sharpe ratio"
        )
    kind = "tradable rule" if contents.is_point_in_time else "rule, with hindsight,"
    return f"The best {kind}"


def caution(contents: StudyContents, cells: Cells) -> str:
    """Say how far from zero the best cell is, and that it was chosen among many."""
    if contents.best is None:
        return ""
    best = cells[contents.best]
    able = "could be traded" if contents.is_point_in_time else "were computed"
    traded = sum(cell.reason is None for cell in cells.values())
    chosen = (
        f"the best of {count(traded, 'cell')} that {able}, of "
        f"{count(len(cells))} asked for"
    )
    lost = "" if best.sharpe > 0 else " No cell has a positive Sharpe ratio."
    verdict = contents.headline or best
    if not verdict.sharpe_se > 0:
        return f"It is {chosen}; it has no standard error.{lost}"
    away = abs(verdict.sharpe) / verdict.sharpe_se
    return f"It lies {away:.1f} standard errors from zero, and is {chosen}.{lost}"


def few_dates(cells: Iterable[Cell]) -> str:
    """Say what the dagger means; nothing where no cell has one.

    Examples
    --------
    >>> few_dates([])
    ''
    """
    return NOTE if any(mark(c.n_dates) for c in cells if c.reason is None) else ""


def definition(text: str) -> str:
    """Write the definition of the Sharpe ratio as a sentence.

    Examples
    --------
    >>> definition("mean / standard deviation")
    'Sharpe ratio: mean / standard deviation.'
    """
    named = text if text.startswith("Sharpe") else f"Sharpe ratio: {text}"
    return named if named.endswith(".") else f"{named}."


def earned(cell: Cell) -> str:
    """Say what the cell earned per event, before and after costs."""
    n = count(cell.n_events, "event")
    if cell.costs_bps == 0:
        return (
            f"{words.bps(cell.net_bps)}{BP} per event on average over {n}. No cost was "
            f"charged: commission, spread and borrow are zero unless they are set."
        )
    return (
        f"{words.bps(cell.gross_bps)}{BP} gross per event on average over {n}, less "
        f"{words.cost_bps(cell.costs_bps)}{BP} of costs: "
        f"{words.bps(cell.net_bps)}{BP} net."
    )


def overnight(path: pd.DataFrame, *, market: str | None) -> str:
    """Return a sentence on the move before the first price that could be traded."""
    jumps = path[(path["label"] == "AD+1 open") & (path["n"] > 0)]
    parts = [
        f"{row['side']}s {words.bps(row['mean_bps'])}{BP} {words.n_of(row['n'])}"
        for row in records(jumps)
    ]
    if not parts:
        return ""
    over = "" if market is None else f", over {market}"
    return (
        f"From the close on the day of the announcement to the next open{over}: "
        f"{' and '.join(parts)}. No order could have caught that."
    )


def path_note(path: pd.DataFrame) -> str:
    """Say how many legs are behind each line, and what the bands are."""
    drawn = path[path["side"] != "all"]
    parts = [
        words.span([int(n) for n in rows["n"]], str(side))
        for side, rows in drawn.groupby("side", sort=True)
    ]
    note = (
        f"AD is the session of the announcement, ED the first with the new membership. "
        f"{' and '.join(parts)}: a leg is left out where it has no price. Bands are "
        f"95 % intervals by the quantiles of t, clustered by day of announcement."
    )
    if drawn["label"].str.startswith("~").any():
        note += (
            " Events differ in length: the sessions between AD and ED are shown as the "
            "median event has them."
        )
    recorded = path[path["label"] == "MD"]
    if len(recorded):
        after = float(recorded["x"].iloc[0]) - float(
            drawn.loc[drawn["label"] == "ED", "x"].iloc[0]
        )
        where = f"{abs(after):.0f} sessions {'after' if after >= 0 else 'before'} ED"
        note += (
            f" MD, when holdings data first showed the change, is at the median of "
            f"{count(recorded['n'].iloc[0], 'leg')}: {where}"
        )
        note += "."
    return note


def empty_cells(counts: Mapping[str, int], *, total: int) -> str:
    """Say how many cells are empty, in one sentence."""
    if not counts:
        return f"All {count(total, 'cell')} could be traded."
    return (
        f"{count(sum(counts.values()))} of {count(total)} could not be "
        f"traded and are hatched by reason."
    )


def plain(text: str) -> str:
    """Return a sentence without the backticks around its code."""
    return text.replace("`", "")


def left_out(counts: Mapping[str, int], *, ran: int) -> str:
    """Say what leaving events out, by reason, does to the result."""
    unpriced = sum(counts.get(reason, 0) for reason in ("no_price", "one_sided"))
    late = counts.get("look_ahead", 0)
    parts = []
    if late:
        parts.append(
            f"Nothing real was lost with the {count(late, 'event')} not yet "
            f"known: no order could have been sent in time."
        )
    if unpriced:
        parts.append(
            "Events without prices or with one side are not missing at random: such "
            "companies were often acquired or delisted."
        )
    if counts and ran:
        parts.append(
            f"The Sharpe ratio speaks for the {count(ran, 'event')} that ran, "
            f"not for all."
        )
    return " ".join(parts) or "No event was left out of the chosen rule."
