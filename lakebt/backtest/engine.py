"""The event engine: every exit and every level of many slots, in one pass."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakebt.backtest.levels import BASIS_USD
from lakebt.sessions import exposed_from, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatPanel, FloatVector, IntVector
    from lakebt.backtest.levels import Level
    from lakebt.sessions import Sessions


_CHUNK = 64
"""Slots that a thread takes at once, at least."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Book:
    """The positions of each slot, and the places of their prices.

    A slot is entered once; its positions leave together, at the half session of each of
    its cells.

    Attributes
    ----------
    opens, marks : ndarray of shape (n_bars,)
        Bars of one symbol after the other: opens, NaN where there is no bar, and closes
        with gaps filled by the last price before.
    missing : ndarray of shape (n_bars,)
        Whether the close was missing.
    base : ndarray of shape (n_positions,)
        ``base + session`` is the bar of a session.
    size : ndarray of shape (n_positions,)
        Signed number of shares, at a gross of 1 on `BASIS_USD`.
    price : ndarray of shape (n_positions,)
        Of the entry.
    start : ndarray of shape (n_slots + 1,)
        Where each slot's positions begin.
    entry_row : ndarray of shape (n_slots,)
        Half session of the entry; see `lakebt.sessions.half_session`.
    exits : ndarray of shape (n_slots + 1,)
        Where each slot's cells begin. Every slot has at least one.
    exit_row : ndarray of shape (n_cells,)
        Half session of the exit, after the entry's.
    place : ndarray of shape (n_cells,), optional
        Where each cell's figures go in what is earned; in their order by default.
    toll : ndarray of shape (n_tolls, n_positions), optional
        Of each position's fills, as `lakebt.backtest.impact.toll` gives it: a row for
        each number of sessions that the levels ask about.
    toll_sessions : tuple of int, optional
        Those numbers.
    cash : ndarray of shape (n_held,), optional
        What a share brought beside since its entry, for the last `n_held` bars: those
        of shares to which something happened. No fee and no borrow is charged on it.
    unlent, lent : ndarray of shape (n_bars,), optional
        What of the marks pays the borrow rate of a level, and what the rest costs by
        rates of its own, in USD for each calendar day. Empty where all pays a level's.
    """

    opens: FloatVector
    marks: FloatVector
    missing: npt.NDArray[np.bool_]
    base: IntVector
    size: FloatVector
    price: FloatVector
    start: IntVector
    entry_row: IntVector
    exits: IntVector
    exit_row: IntVector
    place: IntVector | None = None
    toll: FloatPanel = field(default_factory=lambda: np.zeros((0, 0)))
    toll_sessions: tuple[int, ...] = ()
    cash: FloatVector = field(default_factory=lambda: np.zeros(0))
    unlent: FloatVector = field(default_factory=lambda: np.zeros(0))
    lent: FloatVector = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.entry_row)


@dataclass(frozen=True, kw_only=True, eq=False)
class Earned:
    """The figures of cells at each level.

    The gross return, and what is traded, are the same multiple of the book's at every
    cell of a level: they are kept once, as the book's.

    Attributes
    ----------
    status : ndarray of shape (n_levels, n_cells)
        0 where it was traded, 1 where an exit has no price, 2 where equity reached
        zero. Figures of the others have no meaning.
    first : ndarray of shape (n_cells,)
        Number of the first session with market exposure.
    n_returns : ndarray of shape (n_cells,)
    held_start : ndarray of shape (n_cells,)
        Where the cell's daily returns begin in `held`: all but the last.
    held : ndarray of shape (n_levels, n_held)
    worth : ndarray of shape (n_held,)
        What the book's positions are worth at the close of each session in `held`,
        longs and shorts added up, in USD; by a level, its `scale` times that.
    final : ndarray of shape (n_levels, n_cells)
        The last daily net return.
    mean, m2 : ndarray of shape (n_levels, n_cells)
        Of the daily net returns, and the sum of their squared deviations from it.
    gross : ndarray of shape (n_cells,)
        The book's return over the whole trade before costs, as a fraction of
        `BASIS_USD`; a level's is its `gross` times that.
    net : ndarray of shape (n_levels, n_cells)
    borrow_usd, impact_usd : ndarray of shape (n_levels, n_cells)
    drawdown : ndarray of shape (n_levels, n_cells)
        The worst fall of net equity from its highest value, the capital included.
    traded_usd : ndarray of shape (n_cells,)
        Bought and sold by the book; by a level, its `scale` times that.
    gaps : ndarray of shape (n_cells,)
        Closes that were missing while held; each was marked at the last price.
    """

    status: npt.NDArray[np.int8]
    first: IntVector
    n_returns: IntVector
    held_start: IntVector
    held: npt.NDArray[np.float64]
    worth: FloatVector
    final: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    m2: npt.NDArray[np.float64]
    gross: FloatVector
    net: npt.NDArray[np.float64]
    borrow_usd: npt.NDArray[np.float64]
    impact_usd: npt.NDArray[np.float64]
    drawdown: npt.NDArray[np.float64]
    traded_usd: FloatVector
    gaps: IntVector

    @classmethod
    def empty(cls, levels: Sequence[Level], n_cells: int) -> Earned:
        """Return arrays for this many cells at each level, all figures 0.

        Impact is one 0 for all where no level has any, and is read only then.
        """
        panel = (len(levels), n_cells)
        has_impact = any(level.costs.has_impact for level in levels)
        return cls(
            status=np.zeros(panel, dtype=np.int8),
            first=np.zeros(n_cells, dtype=np.int64),
            n_returns=np.zeros(n_cells, dtype=np.int64),
            held_start=np.zeros(n_cells, dtype=np.int64),
            held=np.zeros((len(levels), 0)),
            worth=np.zeros(0),
            final=np.zeros(panel),
            mean=np.zeros(panel),
            m2=np.zeros(panel),
            gross=np.zeros(n_cells),
            net=np.zeros(panel),
            borrow_usd=np.zeros(panel),
            impact_usd=np.zeros(panel) if has_impact else _nothing(panel),
            drawdown=np.zeros(panel),
            traded_usd=np.zeros(n_cells),
            gaps=np.zeros(n_cells, dtype=np.int64),
        )


