# ruff: noqa: INP001 - loaded by its path
"""Formulas of docstrings as MathML, which a browser shows without a program."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

NAME = re.compile(r"(?<![\\A-Za-z])([A-Z][A-Za-z]+)")
"""A name of more than one letter, as in ``SR_0``, which LaTeX takes for a product."""


def mathml(formula: str, *, display: bool = False) -> str:
    """Return a formula as an element ``math``.

    Raises
    ------
    ValueError
        If it has a command that is not LaTeX's, or a brace without its other one.
    """
    named = NAME.sub(r"\\mathrm{\1}", formula)
    shown = convert(named, display="block" if display else "inline")
    if "\\" in shown or formula.count("{") != formula.count("}"):
        msg = f"the site cannot show the formula {formula!r}"
        raise ValueError(msg)
    return shown
