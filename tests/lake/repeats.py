"""How often a test repeats what it draws at random: some times, or many each night.

The many are for ``--hypothesis-profile=nightly``.
"""

from __future__ import annotations

from hypothesis import settings

IS_NIGHTLY = settings().max_examples > 100


def times(some: int, many: int) -> int:
    """Return the one or, of the nightly run, the other."""
    return many if IS_NIGHTLY else some
