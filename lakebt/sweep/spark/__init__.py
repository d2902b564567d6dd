"""The same sweep on Spark: executors run it, the driver records it."""

from __future__ import annotations
