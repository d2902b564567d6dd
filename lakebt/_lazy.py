"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def first_use(package: str, name: str, homes: Mapping[str, str]) -> Any:
    """Return a name of a package from the module it lives in, and keep it there.

    Raises
    ------
    AttributeError
        If the package has no such name.
    """
    if name not in homes:
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
    setattr(sys.modules[package], name, value)
    return value
