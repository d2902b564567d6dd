"""Runs of numbers in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector


def spans(starts: IntVector, sizes: IntVector) -> IntVector:
    """Return the numbers of several runs, one run after the other.

    Examples
    --------
    >>> spans(np.array([5, 9]), np.array([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    numbers: IntVector = np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
    return numbers


def offsets(sizes: IntVector) -> IntVector:
    """Return where each run begins, and where the last one ends.

    Examples
    --------
    >>> offsets(np.array([2, 3])).tolist()
    [0, 2, 5]
    """
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def read_only(values: FloatVector) -> FloatVector:
    """Return the same numbers, which cannot be written through it.

    numba compiles a kernel once more for an array that can be.
    """
    kept = values.view()
    kept.flags.writeable = False
    return kept
