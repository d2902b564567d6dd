# ruff: noqa: INP001 - griffe loads it by its path
"""Defaults in the reference are those of the signature.

The reader of numpydoc takes the first of ``{"daily", "weekly"}`` for the default, and
that of the first name of ``entries, exits`` for both. Every docstring of lakebt is read
for it, so one that describes a parameter by an old name is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from griffe import Class, DocstringSectionKind, Extension, Function, Object

if TYPE_CHECKING:
    from griffe import Module

SHOWN = {DocstringSectionKind.parameters, DocstringSectionKind.other_parameters}


class SignatureDefaults(Extension):
    """Put the default of each parameter right, once the package is loaded."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Walk through the package."""
        _correct(pkg)


def _correct(owner: Object) -> None:
    if isinstance(owner, Class | Function) and owner.docstring is not None:
        defaults = {each.name: each.default for each in owner.parameters}
        for section in owner.docstring.parsed:
            if section.kind in SHOWN:
                for parameter in section.value:
                    parameter.value = defaults.get(parameter.name.lstrip("*"))
    for member in owner.members.values():
        if isinstance(member, Object):  # not one that is imported from elsewhere
            _correct(member)
