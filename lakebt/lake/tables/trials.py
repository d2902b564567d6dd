"""The table of trials: a row for everything that was ever tried, the good and the bad.

It is not a table of facts. A row says what was run on a release, and is never
corrected: its `trial_id` follows from what was run, so to run it again is to find the
row again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lakebt.facts import ANNOUNCED_QUALITIES, CAUSES, Side
from lakebt.lake.tables.schemas import TRIALS, Column, Kind, TableSpec

if TYPE_CHECKING:
    from collections.abc import Mapping


KINDS = ("cell", "result", "backtest")
"""What may be tried: one cell of a study, a study as a whole, a strategy."""

IDS = ("trial_id", "rule_id", "result_id", "digest")
"""Columns of 32 hex digits."""

JSON = ("rule", "costs", "snapshots", "environment", "metrics")
"""Columns of texts that are JSON objects."""

OWN_KEYS = frozenset(
    # Of a rule: arguments of a study, terms of a backtest, and the changes in them.
    {"aggregate", "capital_usd", "changes", "delisting_return", "end", "entries"}
    | {"entry", "exit", "exits", "fill", "gross", "hedge", "index", "max_gross"}
    | {"max_weight", "min_lead", "missing", "on_look_ahead", "parameters", "period"}
    | {"rebalance", "side", "size", "start", "strategy", "weighting", "where"}
    | {"announced", "announced_quality", "cause", "change_id", "effective", "isin"}
    | {"known_at", "recorded", "retracted", "source", "symbol"}
    # Of costs.
    | {"borrow_bps_per_year", "commission_bps", "half_spread_bps", "impact_at_close"}
    | {"impact_at_open", "impact_sessions", "max_participation"}
    # Of the environment.
    | {"exchange", "machine", "numba", "numpy", "pandas", "pyarrow", "pyiceberg"}
    | {"python", "vectorbt"}
    # Of metrics.
    | {"audited", "best", "impact_bps", "mean_open", "most_open", "n_decisions"}
    | {"n_effective_dates", "n_exit_before_entry", "n_gaps", "n_look_ahead"}
    | {"n_no_anchor", "n_no_borrow", "n_no_price", "n_no_session", "n_no_volume"}
    | {"n_one_sided", "n_orders", "n_ruined", "n_too_large", "net_return", "psr"}
    | {"reweighting_bps", "se_method", "sharpe_high", "sharpe_low"}
)
"""The keys that lakebt itself writes into those texts. All others are somebody's."""

OPEN_KEYS = frozenset({"parameters"})
"""Below these every key is somebody's: what a strategy was made with."""

_RULE = (
    r"((AD|ED|MD)([+-]\d{1,4})?|\d{4}-\d\d-\d\d|\+\d{1,4}|\d{1,3}w)"
    r"(@(open|close))?"
)
_DAY = r"\d{4}-\d\d-\d\d([T ][0-9:.]+(Z|[+-]\d\d:\d\d)?)?"
_VERSION = r"\d+(\.[0-9a-z]+)+([+-][0-9a-z]+(\.[0-9a-z]+)*)*"


NOT_INSTALLED = "not installed"
"""What stands in the place of a version where a library may be missing, and is."""


def _one_of(*words: str) -> str:
    return "|".join(map(re.escape, words))


OWN_TEXTS: Mapping[str, re.Pattern[str]] = {
    key: re.compile(rf"(?:{texts})\Z", re.ASCII)
    for texts, keys in (
        (_RULE, ("entries", "entry", "exit", "exits")),
        (_one_of("both", "additions", "deletions", *Side), ("side",)),
        (_one_of(*CAUSES), ("cause",)),
        (_one_of(*ANNOUNCED_QUALITIES), ("announced_quality",)),
        (_one_of("pooled", "calendar"), ("aggregate",)),
        (_one_of("event", "leg"), ("weighting",)),
        (_one_of("exclude", "drop_leg", "raise"), ("missing",)),
        (_one_of("mask", "raise", "allow"), ("on_look_ahead",)),
        (_one_of("open", "close"), ("fill",)),
        (_one_of("daily", "weekly", "monthly"), ("rebalance",)),
        (_one_of("two-way", "jackknife", "lo", ""), ("se_method",)),
        (_one_of("event", "vectorbt"), ("engine",)),
        (r"(\d+(\.\d+)?\s*[a-z]+\s*)+", ("min_lead",)),
        (_DAY, ("announced", "effective", "end", "known_at", "recorded", "start")),
        (_DAY, ("period",)),
        (_VERSION, ("code_version", "numba", "numpy", "pandas", "pyarrow")),
        (_VERSION, ("pyiceberg", "python")),
        (rf"{_VERSION}|{NOT_INSTALLED}", ("vectorbt",)),
        (_one_of("x86_64", "AMD64", "i686", "aarch64", "arm64"), ("machine",)),
        (r"X[A-Z]{3}", ("exchange",)),
    )
    for key in keys
}
"""What lakebt's own texts are like, by the keys and columns they stand below.

Others there are somebody's. These say what was run, also after a ticker was erased that
is called ``AD``, ``both`` or ``event``.
"""


def _needed(kind: Kind, *names: str) -> list[Column]:
    return [Column(name=name, kind=kind) for name in names]


def _maybe(kind: Kind, *names: str) -> list[Column]:
    return [Column(name=name, kind=kind, required=False) for name in names]


TRIALS_SPEC = TableSpec(
    name=TRIALS,
    key=("trial_id",),
    columns=(
        *_needed(Kind.TEXT, "trial_id"),
        Column(name="kind", kind=Kind.TEXT, choices=KINDS),
        *_needed(Kind.TEXT, "study", "rule_id", "result_id"),
        *_maybe(Kind.TEXT, "entry", "exit", "strategy"),
        *_needed(Kind.TEXT, "rule"),
        *_maybe(
            *(Kind.NUMBER, "commission_bps", "half_spread_bps", "borrow_bps_per_year")
        ),
        *_needed(Kind.TEXT, "costs", "release"),
        *_needed(Kind.INSTANT, "as_of"),
        *_needed(Kind.TEXT, "snapshots"),
        *_maybe(Kind.TEXT, "lake_uuid"),
        *_needed(Kind.TEXT, "code_version", "engine", "environment"),
        *_needed(Kind.INSTANT, "run_at"),
        *_maybe(Kind.NUMBER, "sharpe", "sharpe_se"),
        *_needed(Kind.WHOLE, "n_returns", "n_events", "n_dates"),
        *_needed(Kind.WHOLE, "n_refused", "n_untradeable"),
        *_maybe(Kind.NUMBER, "gross_bps", "commission_cost_bps", "spread_cost_bps"),
        *_maybe(Kind.NUMBER, "borrow_cost_bps", "net_bps", "mean_bps"),
        *_maybe(Kind.NUMBER, "volatility_bps", "max_drawdown", "turnover"),
        *_needed(Kind.TEXT, "metrics"),
        *_needed(Kind.FLAG, "is_point_in_time"),
        *_needed(Kind.TEXT, "digest"),
        *_maybe(Kind.NUMBER, "seconds"),
    ),
    # By this order rows are read back, so it may not depend on how they lie in files.
    order=("run_at", "study", "result_id", "entry", "exit", "trial_id"),
)
