"""The house keeps its plan: few rooms, each with a sign, and no way in a circle."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import textwrap
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from tests import slow
from tests.conftest import compiling, needs_of, rank, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lakebt"

HIDDEN = {"__init__", "__main__", "_lazy", "_messages", "_typing", "_version"}
"""Modules of the root that nobody has to know."""

WITHOUT_A_ROOM = {
    *("behaviour", "engines", "forked", "notebooks", "servers", "strategies"),
}
"""Folders of tests of the whole of lakebt, or of what uses it."""

IMPORTED_BY_OTHERS = {
    "lakebt.sources.converted": "Converted",
    "lakebt.sources.files": "read_file",
    "lakebt.sources.formats": "read_source",
    "lakebt.sources.nport": "read_nport",
    "lakebt.sources.sample": "sample_releases",
    "lakebt.sources.simulated": "simulated_market",
}
"""Modules beside the public names that the documentation has told others to import."""

ONE_IDEA = {
    "audit": "the look-ahead audit; its command",
    "audits": "of rows, here; on Spark",
    "backtest": "of a strategy; its command",
    "bars": "of prices, read; audited",
    "cluster": "what prices in files lie by; its command",
    "copies": "of a lake; their commands",
    "diff": "of two releases, here; on Spark",
    "branches": "which there are; made; the lake's methods for them",
    "doctor": "its examination; its command",
    "event_study": "of changes, on a view; its numbers",
    "erase": "from a lake; its command",
    "errors": "of lakebt; as the server words them",
    "fold": "of tables; of trials; on Spark",
    "formats": "of files; their command",
    "hindsight": "of a study; its chart",
    "keeping": "of a lake; the lake's methods for it",
    "lake": "the folder; its class",
    "notebook": "what a view, and a result, show in one",
    "lineage": "of numbers; the lake's method for it; its command",
    "move": "of a lake; its command",
    "normalisation": "of rows to publish; of trials",
    "panel_data": "of a study; as a page holds it",
    "path": "of average returns; its chart",
    "places": "that people name; a lake in another one",
    "prices": "in memory; from files",
    "publish": "here; on Spark; its command",
    "publishing": "into a lake; the lake's methods for it",
    "releases": "of a lake, branches included; the command",
    "reader": "of trials; of rows on Spark",
    "report": "in general; of a study",
    "reproduce": "a trial run again; its command",
    "result": "of a study; of a sweep",
    "rows": "of a table, by key and order; the command that prints them",
    "schemas": "of tables; for their audits",
    "spark": "what runs on Spark, in the lake and in sweeps",
    "study": "of events; its command",
    "surface": "of cells; its table; its chart",
    "sweep": "of many studies; its command",
    "tables": "of a study; of a lake; their command",
    "tear_sheet": "of a study's rule; of a strategy; as it is shown",
    "trials": "what was tried, of each kind; their command",
    "base": "what the modules of a folder share",
    "reading": "what a lake knows; the methods for it",
    "trading": "a study, and a strategy, with everything traded",
    "upgrade": "of a lake; its command",
    "upcoming": "orders to come; their command",
    "where": "which rows are meant; in the lake's terms; on the command line",
    "years": "of a study's events; their chart",
}
"""Names that stand in several folders, because they are the same idea in each."""


# --- the root -------------------------------------------------------------------------


def rooms(package: Path) -> tuple[set[str], set[str]]:
    """The modules and the packages at the root of a package."""
    modules = {path.stem for path in package.glob("*.py")} - HIDDEN
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    return modules, packages


def test_few_rooms_lie_at_the_entrance() -> None:
    modules, packages = rooms(PACKAGE)

    assert len(modules) <= 6, sorted(modules)
    assert len(packages) <= 14, sorted(packages)


def test_what_nobody_has_to_know_is_not_counted(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"__init__.py": "", "_lazy.py": "", "one.py": "", "two/__init__.py": ""},
    )

    assert rooms(tmp_path / "pack") == ({"one"}, {"two"})


def modules_of(package: Path) -> Iterator[tuple[str, Path]]:
    """Each module below a package, by its dotted name."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def without_a_sign(package: Path) -> list[str]:
    """The modules whose docstring does not begin with one line that ends."""
    return [
        name
        for name, path in modules_of(package)
        if not re.match(
            r"\S.*[.:]\s*(\n\n|\Z)", ast.get_docstring(parsed(path)) or "", re.NOFLAG
        )
    ]


@pytest.mark.slow
def test_every_room_says_in_one_line_what_lives_there() -> None:
    assert without_a_sign(PACKAGE) == []


