"""What normalised rows must satisfy before anything is written.

Each audit counts all offending rows and shows the first few, by their place in what was
handed over (counted from 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.errors import InvalidDataError
from lakebt.instants import NEW_YORK
from lakebt.lake.arrow import column, pc, take, truth
from lakebt.lake.rows import codes, integers, micros, repeated
from lakebt.lake.schemas import ETF_HOLDINGS, INDEX_CHANGES, PRICES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from lakebt._typing import IntVector
    from lakebt.lake.arrow import BoolVector
    from lakebt.lake.schemas import TableSpec
    from lakebt.sessions import Sessions

_SHOWN = 3
_NEW_YORK_TIME = pa.timestamp("us", tz=NEW_YORK.key)


def audit(
    rows: pa.Table,
    *,
    spec: TableSpec,
    as_of: dt.datetime,
    sessions: Callable[[], Sessions],
) -> None:
    """Check normalised rows, in the order they were handed over.

    Parameters
    ----------
    rows
        As `lakebt.lake.normalise.normalise` returns them.
    spec
        Their table.
    as_of
        The release's cutoff.
    sessions
        Gives the exchange's calendar.

    Raises
    ------
    InvalidDataError
        If any row breaks a rule.
    """
    fail = _Failures(rows, spec)
    known_at = integers(rows, "known_at")
    fail.where(
        known_at > micros(as_of),
        f"known_at after the release's as_of {as_of.isoformat()}",
        shown=("known_at",),
        cure="Publish them later, or with a later as_of",
    )
    code = codes(rows, (*spec.key, "known_at"))
    fail.where(
        repeated(code),
        f"a duplicate key, the {', '.join(spec.key)} and known_at of a row before",
        shown=("known_at",),
        cure="A correction is a row with a later known_at; leave out the others",
    )
    if spec is PRICES:
        _audit_prices(rows, fail, known_at, sessions())
    elif spec is INDEX_CHANGES:
        _audit_changes(rows, fail)
    elif spec is ETF_HOLDINGS:
        fail.where(
            integers(rows, "date") > _new_york_days(rows, "known_at"),
            "date after the day of known_at",
            shown=("date", "known_at"),
            cure="`date` is what the report is about, known_at when it was accepted",
        )


def _audit_prices(
    rows: pa.Table, fail: _Failures, known_at: IntVector, sessions: Sessions
) -> None:
    days = column(rows, "session").to_numpy(zero_copy_only=False)
    numbers = sessions.numbers(days.astype("datetime64[D]"))
    fail.where(
        numbers < 0,
        f"a bar on a day without a session of {sessions.exchange} "
        f"(whose calendar runs from {sessions.days[0]} to {sessions.days[-1]})",
        shown=(),
        cure="Leave them out, or open the lake with the exchange they are from",
    )
    fail.where(
        known_at < sessions.instants("close")[numbers],
        "known_at before the close of their session",
        shown=("known_at",),
        cure="Leave known_at out to have it derived from the close",
    )
    names = ("open", "high", "low", "close")
    prices = {name: column(rows, name).to_numpy() for name in names}
    positive = [(value > 0) & np.isfinite(value) for value in prices.values()]
    fail.where(
        ~np.logical_and.reduce(positive),
        "a price that is not positive and finite",
        shown=names,
        cure="Leave out bars without a trade",
    )
    fail.where(
        prices["high"] < prices["low"],
        "high below low",
        shown=("high", "low"),
        cure="Correct the bar, or leave it out",
    )
    for name in ("open", "close"):
        fail.where(
            (prices[name] > prices["high"]) | (prices[name] < prices["low"]),
            f"{name} outside low to high",
            shown=(name, "low", "high"),
            cure="Correct the bar, or leave it out",
        )
    volume = column(rows, "volume").to_numpy(zero_copy_only=False)
    fail.where(
        volume < 0,
        "negative volume",
        shown=("volume",),
        cure="Leave volume empty where it is not known",
    )


def _audit_changes(rows: pa.Table, fail: _Failures) -> None:
    both = pc.and_(
        pc.is_valid(column(rows, "announced")), pc.is_valid(column(rows, "effective"))
    )
    dated = np.flatnonzero(truth(both))
    early = np.zeros(len(rows), dtype=bool)
    some = take(rows, dated)
    early[dated] = integers(some, "effective") < _new_york_days(some, "announced")
    fail.where(
        early,
        "effective before announced",
        shown=("announced", "effective"),
        cure="Correct the dates",
    )


class _Failures:
    """Raises for the first rule that some row breaks."""

    def __init__(self, rows: pa.Table, spec: TableSpec) -> None:
        self.rows, self.spec = rows, spec

    def where(
        self,
        broken: BoolVector,
        what: str,
        *,
        shown: Sequence[str],
        cure: str,
    ) -> None:
        """Raise if any row is `broken`, showing its key and the columns `shown`.

        Raises
        ------
        InvalidDataError
            If any is.
        """
        places = np.flatnonzero(broken)
        if len(places) == 0:
            return
        names = (*self.spec.key, *(n for n in shown if n not in self.spec.key))
        some = take(self.rows, places[:_SHOWN]).select(names).to_pylist()
        listed = "; ".join(
            f"row {place}: {', '.join(f'{n} {v}' for n, v in row.items())}"
            for place, row in zip(places, some, strict=False)
        )
        more = f"; and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        count = "1 row has" if len(places) == 1 else f"{len(places)} rows have"
        problem = f"{count} {what} ({listed}{more}). {cure}."
        raise InvalidDataError(self.spec.name, problem)


def _new_york_days(rows: pa.Table, name: str) -> IntVector:
    """Return the days in New York of a column of instants, in days since 1970."""
    local = pc.local_timestamp(column(rows, name).cast(_NEW_YORK_TIME))
    days = np.asarray(local.to_numpy(zero_copy_only=False)).astype("datetime64[D]")
    return days.astype(np.int64)
