"""Bars in force by symbol and day, to be looked up beside what is about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lakebt.lake.reading.instrument_rows import in_force_of
from lakebt.lake.tables.arrow import column, take
from lakebt.lake.tables.rows import integers

if TYPE_CHECKING:
    import pyarrow as pa

    from lakebt._typing import FloatVector, IntVector
    from lakebt.lake.tables.arrow import BoolVector


BAR_COLUMNS = ("symbol", "session", "close", "basis", "known_at", "retracted")

NEAR_DAYS = 10
"""How far from an `ex_date` a bar may be and still say what happened on it."""

_SPAN, _SHIFT = 2**22, 2**20
"""More days than there are dates, and what makes all of them positive."""

LONG_AGO = -_SHIFT
"""A day before all bars."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Bars in force, by symbol and day.

    Attributes
    ----------
    rows
        With `BAR_COLUMNS`.
    place : ndarray of shape (n_rows,)
        Where each was handed over; -1 for those the lake holds.
    """

    rows: pa.Table
    place: IntVector

    @classmethod
    def of(cls, rows: pa.Table, place: IntVector) -> Bars:
        """Return the bars of all vintages that are in force."""
        at = in_force_of(rows, ["symbol", "session"])
        rows = take(rows, at)
        code = column(rows, "symbol").dictionary_encode().indices.to_numpy()
        by = np.lexsort((integers(rows, "session"), code))
        return cls(rows=take(rows, by), place=place[at][by])

    @cached_property
    def _coded(self) -> Any:
        return column(self.rows, "symbol").dictionary_encode()

    @cached_property
    def _code(self) -> IntVector:
        return np.asarray(self._coded.indices.to_numpy(), dtype=np.int64)

    @cached_property
    def codes(self) -> dict[str, int]:
        """The number of each symbol."""
        return {name: n for n, name in enumerate(self._coded.dictionary.to_pylist())}

    @cached_property
    def day(self) -> IntVector:
        """Of each bar, in days since 1970."""
        return integers(self.rows, "session")

    @cached_property
    def close(self) -> FloatVector:
        """Of each bar."""
        closes = column(self.rows, "close").to_numpy(zero_copy_only=False)
        return np.asarray(closes, dtype=np.float64)

    @cached_property
    def _basis(self) -> npt.NDArray[np.object_]:
        basis = column(self.rows, "basis").to_numpy(zero_copy_only=False)
        return np.asarray(basis, dtype=object)

    @cached_property
    def is_raw(self) -> BoolVector:
        """Whether each bar is as it was traded."""
        return np.asarray(self._basis == "raw")

    @cached_property
    def is_total(self) -> BoolVector:
        """Whether dividends are in each bar already."""
        return np.asarray(self._basis == "total_return")

    @cached_property
    def _keys(self) -> IntVector:
        return self._code * _SPAN + self.day + _SHIFT

    def first_from(self, code: IntVector, day: IntVector) -> IntVector:
        """Return the first bar of some symbols from some days on; it may be another's.

        A symbol without bars, -1, has its place before all others.
        """
        places = np.searchsorted(self._keys, code * _SPAN + day + _SHIFT)
        return np.asarray(places, dtype=np.int64)

    def near(self, place: IntVector, code: IntVector, day: IntVector) -> BoolVector:
        """Whether a place is that of a bar of a symbol within some days of another."""
        is_one = (place >= 0) & (place < len(self.day)) & (code >= 0)
        at = np.where(is_one, place, 0)
        if not len(self.day):
            return is_one
        own = self._code[at] == code
        is_near = np.abs(self.day[at] - day) <= NEAR_DAYS
        return np.asarray(is_one & own & is_near)
