"""Libraries that numbers are held against: a second to import, where asked for."""

from __future__ import annotations

import importlib
from typing import Any

import pytest


@pytest.fixture(scope="session")
def arch() -> Any:
    """Arch's bootstraps."""
    return importlib.import_module("arch.bootstrap")


@pytest.fixture(scope="session")
def sm() -> Any:
    """Statsmodels."""
    return importlib.import_module("statsmodels.api")
