"""Which lake a command is about."""

from __future__ import annotations

import os
from pathlib import Path

LAKE_VARIABLE = "LAKEBT_LAKE"
DEFAULT_LAKE = "lake"


def lake_path(lake: Path | None) -> Path:
    """Return the directory of the lake: as given, else as the environment says."""
    return lake or Path(os.environ.get(LAKE_VARIABLE) or DEFAULT_LAKE)