def run_book(
    book: Book,
    *,
    levels: Sequence[Level],
    sessions: Sessions,
    threads: int | None = None,
    into: Earned | None = None,
) -> Earned:
    """Run every cell of a book at each level.

    Parameters
    ----------
    book
    levels
        At least one.
    sessions
        The calendar its sessions count in.
    threads
        As many as there are `processors` by default. The result does not depend on it.
    into
        What other books earned, to be filled in further; its arrays are written to.

    Returns
    -------
    Earned
    """
    from lakebt.backtest.kernel import run_slots  # noqa: PLC0415 - numba takes 0.4 s

    n_slots, n_cells = len(book), len(book.exit_row)
    earned = Earned.empty(levels, n_cells) if into is None else into
    place, at = _places(book)
    last_row = (
        np.maximum.reduceat(book.exit_row, book.exits[:-1])
        if n_slots
        else np.zeros(0, dtype=np.int64)
    )
    first = exposed_from(book.entry_row)
    lengths = session_of(last_row) - first + 1
    held_start = np.cumsum(lengths) - lengths
    held = np.zeros((len(levels), int(lengths.sum())))
    worth = np.zeros(held.shape[1])
    n_before = earned.held.shape[1]
    counts = np.diff(book.exits)
    earned.first[at] = np.repeat(first, counts)
    earned.held_start[at] = np.repeat(held_start + n_before, counts)
    fee = np.array([level.costs.proportional for level in levels])
    per_day = np.array([level.costs.borrow_per_day for level in levels])
    toll_of = np.array([_toll_of(book, level) for level in levels], dtype=np.int64)
    has_toll = bool((toll_of >= 0).any())
    toll = book.toll if has_toll else np.zeros((0, 0))
    impact = earned.impact_usd if has_toll else np.zeros((0, 0))  # as it is: read only
    impact_at = np.array(
        [(level.costs.impact_at_open, level.costs.impact_at_close) for level in levels]
    )
    scale = np.array([level.scale for level in levels])
    capital = np.array([float(level.capital_usd) for level in levels])

    def walk(part: tuple[int, int]) -> None:
        run_slots(
            *part,
            book.opens,
            book.marks,
            book.missing,
            book.cash,
            book.unlent,
            book.lent,
            book.base,
            book.size,
            book.price,
            toll,
            book.start,
            book.entry_row,
            last_row,
            book.exits,
            book.exit_row,
            place,
            sessions.days_since,
            fee,
            per_day,
            toll_of,
            impact_at,
            scale,
            capital,
            BASIS_USD,
            held_start,
            held,
            worth,
            earned.status,
            earned.n_returns,
            earned.final,
            earned.mean,
            earned.m2,
            earned.gross,
            earned.net,
            earned.borrow_usd,
            impact,
            earned.drawdown,
            earned.traded_usd,
            earned.gaps,
        )

    workers = threads or processors()
    size = max(_CHUNK, -(-n_slots // (4 * workers)))
    parts = [(lo, min(lo + size, n_slots)) for lo in range(0, n_slots, size)]
    if workers == 1 or len(parts) < 2:
        for part in parts:
            walk(part)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(walk, parts))
    if n_before:
        held = np.concatenate([earned.held, held], axis=1)
        worth = np.concatenate([earned.worth, worth])
    return replace(earned, held=held, worth=worth)


def _nothing(shape: tuple[int, int]) -> FloatPanel:
    """Return zeros that take up eight bytes, and are read only."""
    return np.ndarray(shape, dtype=np.float64, buffer=bytes(8), strides=(0, 0))


def _places(book: Book) -> tuple[IntVector, slice | IntVector]:
    """Return the places of the cells' figures, for the kernel and for NumPy."""
    if book.place is None:
        return np.arange(len(book.exit_row)), slice(None)
    return book.place, book.place


def _toll_of(book: Book, level: Level) -> int:
    """Return which of a book's tolls a level pays, -1 for none."""
    if not level.costs.has_impact:
        return -1
    return book.toll_sessions.index(level.costs.impact_sessions)


def processors() -> int:
    """Return how many processors this process may use.

    No more than ``OMP_NUM_THREADS`` says, as in other libraries that compute: Spark
    sets it to 1 in its Python workers, of which each core has one.
    """
    available = len(os.sched_getaffinity(0))
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(limit), available) if limit.isdigit() and int(limit) else available
