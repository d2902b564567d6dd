# ruff: noqa: INP001 - griffe loads it by its path
r"""What docstrings write in reStructuredText, written as the site's Markdown has it.

Formulas in a paragraph of their own become code with the role that ``docs/site.py``
shows as a formula, numbers of references are raised, and references are a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from griffe import Extension, Object

if TYPE_CHECKING:
    from griffe import Module

FORMULA = re.compile(r"^( *)\.\. math:: (.+(?:\n\1 +\S.*)*)$", re.MULTILINE)
CITED = re.compile(r"(?<=\S)\s+\[(\d+)\]_")
REFERENCE = re.compile(r"^( *)\.\. \[(\d+)\] ", re.MULTILINE)


class Notation(Extension):
    """Write every docstring in Markdown, once the package is loaded."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Walk through the package."""
        _written(pkg)


def markdown(docstring: str) -> str:
    """Return a docstring of which nothing is reStructuredText alone."""
    text = FORMULA.sub(_shown, docstring)
    text = CITED.sub(r" <sup>[\1]</sup>", text)
    return REFERENCE.sub(r"\1\2. ", text)


def _shown(found: re.Match[str]) -> str:
    return f"{found[1]}:display-math:`{' '.join(found[2].split())}`"


def _written(owner: Object) -> None:
    if owner.docstring is not None:
        owner.docstring.value = markdown(owner.docstring.value)
    for member in owner.members.values():
        if isinstance(member, Object):  # not one that is imported from elsewhere
            _written(member)
