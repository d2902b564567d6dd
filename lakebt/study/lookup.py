"""The cells of a study in full, found by the names of their event, entry and exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.backtest.walk import walk_trades
from lakebt.backtest.window import PriceWindow
from lakebt.errors import InvalidArgumentError, UnknownNameError, UntradeableError
from lakebt.events.plan import Empty
from lakebt.inputs.checks import is_text
from lakebt.prices.cut_off import CutOffError
from lakebt.prices.holding import Holdings
from lakebt.sessions import session_of
from lakebt.study.single import CellResult, deal
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakebt._typing import IntVector
    from lakebt.backtest.weights import Sizing
    from lakebt.events.schedule import Schedule
    from lakebt.prices.history import PriceHistory
    from lakebt.study.arguments import Arguments
    from lakebt.study.cells import Cells
    from lakebt.study.single import Desk

KEPT = 10_000
"""So many quotes of cells are kept: legs, orders and flows ask for the same ones."""

_RUINED = Reason.RUINED.code
_NO_PRICE = Reason.NO_PRICE.code


class Lookup:
    """Makes cells in full from the guard's decisions and the figures of each cell.

    Parameters
    ----------
    arguments, plan, cells, history
    in_full
        Returns the prices of some symbols in all sessions, where those of `history` are
        of some: why a price is missing is told by all.
    """

    def __init__(
        self,
        arguments: Arguments,
        plan: Schedule,
        cells: Cells,
        history: PriceHistory,
        *,
        in_full: Callable[[Sequence[str]], PriceHistory] | None = None,
    ) -> None:
        self._arguments, self._plan = arguments, plan
        self._cells, self._in_full = cells, in_full
        self.holdings = Holdings(history, arguments.delisting_return)
        self._kept: dict[object, list[CellResult]] = {}
        self._n_kept = 0

    def each(
        self,
        *,
        event: str | None = None,
        entry: str | None = None,
        exit_: str | None = None,
        only: Any = None,
    ) -> Iterator[CellResult]:
        """Yield cells in full, by event, entry and exit.

        Parameters
        ----------
        event, entry, exit_
            Only these; all by default.
        only : ndarray of bool, shape (n_slots, n_exits)
            Only these cells.

        Raises
        ------
        UnknownNameError
            If the study has no such event, entry or exit.
        """
        plan = self._plan
        slots = np.arange(len(plan)) if entry is None else self.slots(entry)
        columns = np.arange(len(plan.exits))
        if exit_ is not None:
            columns = columns[[self.column(exit_)]]
        if event is not None:
            names = [plan.events[number].event_id for number in plan.event[slots]]
            if event not in names:
                raise UnknownNameError("event", event, tuple(dict.fromkeys(names)))
            slots = slots[np.array(names) == event]
        shape = (len(slots), len(columns))
        wanted = np.ones(shape, dtype=bool) if only is None else only[slots][:, columns]
        by_event: dict[int, list[tuple[int, int]]] = {}
        for row, column in np.argwhere(wanted).tolist():
            place = (int(slots[row]), int(columns[column]))
            by_event.setdefault(int(plan.event[place[0]]), []).append(place)
        unpriced = {
            number for number, places in by_event.items() if self._lacks_price(places)
        }
        whole = self._whole(unpriced, self._arguments.sizing) if unpriced else None
        for number, places in by_event.items():
            yield from self._dealt(places, whole if number in unpriced else None)

    def _lacks_price(self, places: list[tuple[int, int]]) -> bool:
        """Whether cells of an event need prices of other sessions to explain a gap."""
        if self._in_full is None:
            return False
        return any(self._cells.reason[place] == _NO_PRICE for place in places)

    def _whole(self, events: Iterable[int], sizing: Sizing) -> Holdings:
        """Return the shares of some events, with prices in all sessions."""
        assert self._in_full is not None  # noqa: S101 - else they are there
        plan = self._plan
        slots = np.flatnonzero(np.isin(plan.event, list(events))).tolist()
        symbols = {change.symbol for slot in slots for change in plan.vintages(slot)}
        symbols |= {sizing.hedge} if sizing.hedge is not None else set()
        history = self._in_full(sorted(symbols))
        return Holdings(history, self._arguments.delisting_return)

    def deal(
        self, places: Sequence[tuple[int, int]], sizing: Sizing | None = None
    ) -> tuple[list[CellResult], Desk | None]:
        """Price and size some cells of one event again; see `lakebt.study.single`.

        Parameters
        ----------
        places
            Slot and exit of each.
        sizing
            Another than the study's.

        Raises
        ------
        CutOffError
            If an answer may lie in bars that are not there, and no more can be read.
        """
        sizing = sizing or self._arguments.sizing
        try:
            return self._deal(places, self.holdings, sizing)
        except CutOffError:
            if self._in_full is None:
                raise
            event = int(self._plan.event[places[0][0]])
            return self._deal(places, self._whole([event], sizing), sizing)

    def _deal(
        self, places: Sequence[tuple[int, int]], holdings: Holdings, sizing: Sizing
    ) -> tuple[list[CellResult], Desk | None]:
        return deal(
            [self._plan.cell(*place) for place in places],
            holdings,
            sizing=sizing,
            missing=self._arguments.missing,
            costs=self._arguments.costs,
        )

    def _dealt(
        self, places: list[tuple[int, int]], holdings: Holdings | None = None
    ) -> list[CellResult]:
        """Return some cells of one event, made once if there are not too many."""
        key = tuple(places), holdings is None
        if key in self._kept:
            return self._kept[key]
        cells = list(self._made(places, holdings))
        n_quotes = sum(1 + len(result.quotes) for result in cells)
        if self._n_kept + n_quotes <= KEPT:
            self._kept[key] = cells
            self._n_kept += n_quotes
        return cells

    def _made(
        self, places: list[tuple[int, int]], holdings: Holdings | None
    ) -> Iterator[CellResult]:
        """Yield some cells of one event."""
        sizing = self._arguments.sizing
        results, desk = (
            self.deal(places)
            if holdings is None
            else self._deal(places, holdings, sizing)
        )
        for place, result in zip(places, results, strict=True):
            if self._cells.reason[place] != _RUINED:
                yield result
                continue
            assert desk is not None  # noqa: S101 - it was traded
            assert result.trade is not None  # noqa: S101 - it was traded
            (outcome,) = walk_trades(
                [result.trade],
                window=desk.window_of(result.trade),
                costs=self._arguments.costs,
                capital_usd=sizing.capital_usd,
            )
            fact = f"equity reached {outcome.equity.min():,.0f} USD"
            yield CellResult(
                cell=result.cell,
                quotes=result.quotes,
                hedge=result.hedge,
                empty=Empty(reason=Reason.RUINED, fact=fact),
            )

    def to_vectorbt(self, *, event: str, entry: str, exit_: str) -> Any:
        """Return one cell as a ``vectorbt.Portfolio``; see `lakebt.Result.to_vectorbt`.

        Raises
        ------
        InvalidArgumentError
            If the cell is empty.
        UnknownNameError
            If the study has no such event, entry or exit.
        """
        from lakebt.backtest.reference import to_vectorbt  # noqa: PLC0415 - users of it only

        (cell,) = self.each(event=event, entry=entry, exit_=exit_)
        if cell.trade is None:
            why = cell.empty.reason if cell.empty else "empty"
            msg = f"{event}, {entry} to {exit_} was not traded: {why}"
            raise InvalidArgumentError(msg)
        trade = cell.trade
        entered, last = session_of(trade.entry_row), session_of(trade.exit_row)
        history = self.holdings.history
        symbols = sorted({position.symbol for position in trade.positions})
        window = PriceWindow.of(history, symbols, first=entered, last=last)
        holdings = [
            self.holdings.follow(symbol, entered=entered, last=last)
            for symbol in symbols
        ]
        worths = {h.symbol: h.worth(history) for h in holdings if not h.is_plain}
        window = window.since(entered, worths) if worths else window
        return to_vectorbt(
            trade,
            window=window,
            costs=self._arguments.costs,
            capital_usd=self._arguments.capital_usd,
        )

    def first_empty(self) -> Empty:
        """Return the reason of the first empty cell. There must be one."""
        return self._first(self._cells.reason > 0)[1]

    def _first(self, wanted: Any) -> tuple[CellResult, Empty]:
        slot, column = np.argwhere(wanted)[0].tolist()
        (cell,) = self._dealt([(slot, column)])
        assert cell.empty is not None  # noqa: S101 - that was asked
        return cell, cell.empty

    def raise_unpriced(self) -> None:
        """Stop on a cell that lacks a price.

        Raises
        ------
        UntradeableError
            With the event, the rule and the symbols.
        """
        unpriced = self._cells.reason == _NO_PRICE
        if unpriced.any():
            cell, empty = self._first(unpriced)
            msg = (
                f"{cell.cell.event.event_id}, {cell.cell.entry} to "
                f"{cell.cell.exit}: {empty.fact}; publish the prices, or pass "
                f'missing="exclude" or missing="drop_leg"'
            )
            raise UntradeableError(msg)

    def slots(self, entry: str) -> IntVector:
        """Return the slots of an entry rule.

        Raises
        ------
        UnknownNameError
            If there is no such entry.
        """
        return np.flatnonzero(self._plan.entry == self.number(entry))

    def number(self, entry: str) -> int:
        """Return the number of an entry rule.

        Raises
        ------
        UnknownNameError
            If there is no such entry.
        """
        return rule_number("entry", entry, self._plan.entries)

    def column(self, exit_: str) -> int:
        """Return the column of an exit rule.

        Raises
        ------
        UnknownNameError
            If there is no such exit.
        """
        return rule_number("exit", exit_, self._plan.exits)


def rule_number(kind: str, name: str, rules: Sequence[object]) -> int:
    """Return the number of a rule among those of its kind.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    names = tuple(map(str, rules))
    if not is_text(name) or name not in names:
        raise UnknownNameError(kind, name, names)
    return names.index(name)
