"""A lake in every kind of place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.behaviour.content import fill
from tests.behaviour.places import PLACES, Place, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty lake of each kind."""
    with place_of(request.param, request=request, folder=tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=PLACES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A lake of each kind that is only read: it holds `tests.behaviour.content`."""
    folder = tmp_path_factory.mktemp(request.param)
    with place_of(request.param, request=request, folder=folder) as made:
        fill(made.open())
        yield made
