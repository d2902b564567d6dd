"""SWEEP.toml: a sweep as a file."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.backtest.costs import CostModel
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.inputs.places import local_path
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
    """Read a SWEEP.toml.

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
    file = local_path(path, what="sweep file", cure="fetch it, and name the copy")
    try:
        sweep = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"sweep file {file} cannot be read: {error.strerror}. Check the path"
        raise InvalidArgumentError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"sweep file {file} is not TOML: {error}"
        raise InvalidArgumentError(msg) from None
    _check_names(sweep, _TOP, where=f"{file}: key")
    grid = _table(sweep, "grid", file)
    of_study = [name for name in VARIED if name != "where"]
    known = BACKTEST if "strategy" in sweep else of_study
    _check_names(grid, known, where=f"{file}: [grid] key")
    if ("index" in sweep) == ("strategy" in sweep):
        how = "both an index and a" if "index" in sweep else "neither an index nor a"
        msg = (
            f"sweep file {file} names {how} strategy: write either "
            f'index = "SP500" or strategy = "FILE.py:Name"'
        )
        raise InvalidArgumentError(msg)
    if ("release" in sweep) == ("releases" in sweep):
        msg = f'sweep file {file}: write either release = "R1" or releases = [...]'
        raise InvalidArgumentError(msg)
    others = ("entries", "exits", "where") if "strategy" in sweep else ("parameters",)
    for name in others:
        if name in sweep:
            of = "an index" if "strategy" in sweep else "a strategy"
            msg = f"sweep file {file}: {name} is for a sweep of {of}: leave it out"
            raise InvalidArgumentError(msg)
    if "strategy" in sweep:
        sweep["strategy"] = _beside(file, str(sweep["strategy"]))
    return sweep


def _beside(file_of_sweep: Path, target: str) -> str:
    """Return the target of a strategy, whose file is named from where the sweep is."""
    file, _, name = target.rpartition(":")
    return f"{file_of_sweep.parent / Path(file).expanduser()}:{name}"


def sweep_from(
    sweep: Mapping[str, Any], *, open_view: Callable[[str, object], View]
) -> Sweep:
    """Return the sweep that a SWEEP.toml describes.

    Parameters
    ----------
    sweep
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
    releases = sweep.get("releases", [sweep.get("release")])
    if isinstance(releases, str):
        releases = [releases]
    varied: dict[str, Any] = dict(sweep.get("grid", {}))
    if "hedge" in varied:
        hedges = varied["hedge"]
        many = hedges if isinstance(hedges, list) else [hedges]
        varied["hedge"] = [hedge or None for hedge in many]
    for name in PAIRS:
        if name in varied:
            varied[name] = _pairs(varied[name])
    if "where" in sweep:
        filters = sweep["where"]
        varied["where"] = filters if isinstance(filters, list) else [filters]
    grid = {name: sweep[name] for name in ("entries", "exits", "name") if name in sweep}
    for name in ("index", "strategy", "parameters"):
        if name in sweep:
            grid[name] = sweep[name]
    return Sweep(
        [open_view(str(name), sweep.get("as_of")) for name in releases],
        costs=[_costs(cost) for cost in sweep.get("costs", [{}])],
        engine=sweep.get("engine", "event"),
        **grid,
        **varied,
    )


def _pairs(value: Any) -> list[Any]:
    """Return pairs as a list: TOML writes one, and a list of them, alike."""
    is_one = isinstance(value, list) and not any(isinstance(v, list) for v in value)
    pairs = [value] if is_one else value
    return [tuple(pair) if pair else None for pair in pairs]


def _costs(rates: Mapping[str, Any]) -> CostModel:
    _check_names(
        rates, [field.name for field in fields(CostModel)], where="[[costs]] key"
    )
    return CostModel(**rates)


def _table(sweep: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    table = sweep.get(name, {})
    if not isinstance(table, dict):
        msg = f"sweep file {file}: {name} must be a table: write [{name}]"
        raise InvalidArgumentError(msg)
    return table


def _check_names(names: Mapping[str, Any], known: Any, *, where: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(where, name, known)
