"""The facts a strategy trades on, as values that cannot be invalid."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.instants import new_york_day, parse_date, parse_instant, parse_published


class Side(enum.StrEnum):
    """Which way a symbol crosses the index boundary.

    Examples
    --------
    >>> Side("addition")
    <Side.ADDITION: 'addition'>
    >>> Side.DELETION == "deletion"
    True
    """

    ADDITION = "addition"
    DELETION = "deletion"


DERIVED = frozenset({"recorded"})
"""Columns of a change that are made of other facts, and known when those are."""

CAUSES = ("discretionary", "merger", "spin_off", "cascade", "failure", "other")
ANNOUNCED_QUALITIES = ("exact", "derived", "news")
_CHOICES = {
    "side": tuple(Side),
    "cause": (None, *CAUSES),
    "announced_quality": (None, *ANNOUNCED_QUALITIES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChange:
    """One symbol entering or leaving one index.

    Three dates, because a change is three facts: it is announced, it takes effect, and
    it shows up in holdings data. Only the first is tradable news.

    Attributes
    ----------
    index, symbol, side
        What crossed which boundary, and which way. `side` takes "addition" or
        "deletion" too.
    announced : datetime or None
        When the provider published the change, UTC. A bare date means the end of that
        day in New York.
    effective : date or None
        The first session with the new membership, effective before its open.
    known_at : datetime
        From when the change could be known and used, UTC. The default is `announced`.
    recorded : datetime or None
        When a holdings report first showed the change, UTC.
    cause, announced_quality, isin, source
        As in the table ``index_changes``; None if unknown.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be read, `index` or `symbol` is empty, no argument says when
        the change could be known, or the change took effect before it was announced.

    Examples
    --------
    >>> change = IndexChange(
    ...     index="SP500",
    ...     symbol="PENN",
    ...     side="deletion",
    ...     announced="2022-09-02",
    ...     effective="2022-09-19",
    ... )
    >>> change.known_at.isoformat()
    '2022-09-03T03:59:59.999999+00:00'
    """

    index: str
    symbol: str
    side: Side
    announced: dt.datetime | None = None
    effective: dt.date | None = None
    known_at: dt.datetime = None  # type: ignore[assignment]  # derived from announced
    recorded: dt.datetime | None = None
    cause: str | None = None
    announced_quality: str | None = None
    isin: str | None = None
    source: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            index: str,
            symbol: str,
            side: Side | str,
            announced: dt.date | str | None = None,
            effective: dt.date | str | None = None,
            known_at: dt.datetime | str | None = None,
            recorded: dt.datetime | str | None = None,
            cause: str | None = None,
            announced_quality: str | None = None,
            isin: str | None = None,
            source: str | None = None,
        ) -> None:
            """Take what the attributes can be read from; the dataclass makes it."""

    def __post_init__(self) -> None:
        self._check_words()
        put = functools.partial(object.__setattr__, self)
        put("side", Side(self.side))
        who = f"{self.index} {self.symbol}"
        for name, parse in (
            ("announced", parse_published),
            ("effective", parse_date),
            ("recorded", parse_instant),
            ("known_at", parse_instant),
        ):
            value = getattr(self, name)
            if value is not None:
                put(name, parse(value, what=f"{who}: {name}"))
        if self.known_at is None:
            if self.announced is None:
                msg = (
                    f"{who}: pass known_at or announced: nothing says when it was known"
                )
                raise InvalidArgumentError(msg)
            put("known_at", self.announced)
        elif self.known_at == self.announced:
            put("known_at", self.announced)  # one object: of many changes it counts
        if (
            self.announced is not None
            and self.effective is not None
            and self.effective < new_york_day(self.announced)
        ):
            msg = (
                f"{who}: effective {self.effective} precedes announced "
                f"{new_york_day(self.announced)}"
            )
            raise InvalidArgumentError(msg)

    def _check_words(self) -> None:
        for name in ("index", "symbol"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                msg = f"{name} of an index change must be a name, was {value!r}"
                raise InvalidArgumentError(msg)
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                choices = ", ".join(choice for choice in allowed if choice)
                msg = (
                    f"{self.index} {self.symbol}: {name} must be one of {choices}, "
                    f"was {value!r}"
                )
                raise InvalidArgumentError(msg)

    @property
    def change_id(self) -> str:
        """The key under which later vintages of this change are published."""
        when = self.announced or self.effective or self.known_at
        day = new_york_day(when) if isinstance(when, dt.datetime) else when
        return default_change_id(self.index, self.symbol, self.side, day)


def default_change_id(index: str, symbol: str, side: str, day: dt.date) -> str:
    """Return the key of a change whose publisher gave no key.

    `day` is the day of the announcement in New York, or else the effective date. So a
    postponed change corrects the first one instead of being a second change.

    Examples
    --------
    >>> default_change_id("SP500", "PENN", "deletion", dt.date(2022, 9, 2))
    'SP500:PENN:deletion:2022-09-02'
    """
    return f"{index}:{symbol}:{side}:{day.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """One version of an index change.

    Attributes
    ----------
    change_id
        The id of the change.
    change
        The change as this version states it; its `known_at` is the version's.
    retracted
        Whether this version withdraws the change.
    published
        The symbol that it was published with, if `instruments` gives it another one.
    """

    change_id: str
    change: IndexChange
    retracted: bool = False
    published: str | None = None

    def before(self, instant: dt.datetime) -> Vintage:
        """Return the version as it stood before an instant.

        Columns that are derived from other facts (`DERIVED`) are None where those were
        not yet known.
        """
        recorded = self.change.recorded
        if recorded is None or recorded < instant:
            return self
        change = copy.copy(self.change)  # it is valid, whatever is taken from it
        object.__setattr__(change, "recorded", None)
        return Vintage(
            change_id=self.change_id,
            change=change,
            retracted=self.retracted,
            published=self.published,
        )
