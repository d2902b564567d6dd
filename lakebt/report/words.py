"""How numbers and instants are written, wherever they are shown."""

from __future__ import annotations

import datetime as dt
import math

from lakebt.instants import in_new_york
from lakebt.values.text import capitalised, count, signed

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""

MINUS = "\N{MINUS SIGN}"


def sharpe(value: float) -> str:
    """Write a Sharpe ratio with two decimals.

    Examples
    --------
    >>> sharpe(0.418), sharpe(-0.001)
    ('0.42', '0.00')
    """
    return NOTHING if math.isnan(value) else signed(f"{value:z.2f}")


def error(value: float) -> str:
    """Write a standard error, to stand after a number.

    Examples
    --------
    >>> error(0.31)
    '± 0.31'
    """
    return "± ?" if math.isnan(value) else f"± {value:.2f}"


def p_value(value: float) -> str:
    """Write a p-value, which no number of draws makes zero.

    Examples
    --------
    >>> p_value(0.9363), p_value(0.0478), p_value(0.0001)
    ('0.94', '0.048', '< 0.001')
    >>> p_value(float("nan")) == NOTHING
    True
    """
    if math.isnan(value):
        return NOTHING
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def bps(value: float) -> str:
    """Write a return in basis points, signed, with a decimal when it is small.

    Examples
    --------
    >>> bps(217.6), bps(4.91), bps(0.01)
    ('+218', '+4.9', '0')
    """
    if math.isnan(value):
        return NOTHING
    digits = 0 if abs(value) >= 9.95 else 1
    if round(value, digits) == 0:
        return "0"
    return signed(f"{value:+,.{digits}f}")


def cost_bps(value: float) -> str:
    """Write what something cost, in basis points, without a sign.

    Examples
    --------
    >>> cost_bps(4.0), cost_bps(0.0)
    ('4.0', '0')
    """
    return bps(value).removeprefix("+")


def error_bps(value: float) -> str:
    """Write a standard error in basis points, to stand after a number.

    Examples
    --------
    >>> error_bps(21.4), error_bps(3.14), error_bps(float("nan"))
    ('± 21', '± 3.1', '± ?')
    """
    return "± ?" if math.isnan(value) else f"± {cost_bps(value)}"


def percent(fraction: float) -> str:
    r"""Write a fraction as a signed percentage.

    Examples
    --------
    >>> percent(-0.1234) == f"{MINUS}12.3\u00a0%", percent(0.0).split()
    (True, ['0.0', '%'])
    """
    return signed(f"{100 * fraction:z.1f}\u00a0%")


def n_of(number: float) -> str:
    """Write the n that belongs to a number, on the same line as it.

    Examples
    --------
    >>> n_of(1320).split()
    ['(n', '=', '1,320)']
    """
    return f"(n\u00a0=\u00a0{count(number)})"


def instant(value: object) -> str:
    """Write an instant as people at the exchange say it.

    Examples
    --------
    >>> instant(dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC))
    '2022-11-28 15:50:55 New York'
    >>> instant(None) == NOTHING
    True
    """
    # NaT is a datetime that differs from itself.
    if not isinstance(value, dt.datetime) or value != value:  # noqa: PLR0124
        return NOTHING
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return in_new_york(value)


def span(numbers: list[int], noun: str = "") -> str:
    """Write the smallest and the largest of some counts, and their noun.

    Examples
    --------
    >>> span([206, 187], "event"), span([5, 5])
    ('187 to 206 events', '5')
    """
    low, high = min(numbers), max(numbers)
    highest = count(high, noun)
    return highest if low == high else f"{count(low)} to {highest}"


def with_unit(name: str) -> str:
    """Write a name with its unit as a person would.

    Examples
    --------
    >>> with_unit("borrow_bps_per_year")
    'Borrow, basis points per year'
    """
    text = name
    for suffix, unit in (
        ("_bps_per_year", "basis points per year"),
        ("_bps", "basis points"),
        ("_usd", "USD"),
    ):
        if name.endswith(suffix):
            text = f"{name.removesuffix(suffix)}, {unit}"
            break
    return capitalised(text.replace("_", " "))
