"""Rows of `instruments` as what says who had a name on a day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.lake.tables.arrow import column, take
from lakebt.lake.tables.rows import codes, flags, integers, micros
from lakebt.lake.tables.schemas import INSTRUMENTS
from lakebt.prices.instruments import Identifier, Instruments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lakebt._typing import IntVector


NOBODY = Instruments()

_ROW_BYTES = 400


def instruments_of(pinned: Any, instant: dt.datetime) -> Instruments:
    """Return the identifiers in force at an instant.

    There are none where a user declared a table of that name.

    Parameters
    ----------
    pinned
        The release's tables, which ask here themselves.
    instant
    """
    name = INSTRUMENTS.name
    is_built_in = pinned.specs.get(name) is INSTRUMENTS
    if not is_built_in or pinned.release.pin(name) is None:
        return NOBODY
    whole: Vintages = pinned.kept(
        name,
        "identifiers",
        lambda: Vintages(pinned.all_rows(name)),
        size=lambda made: made.nbytes,
    )
    return whole.at(micros(instant))


class Vintages:
    """All vintages of all identifiers.

    Parameters
    ----------
    rows
        Of ``instruments``, in any order.
    """

    def __init__(self, rows: pa.Table) -> None:
        known_at = integers(rows, "known_at")
        by = np.argsort(known_at, kind="stable")
        self._rows, self._known_at = take(rows, by), known_at[by]
        self._made: dict[int, Instruments] = {0: NOBODY}

    @property
    def nbytes(self) -> int:
        """About what it holds, with some instants that are asked for."""
        return _ROW_BYTES * len(self._rows)

    def at(self, instant: int) -> Instruments:
        """Return the identifiers in force at an instant.

        Parameters
        ----------
        instant
            Microseconds since 1970, inclusive.
        """
        count = int(np.searchsorted(self._known_at, instant, side="right"))
        if count not in self._made:
            rows = self._rows.slice(0, count)
            self._made[count] = identifiers(
                take(rows, in_force_of(rows, INSTRUMENTS.key))
            )
        return self._made[count]


def in_force_of(rows: pa.Table, key: Sequence[str]) -> IntVector:
    """Return the rows that are the newest version of their key, and no retraction."""
    code = codes(rows, key)
    by = np.lexsort((integers(rows, "known_at"), code))
    is_last = np.ones(len(by), dtype=bool)
    is_last[:-1] = code[by[1:]] != code[by[:-1]]
    return np.sort(by[is_last & ~flags(rows, "retracted")[by]])


def identifiers(rows: pa.Table) -> Instruments:
    """Return what rows in force say."""
    names = ("instrument_id", "kind", "identifier", "valid_from", "valid_to")
    columns = [column(rows, name).to_pylist() for name in names]
    known_at = integers(rows, "known_at").tolist()
    return Instruments(
        tuple(
            Identifier(
                instrument_id=own,
                kind=kind,
                identifier=identifier,
                first=first,
                last=last or dt.date.max,
                known_at=known,
            )
            for own, kind, identifier, first, last, known in zip(
                *columns, known_at, strict=True
            )
        )
    )
