"""Spark's settings for a lake's catalog, as its Iceberg runtime wants them.

Nothing here needs Spark. What is in a configuration of pyiceberg is said in the words
of Iceberg's Java library, which are mostly the same.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import LakeError
from lakebt.lake.storage.code import is_rest

if TYPE_CHECKING:
    import sqlalchemy as sa
    from pyiceberg.catalog import Catalog

    from lakebt.lake.storage.catalog import Storage


JARS = "LAKEBT_SPARK_JARS"
"""Paths of the jars, with commas, for a machine that may not fetch them."""

ICEBERG = "1.12.0"
_SCALA = "2.13"
_SQLITE, _POSTGRES = (
    "org.xerial:sqlite-jdbc:3.50.3.0",
    "org.postgresql:postgresql:42.7.7",
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_REST = (
    *("uri", "warehouse", "token", "credential", "scope", "prefix"),
    *("oauth2-server-uri", "rest.sigv4-enabled", "rest.signing-name"),
    "rest.signing-region",
)
"""Properties of a REST catalog that pyiceberg and Java call the same."""

_S3 = {
    "s3.endpoint": "s3.endpoint",
    "s3.access-key-id": "s3.access-key-id",
    "s3.secret-access-key": "s3.secret-access-key",
    "s3.session-token": "s3.session-token",
    "s3.region": "client.region",
    "client.region": "client.region",
    "glue.endpoint": "glue.endpoint",
    "glue.id": "glue.id",
    "glue.region": "client.region",
}
"""What pyiceberg calls it, and what Java does."""


def spark_name(storage: Storage) -> str:
    """Return what Spark calls the lake's catalog: what pyiceberg calls it.

    Raises
    ------
    LakeError
        If Spark could not be told such a name.
    """
    name = str(storage.catalog.name)
    if not _NAME.match(name):
        msg = (
            f"{storage.where} cannot be used from Spark: its name has to be a letter, "
            f"then letters, digits or _"
        )
        raise LakeError(msg)
    return name


def spark_conf(storage: Storage, *, spark_version: str = "4.1") -> dict[str, str]:
    """Return the settings of a Spark session that uses a lake.

    Parameters
    ----------
    storage
        The lake.
    spark_version
        Decides which Iceberg runtime is fetched: its first two numbers.

    Raises
    ------
    LakeError
        If Iceberg's Java library has no such catalog.
    """
    return {
        **_jars(storage, spark_version),
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        "spark.sql.session.timeZone": "UTC",
        **catalog_conf(storage),
    }


def catalog_conf(storage: Storage) -> dict[str, str]:
    """Return the settings of the lake's catalog, which a running session can take.

    Raises
    ------
    LakeError
        If Iceberg's Java library has no such catalog.
    """
    catalog = storage.catalog
    chosen = {
        "": "org.apache.iceberg.spark.SparkCatalog",
        # Spark would show tables as they were half a minute ago.
        ".cache-enabled": "false",
    }
    settings = {**_kind(storage), **_files(catalog)}
    prefix = f"spark.sql.catalog.{spark_name(storage)}"
    chosen |= {f".{key}": value for key, value in settings.items()}
    return {f"{prefix}{key}": value for key, value in chosen.items()}


def _kind(storage: Storage) -> dict[str, str]:
    catalog = storage.catalog
    has = catalog.properties
    if storage.sql is not None:
        return {"type": "jdbc", **_jdbc(storage.sql.engine.url, storage)}
    if is_rest(catalog):
        headers = [name for name in has if name.startswith("header.")]
        return {"type": "rest"} | {n: has[n] for n in (*_REST, *headers) if n in has}
    kind = has.get("type", "")
    if kind == "glue":
        return {"type": "glue", "warehouse": has.get("warehouse", "")}
    if kind == "hive":
        return {"type": "hive", **{n: has[n] for n in ("uri", "warehouse") if n in has}}
    msg = (
        f"{storage.where} cannot be used from Spark: Iceberg's Java library has no "
        f"catalog of type {kind or type(catalog).__name__!r}. It has SQL, REST, Glue "
        f"and Hive"
    )
    raise LakeError(msg)


def _jdbc(url: sa.URL, storage: Storage) -> dict[str, str]:
    """Return how Java reaches the database of a SQL catalog.

    Raises
    ------
    LakeError
        If it is neither SQLite nor Postgres.
    """
    settings = {
        "warehouse": str(storage.catalog.properties.get("warehouse", "")),
        "jdbc.schema-version": "V1",
        # Looking for them leaves a lock on a SQLite file; they are there.
        "jdbc.init-catalog-tables": "false",
    }
    backend = url.get_backend_name()
    if backend == "sqlite":
        return {**settings, "uri": f"jdbc:sqlite:{url.database}"}
    if backend == "postgresql":
        port = "" if url.port is None else f":{url.port}"
        settings["uri"] = f"jdbc:postgresql://{url.host}{port}/{url.database}"
        login = {"jdbc.user": url.username, "jdbc.password": url.password}
        return {**settings, **{k: str(v) for k, v in login.items() if v is not None}}
    msg = (
        f"{storage.where} cannot be used from Spark: no driver of {backend} is known "
        f"to lakebt, only those of SQLite and Postgres. Put the lake behind `lakebt "
        f"serve`, and open that as a REST catalog"
    )
    raise LakeError(msg)


def _files(catalog: Catalog) -> dict[str, str]:
    """Return how Java reaches the files, where that is not the local file system.

    Credentials that are in no configuration it finds by itself, as pyiceberg does: in
    the environment, in a profile, or by the machine's role.
    """
    if not _is_s3(catalog):
        return {}
    has = catalog.properties
    settings = {"io-impl": "org.apache.iceberg.aws.s3.S3FileIO"}
    settings |= {java: str(has[name]) for name, java in _S3.items() if name in has}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3"):
        settings.setdefault("s3.endpoint", endpoint)
    virtual = str(has.get("s3.force-virtual-addressing", "")).lower() == "true"
    if "s3.endpoint" in settings and not virtual:
        settings["s3.path-style-access"] = "true"
    return settings


def _is_s3(catalog: Catalog) -> bool:
    has = catalog.properties
    warehouse = str(has.get("warehouse", ""))
    return (
        warehouse.startswith(("s3:", "s3a:", "s3n:", "arn:"))
        or has.get("type") == "glue"
        or any(name.startswith("s3.") for name in has)
    )


def _jars(storage: Storage, spark_version: str) -> dict[str, str]:
    """Return which jars Spark fetches, or where they are.

    Raises
    ------
    LakeError
        If one is said to be where it is not.
    """
    if paths := os.environ.get(JARS):
        for path in paths.split(","):
            if ":/" not in path and not Path(path).is_file():
                msg = f"{JARS} names {path!r}, which is not there. Correct it"
                raise LakeError(msg)
        return {"spark.jars": paths}
    wanted = [f"org.apache.iceberg:{_runtime(spark_version)}:{ICEBERG}"]
    catalog = storage.catalog
    if storage.sql is not None:
        is_sqlite = storage.sql.engine.url.get_backend_name() == "sqlite"
        wanted.append(_SQLITE if is_sqlite else _POSTGRES)
    if _is_s3(catalog):
        wanted.append(f"org.apache.iceberg:iceberg-aws-bundle:{ICEBERG}")
    return {"spark.jars.packages": ",".join(wanted)}


def _runtime(spark_version: str) -> str:
    """Return the name of the Iceberg runtime for a version of Spark.

    Examples
    --------
    >>> _runtime("4.1.4"), _runtime("3.5")
    ('iceberg-spark-runtime-4.1_2.13', 'iceberg-spark-runtime-3.5_2.12')
    """
    minor = ".".join(spark_version.split(".")[:2])
    scala = "2.12" if minor.startswith("3.") else _SCALA
    return f"iceberg-spark-runtime-{minor}_{scala}"
