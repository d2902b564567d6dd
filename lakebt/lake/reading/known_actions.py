"""Corporate actions of some symbols, and of the shares that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lakebt.lake.tables.arrow import column, pc
from lakebt.lake.tables.rows import flags, integers
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

_TEXTS = ("symbol", "action_id", "kind", "other", "label")
_READ = (*_TEXTS, "ex_date", "cash", "ratio", "known_at", "retracted")


def actions_of(
    pinned: Pinned, symbols: Iterable[str] | None, *, known_by: int
) -> ActionHistory:
    """Return the known actions of some symbols, and of the shares that they give.

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
        lambda: _history(pinned.scan(name, _READ, coded=_TEXTS), pinned.sessions),
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
    there = np.flatnonzero((session >= 0) & (kind >= 0))
    own, other = (_texts(column(rows, name), there) for name in ("symbol", "other"))
    symbols = tuple(sorted({*own.texts, *other.texts}))
    ids = _texts(column(rows, "action_id"), there)
    labels = _texts(column(rows, "label"), there)
    symbol, known_at = own.among(symbols), integers(rows, "known_at")[there]
    by = np.lexsort((known_at, ids.code, session[there], symbol))
    row = there[by]
    numbers = {
        name: column(rows, name).to_numpy(zero_copy_only=False)[row]
        for name in ("cash", "ratio")
    }
    return ActionHistory(
        symbols=symbols,
        action_ids=ids.texts,
        action=ids.code[by],
        symbol=symbol[by],
        other=other.among(symbols)[by],
        kind=kind[row].astype(np.int8),
        session=session[row],
        known_at=known_at[by],
        retracted=flags(rows, "retracted")[row],
        labels=tuple(map((*labels.texts, "").__getitem__, labels.code[by].tolist())),
        **numbers,
    )


class _Texts(NamedTuple):
    """Some values of a column of text: the distinct ones, sorted, and which each is."""

    texts: tuple[str, ...]
    code: IntVector

    def among(self, texts: tuple[str, ...]) -> IntVector:
        """Return the place of each value among more texts; -1 where there is none."""
        place = {text: number for number, text in enumerate(texts)}
        lookup = np.array([*(place[text] for text in self.texts), -1], dtype=np.int64)
        return lookup[self.code]


def _texts(values: Array, places: IntVector) -> _Texts:
    """Return the texts at some places of a dictionary; the code of null is -1."""
    order = pc.array_sort_indices(values.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(order)), -1
    each = rank[values.indices.fill_null(len(order)).to_numpy(zero_copy_only=False)]
    each = each[places]
    is_used = np.zeros(len(order) + 1, dtype=bool)
    is_used[each] = True
    is_used[-1] = False
    code = np.append(np.cumsum(is_used[:-1]) - 1, -1)[each]
    texts = values.dictionary.take(order[is_used[:-1]]).to_pylist()
    return _Texts(tuple(texts), code)


def _coded(values: Array, texts: Sequence[str]) -> IntVector:
    """Return the place of each value among texts, -1 for null and for any other."""
    numbers = {text: code for code, text in enumerate(texts)}
    coded = values.dictionary_encode()
    each = [numbers.get(text, -1) for text in coded.dictionary.to_pylist()]
    lookup = np.array([*each, -1], dtype=np.int64)
    indices = coded.indices.fill_null(len(each)).to_numpy(zero_copy_only=False)
    return np.asarray(lookup[indices])
