"""Sums that do not depend on their order: real numbers as whole ones.

A product of matrices adds in an order that depends on the machine, its threads and the
size of the blocks, and so do its last bits. Whole numbers below 2**53 add exactly in
any order. So each column is scaled to whole numbers whose sums stay below that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel, FloatVector

_EXACT_BITS = 53


def whole(columns: FloatPanel, *, most: int) -> tuple[FloatPanel, FloatVector]:
    """Return columns as whole numbers, and what one of each is worth.

    Parameters
    ----------
    columns : ndarray of shape (n, n_columns)
        Finite.
    most
        The largest sum of weights that the rows are going to be multiplied by, each a
        whole number.

    Returns
    -------
    scaled : ndarray of shape (n, n_columns)
        Whole numbers: any sum of them with weights of at most `most` is exact.
    unit : ndarray of shape (n_columns,)
        A power of two: ``scaled * unit`` is the column to a relative error of
        ``most / 2**53`` of its largest value.

    Examples
    --------
    >>> scaled, unit = whole(np.array([[0.1], [-0.25]]), most=100)
    >>> bool((scaled == np.rint(scaled)).all()), (scaled * unit).round(9).tolist()
    (True, [[0.1], [-0.25]])
    """
    largest = np.abs(columns).max(axis=0, initial=0.0)
    _, exponent = np.frexp(largest)  # largest < 2**exponent
    room = _EXACT_BITS - 1 - int(np.ceil(np.log2(max(most, 1))))
    shift = np.where(largest > 0.0, room - exponent, 0)
    return np.rint(np.ldexp(columns, shift)), np.ldexp(1.0, -shift)
