"""The contents of a run's report, and the command that computes it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.analysis.sharpe import lo_standard_error, sharpe_ratio
from lakebt.inputs.in_words import in_words
from lakebt.inputs.roles import Decides
from lakebt.lake.api.lineage import picture_of
from lakebt.lake.api.trials import address_of, told_of
from lakebt.prices.actions import ActionKind
from lakebt.report.contents import RunContents
from lakebt.report.provenance import (
    shell,
    versions,
    view_banners,
    view_options,
    view_provenance,
)
from lakebt.strategy import tables
from lakebt.strategy.tear_sheet import DEFINITION, sheet_data
from lakebt.strategy.trials import trial_id

if TYPE_CHECKING:
    from lakebt.strategy.trading import TradedStrategy

UNAUDITED = (
    "Not audited for look-ahead (audited=False): the strategy saw only what was known "
    "at each deadline, but no audit of it has passed."
)


def run_command(run: TradedStrategy) -> str:
    """Return the command that gives the same run; a sentence where there is none."""
    if not run.target:
        return f"none: {run.name} is of no class in a file, or made of no plain values"
    options = {
        **view_options(run.view, address_of(run.view)),
        **run.terms.options(always=("start", "end", "rebalance", "fill")),
        "--set": list(run.settings),
        "--engine": run.engine if run.engine != "event" else None,
    }
    return shell(options, start=["lakebt", "backtest", run.target])


def with_sheet(run: TradedStrategy) -> RunContents:
    """Return the contents of its page: the report, a tear sheet, and its lineage."""
    picture = picture_of(
        run.view,
        result=trial_id(run) if run.source else "no id",
        called=run.name,
        code=run.origin.code,
    )
    return replace(contents(run), sheet=sheet_data(run), lineage=picture)


def contents(run: TradedStrategy) -> RunContents:
    """Return the contents of a run's report."""
    sharpe = sharpe_ratio(run.returns.to_numpy())
    return RunContents(
        title=run.name,
        sharpe=sharpe,
        sharpe_se=lo_standard_error(sharpe, len(run.returns)),
        n_returns=len(run.returns),
        equity=_equity(run),
        weights=tables.weights(run),
        costs=tables.paid(run),
        actions=actions(run),
        definition=DEFINITION,
        banners=banners(run),
        provenance=provenance(run),
        command=run_command(run),
    )


def actions(run: TradedStrategy) -> dict[str, str]:
    """Return the effects of corporate actions in words; empty without any."""
    flows = run.book.flows
    if not len(flows):
        return {}
    is_dividend = flows.is_kind(ActionKind.CASH_DIVIDEND)
    counts = {
        words: int(flows.is_kind(*kinds).sum())
        for words, kinds in (
            ("Positions split", [ActionKind.SPLIT]),
            ("Children received", [ActionKind.SPIN_OFF]),
            ("Positions renamed", [ActionKind.RENAME]),
            ("Positions ended by a merger", [ActionKind.MERGER]),
            ("Positions ended by a delisting", [ActionKind.DELISTING]),
        )
    }
    ended = float(flows.cash[~is_dividend].sum())
    return {
        "Dividends received less owed, USD": f"{flows.dividends:,.2f}",
        **({"Cash of endings, USD": f"{ended:,.2f}"} if ended else {}),
        **{words: f"{number:,}" for words, number in counts.items() if number},
    }


def banners(run: TradedStrategy) -> tuple[str, ...]:
    """Return the warnings above the numbers; empty if there are none."""
    sentences = view_banners(run.view, told_of(run.view))
    if not run.audited:
        sentences.insert(0, UNAUDITED)
    if count := len(run.unfilled):
        sentences.append(f"{count:,} orders could not be filled.")
    return tuple(sentences)


def provenance(run: TradedStrategy) -> dict[str, str]:
    """Return release, terms, parameters and versions, in the order shown."""
    plain = run.terms.plain(~Decides(0))
    terms = {name: in_words(name, value) for name, value in plain.items()}
    terms["costs"] = str(run.terms.costs)
    return {
        **view_provenance(run.view),
        "strategy": run.name,
        "parameters": in_words("parameters", dict(run.parameters)),
        **{name.replace("_", " "): words for name, words in terms.items()},
        "sharpe": DEFINITION,
        "audited": str(run.audited),
        "engine": run.engine,
        "result": f"{trial_id(run) if run.source else 'no id'}, code {run.origin.code}",
        "source": run.source or "holds what cannot be told from another one",
        **versions(),
    }


def _equity(run: TradedStrategy) -> pd.Series:
    """Return the net equity by session, 1 at the close of the session before."""
    start = pd.Series([1.0], index=run.days([max(run.first - 1, 0)]))
    equity: pd.Series[float] = pd.concat([start, run.returns.add(1.0).cumprod()])
    return equity.rename("equity").rename_axis("session")
