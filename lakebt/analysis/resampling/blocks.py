"""Blocks of the calendar: announcements whose windows overlap are drawn together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, IntVector


def calendar_blocks(session: IntVector, *, length: int) -> IntVector:
    """Return the block of the calendar that each announcement lies in.

    Parameters
    ----------
    session : ndarray of shape (n,)
        Numbers of sessions, in any order.
    length
        Of a block, in sessions; at least 1. At least twice the longest hold, so that
        windows which overlap lie in one block, or in two neighbours.

    Returns
    -------
    ndarray of shape (n,)
        Codes from 0 without gaps, in the order of time. The first block begins with the
        first announcement; a block without one has no code.

    Raises
    ------
    InvalidArgumentError
        If `length` is less than 1.

    Examples
    --------
    >>> calendar_blocks(np.array([100, 103, 141, 142, 300]), length=42).tolist()
    [0, 0, 0, 1, 2]
    """
    if length < 1:
        msg = f"length must be at least 1 session, was {length}"
        raise InvalidArgumentError(msg)
    if not len(session):
        return np.zeros(0, dtype=np.int64)
    number = (session - session.min()) // length
    return np.unique(number, return_inverse=True)[1].astype(np.int64)


def by_block(rows: FloatPanel, block: IntVector) -> FloatPanel:
    """Return the sums of the rows of each block, in the order of the rows.

    Parameters
    ----------
    rows : ndarray of shape (n, n_columns)
    block : ndarray of shape (n,)
        Codes from 0, each at least once.

    Returns
    -------
    ndarray of shape (n_blocks, n_columns)
    """
    if rows.shape[1] == 1 and len(rows):
        return np.bincount(block, rows[:, 0])[:, None].astype(np.float64, copy=False)
    sums = np.zeros((int(block.max(initial=-1)) + 1, rows.shape[1]))
    for row, number in zip(rows, block.tolist(), strict=True):
        sums[number] += row  # faster than `np.add.at`, in the same order
    return sums
