# ruff: noqa: INP001 - griffe loads it by its path
"""Parameters in the reference are those of the signature, with its defaults.

The reader of numpydoc takes the first of ``{"daily", "weekly"}`` for the default, and
that of the first name of ``entries, exits`` for both. Every docstring of lakebt is read
for it, so one that describes a parameter by an old name is a warning.

What a parameter means wherever it has a name, a docstring need not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from griffe import (
    Class,
    DocstringParameter,
    DocstringSectionKind,
    DocstringSectionParameters,
    Extension,
    Function,
    Object,
)

if TYPE_CHECKING:
    from griffe import Module

SHOWN = {DocstringSectionKind.parameters, DocstringSectionKind.other_parameters}

COMMON = {
    "after": "How many sessions after the anchor's.",
    "anchor": "`AD` or `ED`: the session that is counted from.",
    "before": "How many sessions before the anchor's.",
    "entry": "Of a rule, as in `entries`.",
    "event": "An `event_id`, as in `events()`.",
    "exit": "Of a rule, as in `exits`.",
    "index": "The name of an index, as the column `index` of `index_changes` has it.",
    "instant": "What was known by then is seen: a datetime, or ISO 8601, with a zone.",
    "path": "Where; a file that is there is replaced.",
    "release": "Its name; of a branch with that before it, as `cleaned.R2`.",
    "symbols": "The names of shares, as the column `symbol` of `prices` has them.",
    "table": "The name of a table: a built-in one, or one of your own.",
}
"""Parameters that mean the same in every method of a public class."""


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
                    if not parameter.description:
                        parameter.description = COMMON.get(parameter.name, "")
        if isinstance(owner, Function):
            _add_common(owner)
    for member in owner.members.values():
        if isinstance(member, Object):  # not one that is imported from elsewhere
            _correct(member)


def _add_common(function: Function) -> None:
    """Describe common parameters that the docstring does not."""
    sections = function.docstring.parsed if function.docstring else []
    of_parameters = next((each for each in sections if each.kind in SHOWN), None)
    described = {each.name for each in of_parameters.value} if of_parameters else set()
    added = [
        DocstringParameter(
            each.name,
            annotation=each.annotation,
            description=COMMON[each.name] + _by_default(each.default),
            value=each.default,
        )
        for each in function.parameters
        if each.name in COMMON and each.name not in described
    ]
    if added and of_parameters:
        of_parameters.value.extend(added)
    elif added:
        sections.insert(1, DocstringSectionParameters(added))


def _by_default(default: object) -> str:
    return " By default every one." if str(default) == "None" else ""
