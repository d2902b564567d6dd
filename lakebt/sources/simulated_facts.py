"""The index changes and fund reports of a simulated market."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.facts import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import IntVector
    from lakebt.sessions import Sessions


INDEX, FUND, MARKET = "SIM", "SIMETF", "MKT"

# S&P publishes between 17:15 and 19:15 New York, one to three weeks before a change
# takes effect.
ANNOUNCED_FROM, ANNOUNCED_SECONDS = dt.time(17, 15), 2 * 3600
NOTICE = (5, 15)
"""Least and most sessions from the announcement to the effective session."""

BETA_SPREAD = 0.2
"""Betas lie around one."""

# N-PORT reports become public about 60 days after the quarter.
REPORT_LAG = dt.timedelta(days=59)
ACCEPTED = dt.time(16, 30)


def changed_legs(
    sessions: Sessions,
    announced: IntVector,
    effective: IntVector,
    counts: tuple[int, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return a row per change, additions before deletions within each event."""
    n_events, per_event = len(announced), sum(counts)
    event = np.repeat(np.arange(n_events), per_event)
    is_addition = np.tile(np.arange(per_event) < counts[0], n_events)
    number = np.where(is_addition, is_addition.cumsum(), (~is_addition).cumsum())
    prefix = np.where(is_addition, "ADD", "DEL")
    side = np.where(is_addition, Side.ADDITION.value, Side.DELETION.value)
    return pd.DataFrame(
        {
            "event": event,
            "symbol": [f"{a}{n:04d}" for a, n in zip(prefix, number, strict=True)],
            "side": side.astype(object),
            "announced_session": sessions.days[announced[event]].astype(object),
            "effective": sessions.days[effective[event]].astype(object),
            "beta": 1.0 + BETA_SPREAD * rng.standard_normal(len(event)),
        }
    )


def index_changes(
    legs: pd.DataFrame, n_events: int, rng: np.random.Generator, zone: dt.tzinfo
) -> pd.DataFrame:
    """Return the changes as the provider publishes them."""
    seconds = rng.integers(0, ANNOUNCED_SECONDS + 1, n_events)
    announced = [
        dt.datetime.combine(day, ANNOUNCED_FROM, tzinfo=zone).astimezone(dt.UTC)
        + dt.timedelta(seconds=int(seconds[event]))
        for event, day in zip(legs["event"], legs["announced_session"], strict=True)
    ]
    return pd.DataFrame(
        {
            "index": INDEX,
            "symbol": legs["symbol"],
            "side": legs["side"],
            "announced": pd.Series(announced, dtype="datetime64[us, UTC]"),
            "effective": legs["effective"],
            "cause": "discretionary",
            "announced_quality": "exact",
            "isin": legs["symbol"].map(_isin),
            "source": "simulated",
        }
    )


def holdings_reports(
    legs: pd.DataFrame, members: list[str], sessions: Sessions, as_of: dt.datetime
) -> pd.DataFrame:
    """Return the fund's reports that were public by `as_of`."""
    changes = list(zip(legs["side"], legs["effective"], legs["symbol"], strict=True))
    additions = [(day, each) for side, day, each in changes if side == Side.ADDITION]
    deletions = [(day, each) for side, day, each in changes if side == Side.DELETION]
    dates, instants, counts, symbols = [], [], [], []
    for date, known_at in _reports(legs["announced_session"].iloc[0], sessions, as_of):
        members_then = [
            *members,
            *(symbol for effective, symbol in deletions if effective > date),
            *(symbol for effective, symbol in additions if effective <= date),
        ]
        dates += [date] * len(members_then)
        instants.append(known_at)
        counts.append(len(members_then))
        symbols += members_then
    return pd.DataFrame(
        {
            "fund": FUND,
            "index": INDEX,
            "date": dates,
            "isin": [_isin(symbol) for symbol in symbols],
            "symbol": symbols,
            "weight_pct": np.repeat(100.0 / np.array(counts), counts),
            "known_at": pd.DatetimeIndex(instants).repeat(counts),
        }
    )


def _reports(
    first_event: dt.date, sessions: Sessions, as_of: dt.datetime
) -> Iterator[tuple[dt.date, dt.datetime]]:
    """Yield quarter ends and acceptances, from the last one before the first event."""
    quarter = pd.Period(first_event, "Q") - 1
    while True:
        date = quarter.end_time.date()
        day = sessions.date(sessions.on_or_after(date + REPORT_LAG))
        known_at = dt.datetime.combine(day, ACCEPTED, tzinfo=sessions.zone).astimezone(
            dt.UTC
        )
        if known_at > as_of:
            return
        yield date, known_at
        quarter += 1


def _isin(symbol: str) -> str:
    """Return twelve characters under ZZ, which no country has."""
    return f"ZZ{symbol:0>9}0"
