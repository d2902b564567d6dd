"""A lake whose later facts are removed or replaced, for look-ahead audits.

While the future is altered, every view of every lake shows the altered facts, wherever
it is kept and whenever it was opened: in a global, a closure or the strategy itself, or
opened anew. Facts known by the instant of the alteration stay the same, to the bit.

The alteration applies to the code inside the block, and to no other thread.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import xxhash

from lakebt.lake.reading.counterfactual_bars import without_later
from lakebt.lake.reading.counterfactual_rows import removed, replaced, share
from lakebt.lake.reading.release_tables import Pinned
from lakebt.lake.storage.scan import Cache
from lakebt.lake.tables.rows import micros
from lakebt.lake.tables.schemas import PRICES, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakebt.lake.committing.ledger import Release, TablePin
    from lakebt.lake.storage.predicates import Among

SHARED_ROWS = 20_000
"""Of so many rows every future that an audit asks for fits into a cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """How the facts known after an instant are altered.

    Attributes
    ----------
    after : datetime
        Facts known by this UTC instant stay.
    seed : int or None
        The seed of the facts that replace the later ones; None removes them.
    is_mirrored : bool
        Whether high draws become low ones, and low ones high.
    """

    after: dt.datetime
    seed: int | None = None
    is_mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class AlteredPinned(Pinned):
    """The tables of a release with their later facts altered."""

    original: Pinned
    alteration: Alteration

    @classmethod
    def of(cls, original: Pinned, alteration: Alteration) -> AlteredPinned:
        """Return a release as altered; it is read anew, with a cache of its own.

        Each future of a small release is read once, for the audits of all strategies.
        """
        is_small = sum(pin.rows for pin in original.release.tables) <= SHARED_ROWS
        return cls(
            release=_altered(original.release, alteration),
            tables=original.tables,
            specs=original.specs,
            storage=original.storage,
            cache=original.altered if is_small else Cache.in_memory(),
            sessions=original.sessions,
            clock=original.clock,
            original=original,
            alteration=alteration,
        )

    @property
    def whole(self) -> Pinned:
        """The release without the alteration."""
        return self.original

    @property
    def bars_hold_known_by(self) -> int:
        """Known by the alteration: adjusted bars must not contain later actions."""
        return micros(self.alteration.after)

    def scan(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        coded: tuple[str, ...] = (),
        where: BooleanExpression | None = None,
        among: Among | None = None,
    ) -> pa.Table:
        """Read columns of a table, altered."""
        spec = self.specs[table]
        needed = tuple(dict.fromkeys((*columns, *spec.key, "known_at")))
        if spec is PRICES:
            needed = tuple(dict.fromkeys((*needed, "basis")))
        rows = self.original.kept(
            table,
            f"to be altered: {needed}, {coded} of {where}, {among}",
            lambda: self.original.scan(
                table, needed, coded=coded, where=where, among=among
            ),
            size=lambda rows: rows.nbytes,
        )
        if spec is PRICES:
            rows = without_later(rows, self.original, after=self.bars_hold_known_by)
        after, seed = self.alteration.after, self.alteration.seed
        if seed is None:
            return removed(rows, after=after).select(columns)
        values = {
            name: sorted(self.original.first_known(table, name))
            for name in columns
            if name not in spec.key and spec.column(name).kind is Kind.TEXT
        }
        altered = replaced(
            rows,
            spec=spec,
            values=values,
            after=after,
            seed=seed,
            is_mirrored=self.alteration.is_mirrored,
        )
        return altered.select(columns)

    def names(self, column: str, *, known_by: int) -> frozenset[str]:
        """Return every value that any row known has in a column of text, altered."""
        if known_by <= micros(self.alteration.after):  # where nothing was altered
            return self.original.names(column, known_by=known_by)
        return super().names(column, known_by=known_by)


class _Altered:
    """One altered future, with each release as it is in it, made once."""

    def __init__(self, alteration: Alteration) -> None:
        self._alteration = alteration
        self._made: dict[int, AlteredPinned] = {}

    def of(self, pinned: Pinned) -> Pinned:
        whole = pinned.whole
        if id(whole) not in self._made:  # which it holds, so that the id stays its own
            self._made[id(whole)] = AlteredPinned.of(whole, self._alteration)
        return self._made[id(whole)]


_NOW: ContextVar[_Altered | None] = ContextVar("altered", default=None)


@contextlib.contextmanager
def altered(alteration: Alteration | None) -> Iterator[None]:
    """Alter what every view shows, until the block ends; None leaves it as it is."""
    token = _NOW.set(None if alteration is None else _Altered(alteration))
    try:
        yield
    finally:
        _NOW.reset(token)


def as_seen(pinned: Pinned) -> Pinned:
    """Return what a view of a release reads now: the release, unless it is altered."""
    now = _NOW.get()
    return pinned if now is None else now.of(pinned)


def is_altered() -> bool:
    """Whether the future is altered for the code that asks."""
    return _NOW.get() is not None


def _altered(release: Release, alteration: Alteration) -> Release:
    """Return what the ledger would say of a release if its later facts were others."""
    cutoff = release.as_of
    if cutoff > alteration.after:
        cutoff = alteration.after
        if alteration.seed is not None:
            drawn = share(f"cutoff {alteration.seed}", mirrored=alteration.is_mirrored)
            cutoff += dt.timedelta(days=1 + int(500 * drawn))
    return replace(
        release,
        as_of=cutoff,
        tables=tuple(_another(pin, alteration) for pin in release.tables),
    )


def _another(pin: TablePin, alteration: Alteration) -> TablePin:
    """Return the identity of a table that holds other facts."""
    digest = xxhash.xxh3_128_hexdigest(f"{pin.digest} {alteration}".encode())
    return replace(pin, digest=digest, snapshot_id=int(digest[:15], 16))
