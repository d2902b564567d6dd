"""What instruments are called on a day: columns of a panel, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lakebt.prices.instruments import PRICES, SYMBOL, UNTOLD

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.prices.instruments import Instruments

ID = "="
"""What an `instrument_id` is written after that is the ticker of another that day."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamesOfDay:
    """Names of instruments on a day, as far as they are known.

    An instrument's name is its ticker, or its symbol in the price table. An instrument
    that has neither any more keeps its last ticker if no other instrument has it; else
    its name is its id.

    Attributes
    ----------
    told
    day
    nobodys : callable
        Returns the day of a symbol's last bar that no instrument owns; None if there is
        none. A ticker with such a bar after its last owner belongs to no instrument.

    Examples
    --------
    Facebook is META, and FB is its next holder:

    >>> import datetime as dt
    >>> from lakebt.prices.instruments import Identifier, Instruments
    >>> told = Instruments(
    ...     tuple(
    ...         Identifier(
    ...             instrument_id=own,
    ...             kind="symbol",
    ...             identifier=name,
    ...             first=dt.date.fromisoformat(first),
    ...             last=dt.date.fromisoformat(last),
    ...         )
    ...         for own, name, first, last in [
    ...             ("facebook", "FB", "2012-05-18", "2022-06-08"),
    ...             ("facebook", "META", "2022-06-09", "9999-12-31"),
    ...             ("fund", "FB", "2025-06-26", "9999-12-31"),
    ...         ]
    ...     )
    ... )
    >>> for day in ("2022-06-08", "2022-06-09", "2025-06-26"):
    ...     names = NamesOfDay(told=told, day=dt.date.fromisoformat(day))
    ...     print(names.called["facebook"], names.meant("FB"))
    FB facebook
    META FB?
    META fund
    """

    told: Instruments
    day: dt.date
    nobodys: Callable[[str], dt.date | None] = lambda _: None

    @cached_property
    def called(self) -> dict[str, str]:
        """What each instrument is called, by its name in results; no two alike."""
        instruments, day = self.told, self.day
        named = {
            own: name
            for kind in (PRICES, SYMBOL)
            for own in instruments.names
            if (name := instruments.name_of(own, day, kind=kind)) is not None
            and instruments.at(name, day) == own
        }
        for own in instruments.names.keys() - named.keys():
            last = instruments.last_ticker(day, of=own)
            if last is not None and self._gone(last.identifier) == own:
                named[own] = last.identifier
        taken = set(named.values())
        for own in instruments.names.keys() - named.keys():
            is_other = own in taken or instruments.is_symbol(own)
            named[own] = f"{ID}{own}" if is_other else own
        return {instruments.names[own]: name for own, name in named.items()}

    def meant(self, name: str) -> str:
        """Return what is called so in results that has a name on the day.

        An `instrument_id` is understood on any day. What no row says the owner of is
        called as `Instruments.unowned` does.
        """
        instruments = self.told
        own = instruments.at(name, self.day) or self._gone(name)
        if own is None:
            ids = (name, name.removeprefix(ID))
            own = next((each for each in ids if each in instruments.names), None)
        if own is not None:
            return instruments.names[own]
        symbol = name.removesuffix(UNTOLD)
        is_marked = symbol != name and instruments.unowned(symbol) == name
        return name if is_marked else instruments.unowned(name)

    def _gone(self, symbol: str) -> str | None:
        """Return the last holder of a ticker now unused, if it has no other since."""
        instruments, day = self.told, self.day
        last = instruments.last_ticker(day, symbol=symbol)
        if last is None or instruments.at(symbol, day) is not None:
            return None
        own = last.instrument_id
        if any(instruments.name_of(own, day, kind=kind) for kind in (SYMBOL, PRICES)):
            return None
        if instruments.last_ticker(day, of=own) is not last:
            return None
        nobodys = self.nobodys(symbol)
        return own if nobodys is None or nobodys <= last.last else None


def by_the_end(
    name: str, day: dt.date, *, so_far: Instruments, told: Instruments, asked: str = ""
) -> str:
    """Return what is called so in results, as it is called by what is told in the end.

    Parameters
    ----------
    name
        As `so_far` calls it in results.
    day
        On which that was said.
    so_far, told
        What was known by then, and what is in the end.
    asked
        How it was called on the day, if otherwise.
    """
    own = so_far.ids.get(name)
    if own is not None:
        return told.names.get(own) or told.name(asked or name, day)
    symbol = name.removesuffix(UNTOLD)
    if symbol == name or so_far.unowned(symbol) != name:
        symbol = name
    return told.owner(symbol, day) or told.name(symbol, day)
