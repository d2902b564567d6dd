"""Filters of a table's rows: its columns, its names, and the rows that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.inputs import where as filters
from lakebt.instants import NEW_YORK
from lakebt.lake.tables.arrow import column as array
from lakebt.lake.tables.schemas import Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lakebt.lake.reading.known_release import Known
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.lake.tables.schemas import TableSpec


NAMED = ("fund", "index", "symbol")
"""Columns of names, in which one that no row known has is an error."""

_READERS: dict[Kind, filters.Reader] = {
    Kind.TEXT: filters.text,
    Kind.NUMBER: filters.number,
    Kind.WHOLE: filters.number,
    Kind.DATE: filters.date,
    Kind.INSTANT: filters.instant,
    Kind.FLAG: filters.flag,
}


class RowFilter(filters.Where):
    """What rows of a table must match.

    Parameters
    ----------
    where
        As `lakebt.inputs.where.Where` takes it.
    spec
        The table whose columns they are.
    known
        The columns there are.
    zone
        Where the exchange is.
    """

    def __init__(
        self,
        where: Mapping[str, Any] | None,
        *,
        spec: TableSpec,
        known: Sequence[str],
        zone: dt.tzinfo = NEW_YORK,
    ) -> None:
        # A derived `status` is no column of the table; it is a text.
        kinds = {column.name: column.kind for column in spec.columns}
        super().__init__(
            where, {name: _READERS[kinds.get(name, Kind.TEXT)] for name in known}, zone
        )
        self._kinds = kinds

    def check_names(self, known: Known) -> None:
        """Check names of funds, indices and symbols against those known.

        Raises
        ------
        UnknownNameError
            If no row known has such a name; never for a decision.
        """
        texts = (n for n in NAMED if self._kinds.get(n) is Kind.TEXT)
        check_names(self, known, columns=tuple(texts))

    def matches(self, rows: pa.Table) -> BoolVector:
        """Return which rows match."""
        matching = np.ones(len(rows), dtype=bool)
        for column in self.columns:
            coded = array(rows, column).dictionary_encode()
            distinct = [*coded.dictionary.to_pylist(), None]
            accepted = np.array([self.accepts(column, v) for v in distinct], dtype=bool)
            codes = coded.indices.to_numpy(zero_copy_only=False)
            matching &= accepted[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
        return matching


def check_names(
    wanted: filters.Where, known: Known, *, columns: Sequence[str] = NAMED
) -> None:
    """Check the names that a filter asks for against those known.

    Parameters
    ----------
    wanted
    known
        Knows them.
    columns
        Those that hold names.

    Raises
    ------
    UnknownNameError
        If no row known has such a name; never for a decision.
    """
    for column in columns:
        if names := wanted.named(column):
            known.check(column, names)
