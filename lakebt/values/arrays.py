"""Runs of numbers in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

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


def places(ascending: npt.NDArray[Any], values: npt.NDArray[Any]) -> IntVector:
    """Return where each of many values in no order would stand among others.

    They are looked for by size: one after the other at random takes four times as long.

    Examples
    --------
    >>> places(np.array([2, 4, 4]), np.array([5, 1, 4])).tolist()
    [3, 0, 1]
    """
    order = np.argsort(values)
    positions = np.empty(len(values), dtype=np.int64)
    positions[order] = np.searchsorted(ascending, values[order])
    return positions


def least_so_far(values: IntVector, starts: IntVector) -> IntVector:
    """Return the least value of each run up to each of its places.

    Parameters
    ----------
    values : ndarray of shape (n,)
    starts : ndarray of shape (n_runs + 1,)
        Where each run begins, and where the last one ends.

    Examples
    --------
    >>> least_so_far(np.array([5, 7, 9, 4, 6]), np.array([0, 2, 5, 5])).tolist()
    [5, 5, 9, 4, 4]
    """
    sizes = np.diff(starts)
    least = np.repeat(values[starts[:-1][sizes > 0]], sizes[sizes > 0])
    # Nearly always the first of a run is its least: few runs are walked through.
    lower = np.flatnonzero(values < least)
    runs = np.unique(np.searchsorted(starts, lower, side="right") - 1)
    for start, end in zip(starts[runs], starts[runs + 1], strict=True):
        np.minimum.accumulate(values[start:end], out=least[start:end])
    return least


def read_only(values: FloatVector) -> FloatVector:
    """Return the same numbers, which cannot be written through it.

    numba compiles a kernel once more for an array that can be.
    """
    kept = values.view()
    kept.flags.writeable = False
    return kept
