"""The facts that hindsight has and a trader did not have, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.events.plan import Event
from lakebt.study.hindsight_scope import (
    AS_KNOWN,
    EFFECTIVE,
    KNOWLEDGE,
    NEWEST,
    HindsightScope,
)

if TYPE_CHECKING:
    from lakebt.facts import IndexChange, Vintage
    from lakebt.study.scope import Scope

_COLUMNS = ("side", "announced", "effective", "cause")
_TOLD = (
    "event_id",
    "change_id",
    "symbol",
    "knowledge",
    "fact",
    "as_known",
    "pretended",
    "known_at",
    "pretended_known_at",
)


def facts(scope: Scope) -> pd.DataFrame:
    """Return what differs, a row per change and fact; see `Hindsight.facts`."""
    known = HindsightScope(scope, knowledge=AS_KNOWN, retro_adjusted=False)
    first: dict[str, Vintage] = {}
    for vintage in sorted(known.vintages, key=lambda v: v.change.known_at):
        first.setdefault(vintage.change_id, vintage)
    rows = []
    for knowledge in KNOWLEDGE[1:]:
        other = HindsightScope(scope, knowledge=knowledge, retro_adjusted=False)
        for vintage in other.kept():
            was = first[vintage.change_id].change
            rows += _differing(was, vintage, knowledge, scope)
        if knowledge == NEWEST:
            there = {vintage.change_id for vintage in other.vintages}
            rows += [
                _row(v, scope, NEWEST, ("change", "told", "withdrawn"), None)
                for change_id, v in first.items()
                if change_id not in there and known.keeps(v)
            ]
    frame = pd.DataFrame(rows, columns=list(_TOLD))
    for name in ("known_at", "pretended_known_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    order = ["event_id", "change_id", "knowledge", "fact"]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _differing(
    was: IndexChange, vintage: Vintage, knowledge: str, scope: Scope
) -> list[dict[str, Any]]:
    now = vintage.change
    differing = [
        (name, _words(getattr(was, name)), _words(getattr(now, name)))
        for name in _COLUMNS
        if getattr(was, name) != getattr(now, name)
    ]
    if knowledge == EFFECTIVE or not differing:
        differing = [
            ("known_at", _words(was.known_at), _words(now.known_at)),
            *differing,
        ]
    return [_row(vintage, scope, knowledge, each, was) for each in differing]


def _row(
    vintage: Vintage,
    scope: Scope,
    knowledge: str,
    told: tuple[str, str, str],
    was: IndexChange | None,
) -> dict[str, Any]:
    fact, as_known, pretended = told
    known = vintage.change if was is None else was
    return {
        "event_id": Event.of(known, scope.clock.sessions).event_id,
        "change_id": vintage.change_id,
        "symbol": vintage.change.symbol,
        "knowledge": knowledge,
        "fact": fact,
        "as_known": as_known,
        "pretended": pretended,
        "known_at": known.known_at,
        "pretended_known_at": None if was is None else vintage.change.known_at,
    }


def _words(value: object) -> str:
    return "" if value is None else str(value)
