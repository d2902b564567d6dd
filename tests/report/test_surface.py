from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.report import story
from lakebt.report.charts.ridge import ridge_in_words
from lakebt.report.contents import Headline
from lakebt.report.surface import count_reasons, scale, surface
from lakebt.values.reasons import TOO_FEW
from tests.report.conftest import refused_rows

if TYPE_CHECKING:
    from tests.report.conftest import MakeStudy


def test_every_cell_has_a_number_or_a_reason(make_study: MakeStudy) -> None:
    cells = surface(make_study())

    assert len(cells) == 36
    for cell in cells.values():
        assert math.isnan(cell.sharpe) == (cell.reason is not None)


def test_a_late_cell_says_what_was_late_and_by_when(make_study: MakeStudy) -> None:
    cell = surface(make_study())["AD@close", "1w"]

    assert cell.reason == "look_ahead"
    assert cell.n_reason == 60
    assert cell.detail == (
        "SIM07 deletion announced; known 2014-03-07 23:59:59 New York; "
        "needed before 2014-03-07 15:50:00 New York"
    )
    assert cell.lines[1] == ("Empty, needs a fact that was not yet known: 60 events")


def test_the_most_frequent_reason_is_told(make_study: MakeStudy) -> None:
    refused = pd.DataFrame(
        [
            ("e1", "AD@close", "+1", "no_price"),
            ("e2", "AD@close", "+1", "look_ahead"),
            ("e3", "AD@close", "+1", "look_ahead"),
            ("e1", "AD@close", "1w", "one_sided"),
            ("e2", "AD@close", "1w", "no_price"),
        ],
        columns=["event_id", "entry", "exit", "reason"],
    ).reindex(columns=list(refused_rows()))

    cells = surface(make_study(refused=refused))

    assert cells["AD@close", "+1"].reason == "look_ahead"
    assert cells["AD@close", "+1"].n_reason == 2
    assert cells["AD@close", "1w"].reason == "no_price", "a tie goes to the first"
    assert cells["AD@close", "1w"].detail == ""


def test_a_traded_cell_without_a_number_had_too_few_returns(
    make_study: MakeStudy,
) -> None:
    table = make_study().table
    one = (table["entry"] == "AD+1@open") & (table["exit"] == "+1")
    table = table.assign(sharpe=table["sharpe"].mask(one))

    cell = surface(make_study(table=table))["AD+1@open", "+1"]

    assert cell.reason == TOO_FEW
    assert cell.n_reason == cell.n_events == 44


def test_a_cell_missing_from_the_table_is_empty(make_study: MakeStudy) -> None:
    study = make_study()

    cells = surface(make_study(table=study.table.iloc[:0], refused=refused_rows()[:0]))

    assert {cell.reason for cell in cells.values()} == {TOO_FEW}
    assert scale(cells.values()) == 1.0


def test_the_tooltip_holds_mean_error_events_and_costs(make_study: MakeStudy) -> None:
    cell = surface(make_study())["AD+1@open", "ED-1@close"]

    assert cell.chosen
    assert cell.lines == (
        "AD+1@open to ED-1@close",
        "Sharpe 1.36 ± 0.50",
        "+74 bp net per event",
        "+88 bp gross; costs: commission 4.0, spread 8.0, borrow 2.2",
        "44 events on 15 dates, 484 returns; 16 left out",
    )


def test_empty_cells_are_counted_in_the_order_of_their_reasons(
    make_study: MakeStudy,
) -> None:
    counts = count_reasons(surface(make_study()).values())

    assert list(counts.items()) == [("look_ahead", 6), ("exit_before_entry", 3)]


def test_the_answer_has_its_error_and_its_n(make_study: MakeStudy) -> None:
    study = make_study()

    assert story.answer(study, surface(study)) == (
        "The best tradable rule is to enter at AD+1@open and exit at ED-1@close: "
        "Sharpe 1.36 ± 0.50 (pooled) over 44 events on 15 dates."
    )


def test_the_answer_leads_with_the_portfolio_that_is_drawn(
    make_study: MakeStudy,
) -> None:
    study = make_study(headline=Headline(sharpe=0.91, sharpe_se=0.35, n_returns=812))

    assert story.answer(study, surface(study)).endswith(
        "ED-1@close: Sharpe 0.91 ± 0.35 (calendar), 1.36 ± 0.50 (pooled), over 44 "
        "events on 15 dates."
    )
    assert story.caution(study, surface(study)).startswith("It lies 2.6 standard")


