"""The first session of each symbol's bars, including bars not yet known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakebt.lake.reading.session_bars import parts, rows_between
from lakebt.lake.tables.arrow import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.lake.reading.release_tables import Pinned

_NEVER = np.iinfo(np.int32).max


class FirstSessions:
    """The first session in which each of some symbols has a bar.

    Bars not yet known and retracted bars count too: before the first of them there is
    nothing to read.

    Parameters
    ----------
    pinned
        The release; its sessions and symbols are read once, some sessions at a time.
    symbols
        As the price table calls them.
    """

    def __init__(self, pinned: Pinned, symbols: Sequence[str]) -> None:
        self._symbols = pa.array(symbols, pa.string())
        self._day = np.full(len(symbols), _NEVER, dtype=np.int32)
        self._sessions = pinned.sessions
        for span in parts(pinned):
            # Whosever they are: to look for each symbol takes longer than to read all.
            rows = rows_between(pinned, None, ("symbol", "session"), sessions=span)
            coded = column(rows, "symbol")
            place = self._place(coded.dictionary)[coded.indices.to_numpy()]
            day = column(rows, "session").cast(pa.int32()).to_numpy()
            own = np.flatnonzero(place >= 0)
            np.minimum.at(self._day, place[own], day[own])

    def begin_before(self, symbols: Sequence[str], session: int) -> list[str]:
        """Return which symbols have a bar before a session, given by its number.

        A symbol that was not among those given may have one: it is returned, too.
        """
        day = np.datetime64(self._sessions.date(session), "D").astype(np.int32)
        place = self._place(pa.array(symbols, pa.string()))
        may = (place < 0) | (np.append(self._day, _NEVER)[place] < day)
        return [symbols[n] for n in np.flatnonzero(may).tolist()]

    def _place(self, symbols: pa.Array) -> np.ndarray:  # type: ignore[type-arg]
        place = pc.index_in(symbols, value_set=self._symbols)
        return np.asarray(place.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
