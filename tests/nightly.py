"""How much of what a test could do it does: some of it, or all of it each night.

All of it is for ``make test-nightly``, the profile of hypothesis that takes hours.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

IS_NIGHTLY = settings().max_examples > 100
"""Then axes that do not depend on each other are combined in full, not in pairs."""


def times(some: int, many: int) -> int:
    """Return how often to draw at random: the one or, of the nightly run, the other."""
    return many if IS_NIGHTLY else some


def crossed(axes: Mapping[str, Mapping[str, Any]]) -> pytest.MarkDecorator:
    """Run a test with each pair of values of two parameters; each night with all.

    Parameters
    ----------
    axes
        By the name of each parameter, its values by what they are called.
    """
    chosen = [
        pytest.param(
            *(axis[name] for axis, name in zip(axes.values(), names, strict=True)),
            id="-".join(names),
        )
        for names in covering(*map(tuple, axes.values()))
    ]
    return pytest.mark.parametrize(tuple(axes), chosen)


def covering(*axes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return combinations that hold every two values of two axes; each night all."""
    every = list(itertools.product(*axes))
    if IS_NIGHTLY:
        return every
    pairs = {names: set(itertools.combinations(enumerate(names), 2)) for names in every}
    missing, chosen = set[Any]().union(*pairs.values()), []
    while missing:
        best = max(every, key=lambda names: len(pairs[names] & missing))
        chosen.append(best)
        missing -= pairs[best]
    return chosen
