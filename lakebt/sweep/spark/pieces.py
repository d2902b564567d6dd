"""Cutting a sweep into pieces of work: by levels, by entries, and by events."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lakebt.events.event_parts import EventParts
from lakebt.facts import Vintage
from lakebt.lake.api.trials import trials_of
from lakebt.lake.reading.instrument_view import joined, price_history
from lakebt.prices.benchmark import MARKET
from lakebt.study.arguments import SOURCES
from lakebt.sweep import passes as local
from lakebt.sweep.passes import stops
from lakebt.sweep.spark.messages import pack_prices
from lakebt.sweep.spark.part_prices import PartPrices
from lakebt.sweep.spark.work import Place, Work
from lakebt.sweep.trial_rows import TrialSpec
from lakebt.values.keys import content_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakebt.backtest.levels import Level
    from lakebt.lake.reading.view import View
    from lakebt.prices.history import PriceHistory
    from lakebt.study.scope import Scope
    from lakebt.sweep.passes import Pass, StudyAtCost


class Facts:
    """What the studies of one view are decided on, and the prices that they need.

    Parameters
    ----------
    passes
        What is run of them.
    hedges
        Of all studies of the view.
    shared
        The view that executors read prices by; None if they are not many.
    """

    def __init__(
        self, passes: Sequence[Pass], hedges: set[str], shared: View | None
    ) -> None:
        scope = passes[0].scope
        self._view, self._hedges = scope.view, hedges
        self._read_by = shared or scope.view
        self.parted = None if shared is None else PartPrices(shared, passes, hedges)
        if scope.arguments.index is not None:
            index = scope.arguments.index
            self._vintages = scope.view.change_vintages(index=index)
        else:
            self._vintages = tuple(
                Vintage(change_id=change.change_id, change=change)
                for change in scope.arguments.changes or ()
            )
        self._keys: dict[tuple[int, bool], list[str]] = {}

    @cached_property
    def n_events(self) -> int:
        """How many can be decided apart."""
        parts = self._parts(max(len(self._vintages), 1))
        return max(sum(map(bool, parts)), 1)

    def _parts(self, count: int) -> list[tuple[Vintage, ...]]:
        return EventParts(self._vintages, self._view.sessions).cut(count)

    @cached_property
    def _history(self) -> PriceHistory:
        return price_history(self._read_by, self._symbols(self._vintages))

    def _symbols(self, vintages: Sequence[Vintage]) -> list[str]:
        own = joined(self._view, vintages)
        named = {vintage.change.symbol for vintage in own}
        return sorted({*named, *self._hedges, MARKET})

    def keys(
        self, count: int, prices: dict[str, bytes], *, whole: bool = False
    ) -> list[str]:
        """Return the key of each part's prices, which are added to `prices`.

        Parameters
        ----------
        count
            In how many parts the events are taken.
        prices
            By key, packed.
        whole
            Whether they are of all sessions in any case.
        """
        whole = whole or self.parted is None
        if (count, whole) not in self._keys:
            self._keys[count, whole] = (
                self.parted.sent(count, prices)
                if self.parted is not None and not whole
                else list(self._whole(count, prices))
            )
        return self._keys[count, whole]

    def _whole(self, count: int, prices: dict[str, bytes]) -> Iterator[str]:
        for part in self._parts(count):
            packed = pack_prices(self._history, self._symbols(part))
            key = hashlib.blake2b(packed, digest_size=16).hexdigest()
            prices[key] = packed
            yield key


JOINED = 1_000_000
"""Cells of one level, of all events, that are joined in one process: some 90 MB."""

EVENTS = 20_000
"""Events whose prices are held in one process, at most."""

FEWEST = 250
"""Events that are worth a task of their own: it costs some 30 ms to start one."""

PER_CORE = 2
"""Tasks for each core, at least, where there are events enough: they differ in size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Unit:
    """Pieces that have to be there together: one, or all parts of the events."""

    works: tuple[Work, ...]

    @property
    def is_whole(self) -> bool:
        """Whether its one piece is of all events."""
        return self.works[0].count == 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Portions:
    """A sweep in pieces.

    Attributes
    ----------
    units
        In the order in which they are run here.
    studies : list of StudyAtCost
        By number: what each spec is a part of.
    specs : list of TrialSpec
        By number.
    prices : dict of str to bytes
        What is sent to the executors, by its key.
    parted : dict of str to PartPrices
        What reads more of them, by the key of prices that are of some sessions.
    """

    units: list[Unit] = field(default_factory=list)
    studies: list[StudyAtCost] = field(default_factory=list)
    specs: list[TrialSpec] = field(default_factory=list)
    prices: dict[str, bytes] = field(default_factory=dict)
    parted: dict[str, PartPrices] = field(default_factory=dict)

    @property
    def n_cells(self) -> int:
        """How many cells are run."""
        return sum(len(spec.entries) * len(spec.exits) for spec in self.specs)


