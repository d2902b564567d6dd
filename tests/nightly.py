"""Whether tests run in the profile of hypothesis that takes an hour."""

from __future__ import annotations

from hypothesis import settings

IS_NIGHTLY = settings().max_examples > 100
"""Then axes that do not depend on each other are combined in full, not in pairs."""
