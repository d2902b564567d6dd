"""The requirements and updates of a commit, applied as the specification says.

pyiceberg applies most updates as the reference implementation does, but not all: it
raises a `KeyError` if a property to be removed does not exist, and refuses to remove a
snapshot that is gone; it accepts a tag called ``main``, and a snapshot without a parent
whose sequence number is taken; and it keeps a layout twice that is added twice.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    AddSortOrderUpdate,
    AssertRefSnapshotId,
    AssignUUIDUpdate,
    RemovePartitionStatisticsUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    RemoveStatisticsUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetPartitionStatisticsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    SetStatisticsUpdate,
    TableRequirement,
    TableUpdate,
    UpgradeFormatVersionUpdate,
)
from pyiceberg.utils.datetime import datetime_to_millis

from lakebt.instants import system_clock
from lakebt.lake.serving.errors import BadRequestError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyiceberg.table.metadata import TableMetadata


_UPDATE: TypeAdapter[Any] = TypeAdapter(TableUpdate)
_REQUIREMENT: TypeAdapter[Any] = TypeAdapter(TableRequirement)

_AHEAD = dt.timedelta(days=1)
"""How far the clock of an engine may be ahead."""

_PLAIN = (
    AddSnapshotUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
)
"""Updates after which metadata can always be read back."""


def parsed_updates(objects: Sequence[dict[str, Any]]) -> list[TableUpdate]:
    """Return updates as pyiceberg's types."""
    return [_parsed(_UPDATE, one, "update", "action") for one in objects]


def parsed_requirements(objects: Sequence[dict[str, Any]]) -> list[TableRequirement]:
    """Return requirements as pyiceberg's types."""
    return [_parsed(_REQUIREMENT, one, "requirement", "type") for one in objects]


def _parsed(
    adapter: TypeAdapter[Any], plain: dict[str, Any], kind: str, key: str
) -> Any:
    """Return one update or requirement.

    Raises
    ------
    BadRequestError
        If there is no such kind, or it makes no sense.
    """
    try:
        return adapter.validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(map(str, first["loc"]))
        msg = f"{kind} {str(plain.get(key))[:80]!a}: {location}: {first['msg']}"
    except Exception as error:  # noqa: BLE001 - parsers of types raise anything
        msg = f"{kind} {str(plain.get(key))[:80]!a}: {_line(error)}"
    raise BadRequestError(msg)


def check(
    requirements: Iterable[TableRequirement], metadata: TableMetadata | None
) -> None:
    """Check that a table is as required.

    Raises
    ------
    ConflictError
        If it is not.
    """
    for requirement in requirements:
        if (
            isinstance(requirement, AssertRefSnapshotId)
            and requirement.snapshot_id is None
            and metadata is not None
            and requirement.ref not in metadata.refs
        ):
            continue  # which pyiceberg refuses to say of a table without snapshots
        try:
            requirement.validate(metadata)
        except CommitFailedException as error:
            raise ConflictError(str(error)) from None


def guarded(make: Callable[[], Any]) -> Any:
    """Make something of a request; if that fails, the request is at fault.

    Raises
    ------
    BadRequestError
        If it fails.
    """
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - nothing is written yet
        msg = f"the request cannot be carried out: {_line(error)}"
        raise BadRequestError(msg) from None


def readable(metadata: TableMetadata, updates: Iterable[TableUpdate]) -> TableMetadata:
    """Return metadata after checking that it fits together and can be read back."""
    if all(isinstance(update, _PLAIN) for update in updates):
        return metadata
    metadata.spec().check_compatible(metadata.schema())
    metadata.sort_order().check_compatible(metadata.schema())
    return TableMetadataUtil.parse_obj(metadata.model_dump())


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def as_specified(
    updates: Iterable[TableUpdate], metadata: TableMetadata | None
) -> list[TableUpdate]:
    """Return updates by which pyiceberg does what the specification says.

    Parameters
    ----------
    updates
    metadata
        What they are applied to, None if they make the table.

    Raises
    ------
    BadRequestError
        If one makes no sense.
    ConflictError
        If one was made for an earlier state of the table.
    """
    state = _State(metadata)
    return [one for update in updates for one in state.as_specified(update)]


