"""Commands run in this process; what only a process shows is run in another."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from lakebt.cli import app
from lakebt.lake.lake import Lake
from lakebt.sources.sample import sample_releases
from lakebt.sources.simulated import simulated_market
from tests.forked import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]
    RunProcess = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def run_here(*arguments: object, **options: Any) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, words, catch_exceptions=False, **options)

    return run_here


@pytest.fixture
def run_process() -> RunProcess:
    """Run ``python -m lakebt`` as a shell would."""

    def run_there(
        *arguments: object, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*python(), "-m", "lakebt", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    return run_there


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the article's two releases and a small simulated market."""
    path = tmp_path_factory.mktemp("cli") / "lake"
    made = Lake.open(path)
    for sample in sample_releases():
        made.publish(dict(sample.tables), release=sample.name, as_of=sample.as_of)
    market = simulated_market(seed=3, n_events=6, n_members=2)
    made.publish(
        market.tables,
        release="SIM",
        as_of=market.as_of,
        note="made from seed 3",
        labels={"regime": "simulated"},
    )
    return path
