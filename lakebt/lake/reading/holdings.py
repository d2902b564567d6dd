"""Holdings are reports: whole lists, each against the one before it.

A report is a fund and a date; a version of it is what was accepted at one `known_at`. A
later version replaces the list, so an amended report needs no repair. Two versions are
not lists: one of retractions alone withdraws those rows, and one with at most half the
rows of the list it follows corrects those rows.
"""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from lakebt.facts import Side
from lakebt.instants import EPOCH, TICK
from lakebt.lake.tables.arrow import column, pc, take
from lakebt.lake.tables.rows import flags, integers, micros, order
from lakebt.lake.tables.schemas import ETF_HOLDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakebt.prices.instruments import Instruments


_EPOCH = dt.date(1970, 1, 1)

_State: TypeAlias = "dict[str, int]"
_Called: TypeAlias = "dict[str, str | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """The rows of one report accepted at one instant, in microseconds since 1970."""

    known_at: int
    rows: range


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A report that shows, or lacks, a symbol its predecessor lacked, or showed."""

    known_at: dt.datetime
    date: dt.date


class _Names:
    """What each fund's reports, as they were accepted, have called an ISIN.

    Attributes
    ----------
    known
        The last symbol, by fund and ISIN.
    awaited
        What came into a fund without a symbol, and has had none since.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str] = {}
        self.awaited: set[tuple[str, str]] = set()

    def learn(self, fund: str, isin: str, symbol: str | None) -> None:
        """Remember what an ISIN was called."""
        if symbol is not None:
            self.known[fund, isin] = symbol
            self.awaited.discard((fund, isin))


class Reports:
    """Every version of every report in one snapshot.

    Parameters
    ----------
    rows : pyarrow.Table
        All rows of ``etf_holdings``, in any order.
    told
        Returns the instrument of each ISIN and ticker, as known at an instant in
        microseconds since 1970. A new name of a known instrument is not a change.
    """

    def __init__(
        self, rows: pa.Table, told: Callable[[int], Instruments] | None = None
    ) -> None:
        self._told = told
        self.rows = take(rows, order(rows, ("fund", "date", "known_at", "isin")))
        self._isin: list[str] = column(self.rows, "isin").to_pylist()
        self._symbol: list[str | None] = column(self.rows, "symbol").to_pylist()
        self._index: list[str | None] = column(self.rows, "index").to_pylist()
        self._retracted = flags(self.rows, "retracted")
        self._reports: dict[str, dict[int, list[_Version]]] = {}
        self._memory: dict[tuple[str, int, int], dict[str, int]] = {}
        funds: list[str] = column(self.rows, "fund").to_pylist()
        dates, known = integers(self.rows, "date"), integers(self.rows, "known_at")
        starts = [
            row
            for row in range(len(funds))
            if row == 0
            or funds[row] != funds[row - 1]
            or dates[row] != dates[row - 1]
            or known[row] != known[row - 1]
        ]
        for start, stop in itertools.pairwise([*starts, len(funds)]):
            versions = self._reports.setdefault(funds[start], {})
            versions.setdefault(int(dates[start]), []).append(
                _Version(known_at=int(known[start]), rows=range(start, stop))
            )

        self._dates = {fund: sorted(of_fund) for fund, of_fund in self._reports.items()}

    @property
    def funds(self) -> tuple[str, ...]:
        """Every fund with a report."""
        return tuple(sorted(self._reports))

    @property
    def last_known(self) -> dt.datetime:
        """When the last report was accepted."""
        last: dt.datetime | None = pc.max(self.rows.column("known_at")).as_py()
        return last or dt.datetime.min.replace(tzinfo=dt.UTC)

    def known(self, as_of: dt.datetime) -> pa.Table:
        """Return each fund's newest report known at an instant, with its status.

        Returns
        -------
        pyarrow.Table
            The columns of the table, and `status`: ``new`` for what the report before
            it (by date) lacks, ``unchanged`` for what both hold, ``expired`` for the
            rows of the report before it that the newest lacks.
        """
        places: list[int] = []
        status: list[str] = []
        for fund in self.funds:
            newest, before = self.newest(fund, as_of)
            for isin, row in newest.items():
                places.append(row)
                status.append("unchanged" if isin in before else "new")
            expired = [row for isin, row in before.items() if isin not in newest]
            places += expired
            status += ["expired"] * len(expired)
        rows = self.rows.take(np.array(places, dtype=np.int64))
        rows = rows.append_column("status", pa.array(status, pa.string()))
        return rows.take(order(rows, (*ETF_HOLDINGS.order, "status")))

    def newest(
        self, fund: str, as_of: dt.datetime
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Return a fund's newest report known at an instant, and the one before it.

        Returns
        -------
        newest, before : dict of str to int
            Row by ISIN; empty if there is none.
        """
        states = [state for _, state in self._backwards(fund, micros(as_of))]
        return states[0] if states else {}, states[1] if len(states) > 1 else {}

    def accepted(self, fund: str, as_of: dt.datetime) -> dt.datetime | None:
        """Return when a fund's newest report known at an instant was last amended."""
        newest, _ = self.newest(fund, as_of)
        rows = self.rows.take(np.array(list(newest.values()), dtype=np.int64))
        last: dt.datetime | None = pc.max(rows.column("known_at")).as_py()
        return last

    def newest_date(self, fund: str, as_of: dt.datetime) -> dt.date | None:
        """Return the date of a fund's newest report known at an instant."""
        for date, _ in self._backwards(fund, micros(as_of)):
            return _day(date)
        return None

    def members(self, fund: str, date: dt.date, as_of: dt.datetime) -> int:
        """Return how many a fund's report about a day lists, as known at an instant."""
        return len(self._state(fund, (date - _EPOCH).days, micros(as_of)))

    def _backwards(
        self, fund: str, instant: int, *, before: int | None = None
    ) -> Iterator[tuple[int, dict[str, int]]]:
        """Give a fund's newest two reports as known at an instant, the newest first."""
        given = 0
        dates = self._dates.get(fund, [])
        last = len(dates) if before is None else bisect.bisect_left(dates, before)
        for date in reversed(dates[:last]):
            state = self._state(fund, date, instant)
            if state:
                yield date, state
                given += 1
            if given == 2:
                return

    def _after(
        self, fund: str, instant: int, date: int
    ) -> tuple[int, dict[str, int]] | None:
        """Return the report after a date as known at an instant, None without one."""
        dates = self._dates[fund]
        for later in dates[bisect.bisect_right(dates, date) :]:
            state = self._state(fund, later, instant)
            if state:
                return later, state
        return None

    def _state(self, fund: str, date: int, instant: int) -> dict[str, int]:
        """Return a report as known at an instant: row by ISIN."""
        versions = self._reports[fund][date]
        count = sum(version.known_at <= instant for version in versions)
        key = (fund, date, count)
        if key not in self._memory:
            held: dict[str, int] = {}
            for version in versions[:count]:
                held = self._next(held, version)
            self._memory[key] = held
        return self._memory[key]

    def _next(self, held: dict[str, int], version: _Version) -> dict[str, int]:
        listed = {self._isin[r]: r for r in version.rows if not self._retracted[r]}
        if 2 * len(listed) > len(held):
            return listed
        gone = {self._isin[row] for row in version.rows if self._retracted[row]}
        kept = {isin: row for isin, row in held.items() if isin not in gone}
        return kept | listed

    def first_shown(
        self,
        symbol: str,
        side: Side,
        *,
        after: dt.datetime,
        by: dt.datetime,
        since: dt.date,
        index: str | None = None,
        fund: str | None = None,
    ) -> Shown | None:
        """Return the first report that shows an addition, or lacks a deletion.

        Parameters
        ----------
        symbol, side
            Which change.
        after, by
            The report was accepted after the one, and not after the other.
        since
            It is about this day or a later one.
        index, fund
            Whose reports: of every fund that tracks the index, or of the fund.

        Returns
        -------
        Shown or None
            A fund's first report ever shows nothing new: it has no predecessor.
        """
        whose = ("fund", fund) if fund is not None else ("index", index)
        for shown in self._transitions.get((*whose, symbol, Side(side)), ()):
            if shown.known_at > by:
                return None
            if shown.known_at > after and shown.date >= since:
                return shown
        return None

    @cached_property
    def _transitions(self) -> dict[tuple[str, str | None, str, Side], list[Shown]]:
        """Every first showing or lack of a symbol, as known then, by acceptance."""
        transitions: dict[tuple[str, str | None, str, Side], list[Shown]] = {}
        names = _Names()
        accepted = sorted(
            (version.known_at, fund, date)
            for fund, reports in self._reports.items()
            for date, versions in reports.items()
            for version in versions
        )
        for known_at, fund, date in accepted:
            now = self._state(fund, date, known_at)
            before = next(
                (state for _, state in self._backwards(fund, known_at, before=date)),
                None,
            )
            if before is not None:
                shown = Shown(known_at=EPOCH + known_at * TICK, date=_day(date))
                self._compare(
                    transitions, fund, shown, before=before, now=now, names=names
                )
            # A late report is a new predecessor of the one after it.
            after = self._after(fund, known_at, date)
            if after is not None and now:
                shown = Shown(known_at=EPOCH + known_at * TICK, date=_day(after[0]))
                self._compare(
                    transitions, fund, shown, before=now, now=after[1], names=names
                )
            for isin, row in now.items():
                names.learn(fund, isin, self._symbol[row])
        return transitions

    def _compare(
        self,
        found: dict[tuple[str, str | None, str, Side], list[Shown]],
        fund: str,
        shown: Shown,
        *,
        before: dict[str, int],
        now: dict[str, int],
        names: _Names,
    ) -> None:
        """Add what a report shows, or lacks, where the one before it did not.

        A share is followed by its ISIN: one without a ticker, or with a new one, is
        held as it was. A ticker that another ISIN has taken over is held too, unless
        both are told to be of two instruments.
        """
        tracked = self._named(self._index, now) or self._named(self._index, before)
        has, had = (
            {
                isin: self._symbol[row] or names.known.get((fund, isin))
                for isin, row in state.items()
            }
            for state in (now, before)
        )
        there, were = set(has.values()), set(had.values())
        apart = self._instruments(before, had, now, has, micros(shown.known_at))
        stays, stayed, fresh, left = apart
        added = {
            symbol
            for isin, symbol in has.items()
            if symbol is not None
            and (symbol not in were or isin in fresh)
            and isin not in stays
            and (isin not in had or (fund, isin) in names.awaited)
        }
        removed = {
            symbol
            for isin, symbol in had.items()
            if symbol is not None and (symbol not in there or isin in left)
            if isin not in has and isin not in stayed
        }
        names.awaited.update(
            (fund, isin)
            for isin, symbol in has.items()
            if symbol is None and isin not in had
        )
        whose = [("fund", fund), *(("index", index) for index in tracked)]
        for side, symbols in (
            (Side.ADDITION, added),
            (Side.DELETION, removed),
        ):
            for symbol in symbols:
                for who in whose:
                    found.setdefault((*who, symbol, side), []).append(shown)

    def _instruments(
        self, before: _State, had: _Called, now: _State, has: _Called, instant: int
    ) -> tuple[set[str], ...]:
        """Return the ISINs whose instruments stay, and those that are told apart.

        Of `now` and of `before` those of instruments that both hold; then those of an
        instrument that the other lacks, whose symbol has no untold owner there. By what
        was known at the instant: a row that comes later moves no date.
        """
        instruments = None if self._told is None else self._told(instant)
        if not instruments:
            return set(), set(), set(), set()
        own, was = (
            {
                isin: instruments.held(isin, self._symbol[row], self._day_of[row])
                for isin, row in state.items()
            }
            for state in (now, before)
        )
        both = (set(own.values()) & set(was.values())) - {None}
        sides = ((own, has, was, had), (was, had, own, has))
        stay = [{i for i, who in one.items() if who in both} for one, *_ in sides]
        apart = []
        for one, called, other, other_names in sides:
            untold = {other_names[isin] for isin, who in other.items() if who is None}
            told_here = {i for i, who in one.items() if who and who not in both}
            apart.append({isin for isin in told_here if called[isin] not in untold})
        return *stay, *apart

    @cached_property
    def _day_of(self) -> list[dt.date]:
        """The date of each row's report."""
        days: list[dt.date] = column(self.rows, "date").to_pylist()
        return days

    @staticmethod
    def _named(names: list[str | None], state: dict[str, int]) -> set[str]:
        return {name for row in state.values() if (name := names[row])}


def _day(days: int) -> dt.date:
    return _EPOCH + dt.timedelta(days=days)
