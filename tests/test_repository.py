"""The repository keeps its own rules: what is tracked, pinned, cheap and short."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import lakebt

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+]+)\Z")

# Assembled, so that this file does not contain what it forbids.
FORBIDDEN = {
    "a path of one machine": r"(?:^|[^\w.:/-])/(?:tmp|work|farm|root|home)/",
    "a package index of one machine": r"-(?:extra-)?index-url|--find[-]links",
    "work left for later": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
    "a merge that went wrong": r"^(?:<{7}|>{7}) ",
}


def tracked() -> list[Path]:
    """Every file that a commit of the folder as it is would hold."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is nothing tracked to look at")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    """The text of a file; nothing if it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "docs/how-it-works.md",
        "lakebt/py.typed",
    ],
)
def test_what_people_look_for_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_readme_is_at_most_120_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_licence_is_apache_and_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_what_lakebt_makes_is_not_spelled() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8")
    made = ignored.partition("# what lakebt makes\n")[2].split()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    skipped = settings["tool"]["codespell"]["skip"].split(",")

    folders = {f".{name.rstrip('/')}" for name in made if name.endswith("/")}
    assert len(folders) >= 3
    assert folders <= set(skipped)


def test_what_is_pinned_runs_on_the_first_python_that_is_promised() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (promised,) = re.findall(r"[0-9.]+", settings["project"]["requires-python"])
    needs = {
        f"{found.name} {found.version}": found.metadata["Requires-Python"]
        for found in importlib.metadata.distributions()
    }

    assert len(needs) > 50
    assert [
        f"{name} needs Python {need}"
        for name, need in needs.items()
        if need and not SpecifierSet(need).contains(f"{promised}.0")
    ] == []


def test_changelog_begins_with_the_first_version_which_changes_nothing() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d\S*) - \d{4}-\d\d-\d\d$", text, re.MULTILINE)

    assert versions[-1] == "0.1.0"
    assert lakebt.__version__ in versions
    first = text.partition("\n## 0.1.0")[2]
    assert re.findall(r"^### (.+)$", first, re.MULTILINE) == ["Added"]


def test_changelog_tells_the_first_version_without_a_history() -> None:
    """Nobody had another one: a third less than before says nothing to a reader."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = text.partition("\n## 0.1.0")[2].partition("\n## ")[0]
    past = r"took|used to|no longer|any more|as before|than it did|of what it"
    part = r"a (?:third|quarter|fifth|sixth|tenth) (?:less|of)"

    subjects = re.findall(r"^#### (.+)$", first, re.MULTILINE)

    assert re.findall(rf"\b(?:{past}|{part})\b", first) == []
    assert {"Publish", "Serve", "Judge a result", "Keep a lake"} <= set(subjects)


def test_what_a_package_index_shows_leads_nowhere_relative() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    shown = (ROOT / project["readme"]).read_text(encoding="utf-8")

    assert "<img" not in shown
    targets = re.findall(r"\]\(([^)]*)\)", shown)
    assert [t for t in targets if not t.startswith("https://")] == []
    assert "urls" not in project


def test_classifiers_name_the_lowest_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    prefix = "Programming Language :: Python :: 3."
    named = [c[len(prefix) :] for c in project["classifiers"] if c.startswith(prefix)]

    assert named
    assert all(
        SpecifierSet(project["requires-python"]).contains(f"3.{minor}.0")
        for minor in named
    )


def test_decisions_are_numbered_and_have_a_status() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))

    for number, page in enumerate(pages, start=1):
        assert page.name.startswith(f"{number:04}-")
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        for part in ("Status: ", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{page.name} has no {part!r}"


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_tracked_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)

    found = [
        f"{path.relative_to(ROOT)}: {match.group().strip()}"
        for path in tracked()
        for match in pattern.finditer(text_of(path))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "see {}tmp/lake".format("/")),
        ("a package index of one machine", "pip install -{}index-url x".format("-")),
        ("work left for later", "# TO{}: later".format("DO")),
        ("a merge that went wrong", "{} ours".format("<" * 7)),
    ],
)
def test_what_is_forbidden_would_be_found(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text, re.MULTILINE)


@pytest.mark.parametrize(
    "text", ["https://example.org/work/1", "a/tmp/b", "/usr/bin/env", "tmp_path / 'x'"]
)
def test_harmless_paths_are_not_found(text: str) -> None:
    assert not re.search(FORBIDDEN["a path of one machine"], text)


def test_nothing_tracked_is_large() -> None:
    large = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in tracked()
        if path.stat().st_size > 1_048_576
    }

    assert large == {}


def test_modules_are_short_enough_to_have_one_reason_to_change() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "lakebt").rglob("*.py")
    }

    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_every_constraint_is_one_exact_version() -> None:
    assert [line for line in pins() if not PIN.match(line)] == []
    assert len({normalised(line.split("==")[0]) for line in pins()}) == len(pins())


def test_everything_we_depend_on_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = project["project"]
    pinned = {normalised(line.split("==")[0]) for line in pins()}

    needed = {
        normalised(re.split(r"[\[<>=~!; ]", requirement)[0])
        for requirement in (
            *project["dependencies"],
            *project["optional-dependencies"]["dev"],
        )
    }

    assert needed <= pinned, f"not in constraints.txt: {sorted(needed - pinned)}"


def not_lowest(requirements: Iterable[str], lines: Iterable[str]) -> list[str]:
    """The requirements whose oldest version is not the one that is pinned."""
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    pinned = {normalised(name): Version(version) for name, version in pairs}
    return [
        requirement
        for requirement in requirements
        if [pinned.get(normalised(Requirement(requirement).name))]
        != [
            Version(bound.version)
            for bound in Requirement(requirement).specifier
            if bound.operator == ">="
        ]
    ]


def test_the_lowest_constraints_are_the_bounds_that_are_promised() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"]]
    needed += [
        each
        for extra in ("excel", "glue", "postgres", "serve")
        for each in extras[extra]
    ]
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()

    assert not_lowest(needed, lines) == []


def test_a_bound_that_is_not_tested_would_be_found() -> None:
    needed = ["a>=2", "b[x]>=1.0,<2", "C_c>=3", "d", "e>=1"]

    assert not_lowest(needed, ["# why", "a==2.0", "b==1.1", "c-c==3", "d==1"]) == [
        "b[x]>=1.0,<2",
        "d",
        "e>=1",
    ]


def imported_by(*command: str) -> set[str]:
    """The top-level packages that a Python process imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    return {name.split(".")[0] for name in names}


HEAVY = {"exchange_calendars", "plotly", "pyiceberg", "sqlalchemy", "vectorbt"}


def test_import_of_lakebt_is_cheap() -> None:
    assert imported_by("-c", "import lakebt") & HEAVY == set()


def test_help_is_answered_without_the_heavy_imports() -> None:
    loaded = imported_by("-m", "lakebt", "--help")

    assert "lakebt" in loaded
    assert loaded & (HEAVY | {"pandas", "pyarrow"}) == set()


def test_every_public_name_exists_and_there_are_few() -> None:
    import lakebt  # noqa: PLC0415 - the import is what is tested

    assert len(lakebt.__all__) <= 19
    assert [name for name in lakebt.__all__ if not hasattr(lakebt, name)] == []
