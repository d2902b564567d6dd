"""What takes long and is not marked so is named when the tests have run."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

LONGEST = 1.0
"""Seconds of processor that a test may take that is not marked as slow."""

TOOK = "seconds of processor"


def used() -> float:
    """Return what this process and those it waited for have used, in seconds."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(who)[:2]) for who in whose)


def unmarked(reports: Iterable[Any]) -> list[str]:
    """Name each test that takes longer than it may, the longest first.

    Parameters
    ----------
    reports
        Of tests: the properties and the keywords of each.
    """
    took = [
        (value, report.nodeid)
        for report in reports
        for name, value in report.user_properties
        if name == TOOK and value > LONGEST and "slow" not in report.keywords
    ]
    return [f"{value:.1f} s {nodeid}" for value, nodeid in sorted(took, reverse=True)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note what a test takes, without what its fixtures do, which others share."""
    before = used()
    try:
        return (yield)
    finally:
        item.user_properties.append((TOOK, round(used() - before, 2)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what should be marked as slow."""
    if lines := unmarked(terminalreporter.getreports("passed")):
        terminalreporter.section("over a second, and not marked as slow")
        terminalreporter.write("\n".join([*lines, ""]))
