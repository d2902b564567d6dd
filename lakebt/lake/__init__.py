"""What was known: the only code of lakebt that touches storage."""

from __future__ import annotations

from lakebt.lake.diff import Diff
from lakebt.lake.lake import Lake
from lakebt.lake.releases import Release, TablePin
from lakebt.lake.view import View

__all__ = ["Diff", "Lake", "Release", "TablePin", "View"]
