"""What a study is asked, as plain values that make it again."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from lakebt.backtest.costs import CostModel, costs_json
from lakebt.errors import InvalidArgumentError
from lakebt.events.clock import lead_option
from lakebt.facts import IndexChange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakebt.backtest.trades import Missing
    from lakebt.backtest.weights import Sizing
    from lakebt.study.study import Study

    Progress = Callable[[int, int], None]


_GRID = ("entries", "exits")


def study_arguments(study: Study) -> dict[str, Any]:
    """Return the arguments of a study other than its view.

    Returns
    -------
    dict
        Values that JSON has: texts, numbers, lists, mappings. Those that only refuse
        (`max_gross`) are left out. `study_from` reads them back.
    """
    arguments: dict[str, Any] = {
        "index": study.index,
        "entries": [str(rule) for rule in study.entries],
        "exits": [str(rule) for rule in study.exits],
        "where": {name: _values(values) for name, values in study.where.items()},
        "period": [str(day) for day in study.period] if study.period else None,
        "size": list(study.size) if study.size else None,
        "side": str(study.sizing.side),
        "hedge": study.sizing.hedge,
        "gross": study.sizing.gross,
        "capital_usd": study.sizing.capital_usd,
        "missing": study.missing,
        "aggregate": str(study.pooling.how),
        "weighting": str(study.pooling.weighting),
        "max_weight": study.pooling.max_weight,
        "costs": costs_json(study.costs),
        "on_look_ahead": study.on_look_ahead,
        "min_lead": lead_option(study.clock.min_lead),
    }
    if study.changes is not None:
        arguments["changes"] = [_change(change) for change in study.changes]
    return arguments


def rule_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one cell shares with all others of its study: no grid, no costs."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in {*_GRID, "costs"}
    }


def read_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Study` takes from what `study_arguments` gave.

    Raises
    ------
    InvalidArgumentError
        If there is an argument that this version of lakebt does not have.
    """
    known = {field.name for field in fields(CostModel)}
    read = dict(arguments)
    costs = dict(read.pop("costs", {}))
    if unknown := set(costs) - known:
        msg = f"costs have {', '.join(sorted(unknown))}, which this version does not"
        raise InvalidArgumentError(msg)
    read["costs"] = CostModel(**costs)
    if "changes" in read:
        read["changes"] = [IndexChange(**change) for change in read["changes"]]
    read["max_gross"] = max(2.0, float(read.get("gross", 1.0)))
    return read


def in_words(name: str, value: Any) -> str:  # noqa: PLR0911 - a case each
    """Return the value of an argument as people say it.

    Examples
    --------
    >>> in_words("hedge", None), in_words("period", ["2010-01-01", "2014-12-31"])
    ('no hedge', '2010-01-01 to 2014-12-31')
    >>> in_words("where", {"cause": ["merger", "other"]}), in_words("exits", ["+1"])
    ('cause merger or other', '+1')
    """
    match name, value:
        case "where", dict() if not value:
            return "everything"
        case "where", dict():
            parts = (
                f"{column} {' or '.join(map(str, v if isinstance(v, list) else [v]))}"
                for column, v in value.items()
            )
            return ", ".join(parts)
        case "period" | "size", [first, last]:
            return f"{first} to {last}" + (" legs" if name == "size" else "")
        case "hedge", str():
            return f"hedge {value}"
        case _, None:
            return {"hedge": "no hedge"}.get(name, f"any {name}")
        case _, list():
            return ", ".join(map(str, value))
        case (
            "commission_bps" | "half_spread_bps" | "borrow_bps_per_year",
            float() | int(),
        ):
            what = name.removesuffix("_per_year").removesuffix("_bps").replace("_", " ")
            return f"{what} {value:g}"
        case _, float():
            return f"{value:g}"
    return str(value)


def _values(values: object) -> Any:
    if isinstance(values, set | frozenset):
        return sorted(map(_plain, values), key=str)
    if isinstance(values, list | tuple):
        return [_plain(value) for value in values]
    return _plain(values)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value


def _change(change: IndexChange) -> dict[str, Any]:
    told = {field.name: getattr(change, field.name) for field in fields(change)}
    return {name: _plain(value) for name, value in told.items() if value is not None}


MARKET = "SPY"
"""What the path of an event is measured against when the study has no hedge."""


class Terms(Protocol):
    """What a study says of its trades; gross and capital are those of a level."""

    sizing: Sizing
    missing: Missing
