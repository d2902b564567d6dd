"""Without rows of `instruments`, actions or rates, every bit is what it was before.

The digests were made by this module's `main` with the tree of commit 301552b, which has
neither: ``PYTHONPATH=TREE python tests/study/test_as_before_identity.py``. Prices are
sums of whole numbers of cents, so that no processor's logarithm is in them.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.lake

DIGESTS = {
    "panels": "8433aac0a4961c92f1abcf86e1c95819",
    "legs": "369aab310a96e4a5f3b1e2972b43220d",
    "orders": "ddc9be341bea2527f108cfc1260e0dd9",
    "events": "1ebf2d501ce6f38ed56f5b1546b60862",
    "table": "fcc371b4b94ad7e8209e4d85646dda61",
    "run": "7d83c8d2082db0b2efc9255728ce7eeb",
}
LEGS = ("entry_price", "exit_price", "price_return", "hedge_return", "weight")
ORDERS = ("size", "price", "commission_usd", "spread_usd", "weight")
EVENTS = (
    *("gross_return", "net_return", "commission_usd", "spread_usd", "borrow_usd"),
    *("mean_bps", "volatility_bps", "sharpe", "max_drawdown", "turnover"),
)
TABLE = ("sharpe", "gross_bps", "commission_bps", "spread_bps", "borrow_bps", "net_bps")


class Turns:
    """Holds some long and one short, by the last closes."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        last = view.panel("close").iloc[-1]
        more = 0.3 if last["CCC"] > last["DDD"] else 0.1
        return pd.Series({"AAA": 0.5, "BBB": -0.25, "CCC": more})


def filled(folder: Path) -> lakebt.View:
    every = Sessions.of("XNYS").days.astype("datetime64[ns]")
    first, last = np.datetime64("2022-05-02"), np.datetime64("2022-08-31")
    days = pd.DatetimeIndex(every[(every >= first) & (every <= last)])
    frames = []
    for seed, symbol in enumerate(("AAA", "BBB", "CCC", "DDD", "SPY")):
        cents = np.random.default_rng(seed).integers(-250, 251, len(days)).cumsum()
        close = (100 + cents / 100).round(2)
        frame = pd.DataFrame({"symbol": symbol, "session": days, "open": close - 0.5})
        frame["high"], frame["low"], frame["close"] = close + 1, close - 1, close
        frames.append(frame.assign(volume=1e6, basis="raw"))
    names = ("symbol", "side", "announced", "effective")
    changes = pd.DataFrame(
        [
            ("AAA", "addition", "2022-05-31", "2022-06-07"),
            ("BBB", "deletion", "2022-05-31", "2022-06-07"),
            ("CCC", "addition", "2022-06-14", "2022-06-21"),
            ("DDD", "deletion", "2022-07-05", "2022-07-12"),
        ],
        columns=list(names),
    ).assign(index="SP500")
    lake = lakebt.Lake.open(folder)
    tables = {"index_changes": changes, "prices": pd.concat(frames)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lake.publish(tables, release="R", as_of="2022-12-31T21:00:00Z")
    return lake.at("R")


def digest(*arrays: Any) -> str:
    made = hashlib.sha256()
    for array in arrays:
        made.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return made.hexdigest()[:32]


def digests(view: lakebt.View) -> Mapping[str, str]:
    costs = lakebt.CostModel(
        commission_bps=1.0, half_spread_bps=2.5, borrow_bps_per_year=75.0
    )
    result = lakebt.Study(
        view,
        index="SP500",
        entries=["AD+1@open", "ED@close"],
        exits=["+1", "ED+3@open", "2w"],
        side="both",
        hedge="SPY",
        costs=costs,
    ).run(record=False)
    legs, orders, events = result.legs(), result.orders(), result.events()
    table = result.table()
    # Sizes count what borrowing has cost since then, so here it costs nothing.
    free = lakebt.CostModel(commission_bps=1.0, half_spread_bps=2.5)
    run = lakebt.Backtest(
        view,
        Turns,
        start="2022-05-10",
        end="2022-08-30",
        rebalance="weekly",
        costs=free,
    ).run(record=False)
    then = view.as_of("2022-06-20T21:00Z")
    return {
        "panels": digest(view.panel("close"), then.panel("volume")),
        "legs": digest(*(legs[name] for name in LEGS)),
        "orders": digest(*(orders[name] for name in ORDERS)),
        "events": digest(*(events[name] for name in EVENTS)),
        "table": digest(*(table[name] for name in TABLE)),
        "run": digest(run.value(), run.orders()["size"], run.cash(), run.returns()),
    }


def test_a_lake_without_identifiers_has_the_bits_that_it_had(tmp_path: Path) -> None:
    assert digests(filled(tmp_path / "lake")) == DIGESTS


def main() -> None:
    """Print the digests of the tree that is imported."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{digests(filled(Path(folder) / 'lake'))}\n")


if __name__ == "__main__":
    main()
