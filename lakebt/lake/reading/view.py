"""The lake as of a release and an instant: the only reader of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, NothingKnownError
from lakebt.facts import Side
from lakebt.inputs.where import ChangeFilter
from lakebt.instants import parse_instant
from lakebt.lake.reading.counterfactual import as_seen
from lakebt.lake.reading.in_force import read, rows, symbols
from lakebt.lake.reading.known import Known
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

    Made by `Lake.at` and `Lake.as_of`. It is read-only.

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
    A strategy is handed a view, so nothing public leads back to the lake, or to rows
    that were not yet known. What it answers, errors and suggestions included, depends
    on rows known at its instant and on nothing else. A fund, an index, a symbol or a
    key that no such row has is unknown, whether or not one will have it: that is an
    error, but at a strategy's decision it is an empty column, or no rows.

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
        """The release's `as_of`; at a strategy's decision never after its instant."""
        return self._known.cutoff

    @property
    def past_cutoff(self) -> bool:
        """Whether facts may be missing, because the release was cut off earlier."""
        return self.instant > self.cutoff

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
        return View(self._pinned, instant=earlier, for_decision=self._decides)

    def for_decision(self, instant: dt.datetime) -> View:
        """Return the view a strategy decides on, to which an unknown name is empty."""
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
            Which, in this order; all by default, and then `retracted` too.
        where : mapping, optional
            As in `read`, and with its errors.
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
            As `Lake.tables` lists them: ``index_changes``, or a declared one.
        columns : sequence of str, optional
            Which, in this order; all by default.
        where : mapping, optional
            By column a value, values (a list, set, array or Series) of which one must
            match, or comparisons that all must hold: ``(">=", "2020-01-01")``, a list
            of such, or a mapping, of ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``.
            A bare date stands for its day where the exchange is; None for what is
            missing, which is in no order. Applied to the rows in force.

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
            is in no row known; the latter not at a strategy's decision.
        """
        return read(self._known, table, columns=columns, where=where)

    def symbols(
        self, table: str | None = None, *, index: str | None = None
    ) -> list[str]:
        """Return the symbols of a table's rows in force at the view's instant, sorted.

        Parameters
        ----------
        table : str, optional
            ``prices`` by default, or ``index_changes`` where an index is named.
        index : str, optional
            Only of rows of this index; those of ``index_changes`` are all that were
            added or deleted.

        Returns
        -------
        list of str

        Raises
        ------
        UnknownNameError
            If there is no such table, it has no such column, or no row known has the
            index; the latter not at a strategy's decision.
        """
        return symbols(self._known, table, index=index)

    def vintages(self, table: str, key: object) -> pd.DataFrame:
        """Return how one fact changed: each vintage known at the view's instant.

        Parameters
        ----------
        table : str
        key : mapping, tuple or value
            What the fact is called: the value of each column of the table's key, by
            column, or in the key's order; the bare value if the key is one column.

        Returns
        -------
        DataFrame
            A row per vintage, by `known_at`, with all columns of the table, and
            `retracted`; `in_force`, whether it is the one a view at this instant shows
            (none is after a retraction); and `changed`, a tuple of the columns that
            differ from the vintage before. Of ``etf_holdings`` these are the rows as
            they were reported: which report is in force `read` says.

        Raises
        ------
        InvalidArgumentError
            If `key` does not give each column of the table's key a value of its kind.
        UnknownNameError
            If there is no such table, or no row known has the key; at a strategy's
            decision that is an empty frame.
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
            As in `read`, by column: one of `IndexChange`, or ``change_id``.

        Returns
        -------
        tuple of IndexChange
            Each as its newest vintage told it, retracted ones left out, by `known_at`.
            `recorded` is when a fund that tracks the index first showed it, if any has.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        UnknownNameError
            If no row known has the index, or a symbol in `where`, which at a strategy's
            decision is no error; or if there is no such column.
        """
        known = self._known
        changes = known.changes(index)
        wanted = ChangeFilter(where, zone=self.sessions.zone)
        check_names(wanted, known, columns=("index", "symbol"))
        kept_changes = [v.change for v in changes if wanted.matches(v)]
        return tuple(sorted(kept_changes, key=lambda c: (c.known_at, c.symbol, c.side)))

    def change_vintages(self, *, index: str) -> tuple[Vintage, ...]:
        """Return every vintage of every change of an index known at the instant.

        By `change_id` and `known_at`, retractions included; see `changes`.
        """
        return self._known.vintages(index)

    def first_shown(
        self, *, index: str, symbol: str, side: Side | str, after: dt.datetime
    ) -> dt.datetime | None:
        """Return when a holdings report first showed a change: the instant behind MD.

        Parameters
        ----------
        index, symbol, side, after
            Which change, and when it was announced.

        Returns
        -------
        datetime or None
            The acceptance of the first report after `after`, of a fund that tracks the
            index, that shows a change against the one before it; None if there is none.

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
        symbols : sequence of str, optional
            The columns, in this order; by default all that have a bar, sorted.
        start, end : date or str, optional
            First and last day, inclusive.
        adjusted : {"splits", "total_return"}, optional
            For splits and spin-offs, or for dividends too; as they are by default.

        Returns
        -------
        DataFrame of shape (n_sessions, n_symbols)
            Every session from the first to the last that has a bar of any of the
            symbols, in an index called ``session``. NaN where there is no bar, or no
            factor known: the shares of a spin-off have no price.

        Raises
        ------
        InvalidArgumentError
            If a day is outside the calendar, `start` is after `end`, a symbol is asked
            for twice, or no price of it between `start` and `end` is known; the latter
            not at a strategy's decision. If prices that are to be adjusted are on the
            basis ``total_return``, which cannot be undone.
        UnknownNameError
            If there is no such column, or no row known has a symbol; at a strategy's
            decision that is an empty column.

        Notes
        -----
        An action counts from its `known_at` on, and for bars before its `ex_date` once
        the panel reaches that session. The factor of all that happens to a share on one
        day is (1 - (cash + ratio x other) / close) / ratio of a split, of the closes
        before; of what is new, else its first open. In ``split_adjusted`` bars are
        splits and spin-offs up to the last bar: those not known are undone. By
        ``instruments`` a column is a share, by its ticker on the view's day: ADR 58.
        """
        known, days = self._known, (start, end)
        return panel(known, column, symbols=symbols, days=days, adjusted=adjusted)

    def price_history(self, symbols: Sequence[str], *, joined: bool = False) -> Prices:
        """Return every vintage known of some symbols' bars, and of their actions.

        With the shares that come of these. Its `symbols` are those that have bars.
        """
        return self._known.price_history(tuple(dict.fromkeys(symbols)), joined=joined)

    def provenance(self) -> dict[str, Any]:
        """Return exactly which data the view reads.

        Returns
        -------
        dict
            `release`, `as_of` (what it knows) and `cutoff` in ISO 8601, `snapshots` and
            `digests` by table (None where the release has no rows), `basis` of the
            prices, `past_cutoff`, `redactions`, what was erased since it was published,
            and the `lake`'s name, never its path. At a strategy's decision without
            snapshots, digests and redactions: those are of rows not yet known, too.
        """
        return self._known.provenance()