def portions(
    to_run: Sequence[Pass],
    *,
    engine: str,
    cores: int,
    known: frozenset[str] = frozenset(),
    parts: int | None = None,
    share: Callable[[View], View | None] = lambda _: None,
) -> Portions:
    """Cut passes into pieces of work.

    A pass is cut by levels until it fits into memory, as locally, and there are pieces
    enough; by entries, if one level does not fit; and by events, if the pieces are
    still too few, or the prices too many. What stops at the first fact that is missing
    is not cut by events: it is to be the first of all.

    Parameters
    ----------
    to_run
        As `lakebt.sweep.passes.passes` gives them.
    engine
        That trades.
    cores
        How many pieces run at once.
    known
        Ids of the trials that are there already.
    parts
        Of the events; chosen by their number if None.
    share
        Returns the view that executors read prices by, of the sessions that each part
        can need; None where they are not many.
    """
    portions_made = Portions()
    hedges: dict[int, set[str]] = {}
    for one in to_run:
        named = hedges.setdefault(id(one.scope.view), set())
        if one.scope.arguments.hedge is not None:
            named.add(one.scope.arguments.hedge)
    sources = [(id(p.scope.view), content_key(_source(p.scope))) for p in to_run]
    by_source: dict[tuple[int, str], list[Pass]] = {}
    for source, one in zip(sources, to_run, strict=True):
        by_source.setdefault(source, []).append(one)
    facts_of = {
        source: Facts(those, hedges[source[0]], share(those[0].scope.view))
        for source, those in by_source.items()
    }
    facts = [facts_of[source] for source in sources]
    n_levels = sum(len(one.studies) for one in to_run)
    most = max(n_levels // (PER_CORE * cores), 1)
    cut = [
        list(_cut(one, of.n_events, engine=engine, most=most))
        for one, of in zip(to_run, facts, strict=True)
    ]
    n_whole = sum(map(len, cut))
    for pieces, of in zip(cut, facts, strict=True):
        for entries, some in pieces:
            count = parts or _count(of.n_events, n_whole=n_whole, cores=cores)
            scope = next(iter(some.values()))[0].scope
            if stops(scope):
                count = 1
            keys = of.keys(count, portions_made.prices, whole=stops(scope))
            if of.parted is not None and not stops(scope):
                portions_made.parted.update(dict.fromkeys(keys, of.parted))
            _add(portions_made, some, entries, engine=engine, keys=keys, known=known)
    return portions_made


def _source(scope: Scope) -> dict[str, object]:
    plain = scope.arguments.plain()
    return {name: plain.get(name) for name in SOURCES}


def _count(n_events: int, *, n_whole: int, cores: int) -> int:
    """Return in how many parts the events are taken.

    Examples
    --------
    >>> [
    ...     _count(n, n_whole=whole, cores=8)
    ...     for n, whole in [(500, 100), (500, 1), (10_000, 1), (90_000, 100)]
    ... ]
    [1, 2, 16, 5]
    """
    least = math.ceil(n_events / EVENTS)
    wanted = math.ceil(PER_CORE * cores / n_whole)
    return max(least, min(wanted, n_events // FEWEST), 1)


def _cut(
    one: Pass, n_events: int, *, engine: str, most: int
) -> Iterator[tuple[tuple[str, ...], dict[Level, list[StudyAtCost]]]]:
    """Yield entries and levels that are traded together, at most so many levels."""
    entries = tuple(map(str, one.scope.arguments.entries))
    across = max(n_events * len(one.scope.arguments.exits), 1)
    width = max(JOINED // across, 1)
    if stops(one.scope):
        width = len(entries)
    for start in range(0, len(entries), width):
        block = entries[start : start + width]
        size = across * len(block) * (1 if engine == "event" else 1 + local.ALONE)
        count = max(min(local.AT_ONCE // size, most), 1)
        levels = list(one.studies)
        for at in range(0, len(levels), count):
            yield (
                block,
                {level: one.studies[level] for level in levels[at : at + count]},
            )


def _add(
    made: Portions,
    some: dict[Level, list[StudyAtCost]],
    entries: tuple[str, ...],
    *,
    engine: str,
    keys: Sequence[str],
    known: frozenset[str],
) -> None:
    """Add a unit of what is not known: its pieces are parts of the events."""
    specs: list[tuple[int, TrialSpec]] = []
    for those in some.values():
        for study in those:
            only = TrialSpec.of(study, entries)
            if known.issuperset(_ids(study, only)):
                continue
            specs.append((len(made.specs), only))
            made.specs.append(only)
            made.studies.append(study)
    if not specs:
        return
    scope = made.studies[-1].scope
    exits = list(map(str, scope.arguments.exits))
    grid = {"entries": list(entries), "exits": exits}
    made.units.append(
        Unit(
            works=tuple(
                Work(
                    place=place_of(scope.view),
                    arguments={**scope.arguments.plain(), **grid},
                    specs=tuple(specs),
                    engine=engine,
                    prices=key,
                    part=part,
                    count=len(keys),
                    orders=made.parted[key].orders(key) if key in made.parted else None,
                )
                for part, key in enumerate(keys)
            )
        )
    )


def _ids(study: StudyAtCost, spec: TrialSpec) -> Iterator[str]:
    """Yield the trials of what is told of a study."""
    point = study.point
    entries, exits = (
        {str(rule): place for place, rule in enumerate(rules)}
        for rules in (point.entries, point.exits)
    )
    ids = point.ids[point.costs.index(study.costs)]
    for entry in spec.entries:
        for exit_ in spec.exits:
            yield ids[entries[entry] * len(exits) + exits[exit_]]


def place_of(view: View) -> Place:
    """Return where a view can be opened again."""
    address = {**trials_of(view).address, "exchange": view.sessions.name}
    return Place(
        address=tuple(sorted(address.items())),
        release=view.release,
        as_of=view.instant,
    )
