"""Values where others wrote them, or earlier erasures did: they go too, or are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


def test_what_others_wrote_about_a_value_goes_and_what_they_left_is_told(
    lake: Lake, path: Path
) -> None:
    rows = bars(symbols=("GOOGLES", "AAA", "BBB"))
    lake.publish({"prices": rows}, release="A", as_of=AS_OF)
    with foreign_table(path, "prices") as table:
        with table.transaction() as change:
            change.set_properties({"about GOOGLES": "of GOOGLES"})
        with table.update_schema() as schema:
            schema.update_column("symbol", doc="such as GOOGLES")
    lake = Lake.open(path, clock=clock)
    lake.erase("prices", where={"symbol": "AAA"}, reason="a neighbour of GOOGLES")
    (path / "page.html").write_text("GOOGLES")

    done = lake.erase("prices", where={"symbol": "GOOGLES"}, reason="a wish")

    assert done.proof is not None
    assert [trace.path for trace in done.proof.traces] == ["page.html"]
    reasons = [each["because"] for each in lake.releases()["redactions"].iloc[0]]
    assert reasons == ["a neighbour of [erased]", "a wish"]
    with foreign_table(path, "prices") as table:
        assert "GOOGLES" not in str(dict(table.properties))
        assert table.schema().find_field("symbol").doc == "such as [erased]"
    assert lake.doctor(deep=True).ok
