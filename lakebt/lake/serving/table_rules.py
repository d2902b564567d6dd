"""Rules for tables of the lake, by their metadata before and after a commit.

The two states are compared, not the updates between them: whatever a client sends, in
whatever order, everything that a living release needs must be the same afterwards. An
error names the release, and what to do instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.schema import index_by_id, index_name_by_id
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    RemovePropertiesUpdate,
    SetPropertiesUpdate,
    UpgradeFormatVersionUpdate,
)

from lakebt.lake.keeping.settings import EXPIRY, ages
from lakebt.lake.serving.errors import ForbiddenError
from lakebt.lake.serving.locations import GIVEN_HERE, PLACES
from lakebt.lake.tables.properties import is_allowed
from lakebt.lake.tables.schemas import (
    ICEBERG_TYPES,
    LEDGER,
    OURS,
    PROPERTIES,
    SPECS,
    TRIALS,
    ledger_schema,
)
from lakebt.lake.tables.trials import TRIALS_SPEC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.refs import SnapshotRef
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import TableUpdate
    from pyiceberg.types import IcebergType

    from lakebt.lake.committing.ledger import Ledger, Release, TablePin


_FIXED = (*PROPERTIES, *PLACES, "write.location-provider.impl")
"""Properties that stay as they are, or get lakebt's value."""

_LEDGER_COLUMNS = frozenset(index_name_by_id(ledger_schema()).values())

Column = tuple[int, str, str, bool]


def check_table(
    name: str,
    before: TableMetadata,
    after: TableMetadata,
    ledger: Ledger,
) -> None:
    """Check a change to one of the lake's tables, whatever it holds.

    Raises
    ------
    ForbiddenError
        If it would harm a release, or the lake.
    """
    _check_identity(name, before, after)
    _check_columns(name, before, after)
    _check_layout(name, before, after)
    _check_settings(name, before, after)
    _check_main(name, before, after)
    check_releases(name, before, after, ledger)


def check_releases(
    name: str, before: TableMetadata, after: TableMetadata, ledger: Ledger
) -> None:
    """Check that what a ledger's releases need of a table stays, or raise."""
    for release in ledger.living:
        if (pin := release.pin(name)) is not None:
            _check_tag(name, before, after, release=release, pin=pin)
            _check_schemas(name, before, after, release=release, pin=pin)
    _check_snapshots(name, before, after, ledger)


def check_updates(
    name: str,
    before: TableMetadata,
    updates: Iterable[TableUpdate],
    *,
    is_lakes: bool,
) -> None:
    """Check, before they are tried, that the format and the properties stay in bounds.

    Parameters
    ----------
    name, before, updates
    is_lakes
        Whether lakebt writes the table, and so obeys its properties.

    Raises
    ------
    ForbiddenError
        If they do not.
    """
    would: dict[str, str] = {}
    for update in updates:
        if (
            isinstance(update, UpgradeFormatVersionUpdate)
            and update.format_version != before.format_version
        ):
            msg = _identity(
                name, "format version", before.format_version, update.format_version
            )
            raise ForbiddenError(msg)
        if isinstance(update, SetPropertiesUpdate):
            would |= update.updates
        if isinstance(update, RemovePropertiesUpdate):
            would = {k: v for k, v in would.items() if k not in update.removals}
    if is_lakes:
        was = before.properties
        check_properties(name, {k: v for k, v in would.items() if was.get(k) != v})


def _identity(name: str, what: str, was: object, would: object) -> str:
    return (
        f"table {name} is the lake's: its {what} stays {was}, and cannot become "
        f"{would}. Make a table of your own in another namespace"
    )


def _check_identity(name: str, before: TableMetadata, after: TableMetadata) -> None:
    """Check that it is the same table, where and as it was.

    Raises
    ------
    ForbiddenError
        If it is not.
    """
    kept = {
        "uuid": (before.table_uuid, after.table_uuid),
        "location": (before.location, after.location),
    }
    for what, (was, would) in kept.items():
        if was != would:
            msg = _identity(name, what, was, would)
            raise ForbiddenError(msg)


