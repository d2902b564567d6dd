"""A strategy's run as a row of the trials."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xxhash

from lakebt.analysis.ratio_error import lo_interval
from lakebt.analysis.sharpe import lo_standard_error, sharpe_ratio
from lakebt.backtest.costs import BPS
from lakebt.errors import InvalidArgumentError
from lakebt.lake.api.trials import try_to_record
from lakebt.strategy import tables
from lakebt.strategy.own_code import attributes
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt._typing import FloatVector
    from lakebt.backtest.costs import CostModel
    from lakebt.lake.trials.origin import Origin
    from lakebt.strategy.terms import Terms
    from lakebt.strategy.trading import TradedStrategy


def run_rule(name: str, parameters: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """Return the rule of a backtest: strategy, parameters, and when it trades."""
    return {"strategy": name, "parameters": dict(parameters), **terms.rule()}


def parameters_of(strategy: object) -> dict[str, Any]:
    """Return the parameters of a strategy that are plain values, to be shown.

    The fields of a dataclass or a named tuple, else the public attributes, and what its
    class is made with if that is kept under a private name. What JSON cannot hold, a
    frame or a view, is no parameter; `identity_of` has everything.
    """
    if dataclasses.is_dataclass(strategy):
        values = {
            field.name: getattr(strategy, field.name, None)
            for field in dataclasses.fields(strategy)
        }
    elif isinstance(strategy, tuple) and hasattr(strategy, "_fields"):
        values = {name: getattr(strategy, name) for name in strategy._fields}
    else:
        attributes_found = dict(attributes(strategy))
        values = {
            name: v for name, v in attributes_found.items() if not name.startswith("_")
        }
        for name in _made_with(type(strategy)):
            if name not in values and f"_{name}" in attributes_found:
                values[name] = attributes_found[f"_{name}"]
    parameters = {}
    for name, value in values.items():
        try:
            canonical_json(value)
        except InvalidArgumentError:
            continue
        parameters[name] = copy.deepcopy(value)  # it may learn while it runs
    return parameters


def as_made(owner: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded parameters that are arguments of the class."""
    names = _made_with(owner)
    return {name: value for name, value in parameters.items() if name in names}


def _made_with(owner: type) -> list[str]:
    """Return the names of the arguments that a class is made with."""
    try:
        return list(inspect.signature(owner).parameters)
    except (TypeError, ValueError):  # some classes written in C have no signature
        return []


def run_ids(
    rule: Mapping[str, Any], costs: CostModel, source: str, origin: Origin
) -> tuple[str, str]:
    """Return the ids of a rule and of its trial, before anything is run.

    A rule is the strategy's code and everything that it was made with, `source`, and
    how it is traded.
    """
    rule_id = content_key({"rule": rule, "costs": costs.plain(), "source": source})
    return rule_id, origin.key(rule_id)


def trial_id(run: TradedStrategy) -> str:
    """Return the id that a run has among the lake's trials.

    Raises
    ------
    InvalidArgumentError
        If the strategy cannot be told from another one.
    """
    if not run.source:
        msg = (
            f"this run of {run.name} has no id: the strategy holds something that "
            f"cannot be told from another one. run() without record=False names it"
        )
        raise InvalidArgumentError(msg)
    rule = run_rule(run.name, run.parameters, run.terms)
    return run_ids(rule, run.terms.costs, run.source, run.origin)[1]


def run_row(
    run: TradedStrategy, *, family: str | None, run_at: dt.datetime, seconds: float
) -> pd.DataFrame:
    """Return the trial of a run, as a row.

    Parameters
    ----------
    run
    family
        What is searched; the strategy's name by default.
    run_at, seconds
        When, and for how long.
    """
    rule = run_rule(run.name, run.parameters, run.terms)
    costs, origin = run.terms.costs, run.origin
    rule_id, trial = run_ids(rule, costs, run.source, origin)
    returns = run.returns.to_numpy()
    sharpe = sharpe_ratio(returns)
    equity = np.append(1.0, np.cumprod(1.0 + returns))
    paid, capital = tables.paid(run), run.terms.capital_usd
    weights, orders = tables.weights(run), tables.orders(run)
    net = float(equity[-1] - 1.0)
    cost_bps = {name: value / capital / BPS for name, value in paid.items()}
    metrics = {
        "n_decisions": len(weights),
        "n_orders": len(orders),
        "audited": run.audited,
        "source": run.source,
        "net_return": net,
    }
    interval = lo_interval(sharpe, len(returns))
    if not np.isnan(interval["psr"]):
        metrics |= interval
    return pd.DataFrame(
        [
            {
                "trial_id": trial,
                "kind": "backtest",
                "study": family or run.name,
                "rule_id": rule_id,
                "result_id": trial,
                "strategy": run.name,
                "rule": canonical_json(rule),
                **costs.rates,
                "costs": canonical_json(costs.plain()),
                **origin.columns(),
                "run_at": run_at,
                "sharpe": sharpe,
                "sharpe_se": lo_standard_error(sharpe, len(returns)),
                "n_returns": len(returns),
                "n_events": 0,
                "n_dates": 0,
                "n_refused": 0,
                "n_untradeable": len(run.unfilled),
                "gross_bps": net / BPS + sum(cost_bps.values()),
                "commission_cost_bps": cost_bps["commission_usd"],
                "spread_cost_bps": cost_bps["spread_usd"],
                "borrow_cost_bps": cost_bps["borrow_usd"],
                "net_bps": net / BPS,
                "mean_bps": float(returns.mean()) / BPS,
                "volatility_bps": float(returns.std(ddof=1)) / BPS
                if len(returns) > 1
                else float("nan"),
                "max_drawdown": float(
                    (1.0 - equity / np.maximum.accumulate(equity)).max()
                ),
                "turnover": float((orders["size"] * orders["price"]).sum()) / capital,
                "metrics": canonical_json(metrics),
                "is_point_in_time": True,
                "digest": _digest(returns, weights, orders),
                "seconds": seconds,
            }
        ]
    )


def _digest(returns: FloatVector, weights: pd.DataFrame, orders: pd.DataFrame) -> str:
    """Return a digest of a run's weights, orders and returns, to the last bit."""
    key = xxhash.xxh3_128(returns.tobytes())
    key.update(weights.to_numpy(dtype=np.float64).tobytes())
    # As objects at once: pandas hands out the texts of a column one by one.
    key.update(" ".join(orders["symbol"].to_numpy(dtype=object)).encode())
    for name in ("size", "price"):
        key.update(orders[name].to_numpy(dtype=np.float64).tobytes())
    return key.hexdigest()


def record_run(run: TradedStrategy, *, seconds: float) -> bool:
    """Record a run among the lake's trials; `Backtest.run` does it.

    Returns
    -------
    bool
        Whether it is there now.

    Warns
    -----
    LedgerWarning
        If the lake cannot be written.

    Raises
    ------
    InvalidArgumentError
        If it was recorded before, with other numbers.
    """
    n_new = try_to_record(
        run.view,
        lambda now: run_row(run, family=None, run_at=now, seconds=seconds),
        what="this run was not recorded among the trials",
    )
    return n_new is not None