@pytest.mark.parametrize(("dates", "is_claimed"), [(9, False), (10, True)])
def test_no_rule_is_called_the_best_over_a_few_dates(
    make_study: MakeStudy, dates: int, *, is_claimed: bool
) -> None:
    study = make_study(table=make_study().table.assign(n_dates=dates))
    told = story.answer(study, surface(study))

    assert ("The best tradable rule" in told) is is_claimed
    assert told.startswith("Too few dates") is not is_claimed


def test_hindsight_is_never_called_tradable(make_study: MakeStudy) -> None:
    study = make_study(is_point_in_time=False)
    cells = surface(study)

    assert "tradable" not in story.answer(study, cells)
    assert "could be traded" not in story.caution(study, cells)


def test_no_best_cell_is_an_answer_too(make_study: MakeStudy) -> None:
    study = make_study(best=None)

    assert story.answer(study, surface(study)) == (
        "No rule could be traded: all 36 cells of 60 events are empty."
    )
    assert story.caution(study, surface(study)) == ""


def test_the_caution_counts_what_was_tried(make_study: MakeStudy) -> None:
    study = make_study()

    assert story.caution(study, surface(study)) == (
        "It lies 2.7 standard errors from zero, and is the best of 27 cells that could "
        "be traded, of 36 asked for."
    )


def test_a_missing_error_is_not_divided_by(make_study: MakeStudy) -> None:
    study = make_study(table=make_study().table.assign(sharpe_se=math.nan))

    assert story.caution(study, surface(study)).endswith("it has no standard error.")


def test_a_best_that_loses_is_said_to_lose(make_study: MakeStudy) -> None:
    table = make_study().table
    study = make_study(table=table.assign(sharpe=-table["sharpe"].abs()))

    told = story.caution(study, surface(study))

    assert told.endswith("No cell has a positive Sharpe ratio.")


def test_free_trading_is_said_to_be_free(make_study: MakeStudy) -> None:
    free = dict.fromkeys(("commission_bps", "spread_bps", "borrow_bps"), 0.0)
    table = make_study().table.assign(**free)
    cell = surface(make_study(table=table))["AD+1@open", "1w"]

    assert "No cost was charged" in story.earned(cell)


@pytest.mark.parametrize(
    ("counts", "ran", "said"),
    [
        ({}, 44, "No event was left out of the chosen rule."),
        ({"look_ahead": 3}, 0, "the 3 events not yet known"),
        ({"no_price": 7}, 44, "not missing at random"),
        ({"no_price": 7}, 44, "speaks for the 44 events that ran"),
    ],
)
def test_what_was_left_out_is_judged_by_its_reason(
    counts: dict[str, int], ran: int, said: str
) -> None:
    assert said in story.left_out(counts, ran=ran)


def test_the_overnight_jump_is_told_with_its_n(make_study: MakeStudy) -> None:
    study = make_study()

    told = story.overnight(study.path, market="SIMX")

    assert "over SIMX: additions +3" in told
    assert "(n\u00a0=\u00a060)" in told
    assert told.endswith("No order could have caught that.")
    assert story.overnight(study.path.iloc[:0], market=None) == ""


def test_the_note_says_where_holdings_data_stands(make_study: MakeStudy) -> None:
    path = make_study().path

    assert story.path_note(path).endswith("of 120 legs: 12 sessions after ED.")
    assert "MD" not in story.path_note(path[path["label"] != "MD"])


def test_a_day_of_one_event_is_no_period(make_study: MakeStudy) -> None:
    study = make_study()

    assert story.subject(study) == "SIM100: 60 events, 2014-03-07 to 2017-06-16"
    assert story.subject(make_study(last=study.first, n_events=1)) == (
        "SIM100: 1 event, 2014-03-07"
    )
    assert story.subject(make_study(first=None, n_events=0)) == "SIM100: 0 events"


@pytest.mark.parametrize(
    ("exits", "said"),
    [
        ([], "No entry has an exit that could be traded."),
        (["1w"], "The only entry that could be traded is best left at 1w."),
        (["1w", "1w"], "1w is the best exit of all 2 entries."),
        (
            ["1w", None, "1w", "2w"],
            "1w is the best exit of 2 of 3 entries; from one entry to the next",
        ),
        (["1w", None, "1w", "2w"], "the best exit changes once."),
        (["+1", "1w", "+1", "2w"], "+1 is the best exit of 2 of 4 entries; "),
        (["+1", "1w", "+1", "2w"], "changes 3 times."),
    ],
)
def test_the_ridge_says_whether_the_best_exit_is_stable(
    make_study: MakeStudy, exits: list[str | None], said: str
) -> None:
    cells = surface(make_study())
    some = {exit_: cells["AD+1@open", exit_] for exit_ in ("+1", "1w", "2w")}

    assert said in ridge_in_words([some[exit_] if exit_ else None for exit_ in exits])
