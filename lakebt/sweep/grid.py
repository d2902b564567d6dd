"""The grid of a sweep: all combinations of arguments with several values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.events.rules import parse_entries, parse_exits
from lakebt.inputs.roles import Decides
from lakebt.lake.trials.origin import Origin
from lakebt.study.arguments import ENTRIES, EXITS, GRID, PAIRS, SOURCES, Arguments
from lakebt.study.scope import Scope
from lakebt.study.trials import cell_ids, family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.facts import IndexChange
    from lakebt.lake.reading.view import View


VARIED = tuple(
    name
    for name in Arguments.names(~Decides.REFUSAL)
    if name not in {*SOURCES, *GRID, "costs"}
)
"""Arguments of a study that a sweep can vary, besides its grid, costs and view."""


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Costs, entries and exits that have yet to be run.

    Attributes
    ----------
    costs : tuple of CostModel
    entries, exits : tuple of str
    """

    costs: tuple[CostModel, ...]
    entries: tuple[str, ...]
    exits: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """One study of a sweep, under several costs.

    Attributes
    ----------
    scope : Scope
        Its own costs are the first of `costs`.
    costs : tuple of CostModel
    origin : Origin
        What it is run on, and by what.
    family : str
        What is searched.
    ids : tuple of tuple of str
        For each of `costs` the trial ids of the study's cells, by entry and exit.
    """

    scope: Scope
    costs: tuple[CostModel, ...]
    origin: Origin
    family: str
    ids: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls,
        scope: Scope,
        costs: tuple[CostModel, ...],
        *,
        engine: str,
        name: str | None,
    ) -> Point:
        """Return the point of a study; no price is looked at."""
        origin = Origin.of(scope.view, engine=engine)
        arguments = scope.arguments.plain()
        return cls(
            scope=scope,
            costs=costs,
            origin=origin,
            family=family(arguments) if name is None else name,
            ids=tuple(
                tuple(trial for _, _, trial in cell_ids(arguments, cost, origin))
                for cost in costs
            ),
        )

    @property
    def entries(self) -> tuple[str, ...]:
        """The entry rules, as written."""
        return tuple(map(str, self.scope.arguments.entries))

    @property
    def exits(self) -> tuple[str, ...]:
        """The exit rules, as written."""
        return tuple(map(str, self.scope.arguments.exits))

    def arguments(self, cost: CostModel) -> dict[str, Any]:
        """Return the arguments under one of the costs."""
        return self.scope.arguments.replaced(costs=cost).plain()

    def missing(self, known: frozenset[str]) -> Missing | None:
        """Return what has to be run: the costs, entries and exits of unknown trials.

        None if every trial is known.
        """
        shape = (len(self.costs), len(self.entries), len(self.exits))
        unknown = np.array(
            [[trial not in known for trial in ids] for ids in self.ids]
        ).reshape(shape)
        if not unknown.any():
            return None
        levels, entries, exits = (
            np.flatnonzero(unknown.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))
        )
        return Missing(
            costs=tuple(self.costs[number] for number in levels.tolist()),
            entries=tuple(self.entries[n] for n in entries.tolist()),
            exits=tuple(self.exits[n] for n in exits.tolist()),
        )

    def only(self, missing: Missing) -> Scope:
        """Return the scope of what is missing: a rule does not depend on the others."""
        if len(missing.entries) * len(missing.exits) == len(self.ids[0]):
            return self.scope
        return self.scope.with_grid(
            parse_entries(missing.entries), parse_exits(missing.exits)
        )


def each(value: object, name: str) -> tuple[Any, ...]:
    """Return the values of an argument: those of a list, or the single one.

    Raises
    ------
    InvalidArgumentError
        If it is an empty list.

    Examples
    --------
    >>> each("both", "side"), each([None, "SPY"], "hedge")
    (('both',), (None, 'SPY'))
    >>> each(("2010-01-01", "2014-12-31"), "period")
    (('2010-01-01', '2014-12-31'),)
    """
    if name in PAIRS:
        is_many = isinstance(value, list)
    else:
        is_many = isinstance(value, list | tuple)
    values = tuple(value) if is_many else (value,)  # type: ignore[arg-type]  # is_many says so
    if not values:
        msg = f"{name} is an empty list: give at least one value, or leave it out"
        raise InvalidArgumentError(msg)
    return values


def combinations(varied: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Yield every combination of arguments, the last one varying first.

    Raises
    ------
    InvalidArgumentError
        If a list is empty.
    UnknownNameError
        If a study has no such argument.
    """
    for name in varied:
        if name not in VARIED:
            what = "argument of a sweep"
            raise UnknownNameError(what, name, VARIED)
    values = [each(value, name) for name, value in varied.items()]
    for chosen in itertools.product(*values):
        yield dict(zip(varied, chosen, strict=True))


def points(
    views: Sequence[View],
    *,
    index: str | None,
    changes: Sequence[IndexChange] | None,
    entries: Sequence[str] = ENTRIES,
    exits: Sequence[str] = EXITS,
    costs: tuple[CostModel, ...],
    varied: Mapping[str, object],
    engine: str,
    name: str | None,
) -> tuple[Point, ...]:
    """Return the studies of a sweep, each with all its costs.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If a name is unknown.
    """
    points_ = []
    for view in views:
        for chosen in combinations(varied):
            gross = float(chosen.get("gross", 1.0))
            arguments = Arguments.parse(
                index=index,
                changes=changes,
                entries=entries,
                exits=exits,
                costs=costs[0],
                max_gross=max(2.0, gross),
                **chosen,
            )
            scope = Scope(view, arguments)
            points_.append(Point.of(scope, costs, engine=engine, name=name))
    return tuple(points_)
