"""Publishing, declaring, keeping and recording: the same wherever a lake is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

from lakebt.errors import (
    InvalidArgumentError,
    TableExistsError,
)
from tests.lake.crash import publish
from tests.lake.earnings import COLUMNS as EARNINGS
from tests.lake.earnings import DECLARED, calendar, declare
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.trial_rows import batch, trial

if TYPE_CHECKING:
    from tests.behaviour.places import Place

pytestmark = [pytest.mark.lake, pytest.mark.slow]


# ------------------------------------------------------------------------- publishing


def test_releases_are_published_tagged_and_read(place: Place) -> None:
    lake = place.open()
    assert lake.releases().empty
    for number in (1, 2, 3):
        publish(lake, number)

    place.check_whole([1, 2, 3])
    tagged = place.table("etf_holdings").scan().use_ref("R2").to_arrow()
    assert set(tagged["fund"].to_pylist()) == {"F1", "F2"}
    name = "lake" if place.path is not None else "prod"
    assert lake.at("R2").provenance()["lake"] == name


# -------------------------------------------------------------------------- declaring


def test_a_declared_table_is_published_corrected_and_given_a_column(
    place: Place,
) -> None:
    mine, theirs = place.open(), place.open()
    declare(mine)
    declare(theirs)
    first = {"earnings": calendar(), "prices": bars()}
    theirs.publish(first, release="R1", as_of=AS_OF)

    declare(mine, columns={**EARNINGS, "hour": "text?"})
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


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    lake = place.open()
    declare(lake)
    schema = Schema(NestedField(1, "text", StringType(), required=False))
    place.catalog().create_table(("quant", "notes"), schema=schema)

    others: dict[str, Any] = {"Earnings": "case only", "notes": "it is not lakebt's"}
    for name, why in others.items():
        with pytest.raises(TableExistsError, match=why):
            lake.declare(name, **DECLARED)
    with pytest.raises(TableExistsError, match=r"its key is \(symbol, period\), not"):
        declare(lake, key=["symbol"])
    assert "notes" not in set(lake.tables()["name"])


# ---------------------------------------------------------------------------- keeping


def test_a_release_ends_and_its_files_go(place: Place) -> None:
    lake = place.open()
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("CCC",))}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": q1()}, release="C", as_of=AS_OF)
    assert lake.doctor().ok

    done = lake.drop("A", because="a test")

    assert [release.name for release in done.ended] == ["A"]
    assert (done.n_snapshots, done.n_files) == (1, 1)
    fresh = place.open()
    assert list(fresh.releases()["name"]) == ["B", "C"]
    assert [len(fresh.at(name).read("prices")) for name in "BC"] == [9, 9]
    assert set(place.table("prices").metadata.refs) == {"main", "B", "C"}
    assert fresh.doctor().ok
    fresh.publish({"prices": bars(symbols=("DDD",))}, release="D", as_of=AS_OF)
    assert len(fresh.at("D").read("prices")) == 12


def test_appended_rows_are_adopted(place: Place) -> None:
    lake = place.open()
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF)
    table = place.table("prices")
    rows = table.scan().to_arrow().slice(0, 2)
    column = rows.schema.get_field_index("symbol")
    new = rows.set_column(column, "symbol", [["N1", "N2"]])
    table.append(new.cast(rows.schema))

    lake.adopt("prices", release="B", as_of=AS_OF)

    assert len(lake.at("B").read("prices")) == 8
    assert lake.doctor().ok


# ----------------------------------------------------------------------------- trials


def test_trials_are_recorded_once_read_and_counted(place: Place) -> None:
    lake = place.open()
    assert lake.trials().empty

    assert lake.record(batch(range(20))) == 20
    assert place.open().record(batch(range(10, 30))) == 10  # half of them are there

    fresh = place.open()
    recorded = fresh.trials()
    assert sorted(recorded["n_returns"]) == list(range(30))
    assert fresh.count_trials(study="SP500") == 15  # two at a time are of one rule
    one = fresh.trial(trial(7)["trial_id"])
    assert one["sharpe"] == 1.0
    with pytest.raises(InvalidArgumentError, match="there is no trial '0000"):
        fresh.trial("0" * 32)
    assert fresh.doctor().ok
    pd.testing.assert_frame_equal(recorded, lake.trials())
