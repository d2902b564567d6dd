"""The audits of `lakebt publish`: which are run, and how findings are shown."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from lakebt.cli import options
from lakebt.cli.hints import for_command_line
from lakebt.cli.lake_place import lake_path
from lakebt.cli.output import print_frame, print_json, say, terminal
from lakebt.errors import AuditError, AuditWarning, InvalidArgumentError
from lakebt.inputs.places import writing
from lakebt.inputs.user_code import load_function
from lakebt.values.text import capitalised, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from lakebt._typing import Report
    from lakebt.cli.publish_output import DryRun
    from lakebt.lake.publishing.audits.audit_report import AuditReport
    from lakebt.lake.publishing.audits.user_audits import Audit


UNAUDITED = frozenset({"note", "labels", "files", "retain_days"})
"""What is said of a release and not of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing:
    """How the rows of one command are audited.

    Attributes
    ----------
    audits
        As given: ``TABLE=FILE.py:function``.
    fail_on, warn_on
        Names of audits.
    rows
        The file for the rows of every finding, None if there is to be none.
    """

    audits: Sequence[str]
    fail_on: Sequence[str]
    warn_on: Sequence[str]
    rows: Path | None

    def check(self) -> None:
        """Refuse a file that could not be written, before the work and not after it.

        Raises
        ------
        InvalidArgumentError
            If its folder is not there, or it is a folder.
        """
        if self.rows is None:
            return
        if not self.rows.parent.is_dir():
            msg = f"--rows {self.rows}: the folder {self.rows.parent} does not exist"
            raise InvalidArgumentError(msg)
        if self.rows.is_dir():
            msg = f"--rows {self.rows} is a folder: name a file in it, rows.csv"
            raise InvalidArgumentError(msg)

    def arguments(self) -> dict[str, Any]:
        """Return what `Lake.publish` and `Lake.audit` take, functions loaded."""
        own: dict[str, list[Audit]] = {}
        for text in self.audits:
            table, target = options.pair(
                text, option="--audit", example="prices=my.py:spikes"
            )
            own.setdefault(table, []).append(load_function(target))
        return {
            "audits": own,
            "fail_on": [name for text in self.fail_on for name in options.split(text)],
            "warn_on": [name for text in self.warn_on for name in options.split(text)],
        }

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Tell findings on stderr, in one line; write their rows if that is asked.

        Raises
        ------
        AuditError
            With how to see all of it.
        """
        show = warnings.showwarning
        findings: list[AuditWarning] = []

        def collect(message: Warning | str, *others: Any, **more: Any) -> None:
            if isinstance(message, AuditWarning):
                findings.append(message)
            else:
                show(message, *others, **more)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", AuditWarning)
                warnings.showwarning = collect
                yield
        except AuditError as error:
            self._write(error.report)
            hint = self._hint(error.report)
            problem = f"{error.problem}{hint and f' {hint}'}"
            raise AuditError(error.table, problem, error.report) from None
        for warning in findings:
            self._write(warning.report)
            summary = for_command_line(warning.report.summary)
            line = f"{summary} {self._hint(warning.report)}"
            say("warning", line, colour="yellow")

    def _hint(self, report: Report) -> str:
        """Say where all the rows are, unless the line before has them already."""
        if self.rows is not None:
            return f"The rows are in {self.rows}."
        only = report.failures[0] if len(report.failures) == 1 else None
        if only is not None and not report.warnings and len(only.rows) <= 3:
            return ""
        return "--audit-only tells each, --rows FILE writes their rows."

    def _write(self, report: Report) -> None:
        if self.rows is not None:
            with writing(self.rows):
                report.offending().to_csv(self.rows, index=False)

    def close(
        self, report: AuditReport, *, as_json: bool, shown: DryRun | None = None
    ) -> None:
        """End a command that only audits.

        Raises
        ------
        typer.Exit
            With 0 if it would be published, or is there already, else with 1.
        """
        self._write(report)
        if as_json:
            print_json(
                record if shown is None else {**record, **shown.more(record["table"])}
                for record in report.records()
            )
        else:
            if shown is not None:
                shown.show()
            self._show(report)
        raise typer.Exit(0 if report.ok else 1)

    def _show(self, report: AuditReport) -> None:
        """Print what would become of a publication, and why."""
        console = terminal()
        for record in report.records():
            console.print(_count(record), markup=False)
        if report.found:
            console.print()
            table = report.findings[["severity", "table", "audit", "rows"]]
            print_frame(console, table, title="Findings")
            for finding in report.found:
                text = for_command_line(finding.message)
                console.print(f"{finding.table}, {finding.audit}: {text}\n")
        if self.rows is not None:
            console.print(f"The rows are in {self.rows}.", markup=False)
        style = "green" if report.ok else "bold red"
        console.print(_sentence(report.verdict), style=style, markup=False)


def foresee(
    lake: Path | None,
    catalog: str | None,
    *,
    exchange: str | None,
    closed: Sequence[str],
    frames: Mapping[str, pd.DataFrame],
    arguments: Mapping[str, Any],
) -> AuditReport:
    """Return what publishing would do. Nothing is written, not even a new lake.

    Raises
    ------
    InvalidArgumentError
        If closed days would be added to a lake that is there.
    """
    from lakebt.lake.storage.directory import DATABASE

    if catalog is None and not (lake_path(lake) / DATABASE).exists():
        from lakebt.lake.api.publishing import audit_first

        return audit_first(frames, calendar=(exchange, closed), **arguments)
    if closed:
        msg = (
            f"--closed {closed[0]} would be kept by the lake, and --audit-only writes "
            f"nothing: leave one of them out"
        )
        raise InvalidArgumentError(msg)
    wanted = {k: v for k, v in arguments.items() if k not in UNAUDITED}
    target = options.open_lake(lake, catalog, exchange=exchange)
    return target.audit(dict(frames), **wanted)


def _count(record: Mapping[str, Any]) -> str:
    if record["rows"] is None:
        return f"{record['table']}: cannot be read"
    rows = f"{record['table']}: {count(record['rows'], 'row')}"
    if record["new"] is None:
        return f"{rows}, not compared with the lake"
    return f"{rows}, {record['new']:,} new, {record['there']:,} in the lake already"


def _sentence(text: str) -> str:
    return f"{capitalised(text)} Nothing was written."
