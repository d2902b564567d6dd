"""A lake on Spark, in every kind of place that Iceberg's Java library knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.committing.fold import InMemory
from lakebt.lake.spark.session import attach
from lakebt.lake.tables.frames import frame
from tests.behaviour.places import place_of
from tests.engines.engine import ON_SPARK
from tests.lake.frames import AS_OF, bars, clock
from tests.nightly import IS_NIGHTLY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.behaviour.places import Place

pytestmark = ON_SPARK

KINDS = ("embedded", "postgres", "served", "sqlite-s3", "seaweedfs", "glue")
LATER = "2022-09-30T00:30:00Z"

ALL = (True, False, True)
"""Of R1, R2 and R3, which Spark publishes."""

BY_SPARK = (
    dict.fromkeys(KINDS, ALL)
    if IS_NIGHTLY
    else {
        "embedded": ALL,
        "postgres": ALL[:2],
        "served": ALL[1:],
        "sqlite-s3": ALL[1:],
        "seaweedfs": ALL[:2],
        "glue": ALL[1:],
    }
)
"""Which in each kind of place: after the other engine or before it, all each night."""


@pytest.fixture(params=KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, shared_spark: SparkSession
) -> Iterator[Place]:
    """An empty lake, whose keys Java finds as well."""
    java: Any = shared_spark._jvm  # noqa: SLF001 - its environment was fixed when it began
    with place_of(request.param, request=request, folder=tmp_path) as made:
        keys = {
            "aws.accessKeyId": made.keys.get("AWS_ACCESS_KEY_ID"),
            "aws.secretAccessKey": made.keys.get("AWS_SECRET_ACCESS_KEY"),
        }
        told = {name: value for name, value in keys.items() if value is not None}
        for name, value in told.items():
            java.java.lang.System.setProperty(name, value)
        try:
            yield made
        finally:
            for name in told:
                java.java.lang.System.clearProperty(name)


def test_releases_of_both_engines_read_on_both(
    place: Place, shared_spark: SparkSession, tmp_path: Path
) -> None:
    lake = place.open()
    lake._storage.spark = attach(lake._storage, shared_spark)  # noqa: SLF001
    session = lake.spark_session()
    measure = Lake.open(tmp_path / "measure", clock=clock)

    def of_spark(rows: pd.DataFrame) -> Any:
        return session.createDataFrame(pa.Table.from_pandas(rows, preserve_index=False))

    late = bars(days=("2022-09-02",), close=10.25).assign(
        known_at="2022-09-20T00:30:00Z"
    )
    first = {"prices": bars()}
    second = {"prices": pd.concat([bars(), late])}  # some are there already
    third = {"prices": bars(days=("2022-09-07",))}
    planned = (("R1", first, AS_OF), ("R2", second, LATER), ("R3", third, AS_OF))
    asked = list(zip(planned, BY_SPARK[place.kind], strict=False))
    for (name, tables, as_of), is_sparks in asked:
        given = (
            {t: of_spark(rows) for t, rows in tables.items()} if is_sparks else tables
        )
        made = lake.publish(given, release=name, as_of=as_of)
        wanted = measure.publish(tables, release=name, as_of=as_of)
        assert [(pin.rows, pin.digest) for pin in made.tables] == [
            (pin.rows, pin.digest) for pin in wanted.tables
        ]
    if len(asked) == len(planned):
        again = lake.publish(third, release="R3", as_of=AS_OF)
        assert (again.name, again.is_new) == ("R3", False)

    reopened = place.open()  # without Spark
    names = [name for (name, _, _), _ in asked]
    for name in names:
        theirs = measure.at(name)
        pd.testing.assert_frame_equal(
            reopened.at(name).panel("close"), theirs.panel("close")
        )
        found = frame(lake.spark_read(lake.at(name), "prices").toArrow())
        found = found.sort_values(["session", "symbol"], ignore_index=True)
        pd.testing.assert_frame_equal(found, theirs.read("prices"))
    catalog = lake._storage.catalog.name  # noqa: SLF001
    tagged = session.read.option("versionAsOf", "R2").table(f"{catalog}.quant.prices")
    assert tagged.count() == 8
    first_and_last = ("prices", names[0], names[-1])
    assert repr(lake.diff(*first_and_last)) == repr(measure.diff(*first_and_last))
    refs = place.table("prices").metadata.refs
    assert set(refs) == {"main", *names}
    assert reopened.doctor(files=True).ok


def test_files_are_folded_by_spark(
    place: Place, shared_spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "LIMIT", 3)
    monkeypatch.setattr(InMemory, "most_rows", 0)  # whatever is folded is, by Spark
    lake = place.open()
    lake._storage.spark = attach(lake._storage, shared_spark)  # noqa: SLF001
    days = ("2022-09-01", "2022-09-02", "2022-09-06", "2022-09-07")
    for number, day in enumerate(days):
        rows = {"prices": bars(days=(day,))}
        lake.publish(rows, release=f"R{number}", as_of=AS_OF)

    table = place.table("prices")
    fresh, folded = sorted(
        (task.file for task in table.scan().plan_files()),
        key=lambda file: file.record_count,
    )
    assert (fresh.record_count, folded.record_count) == (2, 6)
    assert folded.file_path.rsplit("/", 1)[-1].startswith("00000-")  # as Spark names it
    assert set(table.metadata.refs) == {"main", "R0", "R1", "R2", "R3"}
    reopened = place.open()
    for number in range(len(days)):
        assert len(reopened.at(f"R{number}").panel("close")) == number + 1
    assert reopened.doctor(files=True).ok
