"""Days as pandas has them are read at once, and mean what each does by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.instants import parse_date
from lakebt.lake.publishing.normalisation import _date
from lakebt.lake.tables.schemas import SPECS

if TYPE_CHECKING:
    import datetime as dt

SESSION = SPECS["prices"].column("session")
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

DAYS = st.integers(-106_000, 106_000)
"""All that nanoseconds reach."""


def one_by_one(column: Any) -> list[dt.date | None] | None:
    """Return each day as `parse_date` has it; None if it takes one for none."""
    try:
        return [
            None if value is None else parse_date(value, what="session")
            for value in column.to_pylist()
        ]
    except (InvalidArgumentError, ValueError, OverflowError):
        return None


@given(
    unit=st.sampled_from(sorted(UNITS)),
    days=st.lists(st.none() | DAYS, min_size=1, max_size=6),
    off=st.sampled_from([0, 0, 0, 1, 3_600]),
)
def test_days_are_read_as_each_is_by_itself(
    unit: str, days: list[int | None], off: int
) -> None:
    ticks = [None if day is None else day * 86_400 * UNITS[unit] for day in days]
    if ticks[0] is not None:
        ticks[0] += off * UNITS[unit] if unit == "s" else off
    kind: Any = pa.timestamp
    column = pa.array(ticks, kind(unit))
    wanted = one_by_one(column)

    if wanted is None:
        with pytest.raises(InvalidDataError):
            _date(column, column=SESSION, table="prices")
    else:
        read = _date(column, column=SESSION, table="prices")
        assert read.type == pa.date32()
        assert read.to_pylist() == wanted


@pytest.mark.parametrize("year", [-5_000, 0, 10_000, 3_000_000])
def test_a_day_that_no_calendar_has_is_refused(year: int) -> None:
    seconds = round((year - 1970) * 365.2425) * 86_400
    column = pa.array([0, seconds], pa.timestamp("s"))

    with pytest.raises(InvalidDataError, match="session"):
        _date(column, column=SESSION, table="prices")
