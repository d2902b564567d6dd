"""The difference of a table between two releases, by key."""

from __future__ import annotations

import datetime as dt
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from lakebt._messages import as_words
from lakebt.facts import IndexChange, Side
from lakebt.lake.reading.instrument_view import told_by
from lakebt.lake.tables.arrow import column, keep, pc, same, take, truth
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.rows import codes
from lakebt.lake.tables.schemas import ETF_HOLDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt.lake.tables.schemas import TableSpec

    Differing = Callable[["View", "View", TableSpec], tuple[pa.Table, pa.Table]]
    from collections.abc import Sequence

    from lakebt._typing import IntVector
    from lakebt.lake.reading.view import View
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.prices.instruments import Instruments


_BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)

_HOLDING = ("fund", "isin")
_SHOWN_BESIDE = ("known_at", "date", "retracted", "status")
"""Columns whose change alone is no change of the fact."""


@dataclass(frozen=True, kw_only=True)
class Diff:
    """The difference of one table between two releases.

    Each row of either release is in at most one of the frames.

    Attributes
    ----------
    table, before, after : str
        The table and the releases that were compared.
    added, removed : DataFrame
        Rows whose key only the later or only the earlier release has.
    changed : DataFrame
        The key, and each other column as ``_before`` and ``_after``.
    reidentified : DataFrame
        Holdings that have a new name but were not traded: the same fund and symbol
        under another ISIN, the same ISIN under another symbol, or the same instrument
        according to ``instruments``.

    Examples
    --------
    What a fund's second report shows that its first did not:

    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.sample import sample_releases
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> for sample in sample_releases():
    ...     release = lake.publish(
    ...         dict(sample.tables), release=sample.name, as_of=sample.as_of
    ...     )
    >>> diff = lake.diff("etf_holdings", "Q1_2022", "Q3_2022")
    >>> [change.symbol for change in diff.changes() if change.side == "deletion"]
    ['CERN', 'DISCA', 'IPGP', 'LTP', 'PENN', 'PVH', 'UA', 'UAA']
    >>> directory.cleanup()
    """

    table: str
    before: str
    after: str
    added: pd.DataFrame
    removed: pd.DataFrame
    changed: pd.DataFrame
    reidentified: pd.DataFrame
    _changes: tuple[IndexChange, ...] = ()

    def changes(self) -> tuple[IndexChange, ...]:
        """Return the additions and deletions that the holdings show.

        Returns
        -------
        tuple of IndexChange
            `known_at` and `recorded` are the acceptance of the first report that shows
            an added symbol, or lacks a deleted one. Rows without a symbol are left out,
            because they cannot be traded. Funds that have no report in one of the
            releases are left out, too. Empty for other tables.
        """
        return self._changes

    @as_words
    def __repr__(self) -> str:
        return (
            f"Diff({self.table!r}, {self.before!r} to {self.after!r}: "
            f"{len(self.added)} added, {len(self.removed)} removed, "
            f"{len(self.changed)} changed, {len(self.reidentified)} reidentified)"
        )

    def _repr_html_(self) -> str:
        names = [html.escape(n) for n in (self.table, self.before, self.after)]
        parts = ["<p><b>{}</b>, {} to {}</p>".format(*names)]
        for name in ("added", "removed", "changed", "reidentified"):
            frame: pd.DataFrame = getattr(self, name)
            parts.append(f"<p>{len(frame):,} {name}</p>")
            if len(frame):
                parts.append(frame.to_html(max_rows=20, index=False, border=0))
        return "".join(parts)


def diff(
    table: str, before: View, after: View, *, differing: Differing | None = None
) -> Diff:
    """Compare one table in two views."""
    pinned = before._pinned  # noqa: SLF001 - the lake's own
    spec = pinned.specs.of(table)
    is_holdings = spec is ETF_HOLDINGS
    key = _HOLDING if is_holdings else spec.key
    if differing is None or is_holdings:
        old, new = (_current(view.arrow(table)) for view in (before, after))
    else:
        old, new = differing(before, after, spec)
    names = [name for name in spec.names if name != "retracted"]
    shared = pa.concat_tables([old.select(names), new.select(names)])
    code = codes(shared, key)
    old_code, new_code = code[: len(old)], code[len(old) :]
    _, in_old, in_new = np.intersect1d(old_code, new_code, return_indices=True)
    compared = [n for n in names if n not in key and n not in _SHOWN_BESIDE]
    old, new = shared.slice(0, len(old)), shared.slice(len(old))
    both_old, both_new = take(old, in_old), take(new, in_new)
    differs = _differs(both_old, both_new, compared)
    removed = keep(old, ~np.isin(old_code, new_code))
    added = keep(new, ~np.isin(new_code, old_code))
    pairs: list[tuple[pa.Table, pa.Table]] = []
    if is_holdings:
        renamed = differs & _renamed(both_old, both_new)
        pairs.append((keep(both_old, renamed), keep(both_new, renamed)))
        differs &= ~renamed
        instruments = told_by(after)
        for same_share in (_same_instrument, _same_symbol):
            gone, come = same_share(removed, added, instruments)
            pairs.append((take(removed, gone), take(added, come)))
            removed, added = _without(removed, gone), _without(added, come)
    changed = (keep(both_old, differs), keep(both_new, differs))
    return Diff(
        table=table,
        before=before.release,
        after=after.release,
        added=frame(added),
        removed=frame(removed),
        changed=_beside(changed, key, compared),
        reidentified=_reidentified(pairs),
        _changes=_holding_changes(removed, added, before, after) if is_holdings else (),
    )


