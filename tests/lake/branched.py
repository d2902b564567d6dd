"""A lake with a branch: what both sides publish, and what is seen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.reading.view import View


def symbols(view: View) -> list[str]:
    return sorted(view.panel("close").columns)


def publish(lake: Lake, name: str, symbol: str, **columns: Any) -> Release:
    rows = bars(symbols=(symbol,), **columns)
    return lake.publish({"prices": rows}, release=name, as_of=AS_OF)


def make(path: Path, *, own: str) -> None:
    """Make a lake that has R2 since a branch at R1 published a release of its own."""
    lake = Lake.open(path, clock=clock)
    publish(lake, "R1", "BASE")
    publish(lake.branch("cleaned", at="R1"), own, "MINE")
    publish(lake, "R2", "MAIN")
