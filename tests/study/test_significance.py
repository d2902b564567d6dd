"""Whether rules earn money beyond chance, through the public interface."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import lakebt
from lakebt.analysis.sharpe_maximum import deflated_sharpe, expected_maximum_sharpe
from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.sources.simulated import simulated_market
from lakebt.study.report import DRAWS as DRAWS_SHOWN
from lakebt.study.report import chance_of, of_which
from lakebt.study.sentence import Verdict, sentence

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.study.significance import Significance

ENTRIES, EXITS = ["AD@close", "AD+1@open", "ED-1@close"], ["+1", "1w", "2w"]
DRAWS = 1_999

COLUMNS = (
    *("entry", "exit", "mean_bps", "se_bps", "low_bps", "high_bps", "score", "p"),
    *("p_family", "p_family_flips", "claimed", "n_events", "n_dates"),
    *("n_effective_dates", "n_blocks", "skew", "mde_bps", "mde_family_bps"),
    "more_dates",
)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    """Forty events that drift up after the open, and jump before it."""
    market = simulated_market(
        seed=11, n_events=40, jump_bps=220, drift_bps=300, n_members=2
    )
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("drift"))
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    return lake.at("R1")


def study(view: lakebt.View, **arguments: object) -> lakebt.Result:
    asked: dict[str, object] = {
        "index": "SIM",
        "side": "additions",
        "hedge": "MKT",
        "entries": ENTRIES,
        "exits": EXITS,
    }
    return lakebt.Study(view, **{**asked, **arguments}).run(record=False)  # type: ignore[arg-type]


def first_changes(view: lakebt.View, n: int) -> list[lakebt.IndexChange]:
    """The changes of the first `n` announcements."""
    changes = view.changes(index="SIM")
    dates = sorted({c.announced for c in changes if c.announced is not None})[:n]
    return [change for change in changes if change.announced in dates]


@pytest.fixture(scope="module")
def result(view: lakebt.View) -> lakebt.Result:
    return study(view)


@pytest.fixture(scope="module")
def found(result: lakebt.Result) -> Significance:
    return result.significance(DRAWS, seed=3)


def test_the_drift_is_found_and_the_jump_is_not_among_the_rules(
    found: Significance,
) -> None:
    table = found.table()

    assert tuple(table.columns) == COLUMNS
    untradable = table["entry"] == "AD@close"
    assert (table.loc[untradable, "n_events"] == 0).all()
    assert table.loc[untradable, "p_family"].isna().all()
    assert found.mask().loc["AD+1@open"].any()
    assert not found.mask().loc["AD@close"].any()
    assert "beyond chance, at 5 % for all of them together" in found.sentence
    assert found.sentence.startswith("Of 6 rules on 40 events (")


def test_estimates_are_those_of_the_events(
    result: lakebt.Result, found: Significance
) -> None:
    events = result.events()
    table = found.table().set_index(["entry", "exit"])
    for rule, mine in events.groupby(["entry", "exit"]):
        row = table.loc[rule]  # type: ignore[index]
        net = mine["net_return"].to_numpy()
        sums = mine.groupby("date")["net_return"].sum().to_numpy()
        sizes = mine.groupby("date").size().to_numpy()
        assert row["mean_bps"] == pytest.approx(net.mean() * 1e4)
        assert row["score"] == pytest.approx(sums.sum() / np.sqrt((sums**2).sum()))
        assert row["n_events"] == len(net)
        assert row["n_dates"] == len(sums)
        effective = sizes.sum() ** 2 / (sizes**2).sum()
        assert row["n_effective_dates"] == pytest.approx(effective)
        assert row["skew"] == pytest.approx(stats.skew(sums))
        assert row["low_bps"] < row["mean_bps"] < row["high_bps"]
        assert row["mde_bps"] < row["mde_family_bps"]


def test_without_overlap_the_error_is_clustered_by_date(view: lakebt.View) -> None:
    result = study(view, entries=["AD+1@open"], exits=["+1"])
    row = result.significance(99).table().iloc[0]
    net = result.events()["net_return"].to_numpy()
    dates = result.events()["date"]

    assert result.table()["se_method"].item() == "jackknife"
    assert dates.is_unique
    error = net.std(ddof=1) / np.sqrt(len(net))
    assert row["se_bps"] == pytest.approx(error * 1e4)
    reach = stats.t.ppf(0.975, len(net) - 1) * error * 1e4
    assert row["high_bps"] - row["mean_bps"] == pytest.approx(reach)


def test_a_table_is_that_of_its_seed_and_nothing_is_changed(
    result: lakebt.Result, found: Significance
) -> None:
    pd.testing.assert_frame_equal(
        result.significance(DRAWS, seed=3).table(), found.table()
    )
    assert not result.significance(DRAWS, seed=4).table().equals(found.table())
    found.null[:] = 0.0
    assert found.null.any()
    assert len(found.null) == DRAWS
    assert (found.null > found.critical).mean() <= 0.05


def test_a_rule_that_used_a_late_fact_is_not_judged(view: lakebt.View) -> None:
    result = study(view, on_look_ahead="allow")
    found = result.significance(199)

    row = found.table().iloc[0]
    assert row["entry"] == "AD@close"
    assert result.table()["n_events"].iloc[0] > 0
    assert row["n_events"] == 0
    assert any("not yet known" in note for note in found.notes)


def test_less_is_the_other_side_of_greater(result: lakebt.Result) -> None:
    greater = result.significance(999).table()
    less = result.significance(999, alternative="less")

    known = greater["p_family"].notna()
    assert (less.table().loc[known, "p"] > 0.5).any()
    assert not less.mask().to_numpy().any()
    assert "none loses money beyond chance" in less.sentence


def test_few_blocks_allow_no_verdict(view: lakebt.View) -> None:
    few = first_changes(view, 4)
    found = (
        lakebt.Study(
            view, changes=few, hedge="MKT", entries=["AD+1@open"], exits=["+1"]
        )
        .run(record=False)
        .significance()
    )

    table = found.table()
    assert found.method == "nothing"
    assert table["p_family"].isna().all()
    assert not table["claimed"].any()
    assert "nothing can be shown" in found.sentence
    assert not re.search(r"\bp [=<]", found.sentence)
    assert any("no error can be trusted" in note for note in found.notes)


def test_some_blocks_are_judged_by_their_signs(view: lakebt.View) -> None:
    few = first_changes(view, 12)
    result = lakebt.Study(
        view, changes=few, hedge="MKT", entries=["AD+1@open"], exits=["+1", "+2"]
    ).run(record=False)
    found = result.significance(499)

    assert found.method == "flips"
    assert any("flipping the signs" in note for note in found.notes)


def test_a_calendar_portfolio_is_judged_by_what_each_event_adds(
    view: lakebt.View,
) -> None:
    result = study(view, aggregate="calendar", entries=["AD+1@open"], exits=["2w"])
    row = result.significance(99).table().iloc[0]

    daily = (
        lakebt.Study(
            view,
            index="SIM",
            side="additions",
            hedge="MKT",
            entries=["AD+1@open"],
            exits=["2w"],
        )
        .run(record=False)
        .returns(entry="AD+1@open", exit="2w")
    )
    n_open = daily.groupby(level="session").transform("size")
    added = (daily / n_open).groupby(level="event_id").sum()
    assert row["mean_bps"] == pytest.approx(added.mean() * 1e4)


def test_what_others_say_stands_beside(
    result: lakebt.Result, found: Significance
) -> None:
    said = found.beside()["value"]
    ratios = result.table()["sharpe"].dropna().to_numpy() / np.sqrt(252)
    best = result.table().dropna(subset=["sharpe"]).nlargest(1, "sharpe").iloc[0]
    net = result.returns(entry=best["entry"], exit=best["exit"])

    variance = ratios.var(ddof=1)
    expected = expected_maximum_sharpe(6, variance)
    assert said["n_trials"] == 6
    assert said["expected_maximum_sharpe"] == pytest.approx(expected)
    assert said["deflated_sharpe"] == pytest.approx(
        deflated_sharpe(
            net.mean() / net.std(),
            len(net),
            n_trials=6,
            variance=variance,
            skew=stats.skew(net),
            kurtosis=stats.kurtosis(net, fisher=False),
        )
    )
    assert said["spa"] < 0.05
    assert 0.0 <= said["overfitting"] <= 1.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 0}, "draws must be a whole number"),
        ({"draws": 10**30}, "draws must be at most 100,000,000, was 1000"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"alpha": 1.5}, "alpha must be below 1"),
        ({"alpha": math.nan}, "alpha"),
        ({"alternative": "up"}, "alternative"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    result: lakebt.Result, given: dict[str, object], said: str
) -> None:
    with pytest.raises((InvalidArgumentError, UnknownNameError), match=said):
        result.significance(**given)  # type: ignore[arg-type]


# --- the sentence ---------------------------------------------------------------------

S_AND_P = Verdict(
    n_rules=20,
    n_claimed=0,
    n_events=184,
    n_dates=175,
    n_effective_dates=165.96,
    legs="242 additions",
    rule="ED-1@close to +1",
    mean_bps=4.547,
    low_bps=-21.3,
    high_bps=30.4,
    p=0.9363,
    detectable_bps=44.4,
    alternative="greater",
    n_blocks=82,
    fewest_blocks=6,
    alpha=0.05,
)


def test_the_sentence_of_the_s_and_p_500() -> None:
    assert sentence(S_AND_P) == (
        "Of 20 rules on 184 events (242 additions, 175 announcement dates, worth 166 "
        "equal ones) none earns money beyond chance: the best, ED-1@close to +1, made "
        "+4.5 bp an event (95 % -21 to +30), p = 0.94 among the 20. An effect of 44 bp "
        "would have been found four times in five."
    )


def test_the_sentence_of_one_rule_and_of_a_claim() -> None:
    alone = replace(S_AND_P, n_rules=1)
    claim = replace(S_AND_P, n_claimed=2, p=0.0004)

    assert "The one rule, ED-1@close to +1, on" in sentence(alone)
    assert "p = 0.94 of the one tried" in sentence(alone)
    assert "equal ones) 2 earn money beyond chance, at 5 %" in sentence(claim)
    assert "p < 0.001 among the 20." in sentence(claim)


VERDICTS = st.builds(
    Verdict,
    n_rules=st.integers(0, 3_000),
    n_claimed=st.integers(0, 3),
    n_events=st.integers(1, 500),
    n_dates=st.integers(1, 200),
    n_effective_dates=st.floats(1, 200),
    legs=st.just("3 changes"),
    rule=st.just("AD+1@open to +5"),
    mean_bps=st.floats(-900, 900),
    low_bps=st.floats(-900, 900) | st.just(math.nan),
    high_bps=st.floats(-900, 900),
    p=st.floats(1e-5, 1.0) | st.just(math.nan),
    detectable_bps=st.floats(0.1, 900) | st.just(math.nan),
    alternative=st.sampled_from(["greater", "less", "two-sided"]),
    n_blocks=st.integers(1, 90),
    fewest_blocks=st.just(6),
    alpha=st.just(0.05),
)


@given(VERDICTS)
def test_a_sentence_says_no_more_than_it_may(verdict: Verdict) -> None:
    said = sentence(verdict)

    if re.search(r"\bp [=<]", said):
        number = f"among the {verdict.n_rules:,}"
        assert number in said or "of the one tried" in said
    if re.search(r"\bnone\b|nothing shows", said):
        assert "four times in five" in said or "of whatever size" in said
    assert said.endswith(".")
    assert "nan" not in said
    assert ("p =" not in said and "p <" not in said) == (
        math.isnan(verdict.p) or verdict.n_rules == 0
    )


# --- its figures ----------------------------------------------------------------------


def test_its_figures_show_its_numbers(
    result: lakebt.Result, found: Significance
) -> None:
    mask, table = found.plot(), found.table()

    coloured = [value for row in mask.data[0].z for value in row if value is not None]
    assert coloured == pytest.approx(table.loc[table["claimed"], "mean_bps"].tolist())
    lines = [shape.x0 for shape in found.plot_null().layout.shapes]
    assert lines == pytest.approx([table["score"].max(), found.critical])
    ratios = result.table()["sharpe"].dropna().sort_values()
    assert list(result.plot_sharpe().data[0].y) == pytest.approx(ratios.tolist())


def test_without_a_verdict_no_distribution_is_drawn(view: lakebt.View) -> None:
    few = study(view, index=None, changes=first_changes(view, 2)).significance(99)

    with pytest.raises(InvalidArgumentError, match="no distribution to draw"):
        few.plot_null()
    assert not few.mask().any(axis=None)
    assert few.plot().data[0].zmax > 0


# --- the ledger -----------------------------------------------------------------------


def test_rules_tried_before_are_counted_once(tmp_path: Path) -> None:
    market = simulated_market(seed=2, n_events=6, n_members=2)
    lake = lakebt.Lake.open(tmp_path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)

    def asked(exits: list[str]) -> lakebt.Study:
        return lakebt.Study(
            lake.at("R1"),
            index="SIM",
            side="additions",
            hedge="MKT",
            entries=["AD+1@open"],
            exits=exits,
        )

    asked(["+1", "+2", "+3"]).run()
    found = asked(["+3", "+4"]).run(record=False).significance(9)

    assert lake.count_trials(study="SIM") == 3
    assert found.beside().loc["n_trials", "value"] == 4


@pytest.mark.slow
def test_page_and_notebook_lead_with_the_sentence(
    result: lakebt.Result, tmp_path: Path
) -> None:
    said = html.escape(result.significance(DRAWS_SHOWN, seed=0).sentence)
    result.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    notebook = result._repr_html_()

    for shown in (page, notebook):
        assert shown.count(said) == 1
        assert shown.index(said) < shown.index("best tradable rule")
        assert f"Computed with {DRAWS_SHOWN:,} draws." in shown
    assert 'id="claims-figure"' in page
    assert 'id="null-figure"' in page


def test_where_two_rules_are_best_each_number_says_of_which(
    result: lakebt.Result,
) -> None:
    judged, shown = ("AD", "+1"), ("ED", "1w")
    words = " ".join(of_which(judged, shown))

    assert "That is of AD to +1, whose score" in words
    assert "the Sharpe ratio below is of ED to 1w" in words
    assert "That is of" not in " ".join(of_which(judged, judged))
    assert not list(of_which(None, None))
    chance = chance_of(result.traded)
    is_other = chance.best != result.best
    assert any("That is of" in note for note in chance.notes) == is_other


@pytest.mark.slow
def test_without_a_verdict_the_page_has_no_distribution(
    view: lakebt.View, tmp_path: Path
) -> None:
    few = study(view, index=None, changes=first_changes(view, 2))
    few.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")

    assert "nothing can be shown" in page
    assert 'id="claims-figure"' in page
    assert 'id="null-figure"' not in page
