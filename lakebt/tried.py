"""A result as rows of the ledger of trials: what was tried, on what, and what it was.

A trial's id is the key of all that decides its numbers: rule, costs, release, what the
release holds, what was known, engine, and the code. So to run it again is to find it.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._version import __version__
from lakebt.arguments import costs_json, rule_arguments
from lakebt.content import canonical_json, content_key
from lakebt.errors import LakebtError, LedgerWarning
from lakebt.lake.reading.altered import is_altered
from lakebt.lake.trials.ledger import ledger_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt.backtest.costs import CostModel
    from lakebt.lake.reading.view import View
    from lakebt.result import Result
    from lakebt.summary import Summary

_TABLES = ("prices", "index_changes", "etf_holdings")
"""What a study reads."""

_LIBRARIES = ("numpy", "pandas", "pyarrow", "pyiceberg", "numba", "vectorbt")

_NOT_COMPUTING = ("cli", "demo", "report", "sources")
"""Packages that no number of a result comes from."""


@functools.cache
def code_version() -> str:
    """Return the version of the code that computes, its sources included.

    Examples
    --------
    >>> code_version().partition("+")[0] == __version__
    True
    """
    root = Path(__file__).parent
    key = hashlib.blake2b(digest_size=4)
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] not in _NOT_COMPUTING:
            key.update(str(place).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}+{key.hexdigest()}"


@functools.cache
def environment(exchange: str) -> str:
    """Return, as JSON, what a number was computed with.

    The versions of Python and of the libraries, and whose sessions were counted.
    """
    libraries = {name: version(name) for name in _LIBRARIES}
    machine = platform.machine()
    python = platform.python_version()
    return canonical_json(
        {"python": python, "machine": machine, "exchange": exchange, **libraries}
    )


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a trial was run on, and by what.

    Attributes
    ----------
    release, as_of
        The view's.
    snapshots, digests
        Of the tables that are read, None for one without rows.
    exchange
        Whose sessions count.
    engine
    code
        See `code_version`.
    """

    release: str
    as_of: dt.datetime
    snapshots: Mapping[str, int | None]
    digests: Mapping[str, str | None]
    exchange: str
    engine: str
    code: str

    @classmethod
    def of(
        cls, view: View, *, engine: str, tables: tuple[str, ...] | None = _TABLES
    ) -> Origin:
        """Return the origin of what is run on `view`; of all `tables` if None."""
        told = view.provenance()
        names = tuple(told["snapshots"]) if tables is None else tables
        return cls(
            release=view.release,
            as_of=view.instant,
            snapshots={name: told["snapshots"].get(name) for name in names},
            digests={name: told["digests"].get(name) for name in names},
            exchange=view.sessions.exchange,
            engine=engine,
            code=code_version(),
        )

    @functools.cached_property
    def _key(self) -> str:
        return content_key(
            {
                "release": self.release,
                "as_of": self.as_of,
                "digests": self.digests,
                "exchange": self.exchange,
                "engine": self.engine,
                "code": self.code,
            }
        )

    def key(self, what: object) -> str:
        """Return the id of something that is run here."""
        return content_key({"what": what, "on": self._key})

    def columns(self) -> dict[str, Any]:
        """Return what the ledger says of it."""
        return {
            "release": self.release,
            "as_of": self.as_of,
            "snapshots": canonical_json(self.snapshots),
            "code_version": self.code,
            "engine": self.engine,
            "environment": environment(self.exchange),
        }


def rule_of(arguments: Mapping[str, Any], entry: str, exit_: str) -> dict[str, Any]:
    """Return what one cell of a study tries, besides its costs."""
    return {**rule_arguments(arguments), "entry": entry, "exit": exit_}


def cell_ids(
    arguments: Mapping[str, Any], costs: CostModel, origin: Origin
) -> list[tuple[str, str, str]]:
    """Return rule, rule's id and trial's id of each cell, before anything is run."""
    charged = canonical_json(costs_json(costs))
    found = []
    for entry in arguments["entries"]:
        for exit_ in arguments["exits"]:
            rule = canonical_json(rule_of(arguments, entry, exit_))
            rule_id = content_key([rule, charged])
            found.append((rule, rule_id, origin.key(rule_id)))
    return found


def result_id(arguments: Mapping[str, Any], origin: Origin) -> str:
    """Return the id of a study's result: of all its cells together."""
    return origin.key({"study": arguments})


def family(arguments: Mapping[str, Any]) -> str:
    """Return what is searched: the index, or the indices of the changes given."""
    if arguments.get("index"):
        return str(arguments["index"])
    indices = {change["index"] for change in arguments.get("changes", ())}
    return ", ".join(sorted(indices)) or "changes"


