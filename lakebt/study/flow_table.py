"""The table of flows: dividends, conversions and endings of cells' positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lakebt.sessions import half_session, session_of
from lakebt.study.tables import session_dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt.prices.actions import Action
    from lakebt.study.single import CellResult
    from lakebt.study.trading import TradedStudy

_COLUMNS = (
    *("event_id", "entry", "exit", "session", "symbol", "kind", "other"),
    *("shares_before", "shares_after", "cash_usd"),
)


def flow_table(cells: Iterable[CellResult], study: TradedStudy) -> pd.DataFrame:
    """Return a row per flow of some cells; see `lakebt.Result.flows`."""
    rows = study.in_order([row for done in cells for row in _flows(done)])
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    halves = [half_session(number, "open") for number in frame["session"].to_list()]
    frame["session"] = session_dates(halves, study.clock)
    return frame


def _flows(done: CellResult) -> Iterator[dict[str, object]]:
    """Yield the flows of a cell; of positions on both sides of a symbol, their sum."""
    if done.trade is None:
        return
    sums: dict[tuple[int, Action], list[float]] = {}
    for position in done.trade.positions:
        if position.holding is None:
            continue
        for flow in position.holding.flows:
            if flow.session > session_of(position.exit_row):
                break
            total = sums.setdefault((flow.session, flow.action), [0.0, 0.0, 0.0])
            for place, each in enumerate((flow.before, flow.after, flow.cash)):
                total[place] += position.size * each
    for (session, action), (before, after, cash) in sorted(
        sums.items(), key=lambda item: (item[0][0], item[0][1].symbol)
    ):
        if before:
            yield {
                "event_id": done.cell.event.event_id,
                "entry": done.cell.entry,
                "exit": done.cell.exit,
                "session": session,
                "symbol": action.symbol,
                "kind": str(action.kind),
                "other": action.other,
                "shares_before": before,
                "shares_after": after,
                "cash_usd": cash,
            }
