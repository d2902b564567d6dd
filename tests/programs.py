"""Programs that tests need. To import this changes nothing: benchmarks do so, too."""

from __future__ import annotations

import os
import shutil

import pytest

PROMISED = frozenset(os.environ.get("LAKEBT_REQUIRE", "").split(",")) - {""}
"""What whoever runs the tests says is installed, so that no test is skipped for it."""


def program(name: str, *, alternatives: tuple[str, ...] = ()) -> str:
    """Return the path of an installed program, or skip; fail if it was promised."""
    for candidate in (name, *alternatives):
        if found := shutil.which(candidate):
            return found
    if name in PROMISED:
        pytest.fail(f"{name} is not installed, though LAKEBT_REQUIRE promises it")
    pytest.skip(f"{name} is not installed")
