"""A trial that comes back with other numbers: an error, and never dropped."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, LedgerWarning
from lakebt.lake.storage.predicates import is_in
from lakebt.lake.tables.arrow import column
from lakebt.lake.trials.reader import rows_of

if TYPE_CHECKING:
    import pyarrow as pa

    from lakebt.lake.storage.catalog import Storage

_NAMES = ("trial_id", "digest", "environment", "run_at")

_CURE = (
    "It depends on something that is not in its rule: a draw without a seed, the "
    "clock, a file. Make that a parameter, or pass record=False"
)


def check_repeats(storage: Storage, rows: pa.Table) -> None:
    """Check that trials that are recorded with other numbers may have them.

    Parameters
    ----------
    storage
    rows
        They are there, each with another digest.

    Raises
    ------
    InvalidArgumentError
        If one was run with the same versions of everything.

    Warns
    -----
    LedgerWarning
        If it was not: the row that is there stays.
    """
    ids = column(rows, "trial_id").to_pylist()
    there = rows_of(storage, _NAMES, is_in("trial_id", ids)).to_pylist()
    recorded = {row["trial_id"]: row for row in there}
    for row in rows.select(list(_NAMES)).to_pylist():
        first = recorded.get(row["trial_id"])
        if first is None or first["digest"] == row["digest"]:
            continue
        problem = (
            f"trial {row['trial_id'][:10]} was recorded on {first['run_at']:%Y-%m-%d} "
            f"with other numbers"
        )
        moved = _moved(first["environment"], row["environment"])
        if not moved:
            msg = f"{problem}. {_CURE}"
            raise InvalidArgumentError(msg)
        msg = f"{problem}, under another environment ({moved}); that row stays"
        warnings.warn(msg, LedgerWarning, stacklevel=2)


def _moved(then: str, now: str) -> str:
    """Return the versions that differ, in words; empty if none does."""
    before, after = _read(then), _read(now)
    return "; ".join(
        f"{name} {before.get(name)} → {after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _read(text: str) -> dict[str, Any]:
    read = json.loads(text)
    return read if isinstance(read, dict) else {"": read}
