"""Why two results differ: the documented home of `lakebt.reproduce.explain`."""

from __future__ import annotations

from lakebt.reproduce.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