def _check_columns(name: str, before: TableMetadata, after: TableMetadata) -> None:
    """Check that no column is changed or gone, and none added but to declared tables.

    Raises
    ------
    ForbiddenError
        If one is.
    """
    was, would = columns(before.schema()), columns(after.schema())
    if was == would:
        return
    built_in = {**SPECS, TRIALS: TRIALS_SPEC}
    if name in built_in:
        wanted = [column[1:] for column in columns(built_in[name].iceberg())]
        as_made = [column[1:] for column in would] == wanted
        if as_made and would in map(columns, before.schemas):
            return  # it undoes an earlier change by another program
    if lost := [column for column in was if column not in would]:
        msg = (
            f"column {lost[0][1]} of table {name} cannot be changed, renamed or "
            f"dropped: releases have it. Add another column that may be empty"
        )
        raise ForbiddenError(msg)
    is_strange = set(would) - set(was) and (
        name in built_in
        or (name == LEDGER and not {c[1] for c in would} <= _LEDGER_COLUMNS)
    )
    if is_strange:
        msg = (
            f"the columns of table {name} are lakebt's and stay as they are. Declare a "
            f"table of your own for more: lakebt declare"
        )
        raise ForbiddenError(msg)
    kinds = {str(kind) for kind in ICEBERG_TYPES.values()}
    for _, column, kind, required in set(would) - set(was):
        if required or kind not in kinds:
            msg = (
                f"column {column} of table {name} must be optional and one of "
                f"{', '.join(sorted(kinds))}: rows of earlier releases lack it"
            )
            raise ForbiddenError(msg)


def columns(schema: Schema) -> list[Column]:
    """Return what decides how the columns of a table are read."""
    # Each by itself: a field that may be empty can be added to a struct as to a table.
    names = index_name_by_id(schema)
    return [
        (number, names[number], _kind(field.field_type), field.required)
        for number, field in index_by_id(schema).items()
    ]


def _kind(kind: IcebergType) -> str:
    return str(kind) if kind.is_primitive else type(kind).__name__


def _check_layout(name: str, before: TableMetadata, after: TableMetadata) -> None:
    """Check that files are laid out and sorted as before.

    Raises
    ------
    ForbiddenError
        If they are not.
    """
    if (
        before.partition_specs != after.partition_specs
        or before.sort_orders != after.sort_orders
        or before.default_spec_id != after.default_spec_id
        or before.default_sort_order_id != after.default_sort_order_id
    ):
        msg = (
            f"how the rows of table {name} are partitioned and sorted is lakebt's, "
            f"which writes them. Make a table of your own in another namespace"
        )
        raise ForbiddenError(msg)


def _check_settings(name: str, before: TableMetadata, after: TableMetadata) -> None:
    """Check that no property changes by which snapshots, files or columns are lost.

    Raises
    ------
    ForbiddenError
        If one does.
    """
    was, would = before.properties, after.properties
    for key in sorted(was.keys() | would.keys()):
        value = would.get(key)
        if was.get(key) == value:
            continue
        if key in GIVEN_HERE:
            raise ForbiddenError(GIVEN_HERE[key])
        is_kept = key in _FIXED or key.startswith((OURS, EXPIRY))
        wanted = None if key.startswith(EXPIRY) else PROPERTIES.get(key)
        is_cure = value == wanted and (key in PROPERTIES or key.startswith(EXPIRY))
        if is_kept and not (is_cure and key != "format-version"):
            verb = "removed" if value is None else f"set to {value!r}"
            msg = (
                f"property {key} of table {name} cannot be {verb}: it keeps the "
                f"snapshots and files that releases need. `lakebt retain` ends "
                f"releases, and deletes what only they used"
            )
            raise ForbiddenError(msg)


def check_properties(name: str, properties: Mapping[str, str]) -> None:
    """Check that a table of the lake may have some properties.

    Raises
    ------
    ForbiddenError
        If it may not.
    """
    for key, value in properties.items():
        if not is_allowed(key, value):
            msg = (
                f"property {key[:80]} of table {name} cannot be set to "
                f"{value[:80]!r}: a table of the lake has lakebt's own properties, "
                f"sane settings of reading (read.split.target-size), and notes, as "
                f"owner or acme.owner. Engines would obey any other"
            )
            raise ForbiddenError(msg)


