from __future__ import annotations

import datetime as dt
import itertools
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.report.contents import Headline
from lakebt.report.html import write_run_report, write_study_report
from lakebt.report.provenance import view_banners
from lakebt.report.sections import growth
from lakebt.report.words import MINUS, NOTHING
from lakebt.sessions import Sessions
from tests.report.conftest import refused_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.conftest import MakeRun, MakeStudy

SECTIONS = [
    *("path", "surface", "ridge", "years", "money", "equity"),
    *("left-out", "refused", "provenance"),
]


def body(path: Path) -> str:
    """Return what is seen of a page, without its scripts and styles."""
    page = path.read_text(encoding="utf-8")
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def sections(path: Path) -> list[str]:
    return re.findall(r'<section id="([a-z-]+)"', body(path))


@pytest.mark.slow
def test_the_report_answers_first_and_gives_its_sources_last(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    path = write_study_report(make_study(), tmp_path / "report.html")

    assert sections(path) == SECTIONS
    shown = body(path)
    assert shown.index("1.36") < shown.index('<section id="path"')
    assert "over 44 events on 15 dates (484 daily returns)" in shown
    assert shown.count('class="banner"') == 2, "without scripts, or an old browser"


def test_the_report_is_one_file_of_bounded_size(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    path = write_study_report(make_study(), tmp_path / "report.html")

    assert path.stat().st_size < 6_000_000
    assert not re.search(r'(?:src|href)="(?!data:)', body(path))
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_the_same_contents_give_the_same_bytes(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    first = write_study_report(make_study(), tmp_path / "a.html").read_bytes()

    assert write_study_report(make_study(), tmp_path / "b.html").read_bytes() == first


@pytest.mark.slow
def test_the_headline_is_of_the_curve_that_is_drawn(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study(headline=Headline(sharpe=0.91, sharpe_se=0.35, n_returns=812))

    shown = " ".join(body(write_study_report(study, tmp_path / "page.html")).split())

    assert shown.index("0.91") < shown.index("1.36")
    assert (
        "of the calendar portfolio, net of costs, over 812 sessions: the one whose "
        "equity is drawn. Pooled: 1.36 ± 0.50, over 44 events on 15 dates" in shown
    )


def deepest_and_worst(values: list[float]) -> tuple[int, int]:
    """Return where a curve lies deepest below its highest, and where it lost most."""
    falls = [value / max(values[: at + 1]) for at, value in enumerate(values)]
    days = [after / before for before, after in itertools.pairwise(values)]
    return falls.index(min(falls)), days.index(min(days)) + 1


@pytest.mark.parametrize("seed", range(5))
def test_the_drawdown_and_the_worst_day_are_those_of_the_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = pd.DatetimeIndex([Sessions.of().date(7_000 + k) for k in range(80)])
    curve = pd.Series(np.cumprod(1.0 + rng.normal(0.0, 0.02, 80)), index=days)
    curve.iloc[0] = 1.0
    low, worst = deepest_and_worst(curve.tolist())
    fall = 100 * (curve.iloc[low] / curve.iloc[: low + 1].max() - 1)
    lost = 100 * (curve.iloc[worst] / curve.iloc[worst - 1] - 1)

    assert (
        growth(curve)
        .replace("\u00a0", " ")
        .replace(MINUS, "-")
        .endswith(
            f" Largest drawdown {fall:.1f} % on {days[low].date()}; worst day "
            f"{days[worst].date()}, {lost:.1f} %."
        )
    )


SAID = [
    *("simulated from seed 7", "source=Synthetic", "made-up prices", "a SIMULATION"),
    *("simulated=yes", "kind: simulated", "two simulations", "output of a simulator"),
    *("random walk of 20 symbols", "fake prices", "mock data", "toy market", "mock=1"),
    *("test data", "Monte Carlo", "hypothetical prices", "not real", "no real symbol"),
    *("invented", "not yet checked; simulated", "artificial market", "fake=true"),
    *("real in 2020, simulated since", "a fictional index"),
]
NOT_SAID = [
    *("", "real", "dissimulated", "assimilated", "the vendor's latest"),
    *("not simulated", "simulated=no", "non-synthetic", "simulated: no", "simulated=0"),
    *("never simulated", "no simulated rows", "isn't simulated", "not a simulation"),
    *("replaces the simulated R1", "real instead of simulated prices"),
    *("Global Artificial Intelligence index", "Synthetic Biologics renamed"),
    *("synthetic ETFs left out", "tested by hand", "data of the test in March"),
    *("no longer simulated", "simulation=none", "Fakers Inc added"),
]


@pytest.mark.parametrize("told", SAID + NOT_SAID)
def test_a_page_says_first_that_no_market_made_its_numbers(told: str) -> None:
    now = dt.datetime(2022, 9, 1, tzinfo=dt.UTC)
    view: Any = SimpleNamespace(
        release="R1", past_cutoff=True, instant=now, cutoff=now, provenance=dict
    )
    banners = view_banners(view, ["checked by hand", told])

    said = [f"Simulated: no market made these numbers. Release R1 says: {told}."]
    assert banners[:-1] == (said if told in SAID else [])
    assert banners[-1].startswith("As of 2022-09-01")


def test_each_banner_is_shown_before_the_answer(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study(
        banners=("Not point in time.", "Facts supplied by the caller."),
        is_point_in_time=False,
    )

    shown = body(write_study_report(study, tmp_path / "report.html"))

    for banner in study.banners:
        assert shown.index(banner) < shown.index("<h1>")
    assert "tradable" not in shown


def test_names_cannot_carry_markup_into_the_page(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    evil = "</script><script>alert(1)</script>"
    study = make_study(
        index=evil,
        market=evil,
        left_out=evil,
        banners=(evil,),
        provenance={evil: evil},
        command=evil,
        refused=refused_rows().assign(fact=evil, event_id=evil),
    )

    page = write_study_report(study, tmp_path / "report.html").read_text("utf-8")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_study_without_a_tradable_cell_has_a_report(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study()
    study = make_study(
        best=None,
        equity=study.equity[:0],
        table=study.table.assign(sharpe=float("nan"), n_events=0),
    )

    path = write_study_report(study, tmp_path / "report.html")

    assert sections(path) == ["path", "surface", "left-out", "refused", "provenance"]
    assert "No rule could be traded: all 36 cells" in body(path)


def test_a_study_without_anything_known_has_a_report(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study()
    study = make_study(
        best=None,
        equity=study.equity[:0],
        path=study.path[:0],
        table=study.table[:0],
        refused=refused_rows()[:0],
        first=None,
        last=None,
        n_events=0,
    )

    path = write_study_report(study, tmp_path / "report.html")

    assert sections(path) == ["surface", "left-out", "refused", "provenance"]


@pytest.mark.slow
def test_the_events_left_out_of_the_chosen_rule_are_counted_and_listed(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    shown = body(write_study_report(make_study(), tmp_path / "report.html"))

    assert "44 of 60 events run; 9 one-sided, 7 without prices" in shown
    assert (
        "Left out of the chosen rule, AD+1@open to ED-1@close: 16 of 60 events."
        in shown
    )
    assert "SIM31 has no bar on 2015-06-08" in shown
    assert "SIM07 deletion announced; known 2014-03-07 23:59:59 New York" in shown


def test_a_list_that_is_cut_says_so(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(n_refused={"no_price": 12_340, "one_sided": 9})

    shown = body(write_study_report(study, tmp_path / "report.html"))

    assert "<summary>No price: the first 7 of 12,340 events</summary>" in shown
    assert "<summary>One side only: 9 events</summary>" in shown
    assert '<td class="n">12,340</td>' in shown


def test_the_best_exits_and_the_years_are_tables_too(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    shown = body(write_study_report(make_study(), tmp_path / "report.html"))

    ridge = shown[shown.index('id="ridge"') : shown.index('id="years"')]
    assert ridge.count('<tr><td class="rule">') == 6
    assert f'<td class="rule">AD@close</td><td class="rule">{NOTHING}</td>' in ridge
    assert "Each point is the highest of up to 6 exits" in ridge
    years = shown[shown.index('id="years"') : shown.index('id="money"')]
    assert '<td>2014</td><td class="n">+61 ± 20</td>' in years
    assert "AD+1@open to ED-1@close: mean net return per event by year" in years


@pytest.mark.slow
def test_many_empty_cells_are_folded_away(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    entries = tuple(f"AD+{k}@close" for k in range(13))
    rows = refused_rows().head(1)
    refused = pd.concat([rows.assign(entry=entry) for entry in entries])
    study = make_study(entries=entries, refused=refused, best=None)

    shown = body(write_study_report(study, tmp_path / "report.html"))

    assert "by entry and reason</summary>" in shown
    few = body(write_study_report(make_study(), tmp_path / "few.html"))
    assert "by entry and reason</summary>" not in few


def test_what_stands_between_backticks_is_code(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study(left_out='1 of 2 run; `hedge="<SIMX>"` would run 2')

    shown = body(write_study_report(study, tmp_path / "report.html"))

    assert "<code>hedge=&#34;&lt;SIMX&gt;&#34;</code> would run 2" in shown


@pytest.mark.slow
def test_the_command_can_be_copied_unless_there_is_none(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    shown = body(write_study_report(make_study(), tmp_path / "a.html"))
    assert 'data-copies="command"' in shown
    assert "--borrow-bps-per-year 50" in shown

    study = make_study(command="none: the facts were supplied by the caller")
    shown = body(write_study_report(study, tmp_path / "b.html"))
    assert "data-copies" not in shown
    assert "again: the facts were supplied by the caller." in shown


def test_a_run_has_a_report(make_run: MakeRun, tmp_path: Path) -> None:
    path = write_run_report(make_run(), tmp_path / "run.html")

    assert sections(path) == ["equity", "weights", "costs", "provenance"]
    shown = body(path)
    assert "0.61 <small>± 0.64</small>" in shown
    assert "599 daily returns" in shown
    assert "Not audited" in shown
    assert "Borrow, basis points" in shown
    assert "10 largest of 2" in shown


def test_a_run_that_never_traded_has_a_report(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    run = make_run(
        equity=run.equity[:0], weights=run.weights[:0], n_returns=0, costs={}
    )

    path = write_run_report(run, tmp_path / "run.html")

    assert sections(path) == ["provenance"]
    assert "No session was traded" in body(path)


def test_a_report_replaces_the_one_before(make_run: MakeRun, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("old")

    write_run_report(make_run(), path)

    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_a_missing_folder_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"folder .*nowhere does not exist"):
        write_run_report(make_run(), tmp_path / "nowhere" / "run.html")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()

    with pytest.raises(InvalidArgumentError, match="report: it is a folder"):
        write_run_report(make_run(), tmp_path / "report")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    make_run: MakeRun, tmp_path: Path
) -> None:
    # No file name may be this long; permissions would not stop a test run as root.
    with pytest.raises(InvalidArgumentError, match=r"cannot write .*too long"):
        write_run_report(make_run(), tmp_path / f"{'r' * 300}.html")

    assert list(tmp_path.iterdir()) == []
