"""The lake as of a release and an instant: the only reader of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import InvalidArgumentError, NothingKnownError, UnknownNameError
from lakebt.facts import Side
from lakebt.instants import new_york_day, parse_date, parse_instant
from lakebt.lake.arrow import keep, take
from lakebt.lake.diff import frame
from lakebt.lake.notebook import view_html
from lakebt.lake.panel import PANEL_COLUMNS
from lakebt.lake.pinned import WHOLE_ROWS
from lakebt.lake.rows import micros, newest, order
from lakebt.lake.scan import is_in
from lakebt.lake.schemas import ETF_HOLDINGS, INDEX_CHANGES, PRICES, SPECS
from lakebt.lake.where import Where

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt.facts import IndexChange, Vintage
    from lakebt.history import PriceHistory
    from lakebt.lake.holdings import Reports
    from lakebt.lake.panel import Bars
    from lakebt.lake.pinned import Pinned


class View:
    """A release as known at an instant. Nothing known later can be read from it.

    Made by `Lake.at` and `Lake.as_of`.

    Attributes
    ----------
    release : str
        The release's name.
    instant : datetime
        What the view knows: facts with `known_at` not after it, UTC.
    cutoff : datetime
        The release's `as_of`.
    past_cutoff : bool
        Whether `instant` lies after `cutoff`, so that facts may be missing.
    sessions : Sessions
        The exchange's calendar.

    Notes
    -----
    A strategy is handed a view, so nothing public leads back to the lake, or to rows
    that were not yet known.
    """

    def __init__(self, pinned: Pinned, *, instant: dt.datetime) -> None:
        self._pinned = pinned
        self.instant = instant
        self.release = pinned.release.name
        self.cutoff = pinned.release.as_of
        self.sessions = pinned.sessions
        earliest = pinned.release.earliest
        if instant < earliest:
            raise NothingKnownError(instant, earliest)

    @property
    def past_cutoff(self) -> bool:
        """Whether facts may be missing, because the release was cut off earlier."""
        return self.instant > self.cutoff

    def __repr__(self) -> str:
        past = ", past the cutoff" if self.past_cutoff else ""
        return f"View({self.release!r}, as of {self.instant.isoformat()}{past})"

    def _repr_html_(self) -> str:
        return view_html(self, self._pinned.release.tables)

    def as_of(self, instant: object) -> View:
        """Return the same release as known at an earlier instant.

        Raises
        ------
        InvalidArgumentError
            If `instant` is later than the view's own, or not an instant.
        NothingKnownError
            If nothing was known by then.
        """
        earlier = parse_instant(instant, what="as_of")
        if earlier > self.instant:
            msg = (
                f"as_of {earlier.isoformat()} is later than what this view knows, "
                f"{self.instant.isoformat()}: open a later one from the lake"
            )
            raise InvalidArgumentError(msg)
        return View(self._pinned, instant=earlier)

    def arrow(self, table: str) -> pa.Table:
        """Return the rows of a table in force at the view's instant, sorted.

        Raises
        ------
        UnknownNameError
            If there is no such table.
        """
        return self._in_force(table, None)

    def _in_force(self, table: str, where: BooleanExpression | None) -> pa.Table:
        if table not in SPECS:
            raise UnknownNameError("table", str(table), SPECS)
        spec = SPECS[table]
        if spec is ETF_HOLDINGS:
            return self._reports().known(self.instant)
        pin = self._pinned.release.pin(table)
        if where is None and (pin is None or pin.rows <= WHOLE_ROWS):
            rows = self._pinned.all_rows(table)
        else:
            rows = self._pinned.scan(table, spec.names, where=where)
        rows = take(rows, newest(rows, key=spec.key, as_of=self.instant))
        return take(rows, order(rows, spec.order))

    def _reports(self) -> Reports:
        """Return every holdings report of the release, whenever it was known."""
        return self._pinned.reports()

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Return the rows of a table in force at the view's instant.

        Parameters
        ----------
        table : str
            ``etf_holdings``, ``index_changes`` or ``prices``.
        columns : sequence of str, optional
            Which, in this order; all by default.
        where : mapping, optional
            Value, or list of values, by column. Applied to the rows in force.

        Returns
        -------
        DataFrame
            Per key the row with the latest `known_at`, without retracted ones. For
            ``etf_holdings`` each fund's newest report, with a `status` derived against
            the report before it: ``new``, ``unchanged``, or ``expired`` for what it no
            longer holds. Dates are ``datetime64[us]``, instants UTC.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        UnknownNameError
            If there is no such table or column, or a fund, index or symbol in `where`
            is in no row of the release.
        """
        if table not in SPECS:
            raise UnknownNameError("table", str(table), SPECS)
        known = self._columns(table)
        asked = (columns,) if isinstance(columns, str) else tuple(columns or known)
        for name in asked:
            if name not in known:
                raise UnknownNameError("column", str(name), known)
        wanted = Where(where, table=table, known=known, names=self._pinned.names)
        pushed = None
        if table == PRICES.name and (symbols := wanted.texts("symbol")):
            pushed = is_in("symbol", symbols)
        rows = self._in_force(table, pushed)
        return frame(keep(rows, wanted.matches(rows)).select(list(asked)))

    def _columns(self, table: str) -> tuple[str, ...]:
        names = tuple(name for name in SPECS[table].names if name != "retracted")
        return (*names, "status") if table == ETF_HOLDINGS.name else names

    def changes(
        self, *, index: str, where: Mapping[str, object] | None = None
    ) -> tuple[IndexChange, ...]:
        """Return the changes of an index known at the view's instant.

        Parameters
        ----------
        index : str
        where : mapping, optional
            Value, or list of values, by column of ``index_changes``.

        Returns
        -------
        tuple of IndexChange
            Each as its newest vintage told it, retracted ones left out, by `known_at`.
            `recorded` is when a fund that tracks the index first showed it, if any has.
            Empty if nothing of the index was known yet.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        UnknownNameError
            If no row of the release has the index, or there is no such column.
        """
        self._check_index(index)
        wanted = Where(
            where,
            table=INDEX_CHANGES.name,
            known=self._columns(INDEX_CHANGES.name),
            names=self._pinned.names,
        )
        found = [
            vintage.change
            for vintage in self._pinned.history(index).in_force(self.instant)
            if wanted.match(vintage.change, change_id=vintage.change_id)
        ]
        return tuple(sorted(found, key=lambda c: (c.known_at, c.symbol, c.side)))

    def change_vintages(self, *, index: str) -> tuple[Vintage, ...]:
        """Return every vintage of every change of an index known at the instant.

        Returns
        -------
        tuple of Vintage
            By `change_id` and `known_at`, retractions included.

        Raises
        ------
        UnknownNameError
            If no row of the release has the index.
        """
        self._check_index(index)
        return self._pinned.history(index).known(self.instant)

    def _check_index(self, index: str) -> None:
        known = self._pinned.names("index")
        if index not in known:
            raise UnknownNameError("index", str(index), sorted(known))

    def first_shown(
        self, *, index: str, symbol: str, side: Side | str, after: dt.datetime
    ) -> dt.datetime | None:
        """Return when a holdings report first showed a change: the instant behind MD.

        Parameters
        ----------
        index, symbol, side
            Which change.
        after
            When it was announced.

        Returns
        -------
        datetime or None
            The acceptance of the first report after `after`, about that day in New York
            or a later one, of a fund that tracks the index, that shows (or lacks) the
            symbol where the report before it, as known then, did not. None if none was
            accepted by the view's instant. A fund's first report shows nothing new.

        Raises
        ------
        InvalidArgumentError
            If `side` is neither addition nor deletion.
        """
        if side not in tuple(Side):
            msg = f"side must be 'addition' or 'deletion', was {side!r}"
            raise InvalidArgumentError(msg)
        shown = self._reports().first_shown(
            symbol,
            Side(side),
            after=after,
            by=self.instant,
            since=new_york_day(after),
            index=index,
        )
        return None if shown is None else shown.known_at

    def panel(
        self,
        column: str,
        *,
        symbols: Sequence[str] | None = None,
        start: object = None,
        end: object = None,
    ) -> pd.DataFrame:
        """Return one column of the prices known at the view's instant.

        Parameters
        ----------
        column : {"open", "high", "low", "close", "volume"}
        symbols : sequence of str, optional
            The columns, in this order; by default all that have a bar, sorted.
        start, end : date or str, optional
            First and last day, inclusive.

        Returns
        -------
        DataFrame of shape (n_sessions, n_symbols)
            Every session from the first to the last that has a bar of any of the
            symbols, in an index called ``session``. NaN where there is no bar.

        Raises
        ------
        InvalidArgumentError
            If a day is outside the calendar, `start` is after `end`, a symbol is asked
            for twice, or has no price between `start` and `end`, whenever known.
        UnknownNameError
            If there is no such column, or no row of the release has a symbol.
        """
        if column not in PANEL_COLUMNS:
            raise UnknownNameError("column", str(column), PANEL_COLUMNS)
        first, last = self._window(start, end)
        asked = None if symbols is None else self._check_symbols(symbols)
        bars = self._pinned.bars(asked, (column,))
        known_by = micros(self.instant)
        if asked is None:
            asked = bars.known_symbols(known_by, first, last)
        else:
            self._check_known(asked, bars)
            words = [f"from {start}"] if start is not None else []
            words += [f"to {end}"] if end is not None else []
            if words:
                bars.check_window(asked, first, last, asked=" ".join(words))
        begin, values = bars.panel(
            column, asked, as_of=known_by, first=first, last=last
        )
        days = self.sessions.days[begin : begin + len(values)].astype("datetime64[us]")
        return pd.DataFrame(
            values,
            index=pd.DatetimeIndex(days, name="session"),
            columns=pd.Index(asked, dtype=object if not asked else None),
            copy=False,
        )

    def _window(self, start: Any, end: Any) -> tuple[int, int]:
        first, last = 0, len(self.sessions) - 1
        if start is not None:
            start = parse_date(start, what="start")
            first = self.sessions.on_or_after(start)
        if end is not None:
            end = parse_date(end, what="end")
            last = self.sessions.on_or_before(end)
        if start is not None and end is not None and start > end:
            msg = f"start {start} is after end {end}"
            raise InvalidArgumentError(msg)
        return first, last

    def _check_symbols(self, symbols: Sequence[str]) -> tuple[str, ...]:
        if isinstance(symbols, str):
            msg = f"symbols must be a list, was {symbols!r}: pass [{symbols!r}]"
            raise InvalidArgumentError(msg)
        asked = tuple(symbols)
        if len(set(asked)) < len(asked):
            twice = next(symbol for symbol in asked if asked.count(symbol) > 1)
            msg = f"symbol {twice!r} is asked for twice"
            raise InvalidArgumentError(msg)
        return asked

    def _check_known(self, symbols: Sequence[str], bars: Bars) -> None:
        for symbol in set(symbols).difference(bars.symbols):
            known = self._pinned.names("symbol")
            if symbol not in known:
                raise UnknownNameError("symbol", str(symbol), sorted(known))

    def price_history(self, symbols: Sequence[str]) -> PriceHistory:
        """Return every vintage of the bars of some symbols known at the instant.

        Symbols without any are left out of its `symbols`.
        """
        asked = tuple(dict.fromkeys(symbols))
        bars = self._pinned.bars(asked, ("open", "close"))
        return bars.history(
            asked, as_of=micros(self.instant), basis=self._pinned.basis()
        )

    def provenance(self) -> dict[str, Any]:
        """Return exactly which data the view reads.

        Returns
        -------
        dict
            `release`, `as_of` (what it knows) and `cutoff` in ISO 8601, `snapshots` and
            `digests` by table (None where the release has no rows), `basis` of the
            prices, `past_cutoff`, and the `lake`'s name, never its path.
        """
        pins = {name: self._pinned.release.pin(name) for name in SPECS}
        return {
            "lake": self._pinned.storage.name,
            "release": self.release,
            "as_of": self.instant.isoformat(),
            "cutoff": self.cutoff.isoformat(),
            "past_cutoff": self.past_cutoff,
            "snapshots": {
                n: None if p is None else p.snapshot_id for n, p in pins.items()
            },
            "digests": {n: None if p is None else p.digest for n, p in pins.items()},
            "basis": list(self._pinned.basis()),
        }
