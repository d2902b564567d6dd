"""Corporate actions of some symbols, with the shares that come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.lake.tables.arrow import column, keep, take
from lakebt.lake.tables.rows import codes, flags, integers
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS
from lakebt.prices.actions import ActionHistory, ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.lake.tables.arrow import Array
    from lakebt.sessions import Sessions


def actions_of(
    pinned: Pinned, symbols: Iterable[str], *, known_by: int
) -> ActionHistory:
    """Return the actions known of some symbols, and of what comes of them.

    There are none where a user declared a table of that name.

    Parameters
    ----------
    pinned
        The release.
    symbols
    known_by
        Microseconds since 1970, inclusive.
    """
    name = CORPORATE_ACTIONS.name
    is_built_in = pinned.specs.get(name) is CORPORATE_ACTIONS
    if not is_built_in or pinned.release.pin(name) is None:
        return ActionHistory.none()
    table = pinned.kept(
        name,
        "actions",
        lambda: ActionTable(pinned.all_rows(name), pinned.sessions),
        size=lambda actions: actions.nbytes,
    )
    return table.of(symbols, as_of=known_by)


class ActionTable:
    """Every vintage of every corporate action of a release, sorted.

    Parameters
    ----------
    rows
        All columns. A row whose `ex_date` is no session of the calendar, or whose kind
        is none there is, is left out: it was published under another one.
    sessions
        The calendar.
    """

    def __init__(self, rows: pa.Table, sessions: Sessions) -> None:
        kinds = {kind.value: kind.code for kind in ActionKind}
        kind = _coded(column(rows, "kind"), kinds)
        days = column(rows, "ex_date").to_numpy(zero_copy_only=False)
        session = sessions.numbers(days.astype("datetime64[D]")).astype(np.int64)
        there = (session >= 0) & (kind >= 0)
        rows, kind, session = keep(rows, there), kind[there], session[there]
        action, symbol = codes(rows, ["action_id"]), codes(rows, ["symbol"])
        by = np.lexsort((integers(rows, "known_at"), action, session, symbol))
        self._rows = take(rows, by)
        self._kind, self._session = kind[by].astype(np.int8), session[by]
        self._known_at = integers(self._rows, "known_at")
        names = {
            name
            for which in ("symbol", "other")
            for name in column(self._rows, which).unique().to_pylist()
            if name is not None
        }
        self._names = tuple(sorted(names))
        number = {name: code for code, name in enumerate(self._names)}
        self._symbol = _coded(column(self._rows, "symbol"), number)
        self._other = _coded(column(self._rows, "other"), number)

    @property
    def nbytes(self) -> int:
        """About what it holds."""
        return self._rows.nbytes + 33 * len(self._rows)

    def of(self, symbols: Iterable[str], *, as_of: int) -> ActionHistory:
        """Return what was known by an instant of some symbols, and what comes of them.

        Parameters
        ----------
        symbols
        as_of
            Microseconds since 1970, inclusive.
        """
        wanted = set(symbols)
        is_known = self._known_at <= as_of
        reached = np.array([name in wanted for name in self._names], dtype=bool)
        pairs = np.flatnonzero(is_known & (self._other >= 0))
        come = np.unique(
            np.stack([self._symbol[pairs], self._other[pairs]]), axis=1
        ).astype(np.int64)
        while True:
            new = come[1][reached[come[0]] & ~reached[come[1]]]
            if not len(new):
                break
            reached[new] = True
        return self._history(np.flatnonzero(is_known & reached[self._symbol]))

    def _history(self, places: IntVector) -> ActionHistory:
        """Return some rows as a history of their own."""
        if not len(places):
            return ActionHistory.none()
        rows = take(self._rows, places)
        symbol, other = self._symbol[places], self._other[places]
        used = np.unique(np.concatenate([symbol, other[other >= 0]]))
        ids = column(rows, "action_id").dictionary_encode()
        action_ids = tuple(sorted(ids.dictionary.to_pylist()))
        own = {action_id: code for code, action_id in enumerate(action_ids)}
        return ActionHistory(
            symbols=tuple(self._names[code] for code in used),
            action_ids=action_ids,
            action=_coded(ids, own),
            symbol=np.searchsorted(used, symbol),
            other=np.where(other < 0, -1, np.searchsorted(used, other)),
            kind=self._kind[places],
            session=self._session[places],
            cash=column(rows, "cash").to_numpy(zero_copy_only=False),
            ratio=column(rows, "ratio").to_numpy(zero_copy_only=False),
            known_at=self._known_at[places],
            retracted=flags(rows, "retracted"),
            labels=tuple(text or "" for text in column(rows, "label").to_pylist()),
        )


def _coded(values: Array, numbers: dict[str, int]) -> IntVector:
    """Return the number of each text, -1 for null and for one that has none."""
    coded = values
    if not hasattr(coded, "dictionary"):
        coded = coded.dictionary_encode()
    each = [numbers.get(text, -1) for text in coded.dictionary.to_pylist()]
    lookup = np.array([*each, -1], dtype=np.int64)
    indices = coded.indices.fill_null(len(each)).to_numpy(zero_copy_only=False)
    return np.asarray(lookup[indices])
