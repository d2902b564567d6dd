"""Plain values: flat arrays of runs, canonical JSON and its keys, counts in words."""

from __future__ import annotations
