"""Checks of a user's return series, with errors that name the faulty value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_positive
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from lakebt._typing import FloatVector

SHORTEST = 3
"""Two returns have a ratio, and no kurtosis."""

LARGEST = 1e50
"""Of larger numbers the fourth power, of which a kurtosis is made, is infinite."""

HIGHEST_RATE = 0.01
"""A risk-free rate per return above it is one a year."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Returns that can be used.

    Attributes
    ----------
    numbers : ndarray of shape (n,)
        Without the risk-free rate.
    index
        What the caller numbers them by.
    risk_free
        What was taken off each, in words.
    """

    numbers: FloatVector
    index: pd.Index[Any]
    risk_free: str

    @property
    def window(self) -> str:
        """From when to when, and how many."""
        first, last = _label(self.index[0]), _label(self.index[-1])
        return f"{first} to {last} ({len(self.numbers):,} returns)"


def read_series(returns: object, risk_free: object = 0.0) -> Series:
    """Return what was given as numbers, less the risk-free rate.

    Raises
    ------
    InvalidArgumentError
        If they cannot be returns in order: with the value, the place, and a cure.
    """
    series = _numbers("returns", returns)
    _check_order(series.index)
    if len(series) < SHORTEST:
        msg = (
            f"returns must be at least {SHORTEST}, were {len(series)}: fewer have no "
            f"standard error"
        )
        raise InvalidArgumentError(msg)
    rate, words = _rate(risk_free, series.index)
    values = np.asarray(series, dtype=np.float64) - rate
    deviation = float(values.std())
    if not deviation > 1e-14 * max(abs(float(values.mean())), 1.0):
        msg = (
            f"returns must vary, were {values[0]:g} from {_label(series.index[0])} to "
            f"{_label(series.index[-1])}: a constant series has no Sharpe ratio"
        )
        raise InvalidArgumentError(msg)
    return Series(numbers=values, index=series.index, risk_free=words)


def yearly_sessions(given: float | str, index: pd.Index[Any]) -> float:
    """Return the sessions of a year: the number given, or those of an exchange.

    An exchange's are the mean of the years that `index` touches.

    Raises
    ------
    InvalidArgumentError
        If it is neither, or a return is of a day on which the exchange was closed.
    """
    if not isinstance(given, str):
        return float(check_positive("sessions_per_year", given))
    if not isinstance(index, pd.DatetimeIndex):
        msg = (
            f"sessions_per_year={given!r} needs returns indexed by date, was a "
            f"{type(index).__name__}: pd.Series(returns, index=days)"
        )
        raise InvalidArgumentError(msg)
    sessions = Sessions.of(given)
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    closed = days[sessions.numbers(days) < 0]
    if len(closed):
        msg = (
            f"returns are of {closed[0]}, no session of {given}: drop it, or name its "
            f"exchange"
        )
        raise InvalidArgumentError(msg)
    first, last = index[0].year, index[-1].year
    begin = sessions.on_or_after(dt.date(first, 1, 1))
    end = sessions.on_or_before(dt.date(last, 12, 31))
    return (end - begin + 1) / (last - first + 1)


def _numbers(name: str, given: object) -> pd.Series[float]:
    """Return one series of finite numbers.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    if isinstance(given, pd.DataFrame):
        columns = ", ".join(map(str, given.columns[:3]))
        msg = f"{name} must be one series, was a frame of {columns}: pick a column"
        raise InvalidArgumentError(msg)
    numbers = _read(given)
    if numbers is None:
        msg = (
            f"{name} must be one series of numbers, was a {type(given).__name__} of "
            f"others"
        )
        raise InvalidArgumentError(msg)
    bad = np.flatnonzero(~(np.abs(numbers.to_numpy()) < LARGEST))
    if len(bad):
        row = int(bad[0])
        msg = (
            f"{name} must be finite, was {numbers.iloc[row]} at "
            f"{_label(numbers.index[row])} (row {row}; {len(bad)} of them): drop "
            f"days that are not sessions, and write 0 where nothing was held"
        )
        raise InvalidArgumentError(msg)
    return numbers


def _read(given: Any) -> pd.Series[float] | None:
    """Return what is one series of numbers as one, None for what is not."""
    if isinstance(
        given, str | bytes | Mapping | AbstractSet
    ):  # walked along: something else
        return None
    try:
        raw = given if isinstance(given, pd.Series) else pd.Series(list(given))
        # NumPy makes numbers of truths, complex numbers, instants and durations.
        return None if raw.dtype.kind in "bcmM" else raw.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _check_order(index: pd.Index[Any]) -> None:
    if index.is_monotonic_increasing and index.is_unique:
        return
    labels = index.tolist()
    row = next(row for row in range(1, len(labels)) if not _follows(labels, row))
    before, label = _label(index[row - 1]), _label(index[row])
    msg = (
        f"returns must be in order, each once: {label} follows {before} (row {row}): "
        f"returns.sort_index(), and one return for each"
    )
    raise InvalidArgumentError(msg)


def _follows(labels: list[Any], row: int) -> bool:
    try:
        return bool(labels[row] > labels[row - 1])
    except TypeError:  # of two kinds
        return False


def _is_below(number: Any) -> bool:
    """Return whether a number, of whatever kind, is one to compute with."""
    return bool(abs(number) < LARGEST)


def _rate(given: object, index: pd.Index[Any]) -> tuple[FloatVector | float, str]:
    """Return what is taken off each return, and the same in words.

    Raises
    ------
    InvalidArgumentError
        If it has no value for one, or is one a year.
    """
    if isinstance(given, pd.Series):
        rates = _numbers("risk_free", given)
        missing = index.difference(rates.index)
        if len(missing):
            msg = (
                f"risk_free has no value at {_label(missing[0])} ({len(missing)} of "
                f"{len(index)} missing): risk_free.reindex(returns.index).ffill()"
            )
            raise InvalidArgumentError(msg)
        aligned = np.asarray(rates.reindex(index), dtype=np.float64)
        _check_rate(float(np.abs(aligned).max()))
        return aligned, f"a series of mean {float(aligned.mean()):.4%}"
    if not isinstance(given, int | float | np.number) or not _is_below(given):
        is_one = isinstance(given, int | float | str | np.number)
        shown = repr(given) if is_one else f"a {type(given).__name__}"
        msg = f"risk_free must be a number or a series, was {shown}"
        raise InvalidArgumentError(msg)
    _check_rate(abs(float(given)))
    return float(given), f"{float(given):.4%} a return" if given else ""


def _check_rate(highest: float) -> None:
    if highest > HIGHEST_RATE:
        msg = (
            f"risk_free is per return, was {highest:g}: of a rate a year pass "
            f"(1 + rate) ** (1 / 252) - 1"
        )
        raise InvalidArgumentError(msg)


def _label(value: object) -> str:
    """Return an index label: a day without its midnight."""
    return str(value).removesuffix(" 00:00:00")
