"""Prices of some sessions, and questions that those before may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import IntVector


class CutOffError(Exception):
    """An answer may lie in bars that were left out.

    Attributes
    ----------
    symbols : tuple of str
        Whose earlier bars have to be there.
    """

    def __init__(self, symbols: tuple[str, ...]) -> None:
        super().__init__(symbols)
        self.symbols = symbols


class Cut(Protocol):
    """Prices of which earlier bars may be left out: see `PriceHistory`."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that have a row."""
        ...

    @property
    def cut(self) -> npt.NDArray[np.bool_]:
        """Whether earlier bars of each may be left out; empty if all are there."""
        ...


def check_uncut(prices: Cut, codes: IntVector) -> None:
    """Stop where an answer may lie in bars that were left out.

    Parameters
    ----------
    prices
    codes
        Symbols that were looked through to their first bar; -1 has none.

    Raises
    ------
    CutOffError
        With the symbols.
    """
    if not len(prices.cut):
        return
    codes = np.unique(codes[codes >= 0])
    short = codes[prices.cut[codes]].tolist()
    if short:
        raise CutOffError(tuple(prices.symbols[code] for code in short))
