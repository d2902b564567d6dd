"""A release as known at an instant: what a view makes every answer of.

Which rows there are, which names, how many and on what basis: each is asked here, and
told of rows known by the instant alone. So nothing that becomes known later decides an
answer, an error or a suggestion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.inputs.checks import check_text
from lakebt.lake.reading.instrument_rows import instruments_of
from lakebt.lake.reading.instrument_tables import ByInstrument
from lakebt.lake.reading.known_actions import actions_of
from lakebt.lake.reading.known_borrow import borrow_of
from lakebt.lake.tables.arrow import keep
from lakebt.lake.tables.rows import integers, micros
from lakebt.prices.by_instrument import joined_borrow

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from lakebt.facts import Side, Vintage
    from lakebt.lake.reading.bars import Bars
    from lakebt.lake.reading.release_tables import Pinned
    from lakebt.lake.tables.specs import Specs
    from lakebt.prices.history import PriceHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A release as known at an instant.

    Attributes
    ----------
    pinned : Pinned
        The release. Its rows, names and counts are for this class alone.
    instant : datetime
        Facts with `known_at` not after it are known, UTC.
    for_decision : bool
        Whether a strategy decides on it. It is not told that a name is unknown: of one
        that is listed later, and of one that never is, it sees that nothing is there.
    """

    pinned: Pinned
    instant: dt.datetime
    for_decision: bool = False

    @property
    def by(self) -> int:
        """The instant in microseconds since 1970."""
        return micros(self.instant)

    @property
    def by_instrument(self) -> ByInstrument | None:
        """Bars and actions by instrument; None where no identifier is known."""
        instruments = instruments_of(self.pinned, self.instant)
        return ByInstrument(self.pinned, instruments) if instruments else None

    @property
    def specs(self) -> Specs:
        """The tables and their columns, which are always known: they are not facts."""
        return self.pinned.specs

    def only(self, rows: pa.Table) -> pa.Table:
        """Return those of some rows that are known."""
        return keep(rows, integers(rows, "known_at") <= self.by)

    def names(self, column: str) -> frozenset[str]:
        """Return every value that any row known has in a column of text."""
        return self.pinned.names(column, known_by=self.by)

    def check(self, column: str, names: Iterable[object]) -> None:
        """Check that some row known has each of some names, unless for a decision.

        Raises
        ------
        UnknownNameError
            If none has; it suggests names that are known.
        """
        if self.for_decision:
            return
        there = self.names(column)
        for name in names:
            if name not in there:
                raise UnknownNameError(column, str(name), sorted(there))

    def _check_index(self, index: str) -> None:
        """Check that an index is known, unless none is: there are no changes then."""
        check_text("index", index)
        if self.names("index"):
            self.check("index", [index])

    def vintages(self, index: str) -> tuple[Vintage, ...]:
        """Return every vintage known of every change of an index."""
        self._check_index(index)
        return self.pinned.history(index).known(self.instant)

    def changes(self, index: str) -> tuple[Vintage, ...]:
        """Return the newest vintage known of each change, retracted ones left out."""
        self._check_index(index)
        return self.pinned.history(index).in_force(self.instant)

    def bars(
        self,
        symbols: tuple[str, ...] | None,
        column: str,
        *,
        asked: tuple[str, ...] | None,
    ) -> Bars:
        """Return the bars of some symbols; their methods take an instant.

        Parameters
        ----------
        symbols
            As results call them: of instruments, where identifiers are known.
        column
        asked
            As they were asked for.

        Raises
        ------
        UnknownNameError
            If no row known has a symbol; never for a decision.
        """
        by, tables = self.by, self.by_instrument
        bars = (
            self.pinned.bars(symbols, (column,))
            if tables is None
            else tables.bars(symbols, (column,), is_kept=True)
        )
        pairs = zip(symbols or (), asked or (), strict=True)
        unseen = [a for s, a in pairs if not bars.is_known(s, as_of=by)]
        if tables is not None:
            unseen = [name for name in unseen if not tables.told.is_name(name)]
        if unseen:
            self.check("symbol", unseen)
        return bars

    def price_history(
        self, symbols: tuple[str, ...], *, joined: bool = False
    ) -> PriceHistory:
        """Return every vintage known of the bars of some symbols, with their actions.

        It has the bars of the shares that come of them, too, and the borrow rates. If
        `joined`, all are of instruments, by what these are called in results.
        """
        if joined and (tables := self.by_instrument) is not None:
            return self._joined_history(symbols, tables)
        actions = actions_of(self.pinned, symbols, known_by=self.by)
        wanted = tuple(dict.fromkeys((*symbols, *actions.symbols)))
        bars = self.pinned.bars(wanted, ("open", "close", "volume"))
        basis = self.pinned.basis(known_by=self.by)
        history = bars.history(wanted, as_of=self.by, basis=basis, actions=actions)
        return self.with_borrow(history, symbols, wanted, tables=None)

    def with_borrow(
        self,
        history: PriceHistory,
        names: Iterable[str],
        wanted: Sequence[str],
        *,
        tables: ByInstrument | None,
    ) -> PriceHistory:
        """Return prices with borrow rates, and with where bars of instruments are.

        Parameters
        ----------
        history
        names, wanted
            What was asked for, and that with the shares that come of it.
        tables
            What bars and actions were joined by; None if they were not.
        """
        if tables is None:
            rates = borrow_of(self.pinned, wanted, known_by=self.by)
            return replace(history, borrow=rates) if len(rates) else history
        instruments = tables.told
        about = {
            name: description
            for name in wanted
            if (description := instruments.about(name))
        }
        of_names = tuple(sorted({*names, *instruments.symbols}))
        rates = borrow_of(self.pinned, of_names, known_by=self.by)
        own = joined_borrow(rates, instruments, self.pinned.sessions).of(wanted)
        borrow = own if len(own) else history.borrow
        return replace(history, about=about, borrow=borrow)

    def _joined_history(
        self, names: tuple[str, ...], tables: ByInstrument
    ) -> PriceHistory:
        """Return the history of instruments, with what comes of them."""
        actions = tables.actions(names, known_by=self.by)
        wanted = tuple(dict.fromkeys((*names, *actions.symbols)))
        bars = tables.bars(wanted, ("open", "close", "volume"))
        basis = self.pinned.basis(known_by=self.by)
        history = bars.history(wanted, as_of=self.by, basis=basis, actions=actions)
        return self.with_borrow(history, names, wanted, tables=tables)

    def first_shown(
        self, index: str, symbol: str, side: Side, *, after: dt.datetime
    ) -> dt.datetime | None:
        """Return when a report known first showed a change; see `View.first_shown`."""
        shown = self.pinned.reports().first_shown(
            symbol,
            side,
            after=after,
            by=self.instant,
            since=self.pinned.sessions.day(after),
            index=index,
        )
        return None if shown is None else shown.known_at

    def counts(self) -> dict[str, int]:
        """Return how many rows of each table are known, of those that have any."""
        counts = {
            pin.table: self.pinned.count(pin.table, known_by=self.by)
            for pin in self.pinned.release.tables
        }
        return {table: count for table, count in counts.items() if count}

    def provenance(self) -> dict[str, Any]:
        """Return exactly which data is read; for a decision, not what else it holds."""
        provenance = self.pinned.provenance(self.instant)
        if self.for_decision:
            provenance |= {
                "cutoff": self.cutoff.isoformat(),
                "snapshots": {},
                "digests": {},
            }
            provenance |= {"redactions": []}
        return provenance

    @property
    def cutoff(self) -> dt.datetime:
        """The release's `as_of`; for a decision, never after the instant."""
        cutoff = self.pinned.release.as_of
        return min(cutoff, self.instant) if self.for_decision else cutoff


def check_view(view: object) -> None:
    """Check that somebody passed a view, and not a lake or the name of a release.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    if not isinstance(getattr(view, "_known", None), Known):
        msg = f"view must be a view of a lake, was {view!r}: pass lake.at(release)"
        raise InvalidArgumentError(msg)
