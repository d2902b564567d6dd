"""The version, for the package and for what its results rest on."""

from __future__ import annotations

__version__ = "0.1.0"
