"""Reading trials: always those of the newest commit, in an order of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pyiceberg.expressions import AlwaysTrue, And, StartsWith

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.inputs.checks import check_list
from lakebt.lake.reading.where import RowFilter
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.predicates import is_in
from lakebt.lake.storage.scan import read_rows
from lakebt.lake.tables.arrow import column, keep, pc
from lakebt.lake.tables.schemas import Kind
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.table import find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


_LOOKS = 5
"""How often to read again when files go while they are read: others fold."""

_PREFIX = re.compile(r"[0-9a-f]{6,32}\Z")

_SHOWN = 3
"""Trials that are named when several begin alike."""


def trials(
    storage: Storage,
    where: Mapping[str, Any] | None,
    columns: Sequence[str] | str | None,
) -> pa.Table:
    """Return trials, the newest last: see `Lake.trials`.

    Raises
    ------
    InvalidArgumentError
        If a value of `where` cannot be compared with its column, or `columns` is no
        list.
    UnknownNameError
        If there is no such column.
    """
    names = TRIALS_SPEC.names
    if columns is None or isinstance(columns, str):
        selected = (columns,) if columns else tuple(names)
    else:
        check_list("columns", columns)
        selected = tuple(columns) or tuple(names)
    for name in selected:
        if name not in names:
            raise UnknownNameError("column", str(name), names)
    wanted = RowFilter(where, spec=TRIALS_SPEC, known=names)
    pushed: BooleanExpression = AlwaysTrue()
    for name in wanted.columns:
        is_text = TRIALS_SPEC.column(name).kind is Kind.TEXT
        if is_text and (texts := wanted.texts(name)):
            pushed = And(pushed, is_in(name, texts))
    needed = tuple(dict.fromkeys((*selected, *wanted.columns, *TRIALS_SPEC.order)))
    rows = rows_of(storage, needed, pushed)
    rows = keep(rows, wanted.matches(rows))
    by = [(name, "ascending") for name in TRIALS_SPEC.order]
    places = pc.sort_indices(rows, sort_keys=by)
    return rows.select(list(selected)).take(places)


def rows_of(
    storage: Storage, columns: tuple[str, ...], where: BooleanExpression
) -> pa.Table:
    """Return columns of the trials that match a filter, in any order.

    Raises
    ------
    FileNotFoundError
        Within, to become the error that follows.
    LakeError
        If they cannot be read.
    """
    schema = TRIALS_SPEC.arrow
    nothing = schema.empty_table().select(list(columns))
    for is_last in (*[False] * _LOOKS, True):
        table = find(storage)
        if table is None or table.metadata.current_snapshot() is None:
            return nothing
        with translated(storage.where):
            try:
                return _read(table, columns, where).cast(nothing.schema)
            except FileNotFoundError:
                now = find(storage)
                if is_last or now is None or _same(now, table):
                    raise
    return nothing  # never: the last look returns or raises


def _same(table: Table, other: Table) -> bool:
    return table.metadata_location == other.metadata_location


def _read(table: Table, columns: Sequence[str], where: BooleanExpression) -> pa.Table:
    chosen = table.scan(row_filter=where, selected_fields=tuple(columns))
    return read_rows(chosen).select(list(columns))


def one(storage: Storage, trial_id: object) -> pa.Table:
    """Return one trial: see `Lake.trial`.

    Raises
    ------
    InvalidArgumentError
        If there is none, or several, that begin so.
    """
    prefix = trial_id.lower() if isinstance(trial_id, str) else ""
    if not _PREFIX.match(prefix):
        msg = (
            f"trial {trial_id!r} is not an id: pass its 32 hex digits, or the first of "
            f"them, at least 6"
        )
        raise InvalidArgumentError(msg)
    begins: BooleanExpression = StartsWith("trial_id", prefix)  # type: ignore[call-arg,arg-type]  # positional
    matching = column(rows_of(storage, ("trial_id",), begins), "trial_id").to_pylist()
    if not matching:
        msg = (
            f"there is no trial {prefix!r} in {storage.where}: lake.trials() lists all"
        )
        raise InvalidArgumentError(msg)
    if len(matching) > 1:
        shown = ", ".join(sorted(matching)[:_SHOWN])
        msg = f"{len(matching)} trials begin with {prefix!r}: {shown}. Give more digits"
        raise InvalidArgumentError(msg)
    return rows_of(storage, TRIALS_SPEC.names, is_in("trial_id", matching))


def ids(storage: Storage, study: str | None) -> set[str]:
    """Return the ids of all trials, or of those of one study."""
    where: BooleanExpression = AlwaysTrue()
    if study is not None:
        where = is_in("study", [study])
    return set(column(rows_of(storage, ("trial_id",), where), "trial_id").to_pylist())


def count(storage: Storage, study: str) -> int:
    """Return how many different rules were tried in a study."""
    rows = rows_of(storage, ("rule_id",), is_in("study", [study]))
    return int(pc.count_distinct(column(rows, "rule_id")).as_py())
