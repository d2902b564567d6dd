"""What dividends, splits and endings of held shares cost the event engine.

Trades a simulated market's 55 entries x 24 exits with an action in no window, in one in
twenty, and in all of them, each several times in turn in one process:

    python -m benchmarks.acted                # 300 events of four legs
    python -m benchmarks.acted --events 1000

Prints the kind, the share of symbols that have one, the least nanoseconds of processor
time of trading a planned backtest, and how many times those of no action that is. One
thread, ``OMP_NUM_THREADS=1``, has the steadiest figures. Actions that change no return
end the script before it tells any time.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lakebt
from benchmarks.engine import ENTRIES, EXITS, say, simulated_lake
from lakebt.backtest.levels import Level
from lakebt.prices.actions import ActionKind
from lakebt.study.engines import ENGINES
from lakebt.study.scope import Scope
from tests.prices.made_history import Told, actions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.history import PriceHistory

ROUNDS = 9


def acted(history: PriceHistory, kind: ActionKind, share: float) -> ActionHistory:
    """Return an action in the middle of some of a history's symbols."""
    count = round(share * len(history.symbols))
    codes = np.arange(len(history.symbols))[:count]
    starts = np.append(history.starts[:-1], len(history.symbol))
    middle = history.session[(starts[codes] + starts[codes + 1]) // 2]
    if kind is ActionKind.MERGER:  # late: who would enter after it has no price
        middle = history.session[starts[codes] + 30]
    gives = math.nan, 2.0
    if kind is not ActionKind.SPLIT:
        gives = 1.0, math.nan
    told = zip(history.symbols[:count], middle.tolist(), strict=True)
    return actions_of([Told(name, kind, day, *gives, known_at=0) for name, day in told])


def parser() -> argparse.ArgumentParser:
    """Return how the command line is read."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--events", type=int, default=300)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Print a line for each kind and share."""
    asked = parser().parse_args(words)
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
        kinds = (ActionKind.CASH_DIVIDEND, ActionKind.SPLIT, ActionKind.MERGER)
        cases = [(kind, share) for kind in kinds for share in (0.05, 1.0)]
        actions = {case: acted(history, *case) for case in [(kinds[0], 0.0), *cases]}
        least = dict.fromkeys(actions, math.inf)
        net = {}
        for _ in range(ROUNDS):
            for case, these in actions.items():
                # Nothing that was worked out of them before is there.
                own = dataclasses.replace(history, actions=dataclasses.replace(these))
                began = time.process_time()
                (cells,) = ENGINES["event"](plan, own, study.arguments, [level], None)
                took = (time.process_time() - began) / planned
                least[case] = min(least[case], took)
                net[case] = cells.net
        none, *_ = net.values()
        for (kind, share), found in net.items():
            if actions[kind, share] and np.array_equal(found, none, equal_nan=True):
                sys.exit(f"{kind} of {share:.0%} of the symbols changed no return")
        first, *_ = least.values()
        for (kind, share), took in least.items():
            times = took / first
            say(f"{kind:14} {share:5.0%} {took * 1e9:7.0f} ns {times:5.2f} times")


if __name__ == "__main__":
    main()
