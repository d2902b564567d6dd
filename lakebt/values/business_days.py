"""Business days of exchange_calendars that pandas 3.1 does not count as they are.

pandas 3.1 asks an offset for another method than exchange_calendars 4.13 gives, and
counts business days without asking: sessions of weeks that differ were lost in silence
(Saturdays of Seoul until 1998, of Bombay in 2024), and some calendars could not be
made. Drop this when they can be made without.

Nor are holidays worked out to 2200, which is pandas' last year of them.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator


_TURN = threading.Lock()


@contextlib.contextmanager
def counted_as_they_are(first: dt.date, last: dt.date) -> Iterator[None]:
    """Let calendars be made with the sessions that their library says, and no more.

    Parameters
    ----------
    first, last
        No calendar that is made meanwhile reaches beyond these days.
    """
    from exchange_calendars.exchange_calendar import HolidayCalendar  # noqa: PLC0415
    from exchange_calendars.pandas_extensions import offsets  # noqa: PLC0415 - 0.2 s
    from pandas import Timestamp, to_datetime  # noqa: PLC0415
    from pandas.tseries.offsets import CustomBusinessDay  # noqa: PLC0415 - 0.2 s

    name = "MultipleWeekmaskCustomBusinessDay"
    of_weeks = getattr(offsets, name)
    end_of_next = Timestamp(last.year + 1, 12, 31)
    days = np.arange(
        np.datetime64(first), np.datetime64(last) + 1, dtype="datetime64[D]"
    )

    def holidays(calendar: Any, start: Any = None, end: Any = None, **told: Any) -> Any:
        """Return the holidays up to the year after the last one of a calendar."""
        return all_holidays(
            calendar, start, end_of_next if end is None else end, **told
        )

    def day_by_day(
        *, holidays: Any, calendar: Any, weekmask: str, weekmasks: Any
    ) -> CustomBusinessDay:
        """Return the same business days with each day off as a holiday."""
        stamps = [*holidays, *(() if calendar is None else calendar.holidays())]
        utc = to_datetime(stamps, utc=True).tz_localize(None)
        off = utc.to_numpy().astype("datetime64[D]")
        is_open = np.is_busday(days, weekmask=weekmask, holidays=off)
        for begin, end, other in weekmasks:
            here = (days >= _day(begin, days[0])) & (days <= _day(end, days[-1]))
            is_open[here] = np.is_busday(days[here], weekmask=other, holidays=off)
        return CustomBusinessDay(weekmask="1111111", holidays=days[~is_open].tolist())

    easter = offsets.OrthodoxEaster
    easter._add_datetime = easter._apply  # noqa: SLF001 - what pandas 3.1 asks
    modules = [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("exchange_calendars.exchange_calendar_")
        and name in vars(module)
    ]
    with _TURN:  # another thread would take the one for the other, or give it back
        for module in modules:
            setattr(module, name, day_by_day)
        all_holidays = HolidayCalendar.holidays
        HolidayCalendar.holidays = holidays
        try:
            yield
        finally:
            HolidayCalendar.holidays = all_holidays
            for module in modules:
                setattr(module, name, of_weeks)


def _day(stamp: Any, default: np.datetime64) -> np.datetime64:
    return default if stamp is None else np.datetime64(stamp.date(), "D")
