"""Adjusted bars without the adjustments that were not yet known at an instant.

A bar that was adjusted afterwards reveals the future, whatever its `known_at`: a close
of 92 for a share that cost 645. With another future the bar would have been different.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.lake.reading.adjusted_bars import NEVER, not_known
from lakebt.lake.reading.bars import PANEL_COLUMNS
from lakebt.lake.reading.instrument_rows import instruments_by
from lakebt.lake.reading.instrument_tables import ByInstrument
from lakebt.lake.tables.arrow import column, truth
from lakebt.prices.by_instrument import owners_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.lake.reading.adjusted_bars import Held
    from lakebt.lake.reading.release_tables import Pinned


def without_later(rows: pa.Table, pinned: Pinned, *, after: int) -> pa.Table:
    """Return rows of prices without adjustments for actions known later.

    Parameters
    ----------
    rows
        With symbol, session and basis.
    pinned
        The release.
    after
        Microseconds since 1970: what was known by then stays in the bars.
    """
    if not set(PANEL_COLUMNS) & set(rows.column_names):
        return rows
    basis = column(rows, "basis").dictionary_encode()
    names = basis.dictionary.to_pylist()
    if "split_adjusted" not in names:
        return rows
    whose, owners = _instruments(rows, pinned)
    identifiers = instruments_by(pinned, NEVER)
    tables = ByInstrument(pinned, identifiers) if identifiers else pinned
    later = not_known(tables, tuple(sorted(owners)), by=after)
    if len(later.days) == 0:
        return rows
    codes = basis.indices.to_numpy(zero_copy_only=False)
    is_adjusted = codes == names.index("split_adjusted")
    of_price, of_volume = _divisors(rows, later, whose, owners, pinned)
    for name in PANEL_COLUMNS:
        if name not in rows.column_names:
            continue
        values = column(rows, name)
        divisor = np.where(is_adjusted, of_volume if name == "volume" else of_price, 1)
        numbers = values.to_numpy(zero_copy_only=False) / divisor
        place = rows.schema.get_field_index(name)
        undone = pa.array(numbers, mask=truth(values.is_null()))
        rows = rows.set_column(place, rows.schema.field(place), undone)
    return rows


def _instruments(rows: pa.Table, pinned: Pinned) -> tuple[IntVector, list[str]]:
    """Return each bar's instrument as a position in names; -1 if it is not read."""
    symbol = column(rows, "symbol")
    if not pa.types.is_dictionary(symbol.type):
        symbol = symbol.dictionary_encode()
    code = symbol.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    names = [str(name) for name in symbol.dictionary.to_pylist()]
    instruments = instruments_by(pinned, NEVER)
    if not instruments:
        return code, names
    own = owners_of(
        instruments,
        names,
        code=code,
        session=_session(rows, pinned),
        sessions=pinned.sessions,
    )
    return own.code, list(own.names)


def _session(rows: pa.Table, pinned: Pinned) -> IntVector:
    days = column(rows, "session").to_numpy(zero_copy_only=False)
    return pinned.sessions.numbers(days.astype("datetime64[D]")).astype(np.int64)


def _divisors(
    rows: pa.Table, later: Held, whose: IntVector, names: Sequence[str], pinned: Pinned
) -> tuple[FloatVector, FloatVector]:
    """Return what each bar's prices and volume were multiplied by for some days."""
    session = _session(rows, pinned)
    of_price, of_volume = np.ones(len(rows)), np.ones(len(rows))
    listed = zip(
        later.days.column.tolist(),
        later.days.session.tolist(),
        later.factors.tolist(),
        later.days.ratio.tolist(),
        strict=True,
    )
    for own, day, factor, ratio in listed:
        if later.symbols[own] not in names:
            continue
        is_before = (whose == names.index(later.symbols[own])) & (session < day)
        of_price[is_before] *= factor
        of_volume[is_before] *= ratio
    return of_price, of_volume
