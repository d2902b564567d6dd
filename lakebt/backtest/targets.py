"""Target weights of a strategy, checked and aligned by symbol.

Weights are the border to other people's code: errors say what is wrong with them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel


def checked_weights(weights: object, *, when: str, max_gross: float) -> pd.Series:
    """Return the weights of one decision as numbers by symbol.

    Parameters
    ----------
    weights
        What ``target_weights`` returned.
    when
        Which decision, for the error.
    max_gross
        The most that the absolute weights may sum to.

    Raises
    ------
    InvalidArgumentError
        If they are not a Series of finite numbers by distinct symbols, or sum to more.
    """
    if not isinstance(weights, pd.Series):
        msg = f"{when}: target_weights must return a Series, was {weights!r}"
        raise InvalidArgumentError(msg)
    _check_each(weights, when=when)
    if weights.index.has_duplicates:
        twice = weights.index[weights.index.duplicated()][0]
        msg = f"{when}: {twice} is weighted twice"
        raise InvalidArgumentError(msg)
    is_float = weights.dtype == np.float64  # to be cast to what it is takes as long
    numbers = weights.copy(deep=False) if is_float else weights.astype(np.float64)
    gross = float(np.abs(numbers.to_numpy()).sum())
    if gross > max_gross * (1 + 1e-9):
        msg = (
            f"{when}: gross exposure {gross:g} is above max_gross "
            f"{max_gross:g}: scale the weights, or raise max_gross"
        )
        raise InvalidArgumentError(msg)
    return numbers


def symbols_of(index: pd.Index) -> list[str]:
    """Return the symbols of weights; all are text, though of several types."""
    # An index of strings is slow to iterate over.
    return list(map(str, index.to_numpy(dtype=object).tolist()))


def _check_each(weights: pd.Series, *, when: str) -> None:
    """Check that every symbol is text and every weight a finite number.

    Raises
    ------
    InvalidArgumentError
        With the first that is not.
    """
    is_text = weights.index.inferred_type == "string" or len(weights) == 0
    if (
        is_text
        and weights.dtype == np.float64
        and np.isfinite(weights.to_numpy()).all()
    ):
        return
    for symbol, weight in weights.items():
        if not isinstance(symbol, str):
            msg = f"{when}: symbols must be text, one was {symbol!r}"
            raise InvalidArgumentError(msg)
        if not (isinstance(weight, int | float | np.number) and math.isfinite(weight)):
            msg = f"{when}: the weight of {symbol} must be finite, was {weight!r}"
            raise InvalidArgumentError(msg)


def lined_up(asked: Sequence[pd.Series]) -> tuple[tuple[str, ...], FloatPanel]:
    """Return the weights of many decisions side by side.

    Returns
    -------
    symbols : tuple of str
        Every one that has a weight in any decision, sorted.
    weights : ndarray of shape (n_decisions, n_symbols)
        Zero where a decision leaves a symbol out.
    """
    distinct: list[pd.Index] = []
    for weights in asked:
        if not (distinct and weights.index.equals(distinct[-1])):
            distinct.append(weights.index)
    symbols = sorted({symbol for index in distinct for symbol in symbols_of(index)})
    panel = np.zeros((len(asked), len(symbols)))
    columns = pd.Index(symbols, dtype=object)
    index, places = None, np.zeros(0, dtype=np.intp)
    for number, weights in enumerate(asked):
        if index is None or not weights.index.equals(index):
            index = weights.index
            places = columns.get_indexer(index)
        panel[number, places] = weights.to_numpy()
    return tuple(symbols), panel
