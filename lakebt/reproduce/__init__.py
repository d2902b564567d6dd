"""Results are evidence: run one again, and say what moved a number between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt._lazy import first_use

if TYPE_CHECKING:
    from lakebt.reproduce.explanation import Explanation as Explanation
    from lakebt.reproduce.explanation import explain as explain
    from lakebt.reproduce.reproduction import Reproduction as Reproduction
    from lakebt.reproduce.reproduction import reproduce as reproduce

_HOMES = {
    "Explanation": "explanation",
    "explain": "explanation",
    "Reproduction": "reproduction",
    "reproduce": "reproduction",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    return first_use(__name__, name, _HOMES)
