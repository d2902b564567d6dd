"""The surface cell by cell: a number, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.report import words
from lakebt.values.few_dates import NOTE, mark
from lakebt.values.reasons import TOO_FEW, order_of, text_of
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from lakebt.report.contents import StudyContents


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One entry and exit, as it is shown.

    Attributes
    ----------
    entry, exit
        As written.
    sharpe, sharpe_se
        Per year; NaN where the cell is empty.
    n_returns, n_events, n_dates, n_left_out
        Counts; the last of refused and untradeable events together.
    gross_bps, commission_bps, spread_bps, borrow_bps, impact_bps, net_bps
        Means per event.
    reweighting_bps
        That of a calendar portfolio, else 0.
    reason
        Why the cell is empty; None if it is not.
    n_reason
        Events left out for that reason.
    detail
        The first such event's fact and times, in words; may be empty.
    chosen
        Whether this is the study's best cell.
    """

    entry: str
    exit: str
    sharpe: float
    sharpe_se: float
    n_returns: int
    n_events: int
    n_dates: int
    n_left_out: int
    gross_bps: float
    commission_bps: float
    spread_bps: float
    borrow_bps: float
    impact_bps: float
    reweighting_bps: float
    net_bps: float
    reason: str | None
    n_reason: int
    detail: str
    chosen: bool

    @property
    def costs_bps(self) -> float:
        """All costs together."""
        held = self.borrow_bps + self.reweighting_bps
        return self.commission_bps + self.spread_bps + self.impact_bps + held

    @property
    def lines(self) -> tuple[str, ...]:
        """The cell in words, as a tooltip says them."""
        head = f"{self.entry} to {self.exit}"
        if self.reason is not None:
            share = f": {count(self.n_reason, 'event')}" if self.n_reason else ""
            why = f"Empty, {text_of(self.reason).meaning}{share}"
            return (head, why, self.detail) if self.detail else (head, why)
        others = "".join(
            f", {name} {words.cost_bps(cost)}"
            for name, cost in (
                ("impact", self.impact_bps),
                ("reweighting", self.reweighting_bps),
            )
            if cost
        )
        left_out = f"; {count(self.n_left_out)} left out" * bool(self.n_left_out)
        return (
            head,
            f"Sharpe {self.ratio}",
            f"{words.bps(self.net_bps)} bp net per event",
            (
                f"{words.bps(self.gross_bps)} bp gross; costs: commission "
                f"{words.cost_bps(self.commission_bps)}, spread "
                f"{words.cost_bps(self.spread_bps)}, borrow "
                f"{words.cost_bps(self.borrow_bps)}{others}"
            ),
            (
                f"{count(self.n_events, 'event')} on "
                f"{count(self.n_dates, 'date')}, "
                f"{count(self.n_returns, 'return')}{left_out}"
            ),
            *([NOTE] if mark(self.n_dates) else []),
        )

    @property
    def ratio(self) -> str:
        """The Sharpe ratio with its error, marked where it rests on few dates."""
        ratio = f"{words.sharpe(self.sharpe)} {words.error(self.sharpe_se)}"
        return f"{ratio} {mark(self.n_dates)}".rstrip()


def surface(contents: StudyContents) -> dict[tuple[str, str], Cell]:
    """Return the cells by entry and exit, row by row."""
    why = _reasons(contents.empty)
    rows = {(row["entry"], row["exit"]): row for row in records(contents.table)}
    cells = {}
    for entry in contents.entries:
        for exit_ in contents.exits:
            row = rows.get((entry, exit_), {})
            sharpe = _number(row.get("sharpe"))
            n_events = _count(row.get("n_events"))
            reason, n_reason, detail = None, 0, ""
            if math.isnan(sharpe):
                reason, n_reason, detail = TOO_FEW, n_events, ""
                if not n_events:
                    reason, n_reason, detail = why.get((entry, exit_), (TOO_FEW, 0, ""))
            cells[entry, exit_] = Cell(
                entry=entry,
                exit=exit_,
                sharpe=sharpe,
                sharpe_se=_number(row.get("sharpe_se")),
                n_returns=_count(row.get("n_returns")),
                n_events=n_events,
                n_dates=_count(row.get("n_dates")),
                n_left_out=_count(row.get("n_refused"))
                + _count(row.get("n_untradeable")),
                gross_bps=_number(row.get("gross_bps")),
                commission_bps=_number(row.get("commission_bps")),
                spread_bps=_number(row.get("spread_bps")),
                borrow_bps=_number(row.get("borrow_bps")),
                impact_bps=_number(row.get("impact_bps", 0.0)),
                reweighting_bps=_number(row.get("reweighting_bps", 0.0)),
                net_bps=_number(row.get("net_bps")),
                reason=reason,
                n_reason=n_reason,
                detail=detail,
                chosen=contents.best == (entry, exit_),
            )
    return cells


def count_reasons(cells: Iterable[Cell]) -> dict[str, int]:
    """Return how many cells are empty for each reason, in the reasons' order."""
    counts: dict[str, int] = {}
    for cell in cells:
        if cell.reason is not None:
            counts[cell.reason] = counts.get(cell.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: order_of(item[0])))


def scale(cells: Iterable[Cell]) -> float:
    """Return the end of the colour scale: the largest absolute Sharpe ratio."""
    sizes = [abs(cell.sharpe) for cell in cells if cell.reason is None]
    return max(sizes, default=0.0) or 1.0


def example(row: dict[str, Any]) -> str:
    """Return a refused row's fact and times, in words."""
    parts = [row["fact"]] if isinstance(row.get("fact"), str) else []
    for name, label in (("known_at", "known"), ("needed_by", "needed before")):
        moment = words.instant(row.get(name))
        if moment != words.NOTHING:
            parts.append(f"{label} {moment}")
    return "; ".join(part for part in parts if part)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain values by column."""
    rows: list[dict[str, Any]] = frame.to_dict(orient="records")  # type: ignore[assignment]
    return rows


def _reasons(
    empty: pd.DataFrame,
) -> dict[tuple[str, str], tuple[str, int, str]]:
    """Return each cell's most frequent reason, its count and one event in words."""
    most: dict[tuple[str, str], dict[str, Any]] = {}
    for row in records(empty):
        cell = (row["entry"], row["exit"])
        if cell not in most or _weight(row) > _weight(most[cell]):
            most[cell] = row
    return {
        cell: (row["reason"], row["n_events"], example(row))
        for cell, row in most.items()
    }


def _weight(row: dict[str, Any]) -> tuple[int, int]:
    """Order reasons by frequency, then by which comes first."""
    return row["n_events"], -order_of(row["reason"])


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _count(value: object) -> int:
    number = _number(value)
    return 0 if math.isnan(number) else int(number)
