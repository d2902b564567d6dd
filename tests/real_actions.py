"""Real corporate actions, as rows of the table; the files lie beside the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path


def real_actions(folder: Path) -> pd.DataFrame:
    """Return the dividends, splits, spin-offs, mergers, renames and delistings."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{name}.csv", dtype={"symbol": str})

    dividends = read("dividends").rename(columns={"amount_usd": "cash"})
    spy = read("spy_distributions").rename(columns={"amount_usd": "cash"})
    splits = read("splits")
    mergers = read("mergers").rename(columns={"cash_usd": "cash", "acquirer": "other"})
    spun = read("spin_offs").rename(columns={"parent": "symbol", "child": "other"})
    renames = read("renames").rename(columns={"old": "symbol", "new": "other"})
    wanted = ["symbol", "kind", "ex_date", "announced", "cash", "ratio", "other"]
    tables = [
        dividends.assign(kind="cash_dividend"),
        spy.assign(kind="cash_dividend", symbol="SPY", announced=None),
        splits.assign(kind="split"),
        mergers.assign(kind="merger"),
        spun.assign(kind="spin_off"),
        renames.assign(kind="rename"),
    ]
    whole = pd.concat([each.reindex(columns=wanted) for each in tables])
    paid = whole[(whole["kind"] != "cash_dividend") | whole["cash"].notna()]
    once = paid.drop_duplicates(["symbol", "kind", "other", "ratio", "ex_date"])
    # One split of DXCM is there twice, on a Friday and on the Monday after it.
    twice = once.duplicated(["symbol", "kind", "other", "announced"])
    once = once[once["announced"].isna() | ~twice]
    # ARNC was another company's ticker from that day on.
    return once[once["symbol"] != once["other"]].reset_index(drop=True)


def real_bars(folder: Path) -> pd.DataFrame:
    """Return the unadjusted bars around them."""
    return pd.read_parquet(folder / "raw_bars.parquet")