def _current(rows: pa.Table) -> pa.Table:
    if "status" not in rows.column_names:
        return rows
    return keep(rows, truth(pc.not_equal(column(rows, "status"), "expired")))


def _differs(a: pa.Table, b: pa.Table, names: Sequence[str]) -> BoolVector:
    differs = np.zeros(len(a), dtype=bool)
    for name in names:
        differs |= ~same(column(a, name), column(b, name))
    return differs


def _renamed(a: pa.Table, b: pa.Table) -> BoolVector:
    """Return where both rows have a symbol, and not the same one."""
    return truth(pc.not_equal(column(a, "symbol"), column(b, "symbol")))


def _same_symbol(
    removed: pa.Table, added: pa.Table, told: Instruments
) -> tuple[IntVector, IntVector]:
    """Pair removed and added rows of the same fund and non-empty symbol, in order.

    Not those that are told to be of two instruments: the ticker passed on.
    """
    gone, come = _paired(_names(removed), _names(added))
    if not told:
        return gone, come
    own, others = _instruments(removed, told), _instruments(added, told)
    is_one = [
        not (own[row][1] and others[new][1])
        for row, new in zip(gone.tolist(), come.tolist(), strict=True)
    ]
    kept = np.array(is_one, dtype=bool)
    return gone[kept], come[kept]


def _same_instrument(
    removed: pa.Table, added: pa.Table, told: Instruments
) -> tuple[IntVector, IntVector]:
    """Pair rows of the same fund and instrument under the names of each release."""
    if not told:
        return _paired([], [])
    return _paired(_instruments(removed, told), _instruments(added, told))


def _instruments(rows: pa.Table, told: Instruments) -> list[tuple[str, str]]:
    names = ("fund", "isin", "symbol", "date")
    columns = (column(rows, name).to_pylist() for name in names)
    return [
        (fund, told.held(isin, symbol, day) or "")
        for fund, isin, symbol, day in zip(*columns, strict=True)
    ]


def _paired(
    removed: list[tuple[str, str]], added: list[tuple[str, str]]
) -> tuple[IntVector, IntVector]:
    """Pair what has the same name that is not empty, in order."""
    waiting: dict[tuple[str, str], list[int]] = {}
    for row, (fund, own) in enumerate(removed):
        if own:
            waiting.setdefault((fund, own), []).append(row)
    gone: list[int] = []
    come: list[int] = []
    for row, name in enumerate(added):
        if waiting.get(name):
            gone.append(waiting[name].pop(0))
            come.append(row)
    return np.array(gone, dtype=np.int64), np.array(come, dtype=np.int64)


def _names(rows: pa.Table) -> list[tuple[str, str]]:
    columns = (column(rows, name).to_pylist() for name in ("fund", "symbol"))
    return list(zip(*columns, strict=True))


def _without(rows: pa.Table, places: IntVector) -> pa.Table:
    kept = np.ones(len(rows), dtype=bool)
    kept[places] = False
    return keep(rows, kept)


def _beside(
    pair: tuple[pa.Table, pa.Table], key: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """Return the key once and every other column before and after."""
    old, new = (frame(rows) for rows in pair)
    columns = {name: new[name] for name in key}
    for name in names:
        columns[f"{name}_before"], columns[f"{name}_after"] = old[name], new[name]
    return pd.DataFrame(columns)


def _reidentified(pairs: list[tuple[pa.Table, pa.Table]]) -> pd.DataFrame:
    columns = ("fund", "symbol", "isin_before", "isin_after", "symbol_before", "name")
    if not pairs:
        return pd.DataFrame(columns=list(columns))
    old = frame(pa.concat_tables([pair[0] for pair in pairs]))
    new = frame(pa.concat_tables([pair[1] for pair in pairs]))
    return pd.DataFrame(
        {
            "fund": new["fund"],
            "symbol": new["symbol"],
            "isin_before": old["isin"],
            "isin_after": new["isin"],
            "symbol_before": old["symbol"],
            "name": new["name"],
        }
    )


def _holding_changes(
    removed: pa.Table, added: pa.Table, before: View, after: View
) -> tuple[IndexChange, ...]:
    reports = after._pinned.reports()  # noqa: SLF001 - the lake's own
    changes = []
    for side, rows in ((Side.ADDITION, added), (Side.DELETION, removed)):
        for row in rows.to_pylist():
            fund, symbol = row["fund"], row["symbol"]
            last = before._pinned.reports().newest_date(  # noqa: SLF001
                fund, before.instant
            )
            accepted = reports.accepted(fund, after.instant)
            if not symbol or last is None or accepted is None:
                continue
            shown = reports.first_shown(
                symbol,
                side,
                after=_BEGINNING,
                by=after.instant,
                since=last + dt.timedelta(days=1),
                fund=fund,
            )
            known_at = accepted if shown is None else shown.known_at
            changes.append(
                IndexChange(
                    index=row["index"] or fund,
                    symbol=symbol,
                    side=side,
                    known_at=known_at,
                    recorded=known_at,
                    isin=row["isin"],
                    source=f"{ETF_HOLDINGS.name} {fund}",
                )
            )
    return tuple(sorted(changes, key=lambda c: (c.side, c.symbol, c.index)))
