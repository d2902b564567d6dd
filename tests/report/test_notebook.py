from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.report.notebook import HATCH, run_html, study_html, surface_html

if TYPE_CHECKING:
    from tests.report.conftest import MakeRun, MakeStudy

MINUS = "\N{MINUS SIGN}"


def test_the_surface_has_a_row_per_entry_and_a_column_per_exit(
    make_study: MakeStudy,
) -> None:
    shown = surface_html(make_study())

    assert shown.count("<table") == 1
    assert shown.count("<td") == 36
    assert shown.index(">AD@close<") < shown.index(">AD+1@open<")
    assert f">{MINUS}0.91</td>" in shown


def test_an_empty_cell_is_hatched_and_says_why_when_pointed_at(
    make_study: MakeStudy,
) -> None:
    shown = surface_html(make_study())

    assert shown.count(HATCH) == 9
    title = re.search(rf'<td title="([^"]*)" style="[^"]*{re.escape(HATCH)}', shown)
    assert title is not None
    assert "Empty, needs a fact that was not yet known: 60 events" in title.group(1)
    assert "hatched: 6 cells not yet known; 3 cells exit before entry" in shown


def test_the_number_comes_with_its_definition_and_its_n(make_study: MakeStudy) -> None:
    study = make_study()

    shown = surface_html(study)

    assert study.definition in shown
    assert "over 25 to 44 events" in shown
    assert "44 of 60 events run" in shown
    assert "`" not in surface_html(make_study(left_out="`hedge='SIMX'` would run 53"))


def test_a_banner_is_red_and_first(make_study: MakeStudy) -> None:
    shown = surface_html(make_study(banners=("Not point in time.",)))

    assert shown.index("Not point in time.") < shown.index("<table")
    assert "#d93a36" in shown
    assert "#d93a36" not in surface_html(make_study())


def test_a_table_leaves_the_colour_of_text_to_the_notebook(
    make_study: MakeStudy,
) -> None:
    shown = surface_html(make_study())

    assert "color:inherit" in shown
    assert not re.search(r"[;\"]color:#", shown)
    strongest = max(
        float(a) for a in re.findall(r"rgba\(\d+, \d+, \d+, ([\d.]+)\)", shown)
    )
    assert strongest == 0.55


def test_markup_in_names_is_shown_as_text(
    make_study: MakeStudy, make_run: MakeRun
) -> None:
    evil = "<img src=x onerror=alert(1)>"

    for shown in (
        surface_html(make_study(left_out=evil, definition=evil, banners=(evil,))),
        study_html({evil: evil}),
        run_html(make_run(title=evil, costs={evil: 1.0})),
    ):
        assert "<img" not in shown
        assert "&lt;img" in shown.lower()


def test_a_study_says_what_will_be_refused_before_it_runs() -> None:
    refusals = pd.DataFrame(
        [
            ("AD@close", "+1", "look_ahead", 206, 206),
            ("AD@close", "1w", "look_ahead", 206, 206),
            ("MD+1@open", "1w", "no_anchor", 31, 206),
        ],
        columns=["entry", "exit", "reason", "n_events", "n_total"],
    )

    shown = study_html({"release": "SIM_2017", "events": 206}, refusals)

    assert "<table" in shown
    assert ">SIM_2017<" in shown
    assert "all 2 exits" in shown
    assert "206 of 206 events" in shown
    assert "31 of 206 events" in shown
    assert "the date the rule counts from is not there" in shown


def test_a_study_without_refusals_says_so() -> None:
    none = pd.DataFrame(columns=["entry", "exit", "reason", "n_events", "n_total"])

    assert "Nothing will be refused." in study_html({"release": "SIM"}, none)
    assert "refused" not in study_html({"release": "SIM"})


def test_a_run_shows_its_sharpe_with_its_n(make_run: MakeRun) -> None:
    shown = run_html(make_run())

    assert "<table" in shown
    assert "0.61 ± 0.64, from 599 daily returns" in shown
    assert "Not audited" in shown
