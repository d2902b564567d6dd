"""Reading snapshots. A snapshot never changes, so what was read is kept."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    In,
    LessThanOrEqual,
)

from lakebt.errors import BrokenReleaseError
from lakebt.lake.catalog import lost, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import pyarrow as pa
    from pyiceberg.table import Table

    from lakebt.lake.catalog import Storage

T = TypeVar("T")


def _is_news(record: logging.LogRecord) -> bool:
    """Tell pyiceberg's notice that dictionaries were asked for from its others."""
    return "does not have a dictionary type" not in str(record.msg)


logging.getLogger("pyiceberg.io.pyarrow").addFilter(_is_news)

CACHE_BYTES = 512 * 2**20


class Cache:
    """The most recently used things read from snapshots, up to a size in bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit, self._used = limit, 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(
        self, key: Hashable, make: Callable[[], T], *, size: Callable[[T], int]
    ) -> T:
        """Return what is kept under `key`, made now if it is not."""
        if key in self._held:
            self._held.move_to_end(key)
            kept: T = self._held[key][0]
            return kept
        value = make()
        used = size(value)
        self._held[key] = (value, used)
        self._used += used
        while self._used > self._limit and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._used -= freed
        return value


def is_in(column: str, values: Iterable[str]) -> BooleanExpression:
    """Return the filter that `column` has one of `values`."""
    return In(column, tuple(values))  # type: ignore[call-arg,arg-type]  # positional


def between(column: str, low: str, high: str) -> BooleanExpression:
    """Return the filter that `column` lies between two values, inclusive."""
    return And(
        GreaterThanOrEqual(column, low),  # type: ignore[call-arg,arg-type]  # positional
        LessThanOrEqual(column, high),  # type: ignore[call-arg,arg-type]  # positional
    )


def scan(
    table: Table,
    snapshot_id: int,
    *,
    columns: tuple[str, ...],
    coded: tuple[str, ...] = (),
    where: BooleanExpression | None = None,
    storage: Storage,
    release: str,
) -> pa.Table:
    """Read rows of one snapshot.

    Parameters
    ----------
    table, snapshot_id
        What to read. Never the head of a branch.
    columns
        In the order wanted.
    coded
        Text columns to return as dictionaries.
    where
        Pushed down to files and row groups.
    storage, release
        For errors.

    Raises
    ------
    BrokenReleaseError
        If a file of the snapshot is gone.
    """
    with translated(storage.where):
        try:
            rows = table.scan(
                snapshot_id=snapshot_id,
                selected_fields=columns,
                row_filter=AlwaysTrue() if where is None else where,
            ).to_arrow(dictionary_columns=coded)
        except FileNotFoundError as error:
            problem = f"{lost(error)} is gone"
            raise BrokenReleaseError(release, table.name()[-1], problem) from None
    return rows.select(columns).unify_dictionaries()
