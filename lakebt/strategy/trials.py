"""A strategy's run as a row of the ledger of trials."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xxhash

from lakebt.backtest.costs import BPS, CostModel, costs_json
from lakebt.errors import InvalidArgumentError, LakebtError, LedgerWarning
from lakebt.events.clock import lead_option
from lakebt.lake.api.trials import ledger_of
from lakebt.lake.trials.origin import Origin
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt.strategy.backtest import Backtest
    from lakebt.strategy.run import Run


def run_rule(backtest: Backtest, strategy: object) -> dict[str, Any]:
    """Return what a backtest tries: strategy, parameters, and when it trades."""
    return {
        "strategy": backtest.name,
        "parameters": parameters_of(strategy),
        "start": str(backtest.start),
        "end": str(backtest.end),
        "rebalance": backtest.rebalance,
        "fill": backtest.fill,
        "capital_usd": backtest.capital_usd,
        "min_lead": lead_option(backtest.clock.min_lead),
    }


def parameters_of(strategy: object) -> dict[str, Any]:
    """Return the parameters of a strategy that are plain values.

    The fields of a dataclass, else the public attributes. What JSON cannot hold, a
    frame or a view, is no parameter.
    """
    if dataclasses.is_dataclass(strategy):
        names = [field.name for field in dataclasses.fields(strategy)]
    else:
        names = [name for name in vars(strategy) if not name.startswith("_")]
    found = {}
    for name in names:
        value = getattr(strategy, name, None)
        try:
            canonical_json(value)
        except InvalidArgumentError:
            continue
        found[name] = value
    return found


def source_of(strategy: object) -> str:
    """Return a digest of the file a strategy's class is in; empty if there is none."""
    made = strategy if inspect.isclass(strategy) else type(strategy)
    try:
        text = inspect.getsource(inspect.getmodule(made) or made)
    except (OSError, TypeError):
        return ""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def run_ids(
    rule: Mapping[str, Any], charged: Mapping[str, float], source: str, origin: Origin
) -> tuple[str, str]:
    """Return the ids of a rule and of its trial, before anything is run."""
    rule_id = content_key({"rule": rule, "costs": charged})
    return rule_id, origin.key({"rule": rule_id, "source": source})


def id_of(run: Run, strategy: object) -> str:
    """Return the id that a run has among the lake's trials."""
    backtest = run.backtest
    rule, charged = run_rule(backtest, strategy), costs_json(backtest.costs)
    origin = Origin.of(backtest.view, engine=run.engine, tables=None)
    return run_ids(rule, charged, source_of(strategy), origin)[1]


def run_row(
    run: Run,
    strategy: object,
    *,
    study: str | None,
    run_at: dt.datetime,
    seconds: float,
) -> pd.DataFrame:
    """Return the ledger's row of a run.

    Parameters
    ----------
    run, strategy
        The run, and the strategy that was run.
    study
        The family that is searched; the strategy's name by default.
    run_at, seconds
        When, and for how long.
    """
    backtest = run.backtest
    rule, charged = run_rule(backtest, strategy), costs_json(backtest.costs)
    source = source_of(strategy)
    origin = Origin.of(backtest.view, engine=run.engine, tables=None)
    rule_id, trial = run_ids(rule, charged, source, origin)
    returns = run.returns().to_numpy()
    equity = np.append(1.0, np.cumprod(1.0 + returns))
    paid, capital = run.paid(), backtest.capital_usd
    orders = run.orders()
    net = float(equity[-1] - 1.0)
    cost_bps = {name: value / capital / BPS for name, value in paid.items()}
    metrics = {
        "n_decisions": len(run.weights()),
        "n_orders": len(orders),
        "audited": run.audited,
        "source": source,
        "net_return": net,
    }
    return pd.DataFrame(
        [
            {
                "trial_id": trial,
                "kind": "backtest",
                "study": study or backtest.name,
                "rule_id": rule_id,
                "result_id": trial,
                "strategy": backtest.name,
                "rule": canonical_json(rule),
                **{name: charged[name] for name in CostModel.RATES},
                "costs": canonical_json(charged),
                **origin.columns(),
                "run_at": run_at,
                "sharpe": run.sharpe(),
                "sharpe_se": run.sharpe_se(),
                "n_returns": len(returns),
                "n_events": 0,
                "n_dates": 0,
                "n_refused": 0,
                "n_untradeable": len(run.unfilled()),
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
                "digest": _digest(run),
                "seconds": seconds,
            }
        ]
    )


def _digest(run: Run) -> str:
    """Return a digest of a run's weights, orders and returns, to the last bit."""
    key = xxhash.xxh3_128(run.returns().to_numpy().tobytes())
    key.update(run.weights().to_numpy(dtype=np.float64).tobytes())
    orders = run.orders()
    key.update(" ".join(orders["symbol"]).encode())
    for name in ("size", "price"):
        key.update(orders[name].to_numpy(dtype=np.float64).tobytes())
    return key.hexdigest()


def record_run(run: Run, strategy: object, *, seconds: float) -> bool:
    """Record a run among the lake's trials; `Backtest.run` does it.

    Returns
    -------
    bool
        Whether it is there now.

    Warns
    -----
    LedgerWarning
        If the lake cannot be written.
    """
    ledger = ledger_of(run.backtest.view)
    try:
        row = run_row(run, strategy, study=None, run_at=ledger.clock(), seconds=seconds)
        ledger.record(row)
    except LakebtError as error:
        msg = f"this run was not recorded among the trials: {error}"
        warnings.warn(msg, LedgerWarning, stacklevel=4)
        return False
    return True
