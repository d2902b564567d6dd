"""Index studies: an index's rebalancing events over a grid of entries and exits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt._lazy import first_use

if TYPE_CHECKING:
    from lakebt.study.arguments import ENTRIES as ENTRIES
    from lakebt.study.arguments import EXITS as EXITS
    from lakebt.study.study import Study as Study

_HOMES = {"ENTRIES": "arguments", "EXITS": "arguments", "Study": "study"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    return first_use(__name__, name, _HOMES)
