"""Where tables are, and how their files are written and read."""

from __future__ import annotations
