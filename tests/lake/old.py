"""A lake as it was made before files had digests in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import ListType, StructType

from lakebt.lake import Lake
from lakebt.lake.storage import datafiles, fingerprint
from lakebt.lake.tables import schemas
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path


def ledger_schema() -> Schema:
    """Return the columns that the ledger had."""
    fields = []
    for field in schemas.ledger_schema().fields:
        kind: Any = field.field_type
        if field.name == "tables":
            pins = [each for each in kind.element_type.fields if each.name != "files"]
            kind = ListType(kind.element_id, StructType(*pins), element_required=True)
        fields.append(field.model_copy(update={"field_type": kind}))
    return Schema(*fields)


def make_old(path: Path) -> Path:
    """Make one with the releases R0, R1 and R2."""
    count = iter(range(1000))

    def named(place: str, _content: object) -> str:
        return place.replace(fingerprint.OPEN, f"old-{next(count)}")

    with pytest.MonkeyPatch.context() as patch:
        for module in (fingerprint, datafiles):
            patch.setattr(module, "named", named)
        patch.setattr("lakebt.lake.storage.catalog.ledger_schema", ledger_schema)
        patch.setattr("lakebt.lake.committing.pages.says_files", lambda _: True)
        patch.setattr("lakebt.lake.publishing.publish._Writer._files", lambda *_: None)
        lake = Lake.open(path, clock=clock)
        for number, day in enumerate(("2022-09-01", "2022-09-02", "2022-09-06")):
            lake.publish({"prices": bars((day,))}, release=f"R{number}", as_of=AS_OF)
    return path
