"""The first session of a symbol's bars, beside a loop over all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake.reading import session_bars
from lakebt.lake.reading.first_sessions import FirstSessions
from tests.study.many_events import SYMBOLS, fill

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.mark.parametrize("at_once", [700, session_bars.AT_ONCE])
def test_they_are_what_a_loop_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(session_bars, "AT_ONCE", at_once)
    view = fill(tmp_path / "lake").at("R1")
    rows = view.read("prices")
    begins = dict.fromkeys(rows["symbol"], len(view.sessions))
    for symbol, day in zip(rows["symbol"], rows["session"], strict=True):
        session = view.sessions.on_or_after(day.date())
        begins[symbol] = min(begins[symbol], session)
    asked = (*reversed(SYMBOLS), "NOBODY")

    found = FirstSessions(view._pinned, (*SYMBOLS, "NOBODY"))  # noqa: SLF001 - what it reads

    assert len(set(begins.values())) > 1
    for session in sorted({n + off for n in begins.values() for off in (0, 1)}):
        assert found.begin_before(asked, session) == [
            symbol for symbol in asked if begins.get(symbol, session) < session
        ]


def test_of_who_was_not_looked_for_it_is_not_said_that_there_is_none(
    tmp_path: Path,
) -> None:
    view = fill(tmp_path / "lake").at("R1")

    found = FirstSessions(view._pinned, ("S00", "NOBODY"))  # noqa: SLF001 - what it reads

    last = len(view.sessions) - 1
    assert found.begin_before(("NOBODY", "S01", "S00"), last) == ["S01", "S00"]
    assert found.begin_before(("NOBODY", "S01", "S00"), 0) == ["S01"]
