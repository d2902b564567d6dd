"""SWEEP.toml: a sweep as a file, for batches and for whoever reads it later."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.backtest.costs import CostModel
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.study.arguments import PAIRS
from lakebt.sweep.grid import VARIED
from lakebt.sweep.strategies import VARIED as BACKTEST
from lakebt.sweep.sweep import Sweep

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from lakebt.lake.reading.view import View


_TOP = (
    *("name", "release", "releases", "as_of", "index", "entries", "exits"),
    *("engine", "grid", "costs", "where", "strategy", "parameters"),
)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a SWEEP.toml says.

    Parameters
    ----------
    path
        At the top ``release`` or ``releases``, ``index``, ``entries`` and ``exits``;
        ``[grid]`` with any other argument of a study, one value or a list;
        ``[[costs]]`` and ``[[where]]``, one table for each cost model and each filter.
        Or, instead of an index, ``strategy``, a file beside this one, and
        ``[parameters]``; then ``[grid]`` has arguments of a backtest. TOML has no null:
        in a list, ``""`` is no hedge and an empty table no filter.

    Raises
    ------
    InvalidArgumentError
        If there is no such file, it is no TOML, or something is missing in it.
    UnknownNameError
        If it says something that no sweep has.
    """
    place = Path(path).expanduser()
    try:
        told = tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"sweep file {place} cannot be read: {error.strerror}. Check the path"
        raise InvalidArgumentError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"sweep file {place} is not TOML: {error}"
        raise InvalidArgumentError(msg) from None
    _check_names(told, _TOP, where=f"{place}: key")
    grid = _table(told, "grid", place)
    of_study = [name for name in VARIED if name != "where"]
    known = BACKTEST if "strategy" in told else of_study
    _check_names(grid, known, where=f"{place}: [grid] key")
    if ("index" in told) == ("strategy" in told):
        how = "both an index and a" if "index" in told else "neither an index nor a"
        msg = (
            f"sweep file {place} names {how} strategy: write either "
            f'index = "SP500" or strategy = "FILE.py:Name"'
        )
        raise InvalidArgumentError(msg)
    if ("release" in told) == ("releases" in told):
        msg = f'sweep file {place}: write either release = "R1" or releases = [...]'
        raise InvalidArgumentError(msg)
    if "strategy" in told:
        told["strategy"] = _beside(place, str(told["strategy"]))
    return told


def _beside(place: Path, target: str) -> str:
    """Return the target of a strategy, whose file is named from where the sweep is."""
    file, _, name = target.rpartition(":")
    return f"{place.parent / Path(file).expanduser()}:{name}"


def sweep_from(
    told: Mapping[str, Any], *, open_view: Callable[[str, object], View]
) -> Sweep:
    """Return the sweep that a SWEEP.toml describes.

    Parameters
    ----------
    told
        As `read_toml` returns it.
    open_view
        Opens a release, as of an instant or of its cutoff.

    Raises
    ------
    InvalidArgumentError
        If a value cannot be used.
    UnknownNameError
        If a name is unknown.
    """
    releases = told.get("releases", [told.get("release")])
    if isinstance(releases, str):
        releases = [releases]
    varied: dict[str, Any] = dict(told.get("grid", {}))
    if "hedge" in varied:
        hedges = varied["hedge"]
        many = hedges if isinstance(hedges, list) else [hedges]
        varied["hedge"] = [hedge or None for hedge in many]
    for name in PAIRS:
        if name in varied:
            varied[name] = _pairs(varied[name])
    if "where" in told:
        filters = told["where"]
        varied["where"] = filters if isinstance(filters, list) else [filters]
    grid = {name: told[name] for name in ("entries", "exits", "name") if name in told}
    for name in ("index", "strategy", "parameters"):
        if name in told:
            grid[name] = told[name]
    return Sweep(
        [open_view(str(name), told.get("as_of")) for name in releases],
        costs=[_costs(cost) for cost in told.get("costs", [{}])],
        engine=told.get("engine", "event"),
        **grid,
        **varied,
    )


def _pairs(value: Any) -> list[Any]:
    """Return pairs as a list: TOML writes one, and a list of them, alike."""
    is_one = isinstance(value, list) and not any(isinstance(v, list) for v in value)
    pairs = [value] if is_one else value
    return [tuple(pair) if pair else None for pair in pairs]


def _costs(told: Mapping[str, Any]) -> CostModel:
    _check_names(
        told, [field.name for field in fields(CostModel)], where="[[costs]] key"
    )
    return CostModel(**told)


def _table(told: Mapping[str, Any], name: str, place: Path) -> Mapping[str, Any]:
    found = told.get(name, {})
    if not isinstance(found, dict):
        msg = f"sweep file {place}: {name} must be a table: write [{name}]"
        raise InvalidArgumentError(msg)
    return found


def _check_names(told: Mapping[str, Any], known: Any, *, where: str) -> None:
    for name in told:
        if name not in known:
            raise UnknownNameError(where, name, known)
