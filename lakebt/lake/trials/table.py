"""The table of trials: found, or made with the first trial."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyiceberg.exceptions import TableAlreadyExistsError

from lakebt.errors import LakeError
from lakebt.lake.committing.foreign import is_ours, writer
from lakebt.lake.storage.creation import create_table
from lakebt.lake.storage.failures import translated
from lakebt.lake.tables.schemas import NAMESPACE, PROPERTIES, TRIALS
from lakebt.lake.tables.trials import TRIALS_SPEC

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


def find(storage: Storage) -> Table | None:
    """Return the table of trials, None as long as nothing was recorded.

    Raises
    ------
    LakeError
        If a table of that name is there which is another one.
    """
    table = storage.trials()
    if table is not None:
        has = {field.name: field.field_type for field in table.schema().fields}
        for field in TRIALS_SPEC.iceberg().fields:
            if has.get(field.name) != field.field_type:
                msg = (
                    f"{storage.where}: table {TRIALS} has no column {field.name} that "
                    f"is {field.field_type}, so it is not lakebt's. Rename it in the "
                    f"engine that made it"
                )
                raise LakeError(msg)
    return table


def find_or_make(storage: Storage) -> Table:
    """Return the table of trials, to be written. Several processes may do so at once.

    Raises
    ------
    LakeError
        If it cannot be made, or something else wrote into it.
    """
    table = find(storage)
    if table is None:
        with translated(storage.where), contextlib.suppress(TableAlreadyExistsError):
            create_table(
                storage.catalog,
                (NAMESPACE, TRIALS),
                TRIALS_SPEC.iceberg(),
                PROPERTIES,
            )
        table = find(storage)
    assert table is not None  # noqa: S101 - made now, or by somebody else
    head = table.metadata.current_snapshot()
    if head is not None and not is_ours(head):
        msg = (
            f"{storage.where}: table {TRIALS} was written by {writer(head)}. `lakebt "
            f"doctor` says what it did, and how to roll it back"
        )
        raise LakeError(msg)
    return table
