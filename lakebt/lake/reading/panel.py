"""Panels of a release as frames, from the cache on disk where it has them.

The cache's key is what a panel is made of, never the release's name or place. A release
whose tag was moved is refused before the cache is read. A panel of everything that was
ever known is cached once, with the instant from which it holds; a view of an earlier
instant never gets it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xxhash

from lakebt.errors import UnknownNameError
from lakebt.inputs.checks import is_text
from lakebt.instants import day_in
from lakebt.lake.reading.bars import PANEL_COLUMNS
from lakebt.lake.reading.instrument_rows import last_told
from lakebt.lake.reading.panel_adjustment import adjusted_panel, last_known_action
from lakebt.lake.reading.panel_arguments import distinct, meant, of_name, window
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, INSTRUMENTS, PRICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import FloatPanel
    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.prices.adjustment import Adjustment
    from lakebt.prices.instrument_names import NamesOfDay
    from lakebt.sessions import Sessions


_ALL = "all"


def panel(
    known: Known,
    column: str,
    *,
    symbols: Sequence[str] | None,
    days: tuple[object, object] = (None, None),
    adjusted: str | None,
    is_by_results: bool = False,
) -> pd.DataFrame:
    """Return one column of the prices known: see `View.panel`.

    Where identifiers are known it is of instruments, by what they are called on the
    view's day, or in results.

    Raises
    ------
    InvalidArgumentError
        If it cannot be adjusted so.
    UnknownNameError
        If there is no such column.
    """
    if not is_text(column) or column not in PANEL_COLUMNS:
        raise UnknownNameError("column", str(column), PANEL_COLUMNS)
    adjustment = None if adjusted is None else of_name(adjusted)
    pinned = known.pinned
    sessions = pinned.sessions
    first, last = window(sessions, *days)
    columns = None if symbols is None else distinct(symbols)
    wanted, names = columns, None if is_by_results else _names(known)
    if names is not None and columns is not None:
        wanted = meant(names, columns)
    found = _found(
        known,
        column,
        asked=columns,
        wanted=wanted,
        window=(first, last),
        words=" ".join(_words(*days)),
        adjustment=adjustment,
    )
    if columns is None and names is not None:
        found = found.called(names.called)
    elif columns is not None:
        found = replace(found, symbols=columns)
    return found.frame(sessions)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """A panel.

    Attributes
    ----------
    values : ndarray of shape (n_sessions, n_symbols)
    symbols : tuple of str
    begin
        Number of the first session.
    """

    values: FloatPanel
    symbols: tuple[str, ...]
    begin: int

    def called(self, names: Mapping[str, str]) -> _Found:
        """Return it with other names, sorted by them."""
        called = [names.get(symbol, symbol) for symbol in self.symbols]
        order = sorted(range(len(called)), key=called.__getitem__)
        if order == list(range(len(order))):
            return replace(self, symbols=tuple(called))
        own = tuple(called[place] for place in order)
        return replace(self, values=self.values[:, order], symbols=own)

    def frame(self, sessions: Sessions) -> pd.DataFrame:
        """Return it as a frame."""
        run = slice(self.begin, self.begin + len(self.values))
        days = sessions.days[run].astype("datetime64[us]")
        return pd.DataFrame(
            self.values,
            index=pd.DatetimeIndex(days, name="session"),
            columns=pd.Index(self.symbols, dtype=object if not self.symbols else None),
            copy=False,
        )


def _names(known: Known) -> NamesOfDay | None:
    """Return what instruments are called; None where no identifier is known."""
    tables = known.by_instrument
    if tables is None:
        return None
    day = day_in(known.instant, tables.sessions.zone)
    return tables.names(day, as_of=known.by)


def _words(start: object, end: object) -> list[str]:
    words = [f"from {start}"] if start is not None else []
    return words + ([f"to {end}"] if end is not None else [])


def _found(
    known: Known,
    column: str,
    *,
    asked: tuple[str, ...] | None,
    wanted: tuple[str, ...] | None,
    window: tuple[int, int],
    words: str,
    adjustment: Adjustment | None,
) -> _Found:
    """Return a panel, kept or made, of what is called so in results."""
    pinned, known_by, (first, last) = known.pinned, known.by, window
    tables = known.by_instrument or pinned
    key = _key(pinned, column, wanted, first, last)
    if adjustment is not None:
        key |= _adjusted_key(pinned, adjustment)
    if tables is not pinned:
        key |= _pinned_key(pinned, INSTRUMENTS.name)
    if (kept := _kept(pinned, key, known_by)) is not None:
        return kept
    bars = known.bars(wanted, column, asked=asked)
    if wanted is None or asked is None:
        wanted = bars.known_symbols(known_by, first, last)
    elif words and not known.for_decision:
        bars.check_window(
            wanted, first, last, as_of=known_by, asked=words, called=asked
        )
    is_first = bars.is_first(column)
    begin, values = bars.panel(column, wanted, as_of=known_by, first=first, last=last)
    last_known = max(bars.last_known, last_told(pinned))
    if adjustment is not None:
        values = adjusted_panel(
            known,
            tables,
            bars,
            values,
            column=column,
            symbols=wanted,
            begin=begin,
            adjustment=adjustment,
        )
        last_known = max(last_known, last_known_action(tables, wanted))
    of = _ALL if last_known <= known_by else known_by
    # Whether a column without a price is an error depends on the caller, which is not
    # in the key. And the panels of all decisions of a backtest would fill the disk,
    # though none is read twice and each takes milliseconds from bars in memory.
    may_keep = len(values) > 0 and (of == _ALL or is_first) and _may_keep(pinned)
    if may_keep and _is_told(values):
        about = _about(values, wanted, begin, pinned.sessions, last_known)
        pinned.cache.disk.keep({**key, "known": of}, values, about)
    return _Found(values=values, symbols=wanted, begin=begin)


def _key(
    pinned: Pinned,
    column: str,
    symbols: tuple[object, ...] | None,
    first: int,
    last: int,
) -> dict[str, object]:
    """Return all that a panel depends on but the instant."""
    pin = pinned.release.pin(PRICES.name)
    days = pinned.sessions.days
    # What is no text is no symbol, and its panel was never kept.
    names = [n if isinstance(n, str) else None for n in symbols or ()]
    return {
        "table": None if pin is None else pin.uuid,
        "snapshot": None if pin is None else pin.snapshot_id,
        "rows": None if pin is None else pin.rows,  # an erasure leaves fewer
        "files": None if pin is None else pin.files,
        "column": column,
        "symbols": None if symbols is None else names,
        "exchange": pinned.sessions.name,
        "days": [str(days[first]), str(days[last])],
    }


def _adjusted_key(pinned: Pinned, adjustment: Adjustment) -> dict[str, object]:
    """Return what an adjusted panel depends on besides."""
    (actions,) = _pinned_key(pinned, CORPORATE_ACTIONS.name).values()
    return {"adjusted": adjustment.value, "actions": actions}


def _pinned_key(pinned: Pinned, table: str) -> dict[str, object]:
    """Return of which rows of a table a panel is made."""
    pin = pinned.release.pin(table)
    if pin is None:
        return {table: None}
    return {table: [pin.uuid, pin.snapshot_id, pin.rows, pin.files]}


def _may_keep(pinned: Pinned) -> bool:
    """Whether what is read is compared with what was written.

    If not, a panel of rotten data would be kept, and outlive its mending.
    """
    names = (PRICES.name, CORPORATE_ACTIONS.name, INSTRUMENTS.name)
    pins = map(pinned.release.pin, names)
    return all(pin is None or pin.files is not None for pin in pins)


def _is_told(values: FloatPanel) -> bool:
    """Return whether each column has a number."""
    return bool((~np.isnan(values)).any(axis=0).all())


def _about(
    values: FloatPanel,
    symbols: tuple[str, ...],
    begin: int,
    sessions: Sessions,
    last_known: int,
) -> dict[str, object]:
    return {
        "symbols": symbols,
        "first": str(sessions.date(begin)),
        "sessions": _checksum(sessions, begin, len(values)),
        "last_known": last_known,
    }


def _kept(pinned: Pinned, key: Mapping[str, object], known_by: int) -> _Found | None:
    """Return the panel that is kept, if it is the one for this instant."""
    if not _may_keep(pinned):
        return None
    for known in (_ALL, known_by):
        entry = pinned.cache.disk.load({**key, "known": known})
        if entry is None or (known == _ALL and entry.about["last_known"] > known_by):
            continue
        about: Mapping[str, Any] = entry.about
        begin = pinned.sessions.number(dt.date.fromisoformat(about["first"]))
        # The calendar may have learnt of another closed day since.
        if begin is None or about["sessions"] != _checksum(
            pinned.sessions, begin, len(entry.values)
        ):
            continue
        symbols = tuple(about["symbols"])
        return _Found(values=entry.values, symbols=symbols, begin=begin)
    return None


def _checksum(sessions: Sessions, begin: int, count: int) -> str:
    days = sessions.days[begin : begin + count]
    return xxhash.xxh3_64_hexdigest(days.astype("int64").tobytes())
