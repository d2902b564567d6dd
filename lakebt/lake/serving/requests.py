"""The bodies of requests, as far as pyiceberg has no types for them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

Text = Annotated[str, StringConstraints(strict=True)]
Names = list[Text]
Properties = dict[Text, Text]
Object = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(populate_by_name=True, frozen=True)


class NewNamespace(_Body):
    """A namespace to be made."""

    namespace: Names
    properties: Properties | None = None


class NamespaceChanges(_Body):
    """Properties of a namespace to be set and removed."""

    removals: Names | None = None
    updates: Properties | None = None


class Identifier(_Body):
    """A table's name."""

    namespace: Names
    name: Text


class NewTable(_Body):
    """A table to be made."""

    name: Text
    location: Text | None = None
    table_schema: Object = Field(alias="schema")
    partition_spec: Object | None = Field(default=None, alias="partition-spec")
    write_order: Object | None = Field(default=None, alias="write-order")
    stage_create: bool | None = Field(default=False, alias="stage-create")
    properties: Properties | None = None


class Registration(_Body):
    """A table to be made of metadata that exists."""

    name: Text
    metadata_location: Text = Field(alias="metadata-location")
    overwrite: bool | None = False


class Renaming(_Body):
    """A table's name, and its new one."""

    source: Identifier
    destination: Identifier


class TableChange(_Body):
    """Requirements of one table, and updates to it."""

    identifier: Identifier | None = None
    requirements: list[Object] = []
    updates: list[Object] = []


class Transaction(_Body):
    """Changes of several tables, all or none of which are made."""

    table_changes: list[TableChange] = Field(alias="table-changes")


class NewBranch(_Body):
    """A branch to be made at a release."""

    at: Text
    now: Text


class Rebase(_Body):
    """What a branch is to stand on; `told` is what its publisher was warned of."""

    at: Text
    release: Text | None = None
    accept: StrictBool = False
    now: Text
    told: Names = []


class Adoption(_Body):
    """What main is to call what a branch got."""

    release: Text
    as_of: Text | None = None
    note: Text = ""
    labels: Properties | None = None
    now: Text
    told: Names = []


class BranchDrop(_Body):
    """Why a branch is to be dropped."""

    because: Text | None = None
    now: Text
