"""Days of bars to publish, and how many files of them tests leave at a head."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from lakebt.sessions import Sessions
from tests.lake.frames import bars

if TYPE_CHECKING:
    import pandas as pd

FEW = 5
"""Files at the head, in most tests of folds."""

CALENDAR = Sessions.of("XNYS")
LAST = CALENDAR.on_or_after(dt.date(2022, 12, 1))


def session(back: int) -> str:
    """The session so many before 2022-12-01."""
    return CALENDAR.date(LAST - back).isoformat()


def day(back: int, **columns: Any) -> pd.DataFrame:
    """Bars of that session."""
    return bars(days=(session(back),), symbols=("AAA", "BBB", "CCC"), **columns)
