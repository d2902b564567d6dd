"""Backtest index-rebalancing events on what was known at the time.

The story, in the order the data travels:

1. `lakebt.sources` gives frames; `lakebt.lake` publishes them under write-once releases
   and reads them back through a `View` that cannot return what was not yet known.
2. `lakebt.events` turns index changes into orders, each decided before its deadline.
3. `lakebt.backtest` turns orders into positions, costs and returns.
4. `lakebt.analysis` turns returns into a Sharpe ratio with its standard error.
5. `lakebt.report` shows them.

`lakebt.study` composes all of it for index events, `lakebt.strategy` for your own
strategy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lakebt._version import __version__ as __version__

if TYPE_CHECKING:
    from lakebt.analysis.sharpe_of_series import sharpe
    from lakebt.backtest.costs import CostModel
    from lakebt.errors import AuditError, AuditWarning, LakebtError, LookAheadError
    from lakebt.facts import IndexChange, Side
    from lakebt.lake.lake import Lake
    from lakebt.lake.publishing.audits.audit_report import AuditReport
    from lakebt.lake.reading.diff import Diff
    from lakebt.lake.reading.view import View
    from lakebt.strategy.backtest import Backtest
    from lakebt.strategy.run import Run
    from lakebt.study.concordance import concordance
    from lakebt.study.event_study import EventStudy
    from lakebt.study.result import Result
    from lakebt.study.study import Study
    from lakebt.sweep.sweep import Sweep


__all__ = [
    "AuditError",
    "AuditReport",
    "AuditWarning",
    "Backtest",
    "CostModel",
    "Diff",
    "EventStudy",
    "IndexChange",
    "Lake",
    "LakebtError",
    "LookAheadError",
    "Result",
    "Run",
    "Side",
    "Study",
    "Sweep",
    "View",
    "concordance",
    "sharpe",
]

_HOMES = {
    "AuditError": "lakebt.errors",
    "AuditReport": "lakebt.lake.publishing.audits.audit_report",
    "AuditWarning": "lakebt.errors",
    "Backtest": "lakebt.strategy.backtest",
    "CostModel": "lakebt.backtest.costs",
    "Diff": "lakebt.lake.reading.diff",
    "EventStudy": "lakebt.study.event_study",
    "IndexChange": "lakebt.facts",
    "Lake": "lakebt.lake.lake",
    "LakebtError": "lakebt.errors",
    "LookAheadError": "lakebt.errors",
    "Result": "lakebt.study.result",
    "Run": "lakebt.strategy.run",
    "Side": "lakebt.facts",
    "Study": "lakebt.study.study",
    "Sweep": "lakebt.sweep.sweep",
    "View": "lakebt.lake.reading.view",
    "concordance": "lakebt.study.concordance",
    "sharpe": "lakebt.analysis.sharpe_of_series",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing lakebt is fast.

    Raises
    ------
    AttributeError
        If `name` is not public.
    """
    if name not in _HOMES:
        msg = f"module 'lakebt' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
