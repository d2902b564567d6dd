"""Tables that users declare."""

from __future__ import annotations