def _check_main(name: str, before: TableMetadata, after: TableMetadata) -> None:
    """Check that the main branch does not expire.

    Raises
    ------
    ForbiddenError
        If it would.
    """
    was, would = before.refs.get(MAIN_BRANCH), after.refs.get(MAIN_BRANCH)
    if would is not None and ages(would) and (was is None or ages(was) != ages(would)):
        msg = (
            f"branch {MAIN_BRANCH} of table {name} cannot have {ages(would)}: the next "
            f"release is built on its snapshots"
        )
        raise ForbiddenError(msg)


def _check_tag(
    name: str,
    before: TableMetadata,
    after: TableMetadata,
    *,
    release: Release,
    pin: TablePin,
) -> None:
    """Check that a release's tag stays, or becomes what the ledger says.

    Raises
    ------
    ForbiddenError
        If it does neither.
    """
    was, would = before.refs.get(release.name), after.refs.get(release.name)
    if would == was or (would is not None and is_tag_of(would, pin)):
        return
    verb = "dropped"
    if would is not None:
        verb = f"moved to snapshot {would.snapshot_id}"
        if would.snapshot_id == pin.snapshot_id:
            expiry = ages(would)
            verb = f"given {expiry}" if expiry else "made a branch"
    msg = (
        f"tag {release.name} of table {name} cannot be {verb}: release "
        f"{release.name!r} pins snapshot {pin.snapshot_id}, and a release never "
        f"changes. Use another name, or end the release: lakebt retain --drop "
        f"{release.name} --because TEXT"
    )
    raise ForbiddenError(msg)


def is_tag_of(ref: SnapshotRef, pin: TablePin) -> bool:
    """Whether a tag is what a release leaves on a table."""
    is_tag = ref.snapshot_ref_type is SnapshotRefType.TAG
    return is_tag and ref.snapshot_id == pin.snapshot_id and not ages(ref)


def _check_schemas(
    name: str,
    before: TableMetadata,
    after: TableMetadata,
    *,
    release: Release,
    pin: TablePin,
) -> None:
    """Check that the columns of a release can still be looked up.

    Raises
    ------
    ForbiddenError
        If they cannot.
    """
    was = next((s for s in before.schemas if s.schema_id == pin.schema_id), None)
    if was is not None and was not in after.schemas:
        msg = (
            f"schema {pin.schema_id} of table {name} cannot be removed: release "
            f"{release.name!r} is read by it"
        )
        raise ForbiddenError(msg)


def _check_snapshots(
    name: str, before: TableMetadata, after: TableMetadata, ledger: Ledger
) -> None:
    """Check that every snapshot a release needs is there, just as it was.

    The last release's stays even when it ended: the next one is built on it.

    Raises
    ------
    ForbiddenError
        If one is not.
    """
    left = {snapshot.snapshot_id: snapshot for snapshot in after.snapshots}
    had = {snapshot.snapshot_id: snapshot for snapshot in before.snapshots}
    for release in _needing(ledger):
        pin = release.pin(name)
        was = None if pin is None else had.get(pin.snapshot_id)
        if was is not None and not _is_same(was, left.get(was.snapshot_id)):
            ending = (
                f"End it first: lakebt retain --drop {release.name} --because TEXT"
                if not release.is_ended
                else "It is the last one, and the next release is built on it"
            )
            msg = (
                f"snapshot {was.snapshot_id} of table {name} cannot be removed: "
                f"release {release.name!r} pins it. {ending}"
            )
            raise ForbiddenError(msg)


def _needing(ledger: Ledger) -> Iterable[Release]:
    yield from ledger.living
    if ledger.last is not None and ledger.last.is_ended:
        yield ledger.last


def _is_same(was: Snapshot, would: Snapshot | None) -> bool:
    """Whether a snapshot is as it was. Its parent may have been removed."""
    if would is None or would is was:
        return would is was
    orphan = was.model_copy(update={"parent_snapshot_id": None})
    return would in (was, orphan)
