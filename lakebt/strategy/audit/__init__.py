"""The look-ahead audit: whether a strategy decides on what was not yet known."""

from __future__ import annotations
