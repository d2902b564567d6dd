"""What Spark is told of a lake, and what is said where Spark cannot be had."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog

from lakebt.errors import LakeError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.spark.conf import JARS, catalog_conf, spark_conf
from lakebt.lake.spark.session import _master, check_installed
from lakebt.lake.storage.catalog import Storage
from lakebt.values.command_lines import install_extra
from tests.engines.engine import settings
from tests.lake.frames import clock

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.catalog import Catalog

pytestmark = pytest.mark.lake

KEY, SECRET = "AKIAEXAMPLE", "not-for-logs"


def made(kind: type[Catalog], name: str = "prod", **properties: str) -> Storage:
    """A lake in a catalog of some kind, which nobody connects to."""
    catalog: Any = object.__new__(kind)
    catalog.name, catalog.properties = name, properties
    return Storage(catalog, name=name, where=f"catalog {name!r}", address={})


def test_the_settings_of_an_embedded_lake_are_those_the_page_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(JARS, raising=False)
    path = tmp_path / "lake"

    assert Lake.open(path, clock=clock).spark_conf() == settings(path)


def test_postgres_is_reached_with_its_own_user_and_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(JARS, raising=False)
    catalog = SqlCatalog(
        "prod",
        uri=f"postgresql+psycopg://me:{SECRET}@db.example:5433/lakes",
        warehouse="s3://bucket/lake",
        init_catalog_tables="false",
        **{"s3.endpoint": "http://127.0.0.1:8333", "s3.region": "eu-west-1"},
    )
    storage = Storage(catalog, name="prod", where="catalog 'prod'", address={})

    conf = spark_conf(storage)

    prefix = "spark.sql.catalog.prod."
    told = {k.removeprefix(prefix): v for k, v in conf.items() if k.startswith(prefix)}
    assert told == {
        "type": "jdbc",
        "uri": "jdbc:postgresql://db.example:5433/lakes",
        "jdbc.user": "me",
        "jdbc.password": SECRET,
        "jdbc.schema-version": "V1",
        "jdbc.init-catalog-tables": "false",
        "warehouse": "s3://bucket/lake",
        "cache-enabled": "false",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": "http://127.0.0.1:8333",
        "s3.path-style-access": "true",
        "client.region": "eu-west-1",
    }
    assert conf["spark.jars.packages"].split(",") == [
        "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0",
        "org.postgresql:postgresql:42.7.7",
        "org.apache.iceberg:iceberg-aws-bundle:1.12.0",
    ]


def test_a_rest_catalog_is_told_what_pyiceberg_is_told() -> None:
    storage = made(
        RestCatalog,
        uri="http://127.0.0.1:8181",
        warehouse="s3://analytics",
        credential=f"{KEY}:{SECRET}",
        **{
            "header.X-Team": "quant",
            "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
        },
    )

    conf = catalog_conf(storage)

    assert conf["spark.sql.catalog.prod.type"] == "rest"
    assert conf["spark.sql.catalog.prod.credential"] == f"{KEY}:{SECRET}"
    assert conf["spark.sql.catalog.prod.header.X-Team"] == "quant"
    assert not any("py-io" in name for name in conf)


def test_glue_finds_its_credentials_by_itself() -> None:
    conf = catalog_conf(made(GlueCatalog, type="glue", warehouse="s3://bucket/lake"))

    assert conf["spark.sql.catalog.prod.type"] == "glue"
    assert conf["spark.sql.catalog.prod.warehouse"] == "s3://bucket/lake"
    assert not any("key" in name or "secret" in name for name in conf)


def test_a_catalog_that_java_does_not_have_is_refused_by_name() -> None:
    class Nessie:
        name = "prod"
        properties = {"type": "in-memory"}  # noqa: RUF012

    strange = made(RestCatalog)
    strange.catalog = Nessie()  # type: ignore[assignment]  # pyiceberg may have more

    with pytest.raises(LakeError, match=r"'prod'.*no catalog of type 'in-memory'"):
        catalog_conf(strange)


def test_a_database_without_a_known_driver_is_refused_with_the_way_round() -> None:
    class Url:
        def get_backend_name(self) -> str:
            return "mysql"

    class Engine:
        url = Url()

    storage = made(SqlCatalog)
    storage.catalog.__dict__["engine"] = Engine()

    with pytest.raises(LakeError, match=r"no driver of mysql.*lakebt serve"):
        catalog_conf(storage)


@pytest.mark.parametrize("name", ["my-lake", "a.b", "1st", "x y", "a`b", "a\n"])
def test_a_name_that_could_be_something_else_in_sql_is_refused(name: str) -> None:
    with pytest.raises(LakeError, match="its name has to be a letter"):
        catalog_conf(made(RestCatalog, name))


def test_jars_that_lie_on_the_machine_are_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "iceberg.jar"
    jar.touch()
    monkeypatch.setenv(JARS, f"{jar},s3://jars/sqlite.jar")
    lake = Lake.open(tmp_path / "lake", clock=clock)

    conf = lake.spark_conf()
    assert conf["spark.jars"] == f"{jar},s3://jars/sqlite.jar"
    assert "spark.jars.packages" not in conf

    jar.unlink()
    with pytest.raises(LakeError, match=r"LAKEBT_SPARK_JARS names .*iceberg\.jar"):
        lake.spark_conf()


@pytest.mark.java
def test_missing_java_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyspark", reason="pip install '.[spark]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LakeError, match=r"needs Java, not found.*Install Java 17"):
        check_installed()

    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LakeError, match=r"JAVA_HOME is .*no bin/java"):
        Lake.open(tmp_path / "lake", clock=clock, engine="spark")


@pytest.mark.java
def test_an_old_java_is_said_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyspark", reason="pip install '.[spark]'")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(LakeError, match=r"Java 17 or newer, .*java is 11"):
        check_installed()


def test_missing_pyspark_is_said_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(LakeError, match=re.escape(install_extra("spark"))):
        check_installed()


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'sprak'.*Did you mean 'spark'"):
        Lake.open(tmp_path / "lake", clock=clock, engine="sprak")


@pytest.mark.parametrize(
    ("said", "master"),
    [
        ({}, "local[*]"),
        ({"file": "spark.master   yarn\n"}, "yarn"),
        ({"file": "# spark.master yarn\nspark.master.rest yes\n"}, "local[*]"),
        ({"file": "spark.master=yarn\n", "variable": "local[2]"}, "local[2]"),
        ({"setting": "k8s://x", "variable": "yarn"}, "k8s://x"),
    ],
)
def test_where_spark_runs_is_left_to_whoever_says_it_first(
    said: dict[str, str],
    master: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "spark-defaults.conf"
    file.write_text(said.get("file", ""), encoding="utf-8")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    monkeypatch.delenv("MASTER", raising=False)
    if "variable" in said:
        monkeypatch.setenv("MASTER", said["variable"])
    settings = {"spark.master": said["setting"]} if "setting" in said else {}

    assert _master(settings) == master
