"""What a commit requires and changes, as the specification means it.

pyiceberg applies most updates as the reference implementation does, but not all: it
raises a `KeyError` where a property to be removed is not there, and refuses to remove
a snapshot that is gone; it accepts a tag called ``main``, and a snapshot whose sequence
number is taken if it has no parent; and a layout that is added twice is there twice.
"""

from __future__ import annotations

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

from lakebt.lake.serving.errors import BadRequestError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyiceberg.table.metadata import TableMetadata


_UPDATE: TypeAdapter[Any] = TypeAdapter(TableUpdate)
_REQUIREMENT: TypeAdapter[Any] = TypeAdapter(TableRequirement)

_PLAIN = (
    AddSnapshotUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
)
"""Updates that cannot make metadata that cannot be read back."""


def parsed_updates(said: Sequence[dict[str, Any]]) -> list[TableUpdate]:
    """Return updates as pyiceberg has them."""
    return [_parsed(_UPDATE, each, "update", "action") for each in said]


def parsed_requirements(said: Sequence[dict[str, Any]]) -> list[TableRequirement]:
    """Return requirements as pyiceberg has them."""
    return [_parsed(_REQUIREMENT, each, "requirement", "type") for each in said]


def _parsed(adapter: TypeAdapter[Any], said: dict[str, Any], what: str, by: str) -> Any:
    """Return one of them.

    Raises
    ------
    BadRequestError
        If there is no such thing.
    """
    try:
        return adapter.validate_python(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        msg = f"{what} {str(said.get(by))[:80]!a}: {place}: {first['msg']}"
    except Exception as error:  # noqa: BLE001 - parsers of types raise anything
        msg = f"{what} {str(said.get(by))[:80]!a}: {_line(error)}"
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
    """Make something of what a client said; whatever fails, it is what he said.

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
    """Return metadata, having checked that it can be read back and fits together."""
    if all(isinstance(update, _PLAIN) for update in updates):
        return metadata
    metadata.spec().check_compatible(metadata.schema())
    metadata.sort_order().check_compatible(metadata.schema())
    return TableMetadataUtil.parse_obj(metadata.model_dump())


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def meant(
    updates: Iterable[TableUpdate], metadata: TableMetadata | None
) -> list[TableUpdate]:
    """Return updates that pyiceberg applies as the specification means those given.

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
    meaning = _Meaning(metadata)
    return [one for update in updates for one in meaning.of(update)]


class _Meaning:
    """Follows what a table has while updates are applied."""

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
            self._snapshots |= {found.snapshot_id for found in metadata.snapshots}
            self._sequence = getattr(metadata, "last_sequence_number", 0)
            self._schemas |= {s.schema_id: s for s in metadata.schemas}
            self._specs |= {s.spec_id: s for s in metadata.partition_specs}
            self._orders |= {o.order_id: o for o in metadata.sort_orders}

    def of(self, update: TableUpdate) -> Iterator[TableUpdate]:  # noqa: C901, PLR0912
        """Give what an update means: itself, another, or nothing.

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
                self._snapshots.add(update.snapshot.snapshot_id)
            case RemoveSnapshotsUpdate(snapshot_ids=ids):
                there = [number for number in dict.fromkeys(ids) if self._has(number)]
                self._snapshots.difference_update(there)
                if not there:
                    return
                chosen = {"snapshot-ids": there}
                update = RemoveSnapshotsUpdate.model_validate(chosen)
            case SetSnapshotRefUpdate(ref_name="main", type=SnapshotRefType.TAG):
                msg = f"{MAIN_BRANCH} is a branch, and no tag can have its name"
                raise BadRequestError(msg)
            case SetPropertiesUpdate(updates=said):
                self._properties |= set(said)
            case RemovePropertiesUpdate(removals=said):
                known = [k for k in dict.fromkeys(said) if k in self._properties]
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
        held = (
            self._metadata.statistics
            if isinstance(update, RemoveStatisticsUpdate)
            else self._metadata.partition_statistics
        )
        return any(each.snapshot_id == update.snapshot_id for each in held)

    def _check_sequence(self, update: AddSnapshotUpdate) -> None:
        """Check that no snapshot has the sequence number of another.

        Raises
        ------
        ConflictError
            If one has: it was made for an earlier state of the table.
        """
        number = update.snapshot.sequence_number
        is_first_version = (
            self._metadata is not None and self._metadata.format_version == 1
        )
        if is_first_version or number is None:
            return
        if number <= self._sequence:
            msg = (
                f"Cannot add snapshot {update.snapshot.snapshot_id}: its sequence "
                f"number {number} is not newer than the table's, {self._sequence}"
            )
            raise ConflictError(msg)
        self._sequence = number

    def _is_new(self, what: str, number: int, added: Any, held: dict[int, Any]) -> bool:
        """Whether a layout is not there yet.

        Raises
        ------
        ConflictError
            If another one has its number.
        """
        self._last[what] = number
        if number not in held:
            held[number] = added
            return True
        if held[number] != added:
            msg = f"{what} {number} is another one by now. Load the table again"
            raise ConflictError(msg)
        return False
