"""Properties of others that a commit drops: said before it is made."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

from pyiceberg.table.name_mapping import (
    create_mapping_from_schema,
    parse_mapping_from_json,
)
from pyiceberg.table.update import RemovePropertiesUpdate, SetPropertiesUpdate

from lakebt._messages import listed, outside
from lakebt.errors import SettingsWarning
from lakebt.lake.storage.code import ignored_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged


NAME_MAPPING = "schema.name-mapping.default"


def warn_of_dropped(changes: Iterable[Staged]) -> None:
    """Warn of properties that a commit drops because no table of a lake may have them.

    Warns
    -----
    SettingsWarning
        If it drops one, and not because that is what it is for.
    """
    dropped = [
        f"{change.base.name()[-1]}: {key}"
        for change in changes
        for key, value in ignored_properties(change.base).items()
        if key not in _meant(change)
        and not (key == NAME_MAPPING and says_nothing_new(value, change.base))
    ]
    if dropped:
        msg = (
            f"properties are dropped that engines would obey, and that no table of a "
            f"lake may have ({listed(dropped)}). Notes stay, as owner or acme.owner"
        )
        warnings.warn(msg, SettingsWarning, stacklevel=outside())


def _meant(change: Staged) -> set[str]:
    """Return the properties that a change sets or removes on purpose."""
    return {key for update in change.updates for key in _keys(update)}


def _keys(update: object) -> Iterator[str]:
    if isinstance(update, SetPropertiesUpdate):
        yield from update.updates
    elif isinstance(update, RemovePropertiesUpdate):
        yield from update.removals


def says_nothing_new(mapping: str, table: Table) -> bool:
    """Whether names are mapped to columns as the schema has it; some servers add it."""
    with contextlib.suppress(ValueError):  # pydantic's is one
        mapping_read = parse_mapping_from_json(mapping)
        return mapping_read == create_mapping_from_schema(table.schema())
    return False
