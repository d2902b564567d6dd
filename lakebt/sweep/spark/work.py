"""A piece of a sweep as plain values, and how an executor does it.

An executor is a process that was told where the lake is, and has the prices it was
sent. It opens the release itself, and its guard decides every order, as anywhere else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lakebt.analysis.pooling import Aggregate
from lakebt.errors import LakebtError, LakeError
from lakebt.lake.api.trials import view_of
from lakebt.lake.lake import Lake
from lakebt.lake.trials.origin import code_version
from lakebt.prices.cut_off import CutOffError
from lakebt.study.arguments import Arguments
from lakebt.study.joint_cells import Slots, joined
from lakebt.study.order_reach import reached
from lakebt.sweep.passes import Memory
from lakebt.sweep.spark.messages import (
    CELLS,
    CUT,
    ERROR,
    Done,
    pack_cells,
    pack_error,
    pack_symbols,
    unpack_cells,
    unpack_prices,
)
from lakebt.sweep.spark.parts import Part, scope_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lakebt.backtest.levels import Level
    from lakebt.events.schedule import Schedule
    from lakebt.lake.reading.view import View
    from lakebt.study.cells import Cells
    from lakebt.sweep.spark.bundle import Bundle
    from lakebt.sweep.spark.parts import Cuts
    from lakebt.sweep.trial_rows import TrialSpec


T = TypeVar("T")

_KEPT: OrderedDict[object, Any] = OrderedDict()
_MOST_KEPT = 4
"""How much a process keeps of what it made: views, and parts of them with prices."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A view, as any process can open it.

    Attributes
    ----------
    address
        What `Lake.open` is told; also the exchange. No credentials.
    release, as_of
    """

    address: tuple[tuple[str, Any], ...]
    release: str
    as_of: dt.datetime

    def view(self) -> View:
        """Open it."""
        lake = Lake.open(**dict(self.address), create=False)
        return view_of(lake, release=self.release, as_of=self.as_of)


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """One pass over some of the events.

    Attributes
    ----------
    place
        What it is run on.
    arguments
        Of a study with what is run: the others differ in nothing but their levels.
    specs : tuple of (int, TrialSpec)
        What is to be run, each with its number in the sweep.
    engine
    prices
        Key of the prices that were sent.
    part, count
        Which part of the events, of how many.
    orders
        In which sessions orders may be filled by those prices: numbers of the first and
        the last. None if prices of all sessions were sent.
    """

    place: Place
    arguments: Mapping[str, Any]
    specs: tuple[tuple[int, TrialSpec], ...]
    engine: str
    prices: str
    part: int = 0
    count: int = 1
    orders: tuple[int, int] | None = None

    def check_orders(self, plan: Schedule) -> None:
        """Check that the prices that were sent are of all orders.

        Raises
        ------
        CutOffError
            If an order is filled where none are.
        """
        first, last = reached(plan)
        if self.orders is None or last < first:
            return
        if first < self.orders[0] or self.orders[1] < last:
            raise CutOffError(())

    def returned(self, kind: str, payload: bytes) -> Iterator[Done]:
        """Yield one thing that came of every study of it."""
        for number, _ in self.specs:
            yield Done(
                number=number, part=self.part, kind=kind, seconds=0.0, payload=payload
            )


def check_code(driver: str) -> None:
    """Check that an executor has the sources that the driver has.

    Raises
    ------
    LakeError
        If it does not.
    """
    code = code_version()
    if code != driver:
        msg = (
            f"an executor runs lakebt {code}, the driver {driver}: their figures could "
            f"differ. Install the same one on both (spark-submit --archives, or the "
            f"same image), and run the sweep again"
        )
        raise LakeError(msg)


def do(
    work: Work, *, prices: Callable[[str], bytes], run_at: dt.datetime, bundle: Bundle
) -> Iterator[Done]:
    """Do a piece of a sweep.

    Parameters
    ----------
    work
    prices
        Returns the prices that have a key.
    run_at
    bundle
        Takes its trials.

    Yields
    ------
    Done
        Of a pass over all events its trials, as the bundle hands them back; of a part
        of them what its cells came to. An error of ours is handed back for each study:
        to try again would not help. So are symbols of which more prices are needed.
    """
    try:
        yield from _done(work, prices=prices, run_at=run_at, bundle=bundle)
    except LakebtError as error:
        yield from work.returned(ERROR, pack_error(error))
    except CutOffError as error:
        yield from work.returned(CUT, pack_symbols(error.symbols))


def _done(
    work: Work, *, prices: Callable[[str], bytes], run_at: dt.datetime, bundle: Bundle
) -> Iterator[Done]:
    started = time.perf_counter()
    view, memory = _part(work, prices)
    scope = scope_of(view, Arguments.read(work.arguments))
    plan = memory.schedule(scope)
    work.check_orders(plan)
    levels: dict[Level, list[tuple[int, TrialSpec]]] = {}
    for number, spec in work.specs:
        levels.setdefault(spec.level, []).append((number, spec))
    traded = memory.trade(scope, list(levels))
    memory.check_priced(scope, traded[0])
    share = (time.perf_counter() - started) / len(work.specs)
    for those, cells in zip(levels.values(), traded, strict=True):
        for number, spec in those:
            began = time.perf_counter()
            if work.count > 1:
                payload = _packed(spec, plan, cells)
                yield Done(
                    number=number,
                    part=work.part,
                    kind=CELLS,
                    seconds=share + time.perf_counter() - began,
                    payload=payload,
                )
                continue
            rows = spec.rows(plan, cells, run_at=run_at, seconds=share)
            spent = time.perf_counter() - began
            rows["seconds"] += spent / len(rows)
            yield from bundle.take(number, spec, rows, seconds=share + spent)
    if work.count == 1:
        yield from bundle.handed()


def _packed(spec: TrialSpec, plan: Schedule, cells: Cells) -> bytes:
    """Return the packed results of some of the events."""
    slots = Slots(
        entries=spec.entries,
        exits=spec.exits,
        events=plan.events,
        event=plan.event,
        entry=plan.entry,
    )
    is_calendar = spec.pooling.how is Aggregate.CALENDAR
    return pack_cells(slots, cells, with_worth=is_calendar)


def together(
    spec: TrialSpec, parts: Sequence[Done], *, run_at: dt.datetime, bundle: Bundle
) -> Iterator[Done]:
    """Join all parts of a study, in whatever order they come.

    What says that one of them could not be done is handed back instead.

    Parameters
    ----------
    spec, parts
    run_at
    bundle
        Takes its trials.
    """
    failed = [part for part in parts if part.kind == ERROR]
    if failed:
        yield failed[0]
        return
    if cut := [part for part in parts if part.kind == CUT]:
        yield from cut
        return
    began = time.perf_counter()
    slots, cells = joined(
        [
            unpack_cells(part.payload, entries=spec.entries, exits=spec.exits)
            for part in sorted(parts, key=lambda part: part.part)
        ]
    )
    seconds = sum(part.seconds for part in parts)
    rows = spec.rows(slots, cells, run_at=run_at, seconds=seconds)
    spent = time.perf_counter() - began
    rows["seconds"] += spent / len(rows)
    yield from bundle.take(parts[0].number, spec, rows, seconds=seconds + spent)


def _part(work: Work, prices: Callable[[str], bytes]) -> tuple[Part, Memory]:
    """Return the view of a part, and what is remembered of it in this process."""
    place = work.place

    def opened() -> tuple[View, Cuts]:
        return place.view(), {}

    def make() -> tuple[Part, Memory]:
        view, cuts = _kept(place, opened)
        sent = unpack_prices(prices(work.prices), sessions=view.sessions)
        part = Part(view, sent, part=work.part, count=work.count, cuts=cuts)
        return part, Memory(work.engine)

    return _kept((place, work.prices, work.part, work.count, work.engine), make)


def _kept(key: object, make: Callable[[], T]) -> T:
    """Return what was made under a key, made now if it is not there."""
    if key not in _KEPT:
        value = make()
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.popitem(last=False)
        _KEPT[key] = value
    _KEPT.move_to_end(key)
    return cast("T", _KEPT[key])
