"""Which properties a table of the lake may have; all others are neither taken nor read.

What reads or writes a table obeys its properties, pyiceberg and other engines alike:
they say where files go, how columns are found, and which code is imported. One value
that makes no sense stops every publisher. So this is a list of what is allowed: what
lakebt gives, what other engines read by, and notes, which no engine obeys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lakebt.lake.tables.schemas import OURS, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Mapping


_NOTE = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\.[A-Za-z0-9_-]+)*")
"""A name of one word, as comment, or of several that begin with one's own."""

_DIGITS = re.compile(r"[0-9]{1,10}")

_LONGEST_NAME = 128

_LONGEST_NOTE = 1000

SETTINGS = frozenset(
    # Of tables, as Iceberg has them.
    {"catalog", "commit", "compatibility", "current", "data", "default", "delete"}
    | {"encryption", "format", "gc", "history", "identifier", "lock", "manifest"}
    | {"merge", "metadata", "metrics", "partition", "partitioning", "read", "rest"}
    | {"schema", "snapshot", "sort", "statistics", "table", "update", "upsert", "view"}
    | {"write"}
    # Of files and stores.
    | {"abfs", "adls", "avro", "aws", "azure", "cache", "client", "credential", "fs"}
    | {"gcp", "gcs", "google", "gs", "hadoop", "hdfs", "hf", "io", "kms", "oauth2"}
    | {"orc", "oss", "parquet", "puffin", "s3", "s3a", "s3tables", "token"}
    # Of engines and catalogs.
    | {"auth", "bigquery", "connector", "databricks", "delta", "dremio", "dynamodb"}
    | {"engine", "external", "flink", "glue", "hive", "hms", "hudi", "iceberg"}
    | {"impala", "jdbc", "kafka", "lakebt", "lakeformation", "metastore", "nessie"}
    | {"option", "paimon", "polaris", "presto", "py", "snowflake", "spark", "sql"}
    | {"starrocks", "streaming", "trino", "unity", "uri", "warehouse"}
)
"""How names of several words begin that an engine, a catalog or a store obeys."""

_FLAGS = ("true", "false")

_BYTES = range(2**20, 2**31 + 1)

SETTABLE: Mapping[str, range | tuple[str, ...]] = {
    # Iceberg's own library gives it to each table that a server makes.
    "write.parquet.compression-codec": ("zstd", "gzip", "snappy", "uncompressed"),
    # How engines share out what they read, which is the same by any.
    "read.split.target-size": _BYTES,
    "read.split.metadata-target-size": _BYTES,
    "read.split.open-file-cost": _BYTES,
    "read.split.planning-lookback": range(1, 1001),
    "read.split.adaptive-size.enabled": _FLAGS,
    "read.parquet.vectorization.enabled": _FLAGS,
    "read.parquet.vectorization.batch-size": range(100, 100_001),
}
"""Settings that others may give a table, with the numbers and words that make sense."""


def is_allowed(key: str, value: str) -> bool:
    """Whether a table of the lake may have a property.

    Examples
    --------
    >>> is_allowed("owner", "desk"), is_allowed("write.data.path", "/tmp")
    (True, False)
    >>> is_allowed("acme.owner", "desk"), is_allowed("read.split.target-size", "1")
    (True, False)
    """
    if key.startswith(OURS):
        return True
    if key in SETTABLE:
        return _is_one_of(value, SETTABLE[key])
    if (own := PROPERTIES.get(key)) is None:
        return _is_note(key) and len(value) <= _LONGEST_NOTE
    if own in _FLAGS:
        return _is_one_of(value, _FLAGS)
    if own.isdigit():
        return _is_one_of(value, range(10**6))
    return value == own


def _is_note(key: str) -> bool:
    match = _NOTE.fullmatch(key)
    if match is None or len(key) > _LONGEST_NAME:
        return False
    return match[1] == key or match[1].lower() not in SETTINGS


def _is_one_of(value: str, sane: range | tuple[str, ...]) -> bool:
    if isinstance(sane, range):
        return bool(_DIGITS.fullmatch(value)) and int(value) in sane
    return value.lower() in sane


def divided(
    properties: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the properties that are allowed, and those that are not."""
    allowed = {k: v for k, v in properties.items() if is_allowed(k, v)}
    return allowed, {k: v for k, v in properties.items() if k not in allowed}
