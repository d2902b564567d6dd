"""Instruments of a view: changes and prices joined by the rows of `instruments`.

Without such rows every symbol is an instrument of its own.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakebt.facts import IndexChange, Side
from lakebt.instants import day_in
from lakebt.lake.reading.instrument_rows import NOBODY, instruments_of
from lakebt.lake.reading.panel import panel
from lakebt.lake.reading.session_prices import SessionPrices
from lakebt.prices.instrument_names import by_the_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from lakebt.facts import Vintage
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.prices.instruments import Instruments


def told_by(view: View) -> Instruments:
    """Return the identifiers that a view knows."""
    known = view._known  # noqa: SLF001 - the lake's own
    return instruments_of(known.pinned, known.instant)


def joined(view: View, vintages: Iterable[Vintage]) -> tuple[Vintage, ...]:
    """Return changes with the names that their instruments have in results.

    The symbol of an addition is looked up on its `effective` day, that of a deletion on
    the day of `announced`; if no row covers that day, the other day is used.
    """
    instruments = told_by(view)
    if not instruments:
        return tuple(vintages)
    return tuple(_joined(vintage, instruments, view) for vintage in vintages)


def _joined(vintage: Vintage, told: Instruments, view: View) -> Vintage:
    change = vintage.change
    days = [day_in(change.announced or change.known_at, view.sessions.zone)]
    if change.effective is not None:
        is_addition = change.side is Side.ADDITION
        before = told.day_before(change.symbol, change.effective)
        if change.announced is None:
            days = [] if is_addition else [before]
        days.insert(0 if is_addition else len(days), change.effective)
    day = next((day for day in days if told.at(change.symbol, day)), days[0])
    name = told.name(change.symbol, day)
    if name == change.symbol:
        return vintage
    own = {each: getattr(change, each) for each in IndexChange.__slots__}
    return dataclasses.replace(
        vintage, change=IndexChange(**{**own, "symbol": name}), published=change.symbol
    )


def in_results(decided: View, view: View, names: Sequence[str]) -> list[str]:
    """Return the names in results of the instruments that a decision names.

    Parameters
    ----------
    decided
        The view of the decision: a name means the instrument that has it in its panels.
    view
        The view of the backtest.
    names
    """
    known, instruments = decided._known, told_by(view)  # noqa: SLF001 - the lake's own
    tables = known.by_instrument
    day = day_in(decided.instant, view.sessions.zone)
    if tables is None:
        if not instruments:
            return list(names)
        return [
            by_the_end(name, day, so_far=NOBODY, told=instruments) for name in names
        ]
    of_day = tables.names(day, as_of=known.by)
    return [
        by_the_end(
            of_day.meant(name), day, so_far=tables.told, told=instruments, asked=name
        )
        for name in names
    ]


def price_history(view: View, symbols: Sequence[str]) -> PriceHistory:
    """Return the prices of instruments, by their names in results."""
    if not told_by(view):
        return view.price_history(symbols)
    return view.price_history(symbols, joined=True)


def has_bars_apart(view: View) -> bool:
    """Whether some sessions of a view's prices may be read without the others.

    Not while an audit alters the view: its bars then contain other actions than those
    that it knows.
    """
    return view._known.pinned.bars_hold_known_by is None  # noqa: SLF001 - the lake's own


def prices_apart(
    view: View, symbols: Sequence[str], *, asks_last_close: bool
) -> SessionPrices:
    """Return the prices of instruments, of some sessions at a time.

    Parameters
    ----------
    view
        One that `has_bars_apart`.
    symbols, asks_last_close
        As `SessionPrices` takes them.
    """
    known = view._known  # noqa: SLF001 - the lake's own
    return SessionPrices(known, symbols, asks_last_close=asks_last_close)


def panel_of(
    view: View, column: str, names: Sequence[str], *, adjusted: str | None = None
) -> pd.DataFrame:
    """Return a panel of instruments, by their names in results."""
    known = view._known  # noqa: SLF001 - the lake's own
    return panel(known, column, symbols=names, adjusted=adjusted, is_by_results=True)
