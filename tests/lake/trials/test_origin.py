from __future__ import annotations

import ast
import contextlib
import io
import shutil
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from lakebt import _version
from lakebt.lake.trials.origin import code_of, code_version, computing_modules
from lakebt.sources.simulated import simulated_market
from tests.sweep.spark.here import done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import CodeType, FrameType


ROOT = Path(lakebt.__file__).parent


def docstrings(source: str) -> set[tuple[int, int]]:
    """Where texts that are statements begin."""
    return {
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def tokens(source: str, *, but: set[tuple[int, int]]) -> list[str]:
    """The slow way: every token but comments and layout."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}
    return [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in {*layout, tokenize.INDENT, tokenize.DEDENT}
        and token.start not in but
    ]


def test_the_code_of_a_module_is_what_python_reads() -> None:
    modules = computing_modules(ROOT)

    assert len(modules) > 100
    for path in modules:
        source = path.read_text(encoding="utf-8")
        read = tokens(source, but=docstrings(source))
        assert tokens(code_of(source), but=set()) == read, path


def version_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(_version, "__file__", str(root / "_version.py"))
    return code_version.__wrapped__()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of what is installed, which tests leave as it is, and its code's id."""
    ignored = shutil.ignore_patterns("__pycache__", "*.html.j2")
    place = tmp_path_factory.mktemp("copy") / "lakebt"
    copy = Path(shutil.copytree(ROOT, place, ignore=ignored))
    with pytest.MonkeyPatch.context() as patch:
        return copy, version_of(copy, patch)


@contextlib.contextmanager
def written(file: Path, source: str) -> Iterator[None]:
    """Have a file hold another source for a while."""
    before = file.read_bytes()
    file.write_text(source, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(before)


def added(file: Path) -> AbstractContextManager[None]:
    """Have a module do one thing more for a while."""
    return written(file, f"{file.read_text(encoding='utf-8')}\nADDED = 1\n")


@pytest.mark.parametrize(
    "module",
    [
        "backtest/kernel.py",
        "lake/reading/panel.py",
        "study/summary.py",
        "study/engines.py",
        "strategy/decisions.py",
        "sessions.py",
        "analysis/ratio_error.py",
        "strategy/audit/surroundings.py",
    ],
)
def test_what_computes_makes_another_code(
    module: str, whole: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, before = whole

    with added(copy / module):
        assert version_of(copy, monkeypatch) != before


def test_what_computes_nothing_makes_no_other_code(
    whole: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, before = whole
    others = (
        *("analysis/event_study/tests.py", "analysis/resampling/family.py"),
        *("study/significance.py", "lake/serving/app.py", "sweep/recorder.py"),
        *("lake/publishing/publish.py", "study/report.py", "study/empty_cells.py"),
        *("lake/reading/diff.py", "strategy/audit/audit.py", "report/html.py"),
        *("cli/study.py", "errors.py", "values/command_lines.py"),
        *("study/tables.py", "study/tear_sheet.py", "study/upcoming.py"),
        *("analysis/performance/measures.py", "strategy/round_trips.py"),
        *("lake/reading/duckdb_views.py", "lake/tables/trials.py"),
    )
    computing = {str(path.relative_to(copy)) for path in computing_modules(copy)}

    with contextlib.ExitStack() as stack:
        for module in others:
            stack.enter_context(added(copy / module))
        assert version_of(copy, monkeypatch) == before, computing & set(others)


def test_words_about_the_kernel_leave_the_code_as_it_is(
    whole: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, before = whole
    kernel = copy / "backtest" / "kernel.py"
    source = kernel.read_text(encoding="utf-8")

    with written(kernel, f"# Why.\n{source.replace('Return', 'Give')}"):
        assert version_of(copy, monkeypatch) == before
    with written(kernel, source.replace(" += ", " -= ", 1)):
        assert version_of(copy, monkeypatch) != before
    assert version_of(copy, monkeypatch) == before


MAKES_TRIALS = (
    *("study/trading.py", "study/trials.py", "study/arguments.py"),
    *("strategy/backtest.py", "strategy/trials.py", "sweep/passes.py"),
    *("sweep/trial_rows.py", "sweep/spark/messages.py", "sweep/spark/work.py"),
    *("lake/reading/view.py", "facts.py"),
)
"""Where the numbers of trials come from; strategies ask a view for whatever it has."""

ONLY_TYPES = {"prices/share_units.py"}
"""What computing modules name in annotations alone."""


def is_of_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported(source: str) -> Iterator[str]:
    """Yield what a module imports when it runs, inside of functions too."""
    todo: list[ast.AST] = [ast.parse(source)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not is_of_types(node):
            todo += ast.iter_child_nodes(node)


def test_nothing_counts_as_computing_that_no_trial_comes_from() -> None:
    computing = {
        path.relative_to(ROOT).as_posix(): path for path in computing_modules(ROOT)
    }
    reached: set[str] = set()
    todo = list(MAKES_TRIALS)
    while todo:
        name = todo.pop()
        if name in reached or name not in computing:
            continue
        reached.add(name)
        names = imported(computing[name].read_text(encoding="utf-8"))
        todo += [
            f"{each.replace('.', '/').removeprefix('lakebt/')}.py" for each in names
        ]

    modules = {name for name in computing if not name.endswith("__init__.py")}
    assert set(MAKES_TRIALS) <= set(computing)
    assert modules - reached == ONLY_TYPES


MOVES_BYTES = {
    *("lake/api", "lake/lake.py", "lake/storage", "lake/committing", "lake/trials"),
    *("lake/spark", "errors.py", "_messages.py", "_lazy.py", "__init__.py"),
    *("study/empty_cells.py", "study/result.py", "study/study.py", "report"),
    *("lake/keeping/exchange.py", "sweep/grid.py", "sweep/sweep.py", "values/text.py"),
    *("study/tables.py", "inputs/places.py", "lake/tables/properties.py"),
    "strategy/run.py",
    *("sweep/spark/bundle.py", "sweep/spark/pieces.py", "sweep/spark/rounds.py"),
}
"""What a run enters besides, and makes no number: it finds, reads and shows."""


class Hold:
    """Half of it in the market."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        return pd.Series(0.5, index=view.panel("close").columns[:1])


@pytest.mark.slow
def test_what_a_run_enters_is_known_to_compute_or_not(tmp_path: Path) -> None:
    entered: set[CodeType] = set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code)

    market = simulated_market(seed=1, n_events=5)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    view = lake.at("R1")
    study = lakebt.Study(view, index="SIM", hedge="MKT", missing="drop_leg")
    sweep = lakebt.Sweep(view, index="SIM", entries=["ED@close"], exits=["+1"])
    row = market.index_changes.iloc[0]
    given = ("index", "symbol", "side", "announced", "effective")
    backtest = lakebt.Backtest(view, Hold, start="2010-04-01", end="2010-05-28")
    sys.setprofile(watch)
    try:
        lakebt.IndexChange(**{name: row[name] for name in given})
        result = study.run(record=False)
        result.surface()
        result.events()
        done(sweep, parts=2)
        backtest.run(record=False)
        backtest.run("vectorbt", record=False)
    finally:
        sys.setprofile(None)

    files = {Path(code.co_filename) for code in entered}
    modules = {file.relative_to(ROOT) for file in files if file.is_relative_to(ROOT)}
    computing = {path.relative_to(ROOT) for path in computing_modules(ROOT)}
    others = {
        str(module)
        for module in modules - computing
        if not any(module.is_relative_to(place) for place in MOVES_BYTES)
    }
    assert others == set()
    assert {Path("study/summary.py"), Path("backtest/engine.py")} <= modules
