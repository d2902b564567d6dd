"""All of the lake's Spark: sessions, reading, publishing, folding and comparing."""

from __future__ import annotations
