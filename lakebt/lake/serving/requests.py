"""What clients send, as far as it is not pyiceberg's own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(strict=True)]
Names = list[Text]
Properties = dict[Text, Text]
Object = dict[str, Any]


class _Said(BaseModel):
    model_config = ConfigDict(populate_by_name=True, frozen=True)


class NewNamespace(_Said):
    """A namespace to be made."""

    namespace: Names
    properties: Properties | None = None


class NamespaceChanges(_Said):
    """What shall be said about a namespace."""

    removals: Names | None = None
    updates: Properties | None = None


class Identifier(_Said):
    """A table's name."""

    namespace: Names
    name: Text


class NewTable(_Said):
    """A table to be made."""

    name: Text
    location: Text | None = None
    table_schema: Object = Field(alias="schema")
    partition_spec: Object | None = Field(default=None, alias="partition-spec")
    write_order: Object | None = Field(default=None, alias="write-order")
    stage_create: bool | None = Field(default=False, alias="stage-create")
    properties: Properties | None = None


class Registration(_Said):
    """A table to be made of metadata that is there."""

    name: Text
    metadata_location: Text = Field(alias="metadata-location")
    overwrite: bool | None = False


class Renaming(_Said):
    """A table's name, and its new one."""

    source: Identifier
    destination: Identifier


class TableChange(_Said):
    """What is required of a table, and shall be changed in it."""

    identifier: Identifier | None = None
    requirements: list[Object] = []
    updates: list[Object] = []


class Together(_Said):
    """Changes of several tables, all or none."""

    table_changes: list[TableChange] = Field(alias="table-changes")
