"""DuckDB with the extensions that PyPI has, and no way to fetch others."""

from __future__ import annotations

import contextlib
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

BY_SNAPSHOT = "SELECT * FROM iceberg_scan(?, snapshot_from_id = ?)"
"""Reads a table, by its metadata file, as a snapshot of it is."""


@contextlib.contextmanager
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to it, with times in UTC."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "custom_extension_repository": "nowhere",
        }
    )
    for name in ("avro", "iceberg"):
        folder = files(f"duckdb_extension_{name}") / "extensions"
        file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        connection.load_extension(str(file))
    connection.execute("SET TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()
