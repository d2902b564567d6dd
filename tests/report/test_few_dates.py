"""Whatever shows a Sharpe ratio says where it rests on few dates, and nowhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.console import Console

from lakebt.cli.sweep import show
from lakebt.cli.trials import _table as trials_table
from lakebt.report import notebook, sections, story, terminal
from lakebt.report.charts.ridge import ridge_rows
from lakebt.report.charts.surface import surface_figure
from lakebt.report.charts.years import years_rows
from lakebt.report.surface import surface
from lakebt.sweep.result import SweepResult
from lakebt.values.few_dates import FEW, FEW_DATES
from tests.lake.trial_rows import trial

if TYPE_CHECKING:
    from lakebt.report.contents import StudyContents
    from tests.report.conftest import MakeStudy


def printed(*shown: object) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(*shown)
    return out.getvalue()


def of_a_study(contents: StudyContents) -> dict[str, str]:
    """Each output with a Sharpe ratio, as text."""
    cells = surface(contents)
    chosen = sections.chosen_sections(contents, cells)
    return {
        "terminal": printed(terminal.surface_table(contents)),
        "legend": printed(terminal.reasons_legend(contents)),
        "notebook": notebook.surface_html(contents),
        "report, headline": str(chosen["big"]),
        "report, years": str(years_rows(contents.years)),
        "report, table": str(sections.surface_section(contents, cells)["rows"]),
        "report, note": sections.surface_section(contents, cells)["lede"],
        "ridge": str(ridge_rows(contents)),
        "hover": str(surface_figure(contents).to_dict()["data"][0]["customdata"]),
        "note": story.few_dates(cells.values()),
    }


def of_trials(n_dates: int, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    rows = pd.DataFrame(
        [trial(n, n_dates=n_dates, sharpe_se=1.0, metrics="{}") for n in (1, 2)]
    )
    found = SweepResult(
        ids=tuple(rows["trial_id"]),
        families=("SP500",),
        n_studies=1,
        n_run=2,
        kept=[rows],
        store=None,
    )
    capsys.readouterr()
    show(found, best=2)
    return {
        "sweep, page": found._repr_html_(),
        "sweep, terminal": capsys.readouterr().out,
        "trials": printed(trials_table(rows)),
    }


@pytest.mark.parametrize(
    ("n_dates", "is_few"), [(FEW_DATES - 1, True), (FEW_DATES, False)]
)
def test_every_output_flags_few_dates(
    make_study: MakeStudy,
    n_dates: int,
    capsys: pytest.CaptureFixture[str],
    *,
    is_few: bool,
) -> None:
    plain = make_study()
    contents = make_study(
        table=plain.table.assign(n_dates=n_dates),
        years=plain.years.assign(n_dates=n_dates),
    )

    told = of_a_study(contents) | of_trials(n_dates, capsys)

    flagged = {name for name, text in told.items() if FEW in text}
    assert flagged == (set(told) if is_few else set())


def test_a_strategy_without_dates_is_not_flagged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not any(FEW in text for text in of_trials(0, capsys).values())
