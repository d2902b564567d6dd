"""The lake as of a release and an instant: the only reader of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, NothingKnownError
from lakebt.facts import Side
from lakebt.inputs.where import ChangeFilter
from lakebt.instants import parse_instant
from lakebt.lake.reading.counterfactual import as_seen
from lakebt.lake.reading.in_force import read, rows, symbols
from lakebt.lake.reading.known_release import Known
from lakebt.lake.reading.panel import panel
from lakebt.lake.reading.view_object import ViewObject
from lakebt.lake.reading.vintages import vintages
from lakebt.lake.reading.where import check_names

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from lakebt.facts import IndexChange, Vintage
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.prices.history import PriceHistory as Prices
    from lakebt.sessions import Sessions


class View(ViewObject):
    """A release as known at an instant. Nothing known later can be read from it.

    `Lake.at` and `Lake.as_of` return one. It is read-only.

    Attributes
    ----------
    release : str
        The release's name.
    instant : datetime
        What the view knows: facts with `known_at` not after it, UTC.
    sessions : Sessions
        The exchange's calendar.

    Notes
    -----
    Strategies get views, so no public attribute leads back to the lake, or to rows
    that were not yet known. Every answer, including errors and suggestions, depends
    only on rows known at the view's instant. A fund, index, symbol or key that no such
    row has is unknown, even if a later row has it. An unknown name is an error; at a
    strategy's decision it gives an empty column, or no rows.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.sample import sample_releases
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> for sample in sample_releases():
    ...     release = lake.publish(
    ...         dict(sample.tables), release=sample.name, as_of=sample.as_of
    ...     )
    >>> view = lake.at("Q3_2022")
    >>> friday = view.as_of("2022-09-02T20:00:00Z")  # announced in the evening
    >>> friday.changes(index="SP500", where={"symbol": "PENN"})
    ()
    >>> view.symbols(index="SP500")
    ['CSGP', 'INVH', 'PENN', 'PVH']
    >>> september = {"effective": [(">=", "2022-09-01"), ("<", "2022-10-01")]}
    >>> len(view.changes(index="SP500", where=september))
    4
    >>> directory.cleanup()
    """

    __slots__ = ("__weakref__", "_decides", "_instant", "_own")

    _own: Pinned
    _instant: dt.datetime
    _decides: bool

    def __init__(
        self, pinned: Pinned, *, instant: dt.datetime, for_decision: bool = False
    ) -> None:
        self._put(_own=pinned, _instant=instant, _decides=for_decision)
        earliest = pinned.release.earliest
        if instant < earliest:
            raise NothingKnownError(instant, earliest)

    @property
    def instant(self) -> dt.datetime:
        """What the view knows: facts with `known_at` not after it, UTC."""
        return self._instant

    @property
    def release(self) -> str:
        """The release's name."""
        return self._own.release.name

    @property
    def sessions(self) -> Sessions:
        """The exchange's calendar."""
        return self._own.sessions

    @property
    def _pinned(self) -> Pinned:
        """What is read: the release, or what an audit makes of it."""
        return as_seen(self._own)

    @property
    def _known(self) -> Known:
        """What every answer is made of."""
        return Known(
            pinned=self._pinned, instant=self._instant, for_decision=self._decides
        )

    @property
    def cutoff(self) -> dt.datetime:
        """The release's `as_of`; at a strategy's decision, at most its instant."""
        return self._known.cutoff

    @property
    def past_cutoff(self) -> bool:
        """Whether facts may be missing, because the view is later than the cutoff."""
        return self.instant > self.cutoff

    def as_of(self, instant: object) -> View:
        """Return the same release as known at an earlier instant.

        Raises
        ------
        InvalidArgumentError
            If `instant` is later than the view's own, or not an instant.
        NothingKnownError
            If nothing was known at that instant.
        """
        earlier = parse_instant(instant, what="as_of")
        if earlier > self.instant:
            msg = (
                f"as_of {earlier.isoformat()} is later than what this view knows, "
                f"{self.instant.isoformat()}: open a later one from the lake"
            )
            raise InvalidArgumentError(msg)
        return View(self._pinned, instant=earlier, for_decision=self._decides)

    def for_decision(self, instant: dt.datetime) -> View:
        """Return the view that a strategy decides on; unknown names are empty in it."""
        earlier = self.as_of(instant)
        return View(self._pinned, instant=earlier.instant, for_decision=True)

    def arrow(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table:
        """Return the rows of a table in force at the view's instant, sorted.

        Parameters
        ----------
        table : str
        columns : sequence of str, optional
            The columns, in this order. The default is all, with `retracted`.
        where : mapping, optional
            As in `read`, with the same errors.
        """
        return rows(self._known, table, columns=columns, where=where)

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
            A table of `Lake.tables`: ``index_changes``, or a declared table.
        columns : sequence of str, optional
            The columns, in this order. The default is all.
        where : mapping, optional
            By column: a value; several values (a list, set, array or Series), one of
            which must match; or comparisons that must all hold, with ``=``, ``!=``,
            ``<``, ``<=``, ``>`` or ``>=``, as ``(">=", "2020-01-01")``, a list of such
            pairs, or a mapping. A bare date stands for its whole day at the exchange.
            None matches missing values, which have no order. The filter applies to the
            rows in force.

        Returns
        -------
        DataFrame
            Per key the row with the latest `known_at`, unless that is retracted. For
            ``etf_holdings`` each fund's newest report, with a `status` relative to the
            report before it: ``new``, ``unchanged``, or ``expired`` for a holding that
            is gone. Dates are ``datetime64[us]``, instants UTC.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        UnknownNameError
            If there is no such table or column; or, except at a strategy's decision,
            if no known row has a fund, index or symbol in `where`.
        """
        return read(self._known, table, columns=columns, where=where)

    def symbols(
        self, table: str | None = None, *, index: str | None = None
    ) -> list[str]:
        """Return the symbols of a table's rows in force at the view's instant, sorted.

        Parameters
        ----------
        table : str, optional
            The default is ``prices``, or ``index_changes`` if an index is given.
        index : str, optional
            Only symbols of this index. From ``index_changes`` these are all symbols
            that were added or deleted.

        Raises
        ------
        UnknownNameError
            If there is no such table, or it has no such column; or, except at a
            strategy's decision, if no known row has the index.
        """
        return symbols(self._known, table, index=index)

    def vintages(self, table: str, key: object) -> pd.DataFrame:
        """Return the vintages of one fact that are known at the view's instant.

        Parameters
        ----------
        table : str
        key : mapping, tuple or value
            The values of the table's key columns, by column or in the key's order; a
            bare value if the key is one column.

        Returns
        -------
        DataFrame
            A row per vintage, sorted by `known_at`, with all columns of the table and
            `retracted`; `in_force`, whether a view at this instant shows this vintage
            (none is in force after a retraction); and `changed`, a tuple of the columns
            that differ from the vintage before. For ``etf_holdings`` these are the
            reported rows; `read` returns the report in force.

        Raises
        ------
        InvalidArgumentError
            If `key` does not give each column of the table's key a value of its kind.
        UnknownNameError
            If there is no such table, or, except at a decision, no known row has it.
        """
        return vintages(self._known, table, key)

    def changes(
        self, *, index: str, where: Mapping[str, object] | None = None
    ) -> tuple[IndexChange, ...]:
        """Return the changes of an index known at the view's instant.

        Parameters
        ----------
        index : str
        where : mapping, optional
            As in `read`, with columns of `IndexChange`, and ``change_id``.

        Returns
        -------
        tuple of IndexChange
            The newest vintage of each change unless retracted, sorted by `known_at`.
            `recorded` is when a fund that tracks the index first showed it, or None.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        UnknownNameError
            If there is no such column; or, except at a strategy's decision, if no known
            row has the index, or a symbol in `where`.
        """
        known = self._known
        changes = known.changes(index)
        wanted = ChangeFilter(where, zone=self.sessions.zone)
        check_names(wanted, known, columns=("index", "symbol"))
        kept_changes = [v.change for v in changes if wanted.matches(v)]
        return tuple(sorted(kept_changes, key=lambda c: (c.known_at, c.symbol, c.side)))

    def change_vintages(self, *, index: str) -> tuple[Vintage, ...]:
        """Return every vintage of every change of an index known at the instant.

        Sorted by `change_id` and `known_at`, with retractions; see `changes`.
        """
        return self._known.vintages(index)

    def first_shown(
        self, *, index: str, symbol: str, side: Side | str, after: dt.datetime
    ) -> dt.datetime | None:
        """Return when a holdings report first showed a change, the instant of MD.

        Parameters
        ----------
        index, symbol, side, after
            The change, and when it was announced.

        Returns
        -------
        datetime or None
            The acceptance of the first report after `after`, of a fund that tracks the
            index, in which the symbol is new or missing; None if there is none.

        Raises
        ------
        InvalidArgumentError
            If `side` is neither addition nor deletion.
        """
        if side not in tuple(Side):
            msg = f"side must be 'addition' or 'deletion', was {side!r}"
            raise InvalidArgumentError(msg)
        return self._known.first_shown(index, symbol, Side(side), after=after)

    def panel(
        self,
        column: str,
        *,
        symbols: Sequence[str] | None = None,
        start: object = None,
        end: object = None,
        adjusted: str | None = None,
    ) -> pd.DataFrame:
        """Return one column of the prices known at the view's instant.

        Parameters
        ----------
        column : {"open", "high", "low", "close", "volume"}
            Of `prices`.
        symbols : sequence of str, optional
            The columns, in this order; by default all that have a bar, sorted.
        start, end : date or str, optional
            First and last day, inclusive.
        adjusted : {"splits", "total_return"}, optional
            Adjust for splits and spin-offs, or also for dividends; by default neither.

        Returns
        -------
        DataFrame of shape (n_sessions, n_symbols)
            All sessions from the first to the last that has a bar of any of the
            symbols, in an index called ``session``. NaN where there is no bar, or where
            the factor is unknown because the shares of a spin-off have no price.

        Raises
        ------
        InvalidArgumentError
            If a day is outside the calendar, `start` is after `end`, or a symbol is
            given twice; if, except at a strategy's decision, no price of a symbol
            between `start` and `end` is known; or if the prices to adjust are on the
            basis ``total_return``, which cannot be undone.
        UnknownNameError
            If there is no such column, or no known row has a symbol. At a strategy's
            decision an unknown symbol gives an empty column.

        Notes
        -----
        An action counts from its `known_at` on, for bars before its `ex_date` if the
        panel reaches that session. The factor of a share's actions on one day is (1 -
        (cash + ratio x other) / close) / ratio of a split, at the closes before; a new
        share counts at its first open. ``split_adjusted`` bars contain splits and
        spin-offs up to the last bar: those not yet known are undone. With
        ``instruments`` a column is a share, by its ticker on the view's day: ADR 58.
        """
        known, days = self._known, (start, end)
        return panel(known, column, symbols=symbols, days=days, adjusted=adjusted)

    def price_history(self, symbols: Sequence[str], *, joined: bool = False) -> Prices:
        """Return every known vintage of some symbols' bars and corporate actions.

        It includes the shares that the actions give. Its `symbols` have bars.
        """
        return self._known.price_history(tuple(dict.fromkeys(symbols)), joined=joined)

    def provenance(self) -> dict[str, Any]:
        """Return exactly which data the view reads.

        Returns
        -------
        dict
            `release`; `as_of`, the view's instant, and `cutoff` in ISO 8601;
            `snapshots` and `digests` by table (None without rows); `basis` of the
            prices; `past_cutoff`; `redactions`, the erasures since it was published;
            and the `lake`'s name, not its path. Without snapshots, digests and
            redactions at a strategy's decision: they depend on later rows, too.
        """
        return self._known.provenance()
