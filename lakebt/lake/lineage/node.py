"""One step of a lineage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

KINDS = ("source", "publication", "file", "snapshot", "release", "code", "trial")
"""What a node may be, each before what it can lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a lineage.

    Attributes
    ----------
    kind
        One of `KINDS`.
    id
        Of its kind alone, as ``release:R1``.
    name
        As people call it.
    at
        When it came to be, UTC.
    rows, n_bytes, n_files
        How much it holds; None if that was not counted.
    digest
        The digest of its content: SHA-256 for a source, lakebt's own for others.
    told
        What else is known of it.
    """

    kind: str
    id: str
    name: str
    at: dt.datetime | None = None
    rows: int | None = None
    n_bytes: int | None = None
    n_files: int | None = None
    digest: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
