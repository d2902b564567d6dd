"""Where real market data lies, if it is here: it is no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[2] / "shared"
"""The folder beside the repository that may hold it."""


def realdata() -> Path | None:
    """Return the folder of real market data, None where there is none.

    ``LAKEBT_SHARED`` names another place than the folder beside the repository.
    """
    folder = Path(os.environ.get("LAKEBT_SHARED") or BESIDE) / "realdata"
    return folder if (folder / "prices.parquet").is_file() else None
