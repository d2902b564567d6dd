"""Servers that tests start for themselves, on loopback, and stop again."""

from __future__ import annotations

from tests.servers.iceberg_rest import RestCatalogs, rest_catalogs
from tests.servers.moto_aws import Aws, aws
from tests.servers.ours import Served, served, serving
from tests.servers.postgresql import Postgres, postgres
from tests.servers.running import PATIENCE_SECONDS, free_port
from tests.servers.seaweed import Seaweed, seaweedfs, shared_seaweedfs
from tests.servers.wire import Wire, wire

__all__ = [
    "PATIENCE_SECONDS",
    "Aws",
    "Postgres",
    "RestCatalogs",
    "Seaweed",
    "Served",
    "Wire",
    "aws",
    "free_port",
    "postgres",
    "rest_catalogs",
    "seaweedfs",
    "served",
    "serving",
    "shared_seaweedfs",
    "wire",
]
