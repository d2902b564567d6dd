"""Fixtures shared by every test."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.engines.sessions"]

ROOT = Path(__file__).resolve().parent.parent

# Before anything is imported or started that could read it: no test finds what an
# earlier run left, and none writes below the home directory.
CACHE = tempfile.mkdtemp(prefix="lakebt-cache-")
os.environ["LAKEBT_CACHE"] = CACHE

settings.register_profile(
    "dev", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("nightly", settings.get_profile("dev"), max_examples=2_000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

PROMISED = frozenset(os.environ.get("LAKEBT_REQUIRE", "").split(",")) - {""}
"""What whoever runs the tests says is installed, so that no test is skipped for it."""


def pytest_unconfigure() -> None:
    shutil.rmtree(CACHE, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker whole files, and one of them all that needs Spark to be started."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - may be missing

    def unit_of(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        is_spark = file.startswith("tests/engines/") or file.endswith("/test_spark.py")
        return "engines" if is_spark else file

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = unit_of  # noqa: SLF001 - what a subclass overrides
    return scheduler


def shared_file(*parts: str) -> Path:
    """Return a path in the shared folder, or skip with one line that names it.

    The folder lies beside the repository; ``LAKEBT_SHARED`` names another place.
    """
    folder = Path(os.environ.get("LAKEBT_SHARED") or ROOT.parent / "shared")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(('shared', *parts))} is not here")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that is not part of the repository."""
    return shared_file()


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real market data, never committed."""
    return shared_file("realdata")


def program(name: str, *, alternatives: tuple[str, ...] = ()) -> str:
    """Return the path of an installed program, or skip; fail if it was promised."""
    for candidate in (name, *alternatives):
        if found := shutil.which(candidate):
            return found
    if name in PROMISED:
        pytest.fail(f"{name} is not installed, though LAKEBT_REQUIRE promises it")
    pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser, in which reports are opened."""
    return program("chromium", alternatives=("chromium-browser", "google-chrome"))


@pytest.fixture(scope="session")
def chromedriver() -> str:
    """What drives the browser for selenium."""
    return program("chromedriver")
