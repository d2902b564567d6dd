"""What a trial was run on, and by what code: part of its id."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt import _version
from lakebt._version import __version__
from lakebt.lake.tables.schemas import LATER
from lakebt.lake.tables.trials import NOT_INSTALLED
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt.lake.reading.view import View


_TABLES = ("prices", "index_changes", "etf_holdings")
"""What a study reads, and of `LATER` what its release has."""

_LIBRARIES = ("numpy", "pandas", "pyarrow", "pyiceberg", "numba", "vectorbt")

COMPUTING = (
    *("study", "strategy", "events", "backtest", "analysis", "inputs", "values"),
    *("prices", "facts.py", "instants.py", "sessions.py"),
    *("lake/reading", "lake/tables"),
    *("sweep/passes.py", "sweep/trial_rows.py", "sweep/spark/parts.py"),
    *("sweep/spark/messages.py", "sweep/spark/work.py"),
)
"""Packages and modules that a number of a trial comes from."""

NOT_COMPUTING = (
    *("analysis/calibration", "analysis/event_study", "analysis/resampling"),
    *("analysis/library_formulas.py", "analysis/means.py", "analysis/path.py"),
    *("analysis/series.py", "analysis/sharpe_definition.py", "analysis/sharpe_ways.py"),
    *("analysis/sharpe_inference.py", "analysis/sharpe_maximum.py"),
    *("analysis/sharpe_of_series.py", "analysis/sharpe_serial.py"),
    *("analysis/library_statistics.py", "analysis/performance"),
    *("analysis/placebo.py", "analysis/years.py"),
    *("study/beside.py", "study/concordance.py", "study/estimation_window.py"),
    *("study/event_cases.py", "study/event_path.py", "study/event_study.py"),
    *("study/event_windows.py", "study/event_words.py", "study/leg_returns.py"),
    *("study/evidence.py", "study/figures.py", "study/sentence.py"),
    *("study/acted_legs.py", "study/average_paths.py", "study/capacity.py"),
    *("study/chunked_paths.py", "study/concordance_of_sheets.py"),
    *("study/flow_table.py", "study/order_table.py", "study/tables.py"),
    *("study/hindsight.py", "study/hindsight_facts.py", "study/hindsight_scope.py"),
    *("study/tear_sheet.py", "study/upcoming.py", "study/upcoming_columns.py"),
    *("study/significance.py", "study/stability.py"),
    *("study/empty_cells.py", "study/panel_data.py", "study/report.py"),
    *("study/result.py", "study/study.py", "values/few_dates.py"),
    # Of an audit, what puts a strategy's surroundings back before a run computes.
    *("strategy/audit/audit.py", "strategy/audit/verdict.py"),
    *("strategy/report.py", "strategy/run.py"),
    *("strategy/round_trips.py", "strategy/tear_sheet.py"),
    *("inputs/in_words.py", "inputs/places.py", "inputs/user_code.py"),
    *("values/command_lines.py", "values/identifiers.py", "values/layered_graph.py"),
    "values/text.py",
    *("lake/reading/counterfactual_rows.py", "lake/reading/diff.py"),
    *("lake/reading/duckdb_views.py", "lake/reading/named_release.py"),
    "lake/reading/notebook.py",
    *("lake/tables/columns.py", "lake/tables/digests.py", "lake/tables/properties.py"),
    *("lake/tables/row_files.py", "lake/tables/trials.py"),
)
"""What lies among them, and only judges, shows, words, audits or keeps."""


@functools.cache
def code_version() -> str:
    """Return the version of the code that computes, its sources included.

    It is another one after a change of what computes, and the same after a change of
    anything else: of serving, of commands, of docstrings and of comments.

    Examples
    --------
    >>> code_version().partition("+")[0] == __version__
    True
    """
    root = Path(_version.__file__).parent
    key = hashlib.blake2b(digest_size=4)
    for path in computing_modules(root):
        code = code_of(path.read_text(encoding="utf-8"))
        key.update(f"{path.relative_to(root).as_posix()}\0{code}\0".encode())
    return f"{__version__}+{key.hexdigest()}"


def computing_modules(root: Path) -> list[Path]:
    """Return the modules of a copy of lakebt that compute, sorted by their paths."""
    return sorted(
        path
        for path in root.rglob("*.py")
        if _is_in(COMPUTING, name := path.relative_to(root).as_posix())
        and not _is_in(NOT_COMPUTING, name)
    )


def _is_in(places: tuple[str, ...], name: str) -> bool:
    # As texts, not as paths: each process that records a trial asks 1,000 times.
    return f"{name}/".startswith(tuple(f"{place}/" for place in places))


_DOCSTRING = re.compile(r'^[ \t]*r?"""[^"]*(?:"(?!"")[^"]*)*"""[ \t]*$', re.MULTILINE)
_COMMENT = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|[ \t]*#.*$""")


def code_of(source: str) -> str:
    r"""Return a module without its docstrings, comments and blank lines.

    Parameters
    ----------
    source
        As the formatter leaves it: a docstring begins a line, and ends one.

    Examples
    --------
    >>> code_of("x = '#'  # why\n\n# Say.\ny = 2\n").splitlines()
    ["x = '#'", 'y = 2']
    """
    # Two expressions, and not a parser, which would cost each process that records a
    # trial a tenth of a second. A test holds them equal to Python's tokens.
    lines = _DOCSTRING.sub("", source).splitlines()
    code = (_COMMENT.sub(r"\1", line) if "#" in line else line for line in lines)
    return "\n".join(line.rstrip() for line in code if line.strip())


def _version_of(library: str) -> str:
    """Return its version; the reference engine need not be installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return NOT_INSTALLED


@functools.cache
def environment(exchange: str) -> str:
    """Return, as JSON, what a number was computed with.

    The versions of Python and of the libraries, and whose sessions were counted.
    """
    libraries = {name: _version_of(name) for name in _LIBRARIES}
    machine = platform.machine()
    python = platform.python_version()
    return canonical_json(
        {"python": python, "machine": machine, "exchange": exchange, **libraries}
    )


def _digest(provenance: Mapping[str, Any], table: str) -> str | None:
    """Return what tells the content of a table from any other, as it is now."""
    digest: str | None = provenance["digests"].get(table)
    redactions = provenance["redactions"]
    erased = [each["certificate"] for each in redactions if table in each["rows"]]
    return "-".join([digest, *erased]) if digest is not None and erased else digest


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a trial was run on, and by what.

    Attributes
    ----------
    release, as_of
        The view's.
    snapshots, digests
        Of the tables that are read, None for one without rows. A digest is of what was
        published; with it stand the certificates of what was erased since.
    exchange
        Whose sessions count.
    engine
    code
        See `code_version`.
    """

    release: str
    as_of: dt.datetime
    snapshots: Mapping[str, int | None]
    digests: Mapping[str, str | None]
    exchange: str
    engine: str
    code: str

    @classmethod
    def of(
        cls, view: View, *, engine: str, tables: tuple[str, ...] | None = _TABLES
    ) -> Origin:
        """Return the origin of what is run on `view`; of all `tables` if None."""
        provenance = view._pinned.provenance(view.instant)  # noqa: SLF001 - a decision's too
        names = tuple(provenance["snapshots"]) if tables is None else tables
        if tables is _TABLES:
            specs = view._pinned.specs  # noqa: SLF001
            has = [n for n in LATER if provenance["snapshots"].get(n) is not None]
            names = (*tables, *(name for name in has if specs[name] is LATER[name]))
        return cls(
            release=view.release,
            as_of=view.instant,
            snapshots={name: provenance["snapshots"].get(name) for name in names},
            digests={name: _digest(provenance, name) for name in names},
            exchange=view.sessions.name,
            engine=engine,
            code=code_version(),
        )

    @functools.cached_property
    def _key(self) -> str:
        return content_key(
            {
                "release": self.release,
                "as_of": self.as_of,
                "digests": self.digests,
                "exchange": self.exchange,
                "engine": self.engine,
                "code": self.code,
            }
        )

    def key(self, what: object) -> str:
        """Return the id of something that is run here."""
        return content_key({"what": what, "on": self._key})

    def result_id(self, arguments: Mapping[str, Any]) -> str:
        """Return the id of a study's result: of all its cells together."""
        return self.key({"study": arguments})

    def columns(self) -> dict[str, Any]:
        """Return what its trials say of it."""
        return {
            "release": self.release,
            "as_of": self.as_of,
            "snapshots": canonical_json(self.snapshots),
            "code_version": self.code,
            "engine": self.engine,
            "environment": environment(self.exchange),
        }
