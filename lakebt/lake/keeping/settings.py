"""Properties of a table that its releases depend on, and others may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.committing.foreign_settings import NAME_MAPPING, says_nothing_new
from lakebt.lake.storage.code import ignored_properties
from lakebt.lake.tables.schemas import PROPERTIES

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.refs import SnapshotRef


EXPIRY = "history.expire."
"""How the properties begin by which other engines expire snapshots."""

GC = "gc.enabled"

DELETING = (
    "write.metadata.delete-after-commit.enabled",
    "write.metadata.previous-versions-max",
)
"""The properties by which old metadata files are deleted."""


def all_properties(table: Table) -> dict[str, str]:
    """Return the properties of a table, those among them that are not read."""
    return {**table.metadata.properties, **ignored_properties(table)}


def wrong_settings(table: Table) -> dict[str, str | None]:
    """Return properties by which others expire snapshots, with what they should be.

    None means that there should be no such property.
    """
    properties = all_properties(table)
    wrong: dict[str, str | None] = {k: None for k in properties if k.startswith(EXPIRY)}
    if properties.get(GC, "").lower() != PROPERTIES[GC]:
        wrong[GC] = PROPERTIES[GC]
    return wrong


def strange_settings(table: Table) -> tuple[str, ...]:
    """Return properties that no table of a lake may have, and that are not read."""
    return tuple(
        sorted(
            key
            for key, value in ignored_properties(table).items()
            if not key.startswith(EXPIRY)
            and key not in PROPERTIES
            and not (key == NAME_MAPPING and says_nothing_new(value, table))
        )
    )


def lost_settings(table: Table) -> dict[str, str]:
    """Return properties without which old metadata is kept for ever, as they should be.

    Of a number it is enough that it is there.
    """
    properties = table.metadata.properties
    return {
        key: PROPERTIES[key]
        for key in DELETING
        if not (
            key in properties
            and (
                PROPERTIES[key].isdigit() or properties[key].lower() == PROPERTIES[key]
            )
        )
    }


def ages(ref: SnapshotRef) -> str:
    """Return what a branch or tag says about its expiry; empty if nothing."""
    limits = {
        "max-ref-age-ms": ref.max_ref_age_ms,
        "max-snapshot-age-ms": ref.max_snapshot_age_ms,
        "min-snapshots-to-keep": ref.min_snapshots_to_keep,
    }
    return ", ".join(f"{key} {age}" for key, age in limits.items() if age is not None)
