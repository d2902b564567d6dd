"""The lake as an Iceberg REST catalog, for engines in other processes."""

from __future__ import annotations
