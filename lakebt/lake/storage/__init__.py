"""Catalogs, and the files of their tables, written and read."""

from __future__ import annotations
