"""What a strategy may hold before an audit: scalars, and small configuration.

Other data is refused, because its time is unknown. Configuration has no dates and no
keys of time. Mappings by symbol and lists of names may have any length; mappings by
number, and lists of numbers, must be shorter than a history.
"""

from __future__ import annotations

import array
import collections
import enum
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from lakebt.strategy.audit.dates import date_of, dates_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST = 10_000
"""Nothing longer is looked into: it is no configuration."""

_LONGEST_BYTES = 1_000
_LARGEST_NUMBER = 1 << 256
_LONGEST_CODE = 128
"""Characters, bytes and bits of keys, seeds and digests, which tell of no day each."""

_SHOWS = 2
"""A text with so many dates is a table."""


SEQUENCES = (list, tuple, collections.deque, array.array)
SETS = (set, frozenset)
PANDAS = (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)

_SEPARATORS = re.compile(r"[\s,;|:/]+")
_SYMBOL = re.compile(r"[-A-Z0-9.+]+\Z")

Fault: TypeAlias = str
"""What a value is, in words; empty if it may be held."""


class Judge:
    """Judges whether a value of data is configuration.

    Parameters
    ----------
    is_later
        Whether a date may tell of a time after the first decision.
    many
        So long is a history.
    """

    def __init__(self, is_later: Callable[[pd.Timestamp], bool], many: int) -> None:
        self._is_later, self._many = is_later, many

    def fault(self, value: Any, *, within: int = 0) -> Fault:  # noqa: PLR0911 - a case each
        """Return why a value may not be held; `within` is its container's length."""
        kind = type(value).__name__
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            size = memoryview(value).nbytes
            is_long = size > _LONGEST_BYTES or size >= max(self._many, _LONGEST_CODE)
            return f"a {kind} of {size:,}" if is_long else self._text(_ascii(value))
        if isinstance(value, int):
            most = max(self._many, _LONGEST_CODE) + 1
            is_large = value.bit_length() >= most or abs(value) > _LARGEST_NUMBER
            return f"a number of {value.bit_length():,} bits" if is_large else ""
        if isinstance(value, Mapping):
            return self._mapping(value, kind, within)
        if isinstance(value, SEQUENCES):
            return self._sequence(list(value), kind)
        if isinstance(value, SETS):
            return self._set(value, kind)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, PANDAS):
            return self._pandas(value)
        return f"a {kind}, which an audit cannot make anew"

    def _text(self, value: str) -> Fault:
        if len(value) > LONGEST:
            return f"a text of {len(value):,} characters"
        dates = dates_in(value)
        if len(dates) >= _SHOWS and self._is_later(max(dates)):
            return f"a text with dates up to {max(dates).date()}"
        words = _SEPARATORS.split(value.strip())
        if (longest := max(map(_length_of_code, words))) >= self._many:
            return f"a text with a word of {longest:,} characters"
        is_listed = all(map(_SYMBOL.match, words)) and not _named(words)
        is_long = len(words) >= self._many and is_listed
        return f"a text of {len(words):,} values" if is_long else ""

    def _mapping(self, value: Mapping[Any, Any], kind: str, within: int) -> Fault:
        if len(value) > LONGEST:
            return f"a {kind} of {len(value):,}"
        last, count = _last(value, is_key=True)
        if last is not None and (self._is_later(last) or count >= self._many):
            return f"a {kind} by date up to {last.date()}"
        last, _ = _last(value.values())
        if last is not None and self._is_later(last):
            return f"a {kind} with dates up to {last.date()}"
        if len(value) >= self._many and (within >= self._many or not _named(value)):
            return f"a {kind} of {len(value):,}"
        return ""

    def _sequence(self, value: Sequence[Any], kind: str) -> Fault:
        if len(value) > LONGEST:
            return f"a {kind} of {len(value):,}"
        last, _ = _last(value)
        if last is None or not self._is_later(last):
            last = _last_of_column(value)
        if last is not None and self._is_later(last):
            return f"a {kind} with dates up to {last.date()}"
        if _leaves(value) < self._many or _named(value) or _by_name(value):
            return ""
        is_number = isinstance(value[0], int | float | np.number)
        return f"a {kind} of {len(value):,} {'numbers' if is_number else 'values'}"

    def _set(self, value: Any, kind: str) -> Fault:
        if all(isinstance(each, str | int | float) for each in value):
            last, _ = _last(value, is_key=True)
            if last is not None and self._is_later(last):
                return f"a {kind} with dates up to {last.date()}"
        ordered = sorted(value, key=repr)
        return self._sequence(ordered, kind)

    def _array(self, value: Any) -> Fault:
        size = " x ".join(f"{length:,}" for length in value.shape)
        if value.dtype.names is not None:
            return f"an array of records, {size}"
        if value.size > LONGEST:
            return f"an array of {size}"
        if value.dtype.kind == "M":
            last = _last_label(pd.Index(value.ravel()))
            is_later = last is not None and self._is_later(last)
            return f"an array of dates up to {last:%Y-%m-%d}" if is_later else ""
        items = value.ravel().tolist() if value.dtype.kind in "OUSV" else []
        if items and (fault := self._sequence(items, "list")):
            is_dated = " up to " in fault
            return (
                fault.replace("a list", "an array")
                if is_dated
                else f"an array of {size}"
            )
        is_long = value.size >= self._many and not items
        return f"an array of {size}" if is_long else ""

    def _pandas(self, value: Any) -> Fault:
        kind = type(value).__name__
        if isinstance(value, pd.DatetimeIndex) and isinstance(value.freq, _REGULAR):
            return ""  # a calendar tells nothing of what happens on its days
        if isinstance(value, pd.api.extensions.ExtensionArray):
            value = pd.Series(value)
        shape = getattr(value, "shape", (len(value),))
        size = " x ".join(f"{length:,}" for length in shape)
        axes = [value] if isinstance(value, pd.Index) else value.axes
        if np.prod(shape, dtype=float) > LONGEST and not _is_of_names(axes, self._many):
            labels = filter(None, map(_last_label, axes))
            last = max(labels, default=None, key=_utc)
            is_later = last is not None and self._is_later(last)
            what = f"up to {last:%Y-%m-%d}" if is_later else f"of {size}"
            return f"a {kind} {what}"
        last, is_dated = _last_of_frame(value, axes)
        if last is not None and self._is_later(last):
            return f"a {kind} up to {last.date()}"
        is_long = max(shape, default=0) >= self._many
        if is_long and (is_dated or not _is_of_names(axes, self._many)):
            return f"a {kind} of {size}"
        return ""


