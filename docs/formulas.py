# ruff: noqa: INP001, RUF001 - loaded by its path; letters are the formulas'
r"""Formulas of docstrings as MathML, which a browser shows without a program.

Docstrings write them in LaTeX, of which this knows what they use. Whatever else stands
in a formula is an error, so that none is shown as it is typed.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|[A-Z][A-Za-z]+|\S")
"""A command, a number, a name that begins with a capital, or a single sign."""

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "eta": "η",
    "nu": "ν",
    "rho": "ρ",
    "psi": "ψ",
    "omega": "ω",
    "Phi": "Φ",
}

SIGNS = {"cdot": "·", "le": "≤", "ge": "≥", "ne": "≠", "in": "∈"}

SPACES = {",": "0.17em", "quad": "1em", "qquad": "2em"}

FUNCTIONS = {"log"}

LIMITS = {"sum": "∑", "max": "max", "min": "min"}
"""What has its limits below and above, where there is room."""

SIZES = {"big": "1.2em", "Big": "1.8em"}
"""Of brackets, by the command before them."""

OPERATORS = dict(zip("+-=/,.<>()[]|*!", "+−=/,.<>()[]|∗!", strict=True))


def mathml(formula: str, *, display: bool = False) -> str:
    """Return a formula as an element ``math``.

    Raises
    ------
    ValueError
        If something stands in it that cannot be shown.
    """
    tokens = TOKEN.findall(formula)[::-1]
    try:
        row = "".join(_row(tokens))
    except (KeyError, IndexError) as cause:
        msg = f"the site cannot show {cause.args[0]!r} of the formula {formula!r}"
        raise ValueError(msg) from cause
    style = ' display="block"' if display else ""
    return f"<math{style}>{row}</math>"


def _row(tokens: list[str]) -> Iterator[str]:
    """Read what stands side by side, up to the end or a closing brace."""
    while tokens and tokens[-1] != "}":
        token = tokens[-1]
        base = _one(tokens)
        below = above = ""
        while tokens and tokens[-1] in {"_", "^"}:
            if tokens.pop() == "_":
                below = _one(tokens)
            else:
                above = _one(tokens)
        yield _scripts(base, below, above, is_limit=token.removeprefix("\\") in LIMITS)


def _scripts(base: str, below: str, above: str, *, is_limit: bool) -> str:
    if not below and not above:
        return base
    names = ("under", "over") if is_limit else ("sub", "sup")
    used = zip(names, (below, above), strict=True)
    name = "m" + "".join(name for name, script in used if script)
    return f"<{name}>{base}{below}{above}</{name}>"


def _one(tokens: list[str]) -> str:
    """Read a sign, a command with what it takes, or a group in braces."""
    first = tokens.pop()
    if first == "{":
        row = "".join(_row(tokens))
        tokens.pop()
        return f"<mrow>{row}</mrow>"
    if first.startswith("\\"):
        return _command(first[1:], tokens)
    if first[0].isdigit():
        return f"<mn>{first}</mn>"
    if first.isalpha():
        return f"<mi>{first}</mi>"
    return f'<mo stretchy="false">{escape(OPERATORS[first])}</mo>'


def _command(name: str, tokens: list[str]) -> str:  # noqa: PLR0911 - one for each kind
    if name in {"frac", "tfrac"}:
        style = ' displaystyle="false"' if name == "tfrac" else ""
        return f"<mfrac{style}>{_one(tokens)}{_one(tokens)}</mfrac>"
    if name == "sqrt":
        return f"<msqrt>{_one(tokens)}</msqrt>"
    if name == "bar":
        return f'<mover accent="true">{_one(tokens)}<mo>¯</mo></mover>'
    if name in SIZES:
        sign, size = escape(OPERATORS[tokens.pop()]), SIZES[name]
        return f'<mo stretchy="true" minsize="{size}" maxsize="{size}">{sign}</mo>'
    if name in LIMITS:
        return f'<mo movablelimits="true">{LIMITS[name]}</mo>'
    if name in FUNCTIONS:
        return f"<mi>{name}</mi>"
    if name in SPACES:
        return f'<mspace width="{SPACES[name]}"></mspace>'
    if name in SIGNS:
        return f"<mo>{SIGNS[name]}</mo>"
    return f"<mi>{GREEK[name]}</mi>"
