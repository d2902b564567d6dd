"""Your own strategy: called at each decision's deadline, audited for look-ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt._lazy import first_use

if TYPE_CHECKING:
    from lakebt.strategy.backtest import Backtest as Backtest
    from lakebt.strategy.backtest import Strategy as Strategy

_HOMES = {"Backtest": "backtest", "Strategy": "backtest"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    return first_use(__name__, name, _HOMES)
