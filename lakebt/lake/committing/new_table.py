"""Making a table of facts in a lake that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import TableExistsError
from lakebt.lake.committing import protocol
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.tables.schemas import BUILT_IN, LATER, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.schema import Schema

    from lakebt.lake.storage.catalog import Storage


def make(
    storage: Storage, name: str, *, schema: Schema, properties: Mapping[str, str]
) -> None:
    """Make a table.

    Raises
    ------
    LostRaceError
        If somebody made one of that name meanwhile.
    TableExistsError
        If the name is somebody else's, whatever its case.
    """
    protocol.of(storage).create_table(
        name,
        schema,
        {**PROPERTIES, **properties},
        lambda taken: _check_free(name, taken, storage),
    )


def make_built_in(storage: Storage, names: Iterable[str]) -> None:
    """Make those of some tables that are built in and that the lake lacks.

    Raises
    ------
    LostRaceError
        If somebody made one of them meanwhile.
    TableExistsError
        If a name is somebody else's, whatever its case.
    """
    tables = storage.tables()
    for name in names:
        if name in LATER and name not in tables:
            with translated(storage.where):
                make(
                    storage,
                    name,
                    schema=LATER[name].iceberg(),
                    properties={BUILT_IN: "true"},
                )


def _check_free(name: str, taken: Iterable[str], storage: Storage) -> None:
    """Check that no table of the namespace has a name, whatever its case.

    Raises
    ------
    LostRaceError
        If the lake has it by now.
    TableExistsError
        If it is somebody else's, or differs in case only.
    """
    for other in taken:
        if other == name and name in storage.tables():
            raise LostRaceError(name)
        if other == name:
            why = "it is not lakebt's"
            raise TableExistsError(name, why)
        if other.lower() == name.lower():
            why = f"{name!r} differs from it in case only"
            raise TableExistsError(other, why)
