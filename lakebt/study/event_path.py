"""The average abnormal return around an anchor, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.years import clustered_mean
from lakebt.backtest.costs import BPS
from lakebt.errors import InvalidArgumentError
from lakebt.events.rules import Anchor
from lakebt.inputs.checks import one_of
from lakebt.study.event_cases import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, IntVector
    from lakebt.events.clock import Clock
    from lakebt.study.event_cases import WindowCases
    from lakebt.study.event_windows import Pricing

ANCHORS = ("AD", "ED")

_MOST_SESSIONS = 100_000
"""On one side of an anchor: 400 years."""


def average_path(
    cases: Sequence[WindowCases],
    pricing: Pricing,
    *,
    clock: Clock,
    anchor: str,
    before: int,
    after: int,
) -> pd.DataFrame:
    """Return the average path of each side; see `lakebt.EventStudy.path`.

    Raises
    ------
    InvalidArgumentError
        If a number of sessions is negative.
    UnknownNameError
        If there is no such anchor.
    """
    at = Anchor(one_of(anchor, ANCHORS, what="anchor"))
    window: dict[str, object] = {"before": before, "after": after}
    for name, sessions in window.items():
        if not isinstance(sessions, int) or isinstance(sessions, bool) or sessions < 0:
            msg = f"{name} must be a number of sessions, was {sessions!r}"
            raise InvalidArgumentError(msg)
        if sessions > _MOST_SESSIONS:
            msg = f"{name} must be at most {_MOST_SESSIONS:,} sessions, was more"
            raise InvalidArgumentError(msg)
    frames = []
    for side in dict.fromkeys(each.side for each in cases):
        of_side = next(each for each in cases if each.side == side)
        if not len(of_side.known):
            continue
        panel, date = _returns(of_side, pricing, clock, at, before=before, after=after)
        frames.append(_averages(panel, date, side=side, before=before))
    columns = [
        *("side", "session", "aar_bps", "caar_bps", "low_bps", "high_bps"),
        *("n", "n_dates"),
    ]
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame([], columns=columns)
    )


def _returns(
    cases: WindowCases,
    pricing: Pricing,
    clock: Clock,
    anchor: Anchor,
    *,
    before: int,
    after: int,
) -> tuple[FloatPanel, IntVector]:
    """Return abnormal returns by change and session, and the date of each change."""
    rows, dates = [], []
    for place, number in enumerate(cases.known.tolist()):
        change = cases.changes[number]
        session = placed(change, anchor, clock)
        if session is None or session - before < 1:
            continue
        last = session + after
        if last >= len(clock.sessions):
            continue
        stock, market = pricing.daily(change.symbol, session - before, last)
        model = cases.fitted
        rows.append(stock - model.alpha[place] - model.beta[place] * market)
        dates.append(int(cases.days[number]))
    panel = np.array(rows, dtype=np.float64).reshape(len(rows), before + after + 1)
    return panel, np.array(dates, dtype=np.int64)


def _averages(
    panel: FloatPanel, date: IntVector, *, side: str, before: int
) -> pd.DataFrame:
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

    sums = np.cumsum(panel, axis=1)  # NaN from the first session without a return on
    rows = []
    for column in range(panel.shape[1]):
        has = ~np.isnan(sums[:, column])
        n = int(has.sum())
        if not n:
            continue
        code = np.unique(date[has], return_inverse=True)[1]
        n_dates = int(code.max()) + 1
        group = np.zeros(n, dtype=np.int64)
        mean, error = clustered_mean(sums[has, column], group=group, date=code)
        reach = error[0] * (stdtrit(n_dates - 1.0, 0.975) if n_dates > 1 else np.nan)
        rows.append(
            {
                "side": side,
                "session": column - before,
                "aar_bps": float(panel[has, column].mean()) / BPS,
                "caar_bps": float(mean[0]) / BPS,
                "low_bps": float(mean[0] - reach) / BPS,
                "high_bps": float(mean[0] + reach) / BPS,
                "n": n,
                "n_dates": n_dates,
            }
        )
    return pd.DataFrame(rows)
