"""Plain values: runs in flat arrays, canonical JSON, counts and reasons in words."""

from __future__ import annotations
