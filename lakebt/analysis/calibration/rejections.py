"""How often each test rejected what is true: the table, as the benchmark wrote it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

LOWEST, HIGHEST = 0.035, 0.067
"""What a test of 5 % that holds rejects of true nulls."""

_FULL = 2_000
"""Replications at which nothing is added to these limits for chance."""


@dataclass(frozen=True, kw_only=True)
class Rejections:
    """What one test did in one design."""

    design: str
    test: str
    replications: int
    rejected: int
    missing: int

    @property
    def says_something(self) -> bool:
        """Whether the test gave a p-value, in 99 of 100 replications."""
        return self.missing <= 0.01 * self.replications

    @property
    def rate(self) -> float:
        """The share of the replications that had a p-value which were rejected."""
        known = self.replications - self.missing
        return self.rejected / known if known else float("nan")


def keeps_its_size(rows: Iterable[Rejections]) -> bool:
    """Return whether a test rejects about 5 % in each of some designs.

    Between `LOWEST` and `HIGHEST`; with fewer replications than 2,000 as much outside
    as two standard errors are larger.
    """
    for row in rows:
        if not row.says_something:
            return False
        wider = 2.0 * (_error(row.replications) - _error(_FULL))
        slack = max(wider, 0.0)
        if not LOWEST - slack <= row.rate <= HIGHEST + slack:
            return False
    return True


def _error(replications: int) -> float:
    return float(np.sqrt(0.05 * 0.95 / replications))


@cache
def rejections() -> tuple[Rejections, ...]:
    """Return the whole table."""
    place = resources.files("lakebt.analysis.calibration") / "rejections.csv"
    lines = place.read_text(encoding="utf-8").splitlines()
    return tuple(
        Rejections(
            design=row["design"],
            test=row["test"],
            replications=int(row["replications"]),
            rejected=int(row["rejected"]),
            missing=int(row["missing"]),
        )
        for row in csv.DictReader(lines)
    )


@cache
def of_test(test: str) -> dict[str, Rejections]:
    """Return what a test did in each design, by the name of the design."""
    return {row.design: row for row in rejections() if row.test == test}
