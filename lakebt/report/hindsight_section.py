"""The section of a page on what hindsight adds, which could not be earned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.report import words
from lakebt.report.charts.hindsight import NAMES
from lakebt.report.surface import records
from lakebt.values.text import count

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.report.contents import Pretended

FEW = 4
"""Rules whose rows are shown at once; of more they are folded away."""

LISTED = 200
"""Facts that a page lists; it counts the others."""

_SUBJECT = {"known_at": "known at", "change": "the change"}


def hindsight_section(told: Pretended | None) -> dict[str, Any] | None:
    """Return the values for the section's template; None without hindsight."""
    if told is None:
        return None
    rows = _rows(told.rules)
    facts = records(told.facts.head(LISTED))
    n_events, number = told.facts["event_id"].nunique(), len(told.facts)
    listed = "" if number <= LISTED else f"the first {count(LISTED)} of "
    return {
        "sentence": f"Looks ahead: {told.sentence}",
        "rows": rows,
        "is_folded": len(rows) > FEW * len(NAMES),
        "summary": f"All {count(len(rows) // len(NAMES), 'rule')}, as known and not",
        "facts_summary": f"What was pretended: {listed}{count(number, 'fact')} of "
        f"{count(n_events, 'event')}, instants in UTC",
        "facts": [
            {
                "event": fact["event_id"],
                "symbol": fact["symbol"],
                "pretence": NAMES[fact["knowledge"]],
                "fact": _SUBJECT.get(fact["fact"], fact["fact"]),
                "as_known": _short(fact, "as_known"),
                "pretended": _short(fact, "pretended"),
                "known_at": _instant(fact["known_at"]),
                "pretended_known_at": "from the start"
                if fact["knowledge"] == "newest"
                else _instant(fact["pretended_known_at"]),
            }
            for fact in facts
        ],
    }


def _rows(rules: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per rule and knowledge, with both kinds of prices in it."""
    pairs: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in records(rules):
        key = row["entry"], row["exit"], row["knowledge"]
        at = "retro" if row["retro_adjusted"] else "plain"
        own = pairs.setdefault(
            key,
            {
                "entry": row["entry"],
                "exit": row["exit"],
                "knowledge": NAMES[row["knowledge"]],
                "ahead": row["knowledge"] != "as_known",
            },
        )
        own[at] = {
            "bp": words.bps(_number(row["mean_bps"])),
            "sharpe": words.sharpe(_number(row["sharpe"])),
            "events": count(row["n_events"]),
        }
    return list(pairs.values())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _short(fact: dict[str, Any], name: str) -> str:
    """Return an instant to the second, other text as it is; no `known_at` twice."""
    if fact["fact"] == "known_at" or fact[name] is None:
        return ""
    text = str(fact[name])
    is_instant = len(text) > len("2022-09-02 00:00:00") and text[10:11] == " "
    return text[:19] if is_instant else text


def _instant(value: object) -> str:
    return f"{str(value)[:10]} {str(value)[11:19]}" if value is not None else ""