_NAMES = {
    "sharpe": "sharpe",
    "sharpe_se": "sharpe_se",
    "n_returns": "n_returns",
    "n_events": "n_events",
    "n_dates": "n_dates",
    "n_refused": "n_refused",
    "n_untradeable": "n_untradeable",
    "gross_bps": "gross_bps",
    "commission_bps": "commission_cost_bps",
    "spread_bps": "spread_cost_bps",
    "borrow_bps": "borrow_cost_bps",
    "net_bps": "net_bps",
    "mean_bps": "mean_bps",
    "volatility_bps": "volatility_bps",
    "max_drawdown": "max_drawdown",
    "turnover": "turnover",
    "is_point_in_time": "is_point_in_time",
}
"""Columns of a surface, and what the ledger calls them: there a cost has its rate."""

FIGURES = tuple(_NAMES.values())
"""The figures of a trial."""

_MORE = ("n_gaps", "most_open", "mean_open")


def cell_rows(
    summary: Summary,
    *,
    arguments: Mapping[str, Any],
    costs: CostModel,
    origin: Origin,
    study: str,
    result: str,
    run_at: dt.datetime,
    seconds: float,
) -> pd.DataFrame:
    """Return a row per cell of a study.

    Parameters
    ----------
    summary
        What each cell came to.
    arguments, costs, origin
        What was asked, and on what it was run.
    study
        The family that is searched.
    result
        Id of the result the cells are of.
    run_at, seconds
        When, and for how long in all.
    """
    surface = summary.surface()
    ids = cell_ids(arguments, costs, origin)
    counts = [name for name in surface.columns if name.startswith("n_")]
    extra = surface[[*_MORE, *(n for n in counts if n not in {*_NAMES, *_MORE})]]
    charged = costs_json(costs)
    return pd.DataFrame(
        {
            "trial_id": [trial for _, _, trial in ids],
            "kind": "cell",
            "study": study,
            "rule_id": [rule_id for _, rule_id, _ in ids],
            "result_id": result,
            "entry": surface["entry"],
            "exit": surface["exit"],
            "rule": [rule for rule, _, _ in ids],
            **{name: charged[name] for name in _RATES},
            "costs": canonical_json(charged),
            **origin.columns(),
            "run_at": run_at,
            **{name: surface[column] for column, name in _NAMES.items()},
            "metrics": [_metrics(row) for row in extra.to_dict("records")],
            "digest": summary.digests(),
            "seconds": seconds / max(len(surface), 1),
        }
    )


_RATES = ("commission_bps", "half_spread_bps", "borrow_bps_per_year")


def result_row(
    cells: pd.DataFrame,
    *,
    arguments: Mapping[str, Any],
    origin: Origin,
    run_at: dt.datetime,
    seconds: float,
) -> pd.DataFrame:
    """Return the row of a result: the figures are those of its best cell.

    So is its rule's id: a result is not one more rule that was tried.
    """
    ratios = cells["sharpe"]
    best = int(ratios.argmax()) if ratios.notna().any() else 0
    row = cells.iloc[[best]].copy()
    trial = result_id(arguments, origin)
    shape = {"entries": len(arguments["entries"]), "exits": len(arguments["exits"])}
    told = {"best": None if ratios.isna().all() else str(row["trial_id"].iloc[0])}
    row["trial_id"] = row["result_id"] = trial
    row["kind"] = "result"
    row["rule"] = canonical_json(
        {name: value for name, value in arguments.items() if name != "costs"}
    )
    row["metrics"] = canonical_json({**shape, **told})
    row["digest"] = content_key(cells["digest"].to_list())
    row["is_point_in_time"] = bool(cells["is_point_in_time"].all())
    row["run_at"], row["seconds"] = run_at, seconds
    return row


def _metrics(row: Mapping[Any, Any]) -> str:
    plain = {str(name): None if pd.isna(v) else v for name, v in row.items()}
    return canonical_json(plain)


def rows_of(result: Result, *, run_at: dt.datetime) -> pd.DataFrame:
    """Return what the ledger has of a result: a row per cell, then its own."""
    arguments = result.study.arguments
    told: dict[str, Any] = {"run_at": run_at, "seconds": result.seconds}
    told |= {"arguments": arguments, "origin": result.origin}
    cells = cell_rows(
        result.summed,
        costs=result.study.costs,
        study=family(arguments),
        result=result.id,
        **told,
    )
    return pd.concat([cells, result_row(cells, **told)], ignore_index=True)


def record(result: Result) -> tuple[bool, int]:
    """Record every cell of a result among the lake's trials, and the result itself.

    `Study.run` does it. What is there already is left as it is.

    Returns
    -------
    is_recorded : bool
    count : int
        How many rows were new.

    Warns
    -----
    LedgerWarning
        If the lake cannot be written.
    """
    if is_altered():  # a strategy that runs studies is being audited
        return False, 0
    ledger = ledger_of(result.study.view)
    try:
        count = ledger.record(rows_of(result, run_at=ledger.clock()))
    except LakebtError as error:
        msg = f"the trials of this result were not recorded: {error}"
        warnings.warn(msg, LedgerWarning, stacklevel=4)
        return False, 0
    return True, count
