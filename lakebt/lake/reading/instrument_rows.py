"""Rows of ``instruments``: which instrument had a name on a day."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lakebt.lake.tables.arrow import column, take
from lakebt.lake.tables.rows import codes, flags, integers, micros
from lakebt.lake.tables.schemas import INSTRUMENTS
from lakebt.prices.instruments import Identifier, Instruments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lakebt._typing import IntVector


NOBODY = Instruments()

_ROW_BYTES = 400
_LONG_AGO = -(2**63)


def instruments_of(pinned: Any, instant: dt.datetime) -> Instruments:
    """Return the identifiers in force at an instant: see `instruments_by`."""
    return instruments_by(pinned, micros(instant))


def instruments_by(pinned: Any, known_by: int) -> Instruments:
    """Return the identifiers in force at an instant.

    There are none where a user declared a table of that name.

    Parameters
    ----------
    pinned
        The release's tables, which ask here themselves.
    known_by
        Microseconds since 1970, inclusive.
    """
    whole = _vintages(pinned)
    return NOBODY if whole is None else whole.at(known_by)


def last_told(pinned: Any) -> int:
    """Return when the last row of ``instruments`` became known, in microseconds."""
    whole = _vintages(pinned)
    return _LONG_AGO if whole is None else whole.last_known


def _vintages(pinned: Any) -> Vintages | None:
    name = INSTRUMENTS.name
    is_built_in = pinned.specs.get(name) is INSTRUMENTS
    if not is_built_in or pinned.release.pin(name) is None:
        return None
    made: Vintages = pinned.kept(
        name,
        "identifiers",
        lambda: Vintages(pinned.all_rows(name)),
        size=lambda made: made.nbytes,
    )
    return made


class Vintages:
    """All vintages of all identifiers.

    Parameters
    ----------
    rows
        Of ``instruments``, in any order.
    """

    def __init__(self, rows: pa.Table) -> None:
        known_at = integers(rows, "known_at")
        by = np.argsort(known_at, kind="stable")
        self._rows, self._known_at = take(rows, by), known_at[by]
        self._made: dict[int, Instruments] = {0: NOBODY}

    @property
    def last_known(self) -> int:
        """When the last row became known, in microseconds since 1970."""
        return int(self._known_at[-1]) if len(self._known_at) else _LONG_AGO

    @property
    def nbytes(self) -> int:
        """The approximate size in bytes, with some cached instants."""
        return _ROW_BYTES * len(self._rows)

    def at(self, instant: int) -> Instruments:
        """Return the identifiers in force at an instant.

        Parameters
        ----------
        instant
            Microseconds since 1970, inclusive.
        """
        count = int(np.searchsorted(self._known_at, instant, side="right"))
        if count not in self._made:
            rows = self._rows.slice(0, count)
            identifiers_then = identifiers(
                take(rows, in_force_of(rows, INSTRUMENTS.key))
            )
            since = [
                part
                for own in identifiers_then.identifiers
                for part in self._known_since(own, until=self._known_at[count - 1])
            ]
            self._made[count] = Instruments(tuple(since), version=count)
        return self._made[count]

    def _known_since(self, own: Identifier, *, until: int) -> list[Identifier]:
        """Return an identifier in parts, each known since when it was told throughout.

        A correction that ends a name takes nothing from the days that were told before.
        """
        if len(versions := self._versions[_text_of(own)]) == 1:
            return [own]
        states: list[tuple[int, dict[dt.date, dt.date]]] = []
        for known_at, first, last in versions:
            if known_at > until:
                break
            spans = dict(states[-1][1]) if states else {}
            spans.pop(first, None)
            if last is not None:
                spans[first] = last
            states.append((known_at, spans))
        firsts = {own.first} | {
            day
            for _, spans in states
            for first, last in spans.items()
            for day in (first, last if last == dt.date.max else last + _DAY)
            if own.first < day <= own.last
        }
        parts: list[Identifier] = []
        ends = [*(day - _DAY for day in sorted(firsts)[1:]), own.last]
        for first, end in zip(sorted(firsts), ends, strict=True):
            known_at = own.known_at
            for at, spans in reversed(states):
                if not any(f <= first <= last for f, last in spans.items()):
                    break
                known_at = at
            before = first
            if parts and parts[-1].known_at == known_at:
                before = parts.pop().first
            parts.append(
                dataclasses.replace(own, first=before, last=end, known_at=known_at)
            )
        return parts

    @cached_property
    def _versions(self) -> dict[tuple[str, str, str], list[_Version]]:
        """Every vintage by instrument, kind and text, in the order in which they came.

        Its first and last day; no last day if it withdraws them.
        """
        names = (*_TEXT, "valid_from", "valid_to")
        columns = [column(self._rows, name).to_pylist() for name in names]
        gone = flags(self._rows, "retracted").tolist()
        versions: dict[tuple[str, str, str], list[_Version]] = {}
        for known_at, withdrawn, own, kind, text, first, last in zip(
            self._known_at.tolist(), gone, *columns, strict=True
        ):
            end = None if withdrawn else last or dt.date.max
            versions.setdefault((own, kind, text), []).append((known_at, first, end))
        return versions


_TEXT = ("instrument_id", "kind", "identifier")
_DAY = dt.timedelta(days=1)
_Version: TypeAlias = "tuple[int, dt.date, dt.date | None]"


def _text_of(own: Identifier) -> tuple[str, str, str]:
    return own.instrument_id, own.kind, own.identifier


def in_force_of(rows: pa.Table, key: Sequence[str]) -> IntVector:
    """Return the rows that are the newest version of their key, and no retraction."""
    code = codes(rows, key)
    by = np.lexsort((integers(rows, "known_at"), code))
    is_last = np.ones(len(by), dtype=bool)
    is_last[:-1] = code[by[1:]] != code[by[:-1]]
    return np.sort(by[is_last & ~flags(rows, "retracted")[by]])


def identifiers(rows: pa.Table) -> Instruments:
    """Return the identifiers in rows in force."""
    names = (*_TEXT, "valid_from", "valid_to")
    columns = [column(rows, name).to_pylist() for name in names]
    known_at = integers(rows, "known_at").tolist()
    return Instruments(
        tuple(
            Identifier(
                instrument_id=own,
                kind=kind,
                identifier=identifier,
                first=first,
                last=last or dt.date.max,
                known_at=known,
            )
            for own, kind, identifier, first, last, known in zip(
                *columns, known_at, strict=True
            )
        )
    )
