"""A small lake for audits, made so that one can tell when a fact became known.

Decisions are those of Mondays (or Tuesdays after a holiday) from 1 February 2021.

========== ===================================================================
prices     AAA to HHH from November 2020 to June 2021. GGG begins on 15 March, HHH
           ends on 16 April, CCC has no bar from 8 to 12 March. The close of DDD on
           5 March was published as about 40, and corrected on 20 March to 400.
changes    FFF in and EEE out: announced on 12 March, effective on 22 March. BBB in:
           announced on 7 May, effective on 24 May.
holdings   AAA to EEE at the end of 2020, accepted on 28 January; AAA, BBB, CCC, FFF,
           GGG at the end of March, accepted on 28 May.
eps        Of each quarter, known 40 days or so after its end.
splits     DDD four to one on 3 May, announced on 20 April.
actions    III ten to one on 10 May, announced on 22 April. Its bars are adjusted for it
           throughout: before it, 10 stands for the 100 that was paid.
========== ===================================================================
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt import Lake
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

NYSE = Sessions.of("XNYS")
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH")
WHOLE = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
"""Those with prices from the beginning to the end."""
START, END = "2021-02-01", "2021-06-30"
CUTOFF = "2021-07-15T00:00:00Z"


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def bars() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    first, last = (
        NYSE.on_or_after(day("2020-11-02")),
        NYSE.on_or_before(day("2021-07-14")),
    )
    days = NYSE.days[first : last + 1].astype(object)
    closes = 40.0 * np.exp(
        np.cumsum(rng.normal(0.0, 0.03, (len(days), len(SYMBOLS))), axis=0)
    )
    opens = closes * np.exp(rng.normal(0.0, 0.01, closes.shape))
    frame = pd.DataFrame(
        {
            "symbol": np.tile(SYMBOLS, len(days)),
            "session": np.repeat(days, len(SYMBOLS)),
            "open": opens.ravel(),
            "close": closes.ravel(),
            "high": np.maximum(opens, closes).ravel(),
            "low": np.minimum(opens, closes).ravel(),
            "volume": 1_000.0,
            "basis": "raw",
        }
    )
    symbol, session = frame["symbol"], frame["session"]
    gone = (symbol == "GGG") & (session < day("2021-03-15"))
    gone |= (symbol == "HHH") & (session > day("2021-04-16"))
    gap = (session >= day("2021-03-08")) & (session <= day("2021-03-12"))
    gone |= (symbol == "CCC") & gap
    return frame[~gone].reset_index(drop=True)


def adjusted() -> pd.DataFrame:
    """III, as a vendor tells it afterwards."""
    own = bars().query("symbol == 'AAA'").assign(symbol="III", basis="split_adjusted")
    for column in ("open", "high", "low", "close"):
        own[column] = 10.0 + 0.01 * (own[column] - 40.0)
    return own


def actions() -> pd.DataFrame:
    return pd.DataFrame(
        [("III", "split", day("2021-05-10"), day("2021-04-22"), 10.0)],
        columns=["symbol", "kind", "ex_date", "announced", "ratio"],
    )


def correction(frame: pd.DataFrame) -> pd.DataFrame:
    of_ddd = (frame["symbol"] == "DDD") & (frame["session"] == day("2021-03-05"))
    row = frame[of_ddd].copy()
    row[["close", "high"]] = 400.0
    return row.assign(known_at=pd.Timestamp("2021-03-20T12:00:00Z"))


def changes() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("SP500", "FFF", "addition", day("2021-03-12"), day("2021-03-22")),
            ("SP500", "EEE", "deletion", day("2021-03-12"), day("2021-03-22")),
            ("SP500", "BBB", "addition", day("2021-05-07"), day("2021-05-24")),
        ],
        columns=["index", "symbol", "side", "announced", "effective"],
    )


def report(symbols: str, date: str, known_at: str) -> pd.DataFrame:
    names = [letter * 3 for letter in symbols]
    return pd.DataFrame(
        {
            "fund": "FUND",
            "index": "SP500",
            "date": day(date),
            "isin": [f"ZZ{name:0>10}" for name in names],
            "symbol": names,
            "weight_pct": 100.0 / len(names),
            "known_at": pd.Timestamp(known_at),
        }
    )


def earnings() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [
        (symbol, day(period), float(rng.uniform(1.0, 9.0)), pd.Timestamp(known))
        for period, known in (
            ("2020-09-30", "2020-11-10T21:00:00Z"),
            ("2020-12-31", "2021-02-05T21:00:00Z"),
            ("2021-03-31", "2021-05-10T21:00:00Z"),
        )
        for symbol in WHOLE
    ]
    return pd.DataFrame(rows, columns=["symbol", "period", "eps", "known_at"])


def splits() -> pd.DataFrame:
    known = pd.Timestamp("2021-04-20T20:00:00Z")
    return pd.DataFrame(
        [("DDD", day("2021-05-03"), 4.0, known)],
        columns=["symbol", "ex_date", "ratio", "known_at"],
    )


def publish(folder: Path, *, with_adjusted: bool = False) -> Lake:
    """Publish R1, with III or without, and R2 with the correction."""
    lake = Lake.open(folder / "lake")
    lake.declare(
        "eps",
        key=["symbol", "period"],
        columns={"symbol": "text", "period": "date", "eps": "number"},
    )
    lake.declare(
        "splits",
        key=["symbol", "ex_date"],
        columns={"symbol": "text", "ex_date": "date", "ratio": "number"},
    )
    prices = bars()
    lake.publish(
        {
            "prices": pd.concat([prices, adjusted()]) if with_adjusted else prices,
            **({"corporate_actions": actions()} if with_adjusted else {}),
            "index_changes": changes(),
            "etf_holdings": pd.concat(
                [
                    report("ABCDE", "2020-12-31", "2021-01-28T21:00:00Z"),
                    report("ABCFG", "2021-03-31", "2021-05-28T21:00:00Z"),
                ]
            ),
            "eps": earnings(),
            "splits": splits(),
        },
        release="R1",
        as_of=CUTOFF,
    )
    lake.publish({"prices": correction(prices)}, release="R2", as_of=CUTOFF)
    return lake
