"""`lakebt demo`: the whole path on the sample data, in five short acts."""

from __future__ import annotations

from lakebt.demo.acts import ENTRIES, EXITS
from lakebt.demo.play import perform

__all__ = ["ENTRIES", "EXITS", "perform"]
