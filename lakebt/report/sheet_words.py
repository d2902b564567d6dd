"""The numbers of a tear sheet as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lakebt.report import words
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

NAMES = {
    "cagr": "CAGR",
    "sharpe_se": "Its standard error",
    "calmar": "Calmar ratio",
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "max_drawdown": "Worst drawdown",
    "drawdown_fall": "Peak to trough",
    "drawdown_length": "Peak to recovery",
    "n_returns": "Daily returns",
    "time_held": "Time held",
    "benchmark_return": "Benchmark's total return",
}
"""Of those whose name is not their key."""

MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year"),
)
"""What stands over a row of months, and of their year."""


def number(value: float, unit: str) -> str:
    """Write a number in its unit.

    Examples
    --------
    >>> number(0.1234, "fraction").split(), number(1.5, "ratio a year")
    (['12.3', '%'], '1.50')
    >>> number(12.0, "sessions"), number(2.345, "multiple of value")
    ('12 sessions', '2.35')
    """
    if math.isnan(value):
        return words.NOTHING
    if unit.startswith("fraction"):
        return words.percent(value)
    if unit == "sessions":
        return count(round(value), "session")
    return words.sharpe(value)


def rows_of(stats: pd.DataFrame) -> list[dict[str, str]]:
    """Return each number with its name, its session and its definition, in words."""
    return [
        {
            "name": NAMES.get(name, capitalised(name.replace("_", " "))),
            "value": number(row["value"], row["unit"]),
            "when": _when(name, row),
            "definition": f"{capitalised(row['definition'])}.",
            "source": row["source"],
        }
        for name, row in (
            (str(label), dict(zip(stats.columns, values, strict=True)))
            for label, values in zip(stats.index, stats.to_numpy(), strict=True)
        )
    ]


def _when(name: str, row: Mapping[str, Any]) -> str:
    if str(row["when"]) != "NaT":
        return str(row["when"])[:10]
    is_open = name == "drawdown_length" and not math.isnan(row["value"])
    return "not recovered" if is_open else ""


def in_words(stats: pd.DataFrame) -> str:
    """Return the numbers as lines of text."""
    rows = rows_of(stats)
    width = max((len(row["name"]) for row in rows), default=0)
    return "\n".join(
        f"{row['name']:<{width}}  {row['value']}"
        f"{', ' + row['when'] if row['when'] else ''}"
        for row in rows
    )
