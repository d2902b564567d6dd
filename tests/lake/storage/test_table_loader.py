from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lakebt.lake.tables.schemas import LEDGER
from tests.behaviour.places import place_of
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.mark.servers
@pytest.mark.slow
def test_of_glue_only_the_metadata_that_changed_is_read(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with place_of("glue", request=request, folder=tmp_path) as place:
        storage = place.storage()
        glue: Any = storage.catalog
        really, read = glue._convert_glue_to_iceberg, []  # noqa: SLF001

        def convert(row: Any) -> Any:
            read.append(row["Name"])
            return really(row)

        glue._convert_glue_to_iceberg = convert  # noqa: SLF001
        storage.tables()
        assert read == []

        place.open().publish({"prices": bars()}, release="R1", as_of=AS_OF)

        assert set(storage.tables()["prices"].metadata.refs) == {"main", "R1"}
        assert sorted(read) == ["prices", LEDGER]
        storage.table("prices")  # the doctor asks for what lies there
        assert read[2:] == ["prices"]