def test_a_room_without_a_sign_is_found(tmp_path: Path) -> None:
    files = {
        "__init__.py": '"""A package."""',
        "good.py": '"""One line.\n\nAnd more.\n"""',
        "none.py": "import os",
        "endless.py": '"""One line that\ngoes on.\n"""',
        "torn.py": '"""Not a sentence"""',
    }

    assert without_a_sign(make(tmp_path, files)) == [
        "pack.endless",
        "pack.none",
        "pack.torn",
    ]


# --- arrows ---------------------------------------------------------------------------


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax of a module, which no test changes."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def arrows(package: Path) -> dict[str, set[str]]:
    """What each module imports of its package: in functions and for types, too."""
    files = dict(modules_of(package))
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                named = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                # A name that is no module is something that the module holds.
                named = {each if each in files else node.module for each in inside}
            else:
                continue
            found[name] |= named & files.keys() - {name}
    return found


def reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Whatever can be reached from a module by one arrow or more."""
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(graph[name])
    return seen


def in_circles(package: Path) -> set[str]:
    """The modules that import themselves by way of others."""
    graph = arrows(package)
    return {name for name in graph if name in reached(graph, name)}


@pytest.mark.slow
def test_no_module_imports_itself_by_way_of_others() -> None:
    assert in_circles(PACKAGE) == set()


@pytest.mark.parametrize(
    "back",
    [
        "from pack.a import f",
        "from pack import a",
        "import pack.a",
        "def g():\n    from pack.a import f",
        "if TYPE_CHECKING:\n    from pack.a import f",
        "class C:\n    def g(self):\n        import pack.a",
    ],
)
def test_a_circle_is_found_wherever_it_is_closed(back: str, tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "a.py": "import pack.b",
        "b.py": "from pack.deep.c import C",
        "deep/__init__.py": "",
        "deep/c.py": back,
        "above.py": "from pack.a import f",
    }

    assert in_circles(make(tmp_path, files)) == {"pack.a", "pack.b", "pack.deep.c"}


def test_arrows_that_all_point_down_are_no_circle(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "a.py": "from pack.b import B\nfrom pack.c import C",
        "b.py": "if TYPE_CHECKING:\n    from pack.c import C",
        "c.py": "import os",
    }

    assert in_circles(make(tmp_path, files)) == set()


def upward(
    graph: Mapping[str, set[str]], container: str, floors: list[str]
) -> set[str]:
    """The arrows that point up, or to a sibling: for types, too."""
    place = {
        name.strip(): (height, "|" in floor)
        for height, floor in enumerate(floors)
        for name in re.split(r"[|:]", floor)
    }

    def room(name: str) -> str:
        inside = name.removeprefix(f"{container}.")
        return "" if inside == name else inside.partition(".")[0]

    return {
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in others
        if (here := room(name)) != (there := room(other))
        and here in place
        and there in place
        and (
            place[there][0] < place[here][0]
            or (place[there] == place[here] and place[here][1])
        )
    }


@pytest.mark.slow
@pytest.mark.parametrize("container", ["lakebt", "lakebt.lake"])
def test_arrows_of_types_point_down_too(container: str) -> None:
    (floors,) = (
        contract["layers"]
        for contract in contracts()
        if contract.get("containers") == [container]
    )

    assert upward(arrows(PACKAGE), container, floors) == set()


def test_an_arrow_of_a_type_that_points_up_is_found(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "top.py": "from pack.left.a import A",
        "left/__init__.py": "",
        "left/a.py": "if TYPE_CHECKING:\n    from pack.right.b import B",
        "right/__init__.py": "",
        "right/b.py": "import pack.low",
        "low.py": "if TYPE_CHECKING:\n    from pack.left.a import A",
        "beside.py": "import pack.low",
    }
    floors = ["top", "left | right", "low : beside"]

    assert upward(arrows(make(tmp_path, files)), "pack", floors) == {
        "pack.left.a -> pack.right.b",
        "pack.low -> pack.left.a",
    }


# --- names ----------------------------------------------------------------------------

PARTICIPLES = {
    *("asked", "done", "found", "given", "held", "kept", "known", "lost", "made"),
    *("meant", "ran", "seen", "shown", "taken", "told", "tried", "written"),
}


def participles(package: Path) -> set[str]:
    """The modules that are called by what was done, and not by what they are."""
    return {
        name
        for name, _ in modules_of(package)
        if (last := re.split(r"[._]", name)[-1]) in PARTICIPLES or last.endswith("ed")
    }


def test_modules_are_nouns() -> None:
    # Other programs import these.
    old = {"lakebt.sources.converted", "lakebt.sources.simulated"}

    assert participles(PACKAGE) == old


def test_a_module_that_is_no_noun_is_found(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "publish_told.py": "",
        "known.py": "",
        "known_rows.py": "",
        "shared/__init__.py": "",
        "trading.py": "",
    }

    assert participles(make(tmp_path, files)) == {
        "pack.publish_told",
        "pack.known",
        "pack.shared",
    }


def several_homes(package: Path) -> set[str]:
    """The names of modules and packages that stand in several folders."""
    homes: dict[str, set[Path]] = {}
    for name, path in modules_of(package):
        homes.setdefault(name.rpartition(".")[2], set()).add(path)
    return {name for name, paths in homes.items() if len(paths) > 1}


def test_a_name_in_two_folders_is_one_idea() -> None:
    assert several_homes(PACKAGE) == ONE_IDEA.keys()


def test_a_name_in_two_folders_is_found(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "a.py": "",
        "b.py": "",
        "x/__init__.py": "",
        "x/a.py": "",
        "y/__init__.py": "",
        "y/x.py": "",
    }

    assert several_homes(make(tmp_path, files)) == {"a", "x"}


# --- the contracts --------------------------------------------------------------------


def contracts() -> list[dict[str, Any]]:
    """The contracts that import-linter holds."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["tool"]["importlinter"][
        "contracts"
    ]
    return found


