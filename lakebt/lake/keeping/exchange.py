"""Whose sessions count in a lake: kept in its ledger, since a release depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pyiceberg.table.update import SetPropertiesUpdate

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.keeping.maintenance import in_turn, staged
from lakebt.lake.storage.predicates import between
from lakebt.lake.storage.scan import scan
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.arrow import column
from lakebt.lake.tables.schemas import EXCHANGE, LEDGER, PRICES
from lakebt.sessions import Sessions, calendar_name, read_name

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.storage.catalog import Storage


def wanted_calendar(exchange: object, closed: Iterable[dt.date | str]) -> str:
    """Return the name of the calendar that a lake is opened with.

    Parameters
    ----------
    exchange
        A code, or a calendar's name; None for New York's.
    closed
        Days on which it was closed.

    Raises
    ------
    InvalidArgumentError
        If there is no such exchange, or a day is none.
    """
    if exchange is not None and not isinstance(exchange, str):
        msg = f"exchange must be a code such as XNYS, was {exchange!r}"
        raise InvalidArgumentError(msg)
    if isinstance(closed, str) or not isinstance(closed, Iterable):
        msg = f"closed must be a list of days, was {closed!r}: pass [{closed!r}]"
        raise InvalidArgumentError(msg)
    days = tuple(closed)
    code, named = read_name(exchange or "XNYS")
    if code == "XNYS" and not days:  # is known to be there, and takes 0.3 s
        return exchange or code
    Sessions.of(code)
    import exchange_calendars as xcals  # noqa: PLC0415 - the calendar has brought it

    return Sessions(xcals.resolve_alias(code), closed=[*named, *days]).name


def agreed_calendar(
    storage: Storage, wanted: str, *, is_named: bool, check: bool
) -> str:
    """Return the name of a lake's calendar, with closed days that it lacked added.

    A lake from before exchanges were kept has the one that it is opened with.

    Parameters
    ----------
    storage
        The lake.
    wanted
        What it is opened with.
    is_named
        Whether somebody named the exchange.
    check
        Whether the lake must be readable.

    Raises
    ------
    InvalidArgumentError
        If it has another exchange, or bars of a day that is now said to be closed.
    LakeError
        If it cannot be read, or written.
    """
    try:
        ledger = storage.loaded()[LEDGER]  # just now, unless it may be broken
    except LakeError:
        if check:
            raise
        return wanted
    there = ledger.metadata.properties.get(EXCHANGE)
    exchange, days = read_name(wanted)
    kept, closed = read_name(there) if there is not None else (exchange, ())
    if is_named and exchange != kept:
        msg = (
            f"{storage.where} counts the sessions of {kept}, not of {exchange}: open "
            f"it without exchange=, or make another lake"
        )
        raise InvalidArgumentError(msg)
    if added := sorted(set(days) - set(closed)):
        _close(storage, kept, added)
    return calendar_name(kept, sorted({*closed, *days}))


def _close(storage: Storage, exchange: str, added: list[dt.date]) -> None:
    """Add closed days to a lake.

    Raises
    ------
    InvalidArgumentError
        If one has bars.
    """

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        _check_bars(storage, tables[PRICES.name], added)
        ledger = tables[LEDGER]
        _, closed = read_name(ledger.metadata.properties.get(EXCHANGE, exchange))
        name = calendar_name(exchange, sorted({*closed, *added}))
        update = SetPropertiesUpdate(updates={EXCHANGE: name})
        return [staged(ledger, [update], head=head_of(ledger))]

    in_turn(storage, stage)


def _check_bars(storage: Storage, prices: Table, days: list[dt.date]) -> None:
    """Check that no bar lies on a day.

    Raises
    ------
    InvalidArgumentError
        If one does.
    """
    head = head_of(prices)
    if head is None:
        return
    rows = scan(
        prices,
        head,
        columns=("session",),
        where=between("session", days[0].isoformat(), days[-1].isoformat()),
        storage=storage,
        release="",
    )
    traded = set(column(rows, "session").unique().to_pylist())
    if both := sorted(traded.intersection(days)):
        msg = f"closed={both[0]}: {storage.where} has prices of that day: leave it out"
        raise InvalidArgumentError(msg)
