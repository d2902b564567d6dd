"""Bars by instrument: each bar belongs to the holder of its symbol on its session."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from lakebt.lake.reading.bars import Bars
from lakebt.prices.by_instrument import owners_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatVector
    from lakebt.prices.instruments import Instruments


class InstrumentBars(Bars):
    """Every vintage of the bars of some symbols, under the names of their instruments.

    A bar is known once both it and the row of ``instruments`` that joins it are.

    Parameters
    ----------
    bars
        The bars of the price table.
    told
        The instrument of each name.
    symbols
        Symbols of the price table; others are left out. By default all stay.
    """

    def __init__(  # it is made of bars that were read
        self, bars: Bars, told: Instruments, symbols: Sequence[str] | None = None
    ) -> None:
        there = [s for s in symbols or sorted(bars.symbols) if s in bars.symbols]
        place = bars.places(there)
        owners = owners_of(
            told,
            there,
            code=np.maximum(place, 0),
            session=bars.session.astype(np.int64),
            sessions=bars.sessions,
        )
        rows = np.flatnonzero((place >= 0) & (owners.code >= 0))
        self._whole, self._rows = bars, rows
        self.sessions = bars.sessions
        self.code = owners.code[rows]
        self.session, self.retracted = bars.session[rows], bars.retracted[rows]
        self.known_at = np.maximum(bars.known_at[rows], owners.known_at[rows])
        used = np.unique(self.code).tolist()
        self.symbols = {owners.names[code]: code for code in used}
        self._width = len(owners.names)
        self.any_retracted = bool(self.retracted.any())
        self.last_known = int(self.known_at.max(initial=-(2**63)))
        session = self.session
        self._sessions = int(session.min(initial=0)), int(session.max(initial=0))
        self._columns: dict[str, FloatVector] = {}
        self._asked: set[str] = set()

    def column(self, name: str) -> FloatVector:
        """Return the values of a column, NaN where there is none."""
        if name not in self._columns:
            self._columns[name] = self._whole.column(name)[self._rows]
        return self._columns[name]

    @functools.cached_property
    def one_basis(self) -> str:
        """The basis of every bar of the price table; empty if there are several."""
        return self._whole.one_basis

    def _bases(self, basis: tuple[str, ...]) -> npt.NDArray[np.int8]:
        return self._whole._bases(basis)[self._rows]  # noqa: SLF001 - one of these

    def last_day(self, name: str, *, as_of: int) -> dt.date | None:
        """Return the day of the last bar known of an instrument, None without one."""
        own = (self.code == self.symbols.get(name, -1)) & (self.known_at <= as_of)
        if not own.any():
            return None
        return self.sessions.date(int(self.session[own].max()))
