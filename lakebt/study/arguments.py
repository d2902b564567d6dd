"""`Arguments`: the arguments of a study, with the role of each field."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from lakebt.analysis.pooling import Aggregate, Pooling, Weighting, parse_pooling
from lakebt.backtest.costs import CostModel, parse_costs
from lakebt.backtest.trades import MISSING
from lakebt.backtest.weights import Sizing, TradedSide, check_gross
from lakebt.errors import InvalidArgumentError, listed
from lakebt.events.clock import lead_text, parse_lead
from lakebt.events.filters import parse_period, parse_size
from lakebt.events.guard import ON_LOOK_AHEAD
from lakebt.events.rules import one_spelling, parse_entries, parse_exits
from lakebt.facts import IndexChange
from lakebt.inputs.checks import (
    check_list,
    check_positive,
    check_return,
    check_text,
    one_of,
)
from lakebt.inputs.in_words import in_words
from lakebt.inputs.roles import (
    ArgumentList,
    Decides,
    an_option_each,
    argument,
    option_name,
    written_by,
)
from lakebt.inputs.where import ChangeFilter, plain_where, where_texts
from lakebt.values.keys import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lakebt.backtest.trades import Missing
    from lakebt.events.filters import Period
    from lakebt.events.guard import OnLookAhead
    from lakebt.events.rules import Entry, Exit

ENTRIES = ("AD+1@open", "ED-1@close", "ED@close", "MD+1@open")
EXITS = ("+1", "1w", "2w", "3w", "4w")
"""The grid of a study that is given none."""

GRID = ("entries", "exits")
"""Arguments that a cell has one of, and its study several."""

PAIRS = ("period", "size")
"""Arguments whose one value is a pair."""

SOURCES = ("index", "changes")
"""Where the changes come from: one of the two is given."""

_ORDERS = Decides.ORDERS | Decides.PRICES | Decides.BOOKS


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _commas(name: str, values: Iterable[object] | None) -> dict[str, str | list[str]]:
    return {} if values is None else {option_name(name): ",".join(map(str, values))}


def _plain(value: object) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _plain_where(where: Mapping[str, Any]) -> dict[str, Any]:
    return {column: _plain_filter(value) for column, value in where.items()}


def _plain_filter(value: Any) -> Any:
    if isinstance(value, dict):
        return {op: _plain_filter(each) for op, each in value.items()}
    return list(map(_plain, value)) if isinstance(value, list) else _plain(value)


def _where_options(name: str, where: Mapping[str, Any]) -> dict[str, str | list[str]]:
    texts = where_texts(where)
    return {option_name(name): texts} if texts else {}


def _plain_pair(pair: tuple[object, object] | None) -> list[Any] | None:
    return None if pair is None else [_plain(value) for value in pair]


def _plain_changes(changes: Sequence[IndexChange] | None) -> list[Any] | None:
    if changes is None:
        return None
    return [
        {
            field.name: _plain(getattr(change, field.name))
            for field in fields(change)
            if getattr(change, field.name) is not None
        }
        for change in changes
    ]


def _no_option(_name: str, _value: object) -> dict[str, str | list[str]]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Arguments(ArgumentList):
    """The arguments of a study, other than its view, checked when they are made.

    The fields are the arguments of `lakebt.Study`, in the order in which they are
    written.
    """

    index: str | None = argument(_ORDERS, default=None)
    changes: tuple[IndexChange, ...] | None = argument(
        _ORDERS, default=None, plain=_plain_changes, options=_no_option
    )
    entries: tuple[Entry, ...] = argument(_ORDERS, plain=_texts, options=_commas)
    exits: tuple[Exit, ...] = argument(_ORDERS, plain=_texts, options=_commas)
    where: Mapping[str, Any] = argument(
        _ORDERS, plain=_plain_where, options=_where_options
    )
    period: Period | None = argument(
        _ORDERS, default=None, plain=_plain_pair, options=_commas
    )
    size: tuple[int, int] | None = argument(
        _ORDERS, default=None, plain=_plain_pair, options=_commas
    )
    side: TradedSide = argument(_ORDERS, default=TradedSide.BOTH, plain=str)
    hedge: str | None = argument(Decides.PRICES | Decides.BOOKS, default=None)
    gross: float = argument(Decides.LEVEL, default=1.0)
    max_gross: float = argument(Decides.REFUSAL, default=2.0)
    capital_usd: float = argument(Decides.LEVEL, default=100_000.0)
    missing: Missing = argument(Decides.BOOKS, default="exclude")
    delisting_return: float | None = argument(Decides.BOOKS, default=None)
    aggregate: Aggregate = argument(Decides.SERIES, default=Aggregate.POOLED, plain=str)
    weighting: Weighting = argument(Decides.SERIES, default=Weighting.EVENT, plain=str)
    max_weight: float = argument(Decides.SERIES, default=1.0)
    costs: CostModel = argument(
        Decides.LEVEL,
        default=CostModel(),
        plain=CostModel.plain,
        options=an_option_each,
    )
    on_look_ahead: OnLookAhead = argument(_ORDERS, default="mask")
    min_lead: dt.timedelta = argument(
        _ORDERS,
        default=dt.timedelta(minutes=10),
        plain=lead_text,
        options=written_by(lead_text),
    )

    @classmethod
    def parse(
        cls,
        *,
        index: str | None = None,
        changes: Iterable[IndexChange] | None = None,
        entries: Sequence[str] = ENTRIES,
        exits: Sequence[str] = EXITS,
        where: Mapping[str, Any] | None = None,
        period: Any = None,
        size: Any = None,
        side: str = "both",
        hedge: str | None = None,
        gross: float = 1.0,
        max_gross: float = 2.0,
        capital_usd: float = 100_000.0,
        missing: str = "exclude",
        delisting_return: float | None = None,
        aggregate: str = "pooled",
        weighting: str = "event",
        max_weight: float = 1.0,
        costs: CostModel | None = None,
        on_look_ahead: str = "mask",
        min_lead: str | dt.timedelta = "10min",
    ) -> Arguments:
        """Return a user's arguments, checked.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used; the message names it and the cure.
        UnknownNameError
            If a word is unknown, or `where` names no column.
        """
        if (index is None) == (changes is None):
            msg = "pass either index= (changes from the lake) or changes= (your own)"
            raise InvalidArgumentError(msg)
        filters = plain_where(where)  # once: its values may be an iterator
        ChangeFilter(filters)  # refuses what it cannot match
        gross, max_gross = check_gross(gross, max_gross)
        if changes is not None:
            check_list("changes", changes)
        if hedge is not None:
            check_text("hedge", hedge)
        pooling = parse_pooling(aggregate, weighting, max_weight)
        on_look_ahead = one_of(on_look_ahead, ON_LOOK_AHEAD, what="on_look_ahead")
        return cls(
            index=index,
            changes=None if changes is None else tuple(changes),
            entries=parse_entries(entries),
            exits=parse_exits(exits),
            where=filters,
            period=parse_period(period),
            size=parse_size(size),
            side=TradedSide(one_of(side, TradedSide, what="side")),
            hedge=hedge,
            gross=gross,
            max_gross=max_gross,
            capital_usd=check_positive("capital_usd", capital_usd),
            missing=cast("Missing", one_of(missing, MISSING, what="missing")),
            delisting_return=check_return("delisting_return", delisting_return),
            aggregate=pooling.how,
            weighting=pooling.weighting,
            max_weight=pooling.max_weight,
            costs=parse_costs(costs),
            on_look_ahead=cast("OnLookAhead", on_look_ahead),
            min_lead=parse_lead(min_lead),
        )

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Arguments:
        """Return the arguments from `plain`, without the checks for new ones.

        Raises
        ------
        InvalidArgumentError
            If there is an argument or a rate that this version of lakebt does not have.
        """
        rates = dict(plain.get("costs", {}))
        for kind, names, known in (
            ("arguments", set(plain), set(cls.names())),
            ("costs", set(rates), set(CostModel.TERMS)),
        ):
            if unknown := sorted(names - known):
                msg = f"{kind} have {listed(unknown)}, which this version does not"
                raise InvalidArgumentError(msg)
        read = {**plain, "costs": CostModel(**rates)}
        if read.get("changes") is not None:
            read["changes"] = [IndexChange(**change) for change in read["changes"]]
        gross = float(read.get("gross", 1.0))
        return cls.parse(**{"max_gross": max(2.0, gross), **read})

    def plain(self, decides: Decides | None = None) -> dict[str, Any]:
        """Return the arguments as JSON values; see `ArgumentList.plain`.

        Returns
        -------
        dict
            Of a trial's rule unless a role is given. `changes` and `delisting_return`
            are there if they were given, and not as None: so ids of trials are those of
            earlier versions.
        """
        plain = super().plain(decides)
        for name in ("changes", "delisting_return"):
            if getattr(self, name) is None:
                plain.pop(name, None)
        return plain

    def replaced(self, **changed: Any) -> Arguments:
        """Return the arguments with some replaced by parsed values."""
        return replace(self, **changed)

    @cached_property
    def sizing(self) -> Sizing:
        """How capital is distributed over positions."""
        return Sizing(
            side=self.side,
            hedge=self.hedge,
            gross=self.gross,
            capital_usd=self.capital_usd,
        )

    @cached_property
    def pooling(self) -> Pooling:
        """How the events become one return series."""
        return Pooling(
            how=self.aggregate, weighting=self.weighting, max_weight=self.max_weight
        )

    def in_words(self) -> dict[str, str]:
        """Return every argument in words, by its name with spaces."""
        plain = super().plain(~Decides(0))
        words = {name: in_words(name, value) for name, value in plain.items()}
        words["costs"] = str(self.costs)
        if self.index is None:
            words["index"] = "changes supplied by the caller"
        for name in ("changes", "delisting_return"):
            if getattr(self, name) is None:
                del words[name]
        return {
            name.replace("_usd", ", USD").replace("_", " "): text
            for name, text in words.items()
        }


def rule_arguments(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without the grid and the costs, which all cells share."""
    return {
        name: value for name, value in plain.items() if name not in {*GRID, "costs"}
    }


def one_writing(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments in one spelling for all that mean the same.

    The values of a filter are a list, each once, in one order, or such a list for each
    comparison; of rules there is one spelling; changes stand once, in the order in
    which a view has them.
    """
    filters = ChangeFilter(arguments.get("where") or {}).one_writing
    grid = {name: list(map(one_spelling, arguments[name])) for name in GRID}
    given = arguments.get("changes")
    own = {} if given is None else {"changes": _in_order(given)}
    return {**arguments, "where": filters, **grid, **own}


def _in_order(changes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    once = {canonical_json(change): change for change in changes}

    def place(text: str) -> tuple[str, str, str, str]:
        change = once[text]
        return change["known_at"], change["symbol"], change["side"], text

    return [once[text] for text in sorted(once, key=place)]