@pytest.mark.parametrize(("container", "most"), [("lakebt", 8), ("lakebt.lake", 9)])
def test_the_floors_can_be_drawn(container: str, most: int) -> None:
    floors = [
        contract["layers"]
        for contract in contracts()
        if contract.get("containers") == [container]
    ]

    assert len(floors) == 1
    assert len(floors[0]) <= most


def named_in(contract: Mapping[str, Any]) -> set[str]:
    """The modules of ours that a contract names."""
    floors = {
        f"{container}.{name.strip()}"
        for container in contract.get("containers", [])
        for floor in contract.get("layers", [])
        for name in re.split(r"[|:]", floor)
    }
    left = {arrow.partition(" -> ")[0] for arrow in contract.get("ignore_imports", [])}
    sources = set(contract.get("source_modules", []))
    return {name.removesuffix(".**") for name in floors | left | sources}


def test_whatever_a_contract_names_is_there() -> None:
    named = set().union(*map(named_in, contracts()))

    assert len(named) > 20
    assert [name for name in sorted(named) if not resolves(name)] == []


def test_the_names_of_a_contract_are_all_read() -> None:
    contract = {
        "containers": ["pack"],
        "layers": ["a : b", "c | d"],
        "ignore_imports": ["pack.e.** -> x"],
    }

    assert named_in(contract) == {"pack.a", "pack.b", "pack.c", "pack.d", "pack.e"}


def test_pyspark_is_for_the_two_folders_called_spark() -> None:
    rules = [
        contract["ignore_imports"]
        for contract in contracts()
        if contract.get("forbidden_modules") == ["pyspark"]
    ]

    assert rules == [
        ["lakebt.lake.spark.** -> pyspark", "lakebt.sweep.spark.** -> pyspark"]
    ]


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module holds."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return bool(module) and resolves(module) and hasattr(at(module), last)
    return True


def at(name: str) -> object:
    """The module or the object of a dotted name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(at(module), last)


# --- what others are told to import ---------------------------------------------------

IMPORT = re.compile(
    r"^[ \t>.]*(?:from (lakebt[\w.]*) import (\([^)]*\)|[^\n#]*)"
    r"|import (lakebt[\w.]*))",
    re.MULTILINE,
)


def imports(text: str) -> set[str]:
    """The dotted names of ours that a page, a notebook or a program imports."""
    found = set()
    for module, names, whole in IMPORT.findall(text):
        inside = re.findall(r"(\w+)(?: as \w+)?(?=[,\s]|\Z)", names.strip("()"))
        found |= {f"{module}.{name}" for name in inside} if names else {whole}
    return found


PAGES = sorted(
    path
    for path in (
        *(ROOT / "docs").rglob("*"),
        *ROOT.glob("*.md"),
        *(ROOT / "notebooks").rglob("*"),
        *(ROOT / "strategies").rglob("*"),
        *(ROOT / "benchmarks").rglob("*"),
    )
    if path.suffix in {".md", ".py", ".ipynb"}
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_whatever_a_page_imports_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":  # lines are strings in it
        text = re.sub(r'^ *"(.*?)(?:\\n)?",?$', r"\1", text, flags=re.MULTILINE)

    assert [name for name in sorted(imports(text)) if not resolves(name)] == []


def test_some_pages_import_something() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]

    assert sum(bool(imports(text)) for text in texts) > 10


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (">>> import lakebt", {"lakebt"}),
        (">>> from lakebt import Lake, Study  # both", {"lakebt.Lake", "lakebt.Study"}),
        (
            "from lakebt.a import (\n    B,\n    C as D,\n)",
            {"lakebt.a.B", "lakebt.a.C"},
        ),
        ("... import lakebt.sources.nport", {"lakebt.sources.nport"}),
        ("We import lakebt here.", set()),
    ],
)
def test_imports_of_a_page_are_read(text: str, names: set[str]) -> None:
    assert imports(text) == names


@pytest.mark.parametrize("name", ["lakebt.gone", "lakebt.facts.Gone", "lakebt.Gone"])
def test_a_name_that_is_not_there_is_found(name: str) -> None:
    assert not resolves(name)


def test_whatever_is_public_is_there() -> None:
    assert [name for name in lakebt.__all__ if not resolves(f"lakebt.{name}")] == []


# --- the tests ------------------------------------------------------------------------


def astray(tests: Path, package: Path) -> list[str]:
    """The folders of tests to which no folder of the package belongs."""
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    return sorted(
        folder.as_posix()
        for folder in folders
        if folder.as_posix() not in WITHOUT_A_ROOM
        and not (package / folder / "__init__.py").exists()
    )


@pytest.mark.parametrize(("module", "name"), IMPORTED_BY_OTHERS.items())
def test_what_other_programs_import_keeps_its_name(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


def test_tests_lie_where_what_they_test_does() -> None:
    assert astray(ROOT / "tests", PACKAGE) == []


def test_tests_that_went_astray_are_found(tmp_path: Path) -> None:
    package = make(tmp_path, {"__init__.py": "", "x/__init__.py": ""})
    for folder in ("x", "x/y", "engines"):
        (tmp_path / "tests" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / folder / "test_it.py").touch()

    assert astray(tmp_path / "tests", package) == ["x/y"]


def make(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a package called ``pack``."""
    package = folder / "pack"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return package


