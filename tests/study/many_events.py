"""A lake in which cutting prices by sessions could go wrong in every way we know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
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


def _actions(more: Sequence[tuple[str, str, int, dict[str, Any]]]) -> pd.DataFrame:
    rows: list[tuple[str, str, int, dict[str, Any]]] = [
        *more,
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
                "action_id": f"{symbol}-{kind}-{number}",
                "symbol": symbol,
                "kind": kind,
                "ex_date": day(number),
                "known_at": pd.Timestamp(f"{day(number - 12)} 12:30", tz="UTC"),
                **told,
            }
            for symbol, kind, number, told in rows
        ]
    )


def _adjusted(prices: pd.DataFrame) -> pd.DataFrame:
    """Bars on each basis, with shares that are spun off, and one that stops trading."""
    number = prices["symbol"].str.extract(r"S(\d+)")[0].astype(float)
    basis = np.select(
        [number.between(3, 6), number.between(7, 9)],
        ["split_adjusted", "total_return"],
        "raw",
    )
    session = prices["session"]
    # KID trades from its spin-off on; WHEN did so long before its own, and never again.
    kids = [
        prices[prices["symbol"].eq(other) & session.between(day(first), day(last))]
        for other, first, last in (("S00", 272, 599), ("S02", 60, 66))
    ]
    names = ("KID", "WHEN")
    own = [kid.assign(symbol=name) for kid, name in zip(kids, names, strict=True)]
    is_over = prices["symbol"].eq("S11") & session.ge(day(488))
    return pd.concat([prices.assign(basis=basis)[~is_over], *own])


def _more_actions() -> list[tuple[str, str, int, dict[str, Any]]]:
    """Actions of bars on each basis, some of which are of no event's own sessions."""
    return [
        ("S03", "spin_off", 271, {"other": "KID", "ratio": 0.5}),
        ("S04", "split", 590, {"ratio": 3.0}),
        ("S04", "cash_dividend", 96, {"cash": 0.6}),
        ("S05", "spin_off", 275, {"other": "KID", "ratio": 0.25}),
        ("S06", "spin_off", 131, {"other": "WHEN", "ratio": 0.2}),
        ("S00", "spin_off", 308, {"other": "WHEN", "ratio": 0.1}),
        ("S01", "spin_off", 65, {"other": "NEVER", "ratio": 0.1}),
        ("S07", "split", 12, {"ratio": 2.0}),
        ("S08", "cash_dividend", 560, {"cash": 0.9}),
        ("S08", "cash_dividend", 133, {"cash": 0.7}),
        ("S09", "spin_off", 424, {"other": "KID", "ratio": 0.3}),
        ("S11", "delisting", 490, {}),
    ]


def _instruments() -> pd.DataFrame:
    """S02 is called T02 later; the bars of S08 are under its first ticker always."""
    told = [
        ("I2", "S02", "symbol", 0, 249),
        ("I2", "T02", "symbol", 250, None),
        ("I8", "S08", "symbol", 0, 299),
        ("I8", "U08", "symbol", 300, None),
        ("I8", "S08", "prices", 0, None),
        # A ticker that had another owner before.
        ("I9", "S09", "symbol", 200, None),
        ("I1", "S09", "symbol", 0, 150),
    ]
    return pd.DataFrame(
        [
            {
                "instrument_id": own,
                "identifier": name,
                "valid_from": day(first),
                "kind": kind,
                "valid_to": None if last is None else day(last),
                "known_at": pd.Timestamp(f"{day(first)} 06:00", tz="UTC"),
            }
            for own, name, kind, first, last in told
        ]
    )


def fill(
    path: Path, *, adjusted: bool = False, instruments: bool = False, n_files: int = 1
) -> lakebt.Lake:
    """Publish it.

    Parameters
    ----------
    path
    adjusted
        Whether bars are on each basis, and what actions do depends on others.
    instruments
        Whether some symbols change hands.
    n_files
        In how many files prices lie, of as many sessions each.
    """
    lake = lakebt.Lake.open(path, clock=lambda: AS_OF)
    prices, changes = _prices(), _changes()
    tables = {
        "prices": _adjusted(prices) if adjusted else prices,
        "index_changes": changes,
        "corporate_actions": _actions(_more_actions() if adjusted else []),
    }
    if instruments:
        tables["instruments"] = _instruments()
        for name, other, since in (("S02", "T02", 250), ("S08", "U08", 300)):
            of = changes["symbol"].eq(name) & changes["announced"].ge(day(since))
            changes.loc[of, "symbol"] = other
        own = tables["prices"]
        renamed = own["symbol"].eq("S02") & own["session"].ge(day(250))
        own.loc[renamed, "symbol"] = "T02"
    for number in range(n_files - 1):
        first, end = (N_SESSIONS * n // n_files for n in (number, number + 1))
        session = tables["prices"]["session"]
        piece = tables["prices"][session.between(day(first), day(end - 1))]
        lake.publish({"prices": piece}, release=f"P{number}", as_of=AS_OF)
        tables["prices"] = tables["prices"].drop(index=piece.index)
    lake.publish(tables, release="R1", as_of=AS_OF)
    return lake
