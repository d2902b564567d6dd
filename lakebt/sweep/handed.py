"""What an executor hands back."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt import errors
from lakebt.errors import LakeError

if TYPE_CHECKING:
    from lakebt.errors import LakebtError

ROWS, CELLS, ERROR = "rows", "cells", "error"
"""What an executor hands back: trials, what some events came to, or why not."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a piece.

    Attributes
    ----------
    number
        What it is of.
    part
        Of the events.
    kind
        `ROWS`, `CELLS` or `ERROR`.
    seconds
        How long it took.
    payload
    """

    number: int
    part: int
    kind: str
    seconds: float
    payload: bytes


def pack_error(error: LakebtError) -> bytes:
    """Return an error as text that another process can read."""
    told = {"name": type(error).__name__, "text": str(error)}
    told["args"] = json.dumps(error.args, default=_instant)
    return json.dumps(told).encode()


def _instant(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, dt.datetime) else str(value)


def unpack_error(told: bytes) -> LakebtError:
    """Return the error again."""
    read = json.loads(told)
    args = json.loads(read["args"], object_hook=_read_instant)
    made: LakebtError = getattr(errors, read["name"], LakeError)(*args)
    return made


def _read_instant(told: dict[str, Any]) -> object:
    return dt.datetime.fromisoformat(told["at"]) if set(told) == {"at"} else told