# --- what tests need ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "fixtures", "kind", "marks"),
    [
        ("tests/cli/test_x.py", ["lake", "tmp_path"], None, set()),
        ("tests/engines/test_spark_x.py", ["lake"], None, {"java"}),
        ("tests/engines/test_duckdb.py", ["lake"], None, set()),
        ("tests/behaviour/test_x.py", ["place"], "embedded", set()),
        ("tests/behaviour/test_x.py", ["place"], "glue", {"servers"}),
        ("tests/behaviour/test_x.py", ["place"], "rest", {"java", "servers"}),
        ("tests/lake/test_x.py", ["server", "postgres_server"], None, {"servers"}),
        ("tests/lake/test_x.py", ["remote"], "lakebt", {"servers"}),
        ("tests/report/test_x.py", ["page", "chromium"], None, {"browser"}),
    ],
)
def test_what_a_test_needs_is_known_by_what_it_is_given(
    file: str, fixtures: list[str], kind: str | None, marks: set[str]
) -> None:
    assert needs_of(file, fixtures, kind) == marks


def test_what_is_dear_begins_first_and_is_shared_in_one_unit() -> None:
    spark = ["tests/behaviour/test_spark.py::test_a", "tests/engines/test_x.py::test_b"]
    others = ["tests/behaviour/test_x.py::test_c", "tests/test_facts.py::test_d"]
    own = "tests/engines/test_scale_page.py"
    peers = ["tests/backtest/test_engine.py::test_f", "tests/study/test_study.py"]
    pages = ["tests/report/test_panel.py::test_g", "tests/report/test_print.py::test_h"]

    assert {unit_of(nodeid) for nodeid in spark} == {"engines"}
    assert unit_of(f"{own}::test_e") == own
    assert {unit_of(nodeid) for nodeid in peers} == {"peers"}
    assert {unit_of(nodeid) for nodeid in pages} == {"pages"}
    mixed = [*others, *pages, *peers, *spark]
    assert sorted(mixed, key=rank) == [*spark, *peers, *pages, *others]


def test_one_process_compiles_and_the_others_wait(tmp_path: Path) -> None:
    made, collected = tmp_path / "__pycache__", list[str]()
    together = threading.Barrier(2, timeout=10)

    def collect(name: str) -> None:
        with compiling(tmp_path / "test_x.py"):
            together.wait()
            collected.append(name)

    with ThreadPoolExecutor() as pool:
        with compiling(tmp_path / "test_x.py"):
            waiting = [pool.submit(collect, name) for name in "ab"]
            assert not wait(waiting, timeout=0.2).done
            made.mkdir()
            (made / "test_x.pyc").touch()
        for each in waiting:
            each.result()

    assert sorted(collected) == ["a", "b"]


def test_what_takes_long_and_is_not_marked_so_is_named() -> None:
    def report(name: str, seconds: float, *marks: str) -> Any:
        took = [("other", 9.0), (slow.TOOK, seconds)]
        return SimpleNamespace(nodeid=name, user_properties=took, keywords=marks)

    reports = [report("a", 1.2), report("b", 0.9), report("c", 5.0, "slow")]

    assert slow.unmarked([*reports, report("d", 3.0)]) == ["3.0 s d", "1.2 s a"]
