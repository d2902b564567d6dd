"""Panels of a release as frames, from the cache on disk where it has them.

Panels are kept by what they are made of, never by the release's name or place, so a
release whose tag was moved is refused before anything is looked up. A panel of all that
was ever known is kept once, with the instant from which that is so: a view of an
earlier one never gets it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xxhash

from lakebt.errors import UnknownNameError
from lakebt.inputs.checks import is_text
from lakebt.lake.reading.adjusted import adjusted_panel, last_known_action
from lakebt.lake.reading.bars import PANEL_COLUMNS
from lakebt.lake.reading.panel_arguments import distinct, of_name, window
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS, PRICES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt._typing import FloatPanel
    from lakebt.lake.reading.known import Known
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.prices.adjustment import Adjustment
    from lakebt.sessions import Sessions


_ALL = "all"


def panel(
    known: Known,
    column: str,
    *,
    symbols: Sequence[str] | None,
    start: object,
    end: object,
    adjusted: str | None,
) -> pd.DataFrame:
    """Return one column of the prices known: see `View.panel`.

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
    first, last = window(sessions, start, end)
    wanted_symbols = None if symbols is None else distinct(symbols)
    known_by = known.by
    key = _key(pinned, column, wanted_symbols, first, last)
    if adjustment is not None:
        key |= _adjusted_key(pinned, adjustment)
    if (kept := _kept(pinned, key, known_by)) is not None:
        return kept
    bars = known.bars(wanted_symbols, column)
    if wanted_symbols is None:
        wanted_symbols = bars.known_symbols(known_by, first, last)
    elif not known.for_decision:
        words = [f"from {start}"] if start is not None else []
        words += [f"to {end}"] if end is not None else []
        if words:
            bars.check_window(
                wanted_symbols, first, last, as_of=known_by, asked=" ".join(words)
            )
    is_first = bars.is_first(column)
    begin, values = bars.panel(
        column, wanted_symbols, as_of=known_by, first=first, last=last
    )
    last_known = bars.last_known
    if adjustment is not None:
        values = adjusted_panel(
            known,
            bars,
            values,
            column=column,
            symbols=wanted_symbols,
            begin=begin,
            adjustment=adjustment,
        )
        last_known = max(last_known, last_known_action(pinned, wanted_symbols))
    of = _ALL if last_known <= known_by else known_by
    # A column without a price may be an error to who asks next: that is not in the key.
    # And the panels of a backtest's every decision would fill the disk, though none is
    # asked for twice and each takes milliseconds once the bars are in memory.
    may_keep = len(values) > 0 and (of == _ALL or is_first) and _may_keep(pinned)
    if may_keep and _is_told(values):
        about = _about(values, wanted_symbols, begin, sessions, last_known)
        pinned.cache.disk.keep({**key, "known": of}, values, about)
    return _frame(values, wanted_symbols, begin, sessions)


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
        "files": None if pin is None else pin.files,
        "column": column,
        "symbols": None if symbols is None else names,
        "exchange": pinned.sessions.name,
        "days": [str(days[first]), str(days[last])],
    }


def _adjusted_key(pinned: Pinned, adjustment: Adjustment) -> dict[str, object]:
    """Return what an adjusted panel depends on besides."""
    pin = pinned.release.pin(CORPORATE_ACTIONS.name)
    actions = None if pin is None else [pin.uuid, pin.snapshot_id, pin.files]
    return {"adjusted": adjustment.value, "actions": actions}


def _may_keep(pinned: Pinned) -> bool:
    """Whether what is read is compared with what was written.

    If not, a panel of rotten data would be kept, and outlive its mending.
    """
    pins = map(pinned.release.pin, (PRICES.name, CORPORATE_ACTIONS.name))
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


def _kept(
    pinned: Pinned, key: Mapping[str, object], known_by: int
) -> pd.DataFrame | None:
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
        return _frame(entry.values, symbols, begin, pinned.sessions)
    return None


def _checksum(sessions: Sessions, begin: int, count: int) -> str:
    days = sessions.days[begin : begin + count]
    return xxhash.xxh3_64_hexdigest(days.astype("int64").tobytes())


def _frame(
    values: FloatPanel, symbols: tuple[str, ...], begin: int, sessions: Sessions
) -> pd.DataFrame:
    days = sessions.days[begin : begin + len(values)].astype("datetime64[us]")
    return pd.DataFrame(
        values,
        index=pd.DatetimeIndex(days, name="session"),
        columns=pd.Index(symbols, dtype=object if not symbols else None),
        copy=False,
    )
