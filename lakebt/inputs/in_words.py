"""Arguments as people say them, from their plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def in_words(name: str, value: Any) -> str:  # noqa: C901, PLR0911 - a case each
    """Return the plain value of an argument as people say it.

    Examples
    --------
    >>> in_words("hedge", None), in_words("period", ["2010-01-01", "2014-12-31"])
    ('no hedge', '2010-01-01 to 2014-12-31')
    >>> in_words("where", {"cause": ["merger", "other"]}), in_words("exits", ["+1"])
    ('cause merger or other', '+1')
    >>> in_words("where", {"effective": {">=": "2020-01-01", "<": "2021-01-01"}})
    'effective >= 2020-01-01 and < 2021-01-01'
    >>> in_words("capital_usd", 1_000_000.0), in_words("commission_bps", 1.0)
    ('1,000,000', 'commission 1')
    """
    match name, value:
        case "where", dict() if not value:
            return "everything"
        case "where", dict():
            return ", ".join(f"{column} {_values(v)}" for column, v in value.items())
        case "changes", list():
            return ", ".join(_change_in_words(change) for change in value)
        case "period" | "size", [first, last]:
            return f"{first} to {last}" + (" legs" if name == "size" else "")
        case "hedge", str():
            return f"hedge {value}"
        case _, None:
            none = {"hedge": "no hedge", "delisting_return": "no delisting return"}
            return none.get(name, f"any {name}")
        case _, list():
            return ", ".join(map(str, value))
        case _, float() | int() if name.endswith(("_bps", "_bps_per_year")):
            rate = name.removesuffix("_per_year").removesuffix("_bps").replace("_", " ")
            return f"{rate} {value:g}"
        case "parameters", dict():
            return ", ".join(f"{key}={part}" for key, part in value.items()) or "none"
        case _, float():
            return f"{value:,.12g}"
    return str(value)


def _values(value: Any, *, between: str = " or ") -> str:
    """Return what a column must be: one of some values, or as comparisons say."""
    if isinstance(value, dict):
        return " and ".join(
            f"{op} " + _values(each, between=" or " if op == "=" else f" and {op} ")
            for op, each in value.items()
        )
    return between.join(map(str, value if isinstance(value, list) else [value]))


def _change_in_words(change: Mapping[str, Any]) -> str:
    dates = [change[name] for name in ("announced", "effective") if name in change]
    when = f" ({', '.join(str(date)[:10] for date in dates)})" if dates else ""
    return f"{change['side']} of {change['symbol']}{when}"
