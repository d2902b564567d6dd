"""Packs the data of a page as text, small and exact.

Whole numbers are written as planes: the lowest byte of each, then the next byte of
each, and so on, which gzip makes much smaller than one number after the other. Prices
are whole numbers too, of the unit in which they are exact, each as what it adds to the
one before. The page's `inflate.js` reads this.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.sessions import session_of
from lakebt.values.arrays import offsets

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakebt._typing import BoolVector, FloatVector, IntVector
    from lakebt.report.panel_data import Ingredients


_SIGNIFICANT = 11
"""Digits of a price that is exact in no unit: a return errs by less than 1e-6 bp."""

_DECIMALS = range(2, 7)
"""Units that are tried: a cent, down to a millionth."""

_EXACT = 2.0**53
"""Whole numbers up to here are exact in JavaScript."""

_BACK = 5
"""Sessions before the entry whose close may be the one that an order was sized on."""

_UNSIZED, _OWN = 0, 255


def packed(ingredients: Ingredients) -> str:
    """Return the ingredients as base64 of a gzipped file.

    The file is four bytes of length, lowest first, then a JSON text of that length that
    names everything, then the bytes of the arrays it describes.
    """
    data = ingredients
    count = np.diff(data.start)
    base = np.full(len(data.event_ids), np.iinfo(np.int64).max)
    np.minimum.at(base, data.slot_event, data.entry_row)
    # Exits that count from the entry are the same distance from every entry; the others
    # are the same half session for every entry of an event.
    since = np.where(
        data.is_relative, data.entry_row[:, None], base[data.slot_event][:, None]
    )
    leaving = np.where(data.is_traded, data.exit_row - since, 0)
    sized, own = _sizing(data)
    digits, missing, steps = _prices(data)
    numbers = {
        "event_day": _steps(data.event_day),
        "days": _steps(data.days),
        "leg_symbol": data.leg_symbol,
        "leg_is_addition": data.leg_is_addition,
        "series_symbol": _steps(data.series_symbol),
        "series_first": data.series_first,
        "series_count": data.series_count,
        "series_digits": digits,
        "missing": missing,
        "price_steps": steps,
        "slot_event": _steps(data.slot_event),
        "slot_entry": data.slot_entry,
        "event_row": base,
        "entry_row": data.entry_row - base[data.slot_event],
        "position_count": count,
        "leg": data.leg,
        "sized": sized,
        "is_traded": data.is_traded.T.ravel(),
        "exit_row": leaving.T.ravel(),
        "is_relative": data.is_relative,
        "apart": _steps(data.apart),
        "apart_row": data.apart_row,
    }
    arrays: dict[str, Any] = {}
    parts: list[bytes] = []
    for name, values in numbers.items():
        planes = _planes(np.asarray(values, dtype=np.int64))
        arrays[name] = {"n": len(values), "width": len(planes)}
        parts.append(planes.tobytes())
    arrays["own_sizing"] = {"n": len(own), "width": 8, "float": True}
    parts.append(own.astype("<f8").view(np.uint8).reshape(-1, 8).T.tobytes())
    header = {
        "terms": asdict(data.terms),
        "n_entries": data.n_entries,
        "n_exits": data.n_exits,
        "event_ids": data.event_ids,
        "symbols": data.symbols,
        "arrays": arrays,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    whole = b"".join([len(text).to_bytes(4, "little"), text, *parts])
    return base64_gzip(whole)


def base64_gzip(content: bytes) -> str:
    """Return bytes gzipped, as text. The same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _steps(values: IntVector) -> IntVector:
    """Return what each number adds to the one before, the first to 0."""
    return np.diff(values, prepend=0)


def _planes(values: IntVector) -> npt.NDArray[np.uint8]:
    """Return the bytes of whole numbers, shape (width, n); signs folded into bit 0."""
    folded = np.where(values < 0, -2 * values - 1, 2 * values)
    largest = int(folded.max(initial=0))
    width = max(1, -(-largest.bit_length() // 8))
    return folded.astype("<u8").view(np.uint8).reshape(-1, 8).T[:width]


def _prices(data: Ingredients) -> tuple[IntVector, BoolVector, IntVector]:
    """Return each series' digits, which bars are missing, and the steps of the others.

    Opens and closes take turns. A price is its whole number over 10 to the digits.
    """
    prices = np.column_stack([data.opens, data.closes]).ravel()
    starts = offsets(2 * data.series_count)[:-1]
    is_there = np.isfinite(prices)
    digits = np.zeros(len(starts), dtype=np.int64)
    if len(starts):
        filled = np.where(is_there, prices, 0.0)
        digits = _digits(filled, is_there, starts)
    own = np.repeat(digits, 2 * data.series_count)
    whole = np.rint(np.where(is_there, prices, 0.0) * 10.0**own).astype(np.int64)
    of = np.repeat(np.arange(len(starts)), 2 * data.series_count)[is_there]
    steps = _steps(whole[is_there])
    is_first = np.append(True, of[1:] != of[:-1])[: len(of)]
    steps[is_first] = whole[is_there][is_first]
    return digits, ~is_there[::2], steps


def _digits(filled: FloatVector, is_there: BoolVector, starts: IntVector) -> IntVector:
    """Return the decimals in which each series is exact, or nearly."""
    largest = np.maximum.reduceat(filled, starts)
    smallest = np.minimum.reduceat(np.where(is_there, filled, np.inf), starts)
    smallest = np.where(np.isfinite(smallest), smallest, 1.0)
    most = np.floor(np.log10(_EXACT / np.maximum(largest, smallest))).astype(np.int64)
    digits = np.ceil(_SIGNIFICANT - np.log10(smallest)).astype(np.int64)
    digits = np.clip(digits, 0, np.maximum(most, 0))
    for decimals in reversed(_DECIMALS):
        unit = 10.0**decimals
        exact = np.rint(filled * unit) / unit == filled
        is_exact = np.logical_and.reduceat(exact, starts) & (decimals <= most)
        digits = np.where(is_exact, decimals, digits)
    whole: IntVector = digits.astype(np.int64)
    return whole


def _sizing(data: Ingredients) -> tuple[IntVector, FloatVector]:
    """Return which close each position was sized on, and the prices that are none.

    0 where there was no close, the number of sessions before the entry, or 255 for a
    price of its own: a close that was corrected later.
    """
    entered = np.repeat(session_of(data.entry_row), np.diff(data.start))
    symbol = np.where(data.leg >= 0, data.leg_symbol[data.leg], data.terms.hedge)
    sized = np.where(np.isnan(data.sizing_price), _UNSIZED, _OWN)
    span = len(data.days) + 1
    keys = data.series_symbol * span + data.series_first
    bars = offsets(data.series_count)
    for back in range(_BACK, 0, -1):
        session = entered - back
        series = np.searchsorted(keys, symbol * span + session, side="right") - 1
        place = session - data.series_first[series]
        inside = (series >= 0) & (data.series_symbol[series] == symbol) & (place >= 0)
        inside &= place < data.series_count[series]
        bar = np.where(inside, bars[series] + place, 0)
        sized[inside & (data.closes[bar] == data.sizing_price)] = back
    return sized, data.sizing_price[sized == _OWN]
