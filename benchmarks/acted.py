"""What dividends, splits and endings of held shares cost the event engine.

Trades a simulated market's 55 entries x 24 exits with an action in no window, in one in
twenty, and in all of them, each several times in turn in one process:

    python -m benchmarks.acted                # 300 events of four legs
    python -m benchmarks.acted --events 1000

Prints the kind, the share of symbols that have one, the least nanoseconds of processor
time of trading a planned backtest, and how many times those of no action that is. One
thread, ``OMP_NUM_THREADS=1``, has the steadiest figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lakebt
from benchmarks.engine import ENTRIES, EXITS, say, simulated_lake
from lakebt.backtest.levels import Level
from lakebt.prices.actions import ActionHistory, ActionKind
from lakebt.study.engines import ENGINES
from lakebt.study.scope import Scope

if TYPE_CHECKING:
    from lakebt.prices.history import PriceHistory

ROUNDS = 9


def acted(history: PriceHistory, kind: ActionKind, share: float) -> PriceHistory:
    """Return a history in which some symbols have an action in the middle."""
    count = round(share * len(history.symbols))
    codes = np.arange(len(history.symbols))[:count]
    starts = np.append(history.starts[:-1], len(history.symbol))
    middle = history.session[(starts[codes] + starts[codes + 1]) // 2]
    if kind is ActionKind.MERGER:  # late: who would enter after it has no price
        middle = history.session[starts[codes] + 30]
    cash = math.nan if kind is ActionKind.SPLIT else 1.0
    ratio = 2.0 if kind is ActionKind.SPLIT else math.nan
    actions = ActionHistory(
        symbols=history.symbols,
        action_ids=tuple(history.symbols[:count]),
        action=codes,
        symbol=codes,
        other=np.full(count, -1),
        kind=np.full(count, kind.code, dtype=np.int8),
        session=middle.astype(np.int64),
        cash=np.full(count, cash),
        ratio=np.full(count, ratio),
        known_at=np.zeros(count, dtype=np.int64),
        retracted=np.zeros(count, dtype=bool),
        labels=("",) * count,
    )
    return dataclasses.replace(history, actions=actions)


def main() -> None:
    """Print a line for each kind and share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = simulated_lake(Path(folder), events=asked.events, legs=4)
        view = lakebt.Lake.open(lake, create=False).at("R1")
        study = lakebt.Study(view, index="SIM", entries=ENTRIES, exits=EXITS)
        scope = Scope(view, study.arguments)
        plan = scope.schedule
        planned = int((plan.reason == 0).sum())
        history = scope.history(plan)
        costs = lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=50.0)
        level = Level.of(costs, study.arguments.sizing)
        cases = [(ActionKind.CASH_DIVIDEND, 0.0)]
        kinds = (ActionKind.CASH_DIVIDEND, ActionKind.SPLIT, ActionKind.MERGER)
        cases += [(kind, share) for kind in kinds for share in (0.05, 1.0)]
        least = dict.fromkeys(cases, math.inf)
        for _ in range(ROUNDS):
            for case in cases:
                own = acted(history, *case)
                began = time.process_time()
                ENGINES["event"](plan, own, study.arguments, [level], None)
                took = (time.process_time() - began) / planned
                least[case] = min(least[case], took)
        for (kind, share), took in least.items():
            times = took / least[cases[0]]
            say(f"{kind:14} {share:5.0%} {took * 1e9:7.0f} ns {times:5.2f} times")


if __name__ == "__main__":
    main()
