"""Lineage: from a number back to the files it came from, and from a release onward."""

from __future__ import annotations
