"""Fixtures shared by every test."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import functools
import gc
import importlib.util
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing
from _pytest.doctest import DoctestModule
from hypothesis import HealthCheck, settings

from tests.programs import program

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator

# a program, whose examples pytest would look for
collect_ignore = [] if importlib.util.find_spec("moto") else ["servers/moto_program.py"]

pytest_plugins = ["tests.engines.sessions", "tests.servers.fixtures", "tests.slow"]

ROOT = Path(__file__).resolve().parent.parent

MEMORY = Path("/dev/shm")  # noqa: S108 - the run makes a folder of its own in it
ROOM = 8 << 30


def fast_folder() -> str | None:
    """Make a folder in memory, where there is room; None if somebody named another.

    Lakes are small and ask for each file to be on the disk: in memory, it is at once.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    if "TMPDIR" in os.environ or not has_room or not os.access(MEMORY, os.W_OK):
        return None
    folder = tempfile.mkdtemp(prefix="lakebt-tests-", dir=MEMORY)
    Path(folder).chmod(0o711)  # Postgres runs as somebody else, and passes through
    return folder


# What is imported and collected stays to the end, and is looked through in vain: until
# all is collected, nothing is.
gc.disable()

# Before anything is imported or started that could read it: no test finds what an
# earlier run left, and none writes below the home directory.
if FOLDER := fast_folder():
    os.environ["TMPDIR"] = tempfile.tempdir = FOLDER
CACHE = tempfile.mkdtemp(prefix="lakebt-cache-")
os.environ["LAKEBT_CACHE"] = CACHE

# What a shell starts in the background ignores Ctrl-C, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "dev", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("nightly", settings.get_profile("dev"), max_examples=2_000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Typer makes the tree of all commands anew for each call: 25 ms, a thousand times.
once: Any = functools.cache(typer.main.get_command)
setattr(typer.testing, "_get_command", once)  # noqa: B010 - a name it does not export


def pytest_unconfigure() -> None:
    shutil.rmtree(CACHE, ignore_errors=True)
    if FOLDER:
        shutil.rmtree(FOLDER, ignore_errors=True)


# --- what a test needs, and when it runs ----------------------------------------------

NEEDS = {
    "java": {"shared_spark", "rest_servers"},
    "servers": {
        "postgres_server",
        "seaweed_server",
        "aws_server",
        "rest_servers",
        "server",
        "served",
    },
    "browser": {"chromium", "chromedriver"},
}
"""The fixtures by which a test is known to need something dear."""

KINDS = {"java": {"iceberg", "rest"}, "servers": {"iceberg", "rest", "postgres"}}
KINDS["servers"] |= {"served", "lakebt", "sqlite-s3", "seaweedfs", "glue"}
"""The parameters of `KINDS_OF` by which it is."""

KINDS_OF = ("place", "filled", "released", "remote", "begun", "kind")
"""The parameters of a test, or of its fixtures, that say which kind of lake it has."""

DEAR = (
    "engines",
    "peers",
    "pages",
    "tests/behaviour/",
    "tests/lake/committing/",
    "tests/engines/",
    "tests/lake/storage/test_object_store.py",
    "tests/lake/trials/",
    "tests/sweep/",
    "tests/lake/",
    "tests/notebooks/",
    "tests/test_docs.py",
)
"""What takes longest, which therefore begins first."""


def needs_of(file: str, fixtures: Collection[str], kind: object = None) -> set[str]:
    """Return the marks of a test, by where it lies and what it is given.

    Parameters
    ----------
    file
        Of the test, from the root.
    fixtures
        All it asks for, and those that these ask for.
    kind
        The kind of lake it is given.
    """
    marks = {mark for mark, names in NEEDS.items() if not names.isdisjoint(fixtures)}
    marks |= {mark for mark, kinds in KINDS.items() if kind in kinds}
    return marks | ({"java"} if file.startswith("tests/engines/test_s") else set())


ALONE = ("_duckdb.py", "_duckdb_served.py", "_scale_page.py", "_spark_submit.py")
"""The files of `tests/engines` that do not take the Spark of the others."""


SHARE = {
    "peers": re.compile(r"\b(arch|empyrical|quantstats|sm|vectorbt)\b"),
    "pages": re.compile(r"\btests\.report\.browser\b"),
}
"""What files say that compare with the same libraries, or open the same browser."""


@functools.cache
def unit_of_file(file: str) -> str:
    is_engine = file.startswith("tests/engines/") and not file.endswith(ALONE)
    if is_engine or file.endswith("/test_spark.py"):
        return "engines"
    path = ROOT / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return next((unit for unit, said in SHARE.items() if said.search(text)), file)


def unit_of(nodeid: str) -> str:
    """Return what one worker runs as a whole.

    A file, or all files that share what takes seconds to start or to import: Spark, a
    browser, libraries to compare with.
    """
    return unit_of_file(nodeid.partition("::")[0])


def rank(nodeid: str) -> int:
    """Return when a test begins: what is dear first."""
    unit = unit_of(nodeid)
    return next((n for n, dear in enumerate(DEAR) if unit.startswith(dear)), len(DEAR))


LONGEST = 600
"""Seconds after which a test is stuck: its process says where, and ends."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """End a process whose test is stuck: nothing else would, and CI would wait."""
    faulthandler.dump_traceback_later(LONGEST, exit=True, file=sys.__stderr__ or 2)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[Any], list[Any]]:
    """Look for no examples in the modules of tests: they have none."""
    found = yield
    return [one for one in found if not isinstance(one, DoctestModule)]


LAST = max(ROOT.glob("tests/*/test_*.py"))
"""What is compiled last of the tests."""


@contextlib.contextmanager
def compiling(file: Path) -> Iterator[None]:
    """Let one process through until there is compiled code of a file; the others wait.

    At once they would compile everything each: half of what collecting takes.
    """
    made = file.parent / "__pycache__"
    with (ROOT / "pyproject.toml").open() as lock:
        if not any(made.glob(f"{file.stem}.*")):
            fcntl.flock(lock, fcntl.LOCK_EX)
            if any(made.glob(f"{file.stem}.*")):
                fcntl.flock(lock, fcntl.LOCK_UN)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Have one of several processes compile; look for garbage once all is collected."""
    several = hasattr(session.config, "workerinput")
    try:
        with compiling(LAST) if several else contextlib.nullcontext():
            return (yield)
    finally:
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by what it needs."""
    chosen = getattr(item, "callspec", None)
    given = {} if chosen is None else chosen.params
    kinds = [given[name] for name in KINDS_OF if name in given]
    for mark in needs_of(item.nodeid, getattr(item, "fixturenames", ()), *kinds):
        item.add_marker(mark)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Have several processes begin with what is dear."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from what stays to the end: modules and tests.

    It went through a million objects again and again, a twentieth of all the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker whole files, and one of them all that share one Spark."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - may be missing

    config.option.loadscopereorder = False  # in the order in which they were collected
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


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser, in which reports are opened."""
    return program("chromium", alternatives=("chromium-browser", "google-chrome"))


@pytest.fixture(scope="session")
def chromedriver() -> str:
    """What drives the browser for selenium."""
    return program("chromedriver")
