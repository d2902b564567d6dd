"""A lake in which cutting prices by sessions could go wrong in every way we know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2018, 1, 2))
N_SESSIONS, N_EVENTS = 600, 48
AS_OF = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)
SYMBOLS = (
    *(f"S{number:02}" for number in range(12)),
    "HALT",
    "NEW",
    "OLD",
    "BACK",
    "MKT",
)
COSTS = [
    lakebt.CostModel(),
    lakebt.CostModel(
        commission_bps=1.0,
        borrow_bps_per_year=50.0,
        impact_at_open=0.5,
        impact_sessions=15,
    ),
]
GRID: dict[str, Any] = {
    "entries": ["AD+1@open", "ED-1@close", "ED@close"],
    "exits": ["+1", "2w", "ED+3@open"],
}


def day(number: int) -> dt.date:
    """Return the day of a session, counted from the first with prices."""
    return NYSE.date(FIRST + number)


def _changes() -> pd.DataFrame:
    """An event each eleven sessions; some of one side, one with a halted share."""
    rows = []
    for number in range(N_EVENTS):
        announced = 40 + 11 * number
        legs = [("addition", f"S{number % 12:02}")]
        if number % 5:
            legs.append(("deletion", f"S{(number * 5 + 3) % 12:02}"))
        if number == 30:
            legs.append(("addition", "HALT"))
        if number == 35:
            legs.append(("addition", "NEW"))
        if number in {4, 36}:
            legs.append(("addition", "OLD" if number == 4 else "BACK"))
        rows += [
            {
                "change_id": f"E{number:02}-{symbol}-{side}",
                "index": "IDX",
                "symbol": symbol,
                "side": side,
                "announced": day(announced),
                "effective": day(announced + 6),
                "known_at": pd.NaT,
            }
            for side, symbol in legs
        ]
    moved = {**rows[20], "effective": day(40 + 11 * 30)}
    moved["known_at"] = pd.Timestamp(f"{day(40 + 11 * 11 + 4)} 12:30", tz="UTC")
    return pd.DataFrame([*rows, moved]).assign(
        known_at=lambda frame: pd.to_datetime(frame["known_at"], utc=True)
    )


def _prices() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    shape = N_SESSIONS, len(SYMBOLS)
    close = 40.0 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.006, shape))
    frame = pd.DataFrame(
        {
            "symbol": np.tile(SYMBOLS, N_SESSIONS),
            "session": np.repeat([day(n) for n in range(N_SESSIONS)], len(SYMBOLS)),
            "number": np.repeat(np.arange(N_SESSIONS), len(SYMBOLS)),
            "open": open_.ravel(),
            "high": np.maximum(open_, close).ravel(),
            "low": np.minimum(open_, close).ravel(),
            "close": close.ravel(),
            "volume": rng.integers(10**5, 10**6, shape).ravel().astype(float),
            "basis": "raw",
        }
    )
    # Nothing of it for 90 sessions before its event; the other is listed at its own.
    is_halted = frame["symbol"].eq("HALT") & frame["number"].between(270, 370)
    is_unlisted = frame["symbol"].eq("NEW") & frame["number"].lt(40 + 11 * 35 + 1)
    gaps = pd.Series(rng.random(len(frame)) < 0.004)
    return frame[~(is_halted | is_unlisted | gaps)].drop(columns="number")


def _actions() -> pd.DataFrame:
    rows: list[tuple[str, str, int, dict[str, Any]]] = [
        ("S03", "split", 211, {"ratio": 2.0}),
        ("S05", "cash_dividend", 322, {"cash": 0.4}),
        ("S07", "cash_dividend", 129, {"cash": 0.3}),
        # BACK ends, and comes again as OLD is called so: of another chunk's events.
        ("BACK", "delisting", 100, {"cash": 1.0}),
        ("OLD", "rename", 300, {"other": "BACK"}),
    ]
    return pd.DataFrame(
        [
            {
                "action_id": f"{symbol}-{kind}",
                "symbol": symbol,
                "kind": kind,
                "ex_date": day(number),
                "known_at": pd.Timestamp(f"{day(number - 12)} 12:30", tz="UTC"),
                **more,
            }
            for symbol, kind, number, more in rows
        ]
    )


def fill(path: Path) -> lakebt.Lake:
    """Publish it."""
    lake = lakebt.Lake.open(path, clock=lambda: AS_OF)
    tables = {
        "prices": _prices(),
        "index_changes": _changes(),
        "corporate_actions": _actions(),
    }
    lake.publish(tables, release="R1", as_of=AS_OF)
    return lake