_REGULAR = (
    *(pd.offsets.Tick, pd.offsets.Day, pd.offsets.BDay, pd.offsets.Week),
    *(pd.offsets.MonthEnd, pd.offsets.BMonthEnd, pd.offsets.MonthBegin),
)
"""Steps of calendars that hold nothing else."""


def _length_of_code(word: str) -> int:
    """Return the length of a word, if it is too long for a name or code."""
    return len(word) if len(word) > _LONGEST_CODE and word.isalnum() else 0


def _ascii(value: Any) -> str:
    return bytes(value).decode("ascii", "replace")


def _utc(at: pd.Timestamp) -> pd.Timestamp:
    return at.tz_localize("UTC") if at.tzinfo is None else at


def _last(values: Any, *, is_key: bool = False) -> tuple[pd.Timestamp | None, int]:
    """Return the last date among some values, and how many are dates."""
    each = (v for value in values for v in (value if type(value) is tuple else [value]))
    dates = (date_of(value, is_key=is_key) for value in each)
    dates_found = [date for date in dates if date is not None]
    return max(dates_found, key=_utc, default=None), len(dates_found)


def _last_of_column(rows: Sequence[Any]) -> pd.Timestamp | None:
    """Return the last date of rows of which one column is a date as a number."""
    if len(rows) < 2:
        return None
    records = [list(r.values()) if isinstance(r, Mapping) else r for r in rows]
    if not all(isinstance(r, list | tuple) for r in records):
        return None
    width = min(map(len, records))
    last: list[pd.Timestamp] = []
    for place in range(width):
        column = [record[place] for record in records]
        dates = [date_of(each, is_key=True) for each in column]
        if all(date is not None for date in dates) and len(set(column)) > 1:
            last += [date for date in dates if date is not None]
    return max(last, key=_utc, default=None)


def _leaves(value: Any) -> int:
    """Return the number of values in a nested structure."""
    if isinstance(value, (*SEQUENCES, *SETS)):
        return max(len(value), sum(map(_leaves, value)))
    return 1


def _named(values: Any) -> bool:
    """Return whether values are texts, each of them once, that are no numbers."""
    names = list(values)
    is_text = all(isinstance(name, str | enum.Enum) for name in names)
    if not is_text or len({str(name) for name in names}) < len(names):
        return False
    return not all(str(name).lstrip("tTdD_#-").isdigit() for name in names)


def _by_name(rows: Sequence[Any]) -> bool:
    """Return whether rows begin with a name each, as those of a mapping do."""
    is_pairs = all(isinstance(row, list | tuple) and row for row in rows)
    return is_pairs and _named([row[0] for row in rows])


def _is_of_names(axes: Sequence[pd.Index], many: int) -> bool:
    """Return whether one axis at most is long, and that one has names."""
    long = [axis for axis in axes if len(axis) >= many]
    return len(long) <= 1 and all(_named(axis) for axis in long)


def _last_label(axis: pd.Index) -> pd.Timestamp | None:
    if isinstance(axis, pd.MultiIndex):
        levels = [level for level in axis.levels if not _is_of_numbers(level)]
        labels = [_last_label(level) for level in levels or axis.levels]
        return max(filter(None, labels), default=None, key=_utc)
    if isinstance(axis, pd.PeriodIndex):
        return pd.Timestamp(axis.max().end_time) if len(axis) else None
    if isinstance(axis, pd.DatetimeIndex):
        return None if pd.isna(axis.max()) else pd.Timestamp(axis.max())
    is_numeric = _is_of_numbers(axis)
    return (
        None if isinstance(axis, pd.RangeIndex) else _last(axis, is_key=is_numeric)[0]
    )


def _is_of_numbers(values: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values.dtype))


def _last_of_frame(value: Any, axes: Sequence[pd.Index]) -> tuple[Any, bool]:
    """Return the last date in labels and values, and whether there is one."""
    dates = [date for axis in axes if (date := _last_label(axis)) is not None]
    for column in _columns(value):
        if _is_of_numbers(column):
            continue
        index = pd.Index(column)
        if (date := _last_label(index)) is not None:
            dates.append(date)
    return max(dates, key=_utc, default=None), bool(dates)


def _columns(value: Any) -> Iterator[pd.Series]:
    if isinstance(value, pd.DataFrame):
        yield from (value.iloc[:, place] for place in range(value.shape[1]))
    elif isinstance(value, pd.Series):
        yield value