class _State:
    """Follows the content of a table while updates are applied."""

    def __init__(self, metadata: TableMetadata | None) -> None:
        self._metadata = metadata
        self._last: dict[str, int] = {}
        self._properties: set[str] = set()
        self._snapshots: set[int] = set()
        self._sequence = 0
        self._schemas: dict[int, Any] = {}
        self._specs: dict[int, Any] = {}
        self._orders: dict[int, Any] = {}
        if metadata is not None:
            self._properties |= set(metadata.properties)
            self._snapshots |= {snapshot.snapshot_id for snapshot in metadata.snapshots}
            self._sequence = getattr(metadata, "last_sequence_number", 0)
            self._schemas |= {s.schema_id: s for s in metadata.schemas}
            self._specs |= {s.spec_id: s for s in metadata.partition_specs}
            self._orders |= {o.order_id: o for o in metadata.sort_orders}

    def as_specified(self, update: TableUpdate) -> Iterator[TableUpdate]:  # noqa: C901, PLR0912
        """Give what to apply for an update: itself, another, or nothing.

        Raises
        ------
        BadRequestError
            If it makes no sense.
        """
        match update:
            case AssignUUIDUpdate():
                metadata = self._metadata
                if metadata is not None and metadata.table_uuid != update.uuid:
                    msg = f"the table has the uuid {metadata.table_uuid} and keeps it"
                    raise BadRequestError(msg)
            case UpgradeFormatVersionUpdate(format_version=version) if version > 2:
                msg = f"format version {version}: this server has tables of 1 and 2"
                raise BadRequestError(msg)
            case AddSchemaUpdate(schema_=added):
                if not self._is_new("schema", added.schema_id, added, self._schemas):
                    return
            case AddPartitionSpecUpdate(spec=spec):
                if not self._is_new("partition spec", spec.spec_id, spec, self._specs):
                    return
            case AddSortOrderUpdate(sort_order=order):
                if not self._is_new("sort order", order.order_id, order, self._orders):
                    return
            case SetCurrentSchemaUpdate(schema_id=-1) if "schema" in self._last:
                update = SetCurrentSchemaUpdate.model_validate(
                    {"schema-id": self._last["schema"]}
                )
            case SetDefaultSpecUpdate(spec_id=-1) if "partition spec" in self._last:
                update = SetDefaultSpecUpdate.model_validate(
                    {"spec-id": self._last["partition spec"]}
                )
            case SetDefaultSortOrderUpdate(sort_order_id=-1) if (
                "sort order" in self._last
            ):
                update = SetDefaultSortOrderUpdate.model_validate(
                    {"sort-order-id": self._last["sort order"]}
                )
            case AddSnapshotUpdate():
                self._check_sequence(update)
                self._check_line(update)
                self._snapshots.add(update.snapshot.snapshot_id)
            case RemoveSnapshotsUpdate(snapshot_ids=ids):
                present = [number for number in dict.fromkeys(ids) if self._has(number)]
                self._snapshots.difference_update(present)
                if not present:
                    return
                chosen = {"snapshot-ids": present}
                update = RemoveSnapshotsUpdate.model_validate(chosen)
            case SetSnapshotRefUpdate(ref_name="main", type=SnapshotRefType.TAG):
                msg = f"{MAIN_BRANCH} is a branch, and no tag can have its name"
                raise BadRequestError(msg)
            case SetPropertiesUpdate(updates=names):
                self._properties |= set(names)
            case RemovePropertiesUpdate(removals=names):
                known = [k for k in dict.fromkeys(names) if k in self._properties]
                self._properties.difference_update(known)
                update = RemovePropertiesUpdate(removals=known)
            case RemoveStatisticsUpdate() | RemovePartitionStatisticsUpdate():
                if not self._has_statistics(update):
                    return
            case SetStatisticsUpdate() | SetPartitionStatisticsUpdate():
                pass
        yield update

    def _has(self, snapshot_id: int) -> bool:
        return snapshot_id in self._snapshots

    def _has_statistics(
        self, update: RemoveStatisticsUpdate | RemovePartitionStatisticsUpdate
    ) -> bool:
        if self._metadata is None:
            return False
        statistics = (
            self._metadata.statistics
            if isinstance(update, RemoveStatisticsUpdate)
            else self._metadata.partition_statistics
        )
        return any(one.snapshot_id == update.snapshot_id for one in statistics)

    def _check_sequence(self, update: AddSnapshotUpdate) -> None:
        """Check that a snapshot has the next sequence number.

        Raises
        ------
        BadRequestError
            If it has a later one: the last number there is would end the table.
        ConflictError
            If one has: it was made for an earlier state of the table.
        """
        number = update.snapshot.sequence_number
        is_first_version = (
            self._metadata is not None and self._metadata.format_version == 1
        )
        if is_first_version or number is None:
            return
        if number > self._sequence + 1:
            msg = (
                f"snapshot {update.snapshot.snapshot_id} has the sequence number "
                f"{number}, and the table's next is {self._sequence + 1}"
            )
            raise BadRequestError(msg)
        if number <= self._sequence:
            msg = (
                f"Cannot add snapshot {update.snapshot.snapshot_id}: its sequence "
                f"number {number} is not newer than the table's, {self._sequence}"
            )
            raise ConflictError(msg)
        self._sequence = number

    def _check_line(self, update: AddSnapshotUpdate) -> None:
        """Check that a snapshot comes after another one, and not after tomorrow.

        Raises
        ------
        BadRequestError
            If it would be before itself, or no engine could commit after it.
        """
        snapshot = update.snapshot
        parent = snapshot.parent_snapshot_id
        if parent is not None and parent not in self._snapshots:
            msg = (
                f"snapshot {snapshot.snapshot_id} is built on snapshot {parent}, which "
                f"the table does not have. Load the table again"
            )
            raise BadRequestError(msg)
        latest = datetime_to_millis(system_clock() + _AHEAD)
        if self._metadata is not None:  # times of a table never go back
            latest = max(latest, self._metadata.last_updated_ms)
        if not 0 <= snapshot.timestamp_ms <= latest:
            msg = (
                f"snapshot {snapshot.snapshot_id} has the time "
                f"{snapshot.timestamp_ms} ms, which is not in the past"
            )
            raise BadRequestError(msg)

    def _is_new(
        self, what: str, number: int, added: Any, known: dict[int, Any]
    ) -> bool:
        """Whether a schema, partition spec or sort order is new.

        Raises
        ------
        ConflictError
            If another one has its number.
        """
        self._last[what] = number
        if number not in known:
            known[number] = added
            return True
        if known[number] != added:
            msg = f"{what} {number} is another one by now. Load the table again"
            raise ConflictError(msg)
        return False
