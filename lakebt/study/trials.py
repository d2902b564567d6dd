"""A traded study as rows of the trials.

A trial's id is the key of all that decides its numbers: rule, costs, release, what the
release holds, what was known, engine, and the code. So to run it again is to find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.events.rules import one_spelling
from lakebt.lake.api.trials import try_to_record
from lakebt.lake.reading.counterfactual import is_altered
from lakebt.study.arguments import one_writing, rule_arguments
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from lakebt.backtest.costs import CostModel
    from lakebt.lake.trials.origin import Origin
    from lakebt.study.rule_figures import Rules
    from lakebt.study.summary import Summary
    from lakebt.study.trading import TradedStudy


def rule_of(arguments: Mapping[str, Any], entry: str, exit_: str) -> dict[str, Any]:
    """Return the rule of one cell, without its costs."""
    return {**rule_arguments(arguments), "entry": entry, "exit": exit_}


def cell_ids(
    arguments: Mapping[str, Any], costs: CostModel, origin: Origin
) -> list[tuple[str, str, str]]:
    """Return rule, rule's id and trial's id of each cell, before anything is run."""
    charged = canonical_json(costs.plain())
    shared = one_writing(arguments)
    spelled = {
        text: one_spelling(text)
        for text in (*arguments["entries"], *arguments["exits"])
    }
    ids = []
    for entry in arguments["entries"]:
        for exit_ in arguments["exits"]:
            rule = canonical_json(rule_of(arguments, entry, exit_))
            meant = canonical_json(rule_of(shared, spelled[entry], spelled[exit_]))
            rule_id = content_key([meant, charged])
            ids.append((rule, rule_id, origin.key(rule_id)))
    return ids


def family(arguments: Mapping[str, Any]) -> str:
    """Return the family: the index, or the indices of the user's changes."""
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
"""Columns of a surface, and what trials call them: there a cost has its rate."""

FIGURES = tuple(_NAMES.values())
"""The figures of a trial."""

ERROR_FIGURES = ("sharpe_low", "sharpe_high", "psr", "se_method", "n_effective_dates")
"""What tells how sure the Sharpe ratio is: in the metrics of a trial, since some do not
have it."""

_MORE = (
    "impact_bps",
    "n_gaps",
    "most_open",
    "mean_open",
    "reweighting_bps",
    *ERROR_FIGURES,
)


def cell_rows(
    summary: Summary | Rules,
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
    names = [*_MORE, *(n for n in counts if n not in {*_NAMES, *_MORE})]
    extra = zip(*(surface[name].tolist() for name in names), strict=True)
    charged = costs.plain()
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
            **costs.rates,
            "costs": canonical_json(charged),
            **origin.columns(),
            "run_at": run_at,
            **{name: surface[column] for column, name in _NAMES.items()},
            "metrics": [_metrics(names, row) for row in extra],
            "digest": summary.digests(),
            "seconds": seconds / max(len(surface), 1),
        }
    )


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
    trial = origin.result_id(one_writing(arguments))
    shape = {"entries": len(arguments["entries"]), "exits": len(arguments["exits"])}
    best_id = None if ratios.isna().all() else str(row["trial_id"].iloc[0])
    row["trial_id"] = row["result_id"] = trial
    row["kind"] = "result"
    row["rule"] = canonical_json(
        {name: value for name, value in arguments.items() if name != "costs"}
    )
    row["metrics"] = canonical_json({**shape, "best": best_id})
    row["digest"] = content_key(cells["digest"].to_list())
    row["is_point_in_time"] = bool(cells["is_point_in_time"].all())
    row["run_at"], row["seconds"] = run_at, seconds
    return row


def _metrics(names: Sequence[str], row: Sequence[Any]) -> str:
    plain = [None if pd.isna(value) else value for value in row]
    return canonical_json(dict(zip(names, plain, strict=True)))


def rows_of(study: TradedStudy, *, run_at: dt.datetime) -> pd.DataFrame:
    """Return the trials of a study: a row per cell, then that of its result."""
    arguments, origin = study.arguments.plain(), study.origin
    cells = cell_rows(
        study.summary,
        arguments=arguments,
        costs=study.arguments.costs,
        origin=origin,
        study=family(arguments),
        result=study.result_id,
        run_at=run_at,
        seconds=study.seconds,
    )
    result = result_row(
        cells,
        arguments=arguments,
        origin=origin,
        run_at=run_at,
        seconds=study.seconds,
    )
    return pd.concat([cells, result], ignore_index=True)


def record(study: TradedStudy) -> tuple[bool, int]:
    """Record every cell of a study among the lake's trials, and its result.

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

    Raises
    ------
    InvalidArgumentError
        If it was recorded before, with other numbers.
    """
    if is_altered():  # a strategy that runs studies is being audited
        return False, 0
    n_new = try_to_record(
        study.view,
        lambda now: rows_of(study, run_at=now),
        what="the trials of this result were not recorded",
    )
    return n_new is not None, n_new or 0
