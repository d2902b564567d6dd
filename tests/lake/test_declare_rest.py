"""A table declared in a catalog that is not SQL: Iceberg's own REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

from lakebt.errors import TableExistsError
from tests.lake.earnings import COLUMNS, DECLARED, calendar, catalog_of, declare
from tests.lake.frames import AS_OF, bars

if TYPE_CHECKING:
    from tests.lake.remote import Remote

pytestmark = pytest.mark.lake


def test_a_declared_table_is_published_corrected_and_given_a_column(
    remote: Remote,
) -> None:
    mine, theirs = remote.open(), remote.open()
    declare(mine)
    declare(theirs)
    first = {"earnings": calendar(), "prices": bars()}
    theirs.publish(first, release="R1", as_of=AS_OF)

    declare(mine, columns={**COLUMNS, "hour": "text?"})
    later = calendar(announced="2022-09-12T12:00:00Z", hour="amc").iloc[:1]
    theirs.publish({"earnings": later}, release="R2", as_of=AS_OF)

    view = mine.at("R2")
    assert list(view.vintages("earnings", ("AAA", "2022Q3"))["changed"]) == [
        (),
        ("announced", "hour"),
    ]
    assert list(view.read("earnings", where={"hour": "amc"})["symbol"]) == ["AAA"]
    assert mine.at("R1").read("earnings", where={"hour": "amc"}).empty
    assert dict(mine.tables().set_index("name")["rows"])["earnings"] == 3


def test_a_name_that_is_taken_is_refused_there_too(remote: Remote) -> None:
    lake = remote.open()
    declare(lake)
    schema = Schema(NestedField(1, "text", StringType(), required=False))
    catalog_of(lake).create_table(("quant", "notes"), schema=schema)

    others: dict[str, Any] = {"Earnings": "case only", "notes": "it is not lakebt's"}
    for name, why in others.items():
        with pytest.raises(TableExistsError, match=why):
            lake.declare(name, **DECLARED)
    with pytest.raises(TableExistsError, match=r"its key is \(symbol, period\), not"):
        declare(lake, key=["symbol"])
    assert "notes" not in set(lake.tables()["name"])
