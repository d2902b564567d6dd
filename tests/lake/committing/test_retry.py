"""Who comes second tries again, and never waits twice for who gets nothing done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.errors import ConflictError, LakeError
from lakebt.lake.committing import retry
from lakebt.lake.storage.failures import BusyError, LostRaceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    monkeypatch.setattr(retry, "step_back", numbers.append)
    monkeypatch.setattr(retry, "ATTEMPTS", 4)
    return numbers


def tried(outcomes: list[type[Exception] | int], *, has_moved: bool = False) -> int:
    left: Iterator[type[Exception] | int] = iter(outcomes)

    def attempt() -> int:
        outcome = next(left)
        if isinstance(outcome, int):
            return outcome
        raise outcome

    return retry.again(
        attempt,
        where="lake X",
        exhausted=lambda attempts: ConflictError(f"lost {attempts} times"),
        has_moved=lambda: has_moved,
    )


def test_a_lost_race_is_run_again_after_a_pause(pauses: list[int]) -> None:
    assert tried([LostRaceError, LostRaceError, 7]) == 7
    assert pauses == [0, 1]


def test_who_loses_each_time_says_so() -> None:
    with pytest.raises(ConflictError, match="lost 4 times"):
        tried([LostRaceError] * 4)


def test_a_lock_is_waited_for_again_only_while_something_gets_done(
    pauses: list[int],
) -> None:
    assert tried([BusyError, BusyError, 7], has_moved=True) == 7
    assert pauses == []
    with pytest.raises(LakeError, match="lake X is locked: another program holds"):
        tried([BusyError, 7])


def test_what_is_no_race_is_raised_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        tried([ZeroDivisionError, 7])
