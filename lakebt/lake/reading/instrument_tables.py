"""Bars and actions of a release by instrument, as identifiers were known at an instant.

Panels, price histories and their adjustments use these if `instruments` has rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lakebt.lake.reading.instrument_bars import InstrumentBars
from lakebt.lake.reading.instrument_rows import instruments_by
from lakebt.lake.reading.known_actions import actions_of
from lakebt.lake.reading.session_bars import bars_between
from lakebt.lake.tables.schemas import INSTRUMENTS, PRICES
from lakebt.prices.by_instrument import joined_actions
from lakebt.prices.instrument_names import NamesOfDay, by_the_end

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence

    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.prices.actions import ActionHistory
    from lakebt.prices.instruments import Instruments
    from lakebt.sessions import Sessions

T = TypeVar("T")

_NEVER = 2**63 - 1

WHOLE_ROWS = 2_000_000
"""Up to this many bars are joined once and kept."""


class ByInstrument:
    """A release's bars and actions, under the names of instruments in results.

    Parameters
    ----------
    pinned
        The release.
    told
        The instrument of each name, as known at some instant.
    """

    def __init__(self, pinned: Pinned, told: Instruments) -> None:
        self._pinned, self.told = pinned, told

    @property
    def sessions(self) -> Sessions:
        """The exchange's calendar."""
        return self._pinned.sessions

    @property
    def whole(self) -> ByInstrument:
        """The release without an alteration, by all that it says of instruments."""
        whole = self._pinned.whole
        return ByInstrument(whole, instruments_by(whole, _NEVER))

    @property
    def bars_hold_known_by(self) -> int | None:
        """See `Pinned.bars_hold_known_by`."""
        return self._pinned.bars_hold_known_by

    def kept(
        self,
        table: str,
        what: str,
        make: Callable[[], T],
        *,
        size: Callable[[T], int],
    ) -> T:
        """Return something made of a table and of the identifiers, made once."""
        pin = self._pinned.release.pin(INSTRUMENTS.name)
        snapshot = None if pin is None else (pin.uuid, pin.snapshot_id, pin.rows)
        by = f"{what} by {self.told.version} rows of {snapshot}"
        return self._pinned.kept(table, by, make, size=size)

    def bars(
        self,
        names: Sequence[str] | None,
        first: tuple[str, ...],
        *,
        is_kept: bool = False,
    ) -> InstrumentBars:
        """Return the bars of at least some instruments, of all if None.

        Parameters
        ----------
        names
            As results call them.
        first
            The columns to read first.
        is_kept
            Whether others will be asked for: what is small is then joined once.
        """
        symbols: tuple[str, ...] | None = None
        pin = self._pinned.release.pin(PRICES.name)
        is_small = pin is None or pin.rows <= WHOLE_ROWS
        if names is not None and not (is_kept and is_small):
            symbols = self.symbols_of(names)
        whole = self._pinned.bars(symbols, first)
        if not is_kept:
            return InstrumentBars(whole, self.told, symbols)
        return self.kept(
            PRICES.name,
            f"bars of {symbols}",
            lambda: InstrumentBars(whole, self.told, symbols),
            size=lambda bars: bars.nbytes,
        )

    def bars_between(
        self,
        names: Sequence[str],
        columns: tuple[str, ...],
        *,
        sessions: tuple[int, int],
        with_basis: bool = False,
    ) -> InstrumentBars:
        """Return the bars of some instruments in some sessions, without caching them.

        Parameters
        ----------
        names
            As results call them.
        columns, sessions, with_basis
            As `lakebt.lake.reading.session_bars.bars_between` takes them.
        """
        symbols = self.symbols_of(names)
        bars = bars_between(
            self._pinned, symbols, columns, sessions=sessions, with_basis=with_basis
        )
        return InstrumentBars(bars, self.told, symbols)

    def symbols_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the price table's names of some instruments, sorted."""
        pieces = (piece for name in names for piece in self.told.bars_of(name))
        return tuple(sorted({piece.symbol for piece in pieces}))

    def actions(self, names: Iterable[str] | None, *, known_by: int) -> ActionHistory:
        """Return the actions known of some instruments, and of what comes of them."""
        whole = actions_of(self._pinned, None, known_by=known_by)
        joined = joined_actions(whole, self.told, self.sessions)
        return joined.of(joined.symbols if names is None else names)

    def names(self, day: dt.date, *, as_of: int) -> NamesOfDay:
        """Return the names of instruments on a day, as known at an instant."""

        def nobodys(symbol: str) -> dt.date | None:
            name = self.told.unowned(symbol)
            bars = self.bars([name], ("close",), is_kept=True)
            return bars.last_day(name, as_of=as_of)

        return NamesOfDay(told=self.told, day=day, nobodys=nobodys)

    def in_the_end(self, name: str, day: dt.date) -> str:
        """Return the name in the whole release of an instrument named so on a day."""
        return by_the_end(name, day, so_far=self.told, told=self.whole.told)

    def so_far(self, name: str) -> str:
        """Return the name known so far of an instrument that `in_the_end` names."""
        own = self.whole.told.ids.get(name)
        return name if own is None else self.told.names.get(own, name)
