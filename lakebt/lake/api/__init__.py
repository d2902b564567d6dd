"""The methods of `lakebt.Lake`, by subject."""

from __future__ import annotations
