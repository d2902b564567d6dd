"""Corporate actions of some symbols, with the shares that come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.lake.tables.arrow import column, keep, take
from lakebt.lake.tables.rows import codes, flags, integers
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS
from lakebt.prices.actions import ActionHistory, ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.lake.tables.arrow import Array
    from lakebt.sessions import Sessions


_ROW_BYTES = 60
"""What a row takes, and its label."""


def actions_of(
    pinned: Pinned, symbols: Iterable[str] | None, *, known_by: int
) -> ActionHistory:
    """Return the actions known of some symbols, and of what comes of them.

    There are none where a user declared a table of that name.

    Parameters
    ----------
    pinned
        The release.
    symbols
        None for all.
    known_by
        Microseconds since 1970, inclusive.
    """
    name = CORPORATE_ACTIONS.name
    is_built_in = pinned.specs.get(name) is CORPORATE_ACTIONS
    if not is_built_in or pinned.release.pin(name) is None:
        return ActionHistory.none()
    whole = pinned.kept(
        name,
        "actions",
        lambda: _history(pinned.all_rows(name), pinned.sessions),
        size=lambda actions: _ROW_BYTES * len(actions),
    )
    wanted = whole.symbols if symbols is None else symbols
    return whole.of(wanted, known_by=known_by)


def _history(rows: pa.Table, sessions: Sessions) -> ActionHistory:
    """Return every vintage of every action.

    A row whose `ex_date` is no session of the calendar, or whose kind is none there is,
    is left out: it was published under another one.
    """
    kind = _coded(column(rows, "kind"), list(ActionKind))
    days = column(rows, "ex_date").to_numpy(zero_copy_only=False)
    session = sessions.numbers(days.astype("datetime64[D]")).astype(np.int64)
    there = (session >= 0) & (kind >= 0)
    rows, kind, session = keep(rows, there), kind[there], session[there]
    names = {
        name
        for which in ("symbol", "other")
        for name in column(rows, which).unique().to_pylist()
        if name is not None
    }
    symbols = tuple(sorted(names))
    action_ids = tuple(sorted(set(column(rows, "action_id").unique().to_pylist())))
    symbol = _coded(column(rows, "symbol"), symbols)
    known_at = integers(rows, "known_at")
    by = np.lexsort((known_at, codes(rows, ["action_id"]), session, symbol))
    rows = take(rows, by)
    return ActionHistory(
        symbols=symbols,
        action_ids=action_ids,
        action=_coded(column(rows, "action_id"), action_ids),
        symbol=symbol[by],
        other=_coded(column(rows, "other"), symbols),
        kind=kind[by].astype(np.int8),
        session=session[by],
        cash=column(rows, "cash").to_numpy(zero_copy_only=False),
        ratio=column(rows, "ratio").to_numpy(zero_copy_only=False),
        known_at=known_at[by],
        retracted=flags(rows, "retracted"),
        labels=tuple(text or "" for text in column(rows, "label").to_pylist()),
    )


def _coded(values: Array, texts: Sequence[str]) -> IntVector:
    """Return the place of each value among texts, -1 for null and for any other."""
    numbers = {text: code for code, text in enumerate(texts)}
    coded = values.dictionary_encode()
    each = [numbers.get(text, -1) for text in coded.dictionary.to_pylist()]
    lookup = np.array([*each, -1], dtype=np.int64)
    indices = coded.indices.fill_null(len(each)).to_numpy(zero_copy_only=False)
    return np.asarray(lookup[indices])
