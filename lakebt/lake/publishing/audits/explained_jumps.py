"""Jumps of closes that a published action explains, which are no finding.

A raw close falls by three quarters over a 4-for-1 split, and has to. What one share of
the close before has become by splits and dividends is compared with it; where a
spin-off took a part away, a fall needs no other reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.lake.publishing.audits.bars import JUMP, tell_jumps
from lakebt.lake.reading.instrument_rows import in_force_of
from lakebt.lake.storage.predicates import between
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.frames import frame
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt.lake.publishing.audits.finding import Finding


def unexplained(
    findings: Iterable[Finding], actions: Callable[[BooleanExpression], pa.Table]
) -> list[Finding]:
    """Return findings without the jumps that are what an action makes of a share.

    Parameters
    ----------
    findings
        Of all tables.
    actions
        Gives the actions known, of the lake and new ones, all vintages, by a filter. It
        is asked only if there is a jump.
    """
    left: list[Finding] = []
    for finding in findings:
        if finding.audit != "jumps" or finding.rows.empty:
            left.append(finding)
            continue
        rows = finding.rows
        days = rows["previous_session"].min(), rows["session"].max()
        known = actions(between("ex_date", *(day.date().isoformat() for day in days)))
        is_told = ~_explained(rows, known)
        rest = rows[is_told].reset_index(drop=True)
        left += tell_jumps(rest, finding.severity) if not is_told.all() else [finding]
    return left


def _explained(jumps: pd.DataFrame, actions: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which jumps a corporate action explains, so that holders lost nothing."""
    explained = np.zeros(len(jumps), dtype=bool)
    facts = frame(take(actions, in_force_of(actions, ["action_id"])))
    facts = facts[facts["symbol"].isin(jumps["symbol"])].sort_values("ex_date")
    by_symbol = dict(iter(facts.groupby("symbol")))
    jump: Any
    for place, jump in enumerate(jumps.itertuples()):
        own = by_symbol.get(jump.symbol)
        if own is None:
            continue
        own = own[own["ex_date"].between(jump.previous_session, jump.session)]
        own = own[own["ex_date"] > jump.previous_session]
        shares, cash, parts = 1.0, 0.0, False
        for _, day in own.groupby("ex_date"):
            kind = day["kind"]
            cash += shares * float(day["cash"][kind == ActionKind.CASH_DIVIDEND].sum())
            shares *= float(day["ratio"][kind == ActionKind.SPLIT].prod())
            parts |= bool((kind == ActionKind.SPIN_OFF).any())
        move = (shares * jump.close + cash) / jump.previous_close - 1.0
        is_acted = shares != 1.0 or cash != 0.0
        explained[place] = (is_acted and abs(move) <= JUMP) or (parts and move < 0.0)
    return explained
