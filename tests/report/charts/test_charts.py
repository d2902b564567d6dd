from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.report.charts import (
    equity_figure,
    path_figure,
    ridge_figure,
    surface_figure,
    waterfall_figure,
    weights_figure,
    years_figure,
)
from lakebt.report.palette import DARK, LIGHT
from lakebt.report.surface import surface
from tests.report.conftest import BEST, refused_rows

if TYPE_CHECKING:
    from tests.report.conftest import MakeRun, MakeStudy


def traces(figure: Any, kind: str) -> list[Any]:
    return [trace for trace in figure.data if trace.type == kind]


def texts(figure: Any) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def test_the_path_draws_both_sides_and_shades_the_night(make_study: MakeStudy) -> None:
    study = make_study()

    figure = path_figure(study)

    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines) == ["additions", "deletions"]
    at = study.path.set_index("label")["x"]
    night = figure.layout.shapes[0]
    assert (night.x0, night.x1) == (0.0, float(at["AD+1 open"].iloc[0]))
    assert any("nobody could trade this" in text for text in texts(figure))
    assert {"<b>AD</b>", "<b>ED</b>", "<b>MD</b>"} <= set(texts(figure))
    assert "over SIMX" in figure.layout.yaxis.title.text
    assert "n = 60" in lines["additions"].text[0]


def test_a_path_without_holdings_has_no_line_for_them(make_study: MakeStudy) -> None:
    path = make_study().path

    figure = path_figure(make_study(path=path[path["label"] != "MD"], market=None))

    assert "<b>MD</b>" not in texts(figure)
    assert figure.layout.yaxis.title.text == "basis points"


def test_a_market_data_date_beyond_the_chart_is_marked_at_its_edge(
    make_study: MakeStudy,
) -> None:
    path = make_study().path
    far = path.assign(x=path["x"].mask(path["label"] == "MD", 80.0))
    effective = float(path.loc[path["label"] == "ED", "x"].iloc[0])

    figure = path_figure(make_study(path=far))

    assert f"<b>MD</b> at ED+{80 - effective:.0f} ▸" in texts(figure)
    edge = figure.layout.shapes[-1].x0
    assert path.loc[path["label"] != "MD", "x"].max() < edge
    assert edge < figure.layout.xaxis.range[1]


def test_a_path_of_one_side_draws_that_side(make_study: MakeStudy) -> None:
    path = make_study().path

    figure = path_figure(make_study(path=path[path["side"] == "deletion"]))

    assert [trace.name for trace in figure.data if trace.name] == ["deletions"]


def test_an_empty_path_cannot_be_drawn(make_study: MakeStudy) -> None:
    with pytest.raises(InvalidArgumentError, match="SIM100 has no path"):
        path_figure(make_study(path=make_study().path.iloc[:0]))


def test_the_surface_is_centred_on_zero(make_study: MakeStudy) -> None:
    (heat,) = traces(surface_figure(make_study()), "heatmap")

    assert heat.zmin == -heat.zmax
    assert heat.colorscale[1] == (0.5, LIGHT.middle)
    assert len(heat.z) == 6
    assert len(heat.z[0]) == 6


def test_every_empty_cell_is_hatched_and_says_why(make_study: MakeStudy) -> None:
    bars = traces(surface_figure(make_study()), "bar")

    assert [bar.name for bar in bars] == ["not yet known (6)", "exit before entry (3)"]
    assert [len(bar.x) for bar in bars] == [6, 3]
    assert len({bar.marker.pattern.shape for bar in bars}) == 2
    assert "not yet known" in bars[0].customdata[0]


def test_the_chosen_cell_is_outlined(make_study: MakeStudy) -> None:
    (outline,) = surface_figure(make_study()).layout.shapes

    assert outline.x0 < 4 < outline.x1
    assert outline.y0 < 1 < outline.y1
    assert not surface_figure(make_study(best=None)).layout.shapes


def test_a_fact_cannot_carry_markup_into_a_tooltip(make_study: MakeStudy) -> None:
    refused = refused_rows().assign(fact="<a href='x'>A & B</a>")

    bars = traces(surface_figure(make_study(refused=refused)), "bar")

    assert "&lt;a href=" in bars[0].customdata[0]
    assert "<a" not in bars[0].customdata[0]


def test_a_grid_of_many_exits_has_no_numbers_in_its_cells(
    make_study: MakeStudy,
) -> None:
    exits = tuple(f"+{k}" for k in range(1, 61))

    figure = surface_figure(make_study(exits=exits, best=None))

    assert [trace.mode for trace in traces(figure, "scatter")] == ["markers"]
    (numbers,) = traces(surface_figure(make_study()), "scatter")
    assert numbers.mode == "text"


def test_the_waterfall_goes_from_gross_to_net(make_study: MakeStudy) -> None:
    (fall,) = traces(waterfall_figure(make_study()), "waterfall")

    assert list(fall.x) == ["gross", "commission", "spread", "borrow", "net"]
    assert list(fall.y) == pytest.approx([88.0, -4.0, -8.0, -2.2, 73.8])
    assert "44 events" in fall.hovertemplate


def test_what_a_calendar_portfolio_pays_for_its_weights_is_a_step(
    make_study: MakeStudy,
) -> None:
    """88 gross less 4, 8 and 2.2, and 5.5 for the weights."""
    table = make_study().table
    table = table.assign(reweighting_bps=5.5, net_bps=table["net_bps"] - 5.5)
    (fall,) = traces(waterfall_figure(make_study(table=table)), "waterfall")

    assert list(fall.x)[-3:] == ["borrow", "reweighting", "net"]
    assert list(fall.measure) == ["absolute", *["relative"] * 4, "total"]
    assert sum(fall.y[:-1]) == pytest.approx(fall.y[-1]) == pytest.approx(68.3)
    told = surface(make_study(table=table))[BEST].lines[3]
    assert told.endswith("borrow 2.2, reweighting 5.5")


def test_a_losing_waterfall_has_room_below(make_study: MakeStudy) -> None:
    table = make_study().table.assign(gross_bps=-10.0, net_bps=-24.2)

    low, high = waterfall_figure(make_study(table=table)).layout.yaxis.range

    assert low < -24.2
    assert high > 0


def test_a_study_without_a_chosen_cell_has_no_waterfall(make_study: MakeStudy) -> None:
    with pytest.raises(InvalidArgumentError, match="SIM100 has no chosen cell"):
        waterfall_figure(make_study(best=None))


def test_equity_is_drawn_by_day_and_counts_sessions_where_days_repeat(
    make_study: MakeStudy,
) -> None:
    equity = make_study().equity
    assert equity_figure(equity).data[0].x[0] == "2014-03-10"

    days = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-02"])
    figure = equity_figure(pd.Series([1.0, 1.1, 1.2], index=days))

    assert list(figure.data[0].x) == [0, 1, 2]
    assert figure.data[0].text[2] == "2020-01-02"
    assert "event after event" in figure.layout.xaxis.title.text


def test_weights_are_summed_by_sign(make_run: MakeRun) -> None:
    weights = pd.DataFrame(
        {"SIM1": [0.5, np.nan], "SIM2": [-0.25, -0.25]},
        index=pd.DatetimeIndex(["2020-01-02", "2020-02-03"]),
    )

    long, short = weights_figure(weights).data

    assert list(long.y) == [0.5, 0.0]
    assert list(short.y) == [-0.25, -0.25]
    assert long.text[0] == "2020-01-02: long +50.0% in 1 symbol"
    only_long = weights_figure(make_run().weights.abs())
    assert [trace.name for trace in only_long.data] == ["long"]


def test_a_dot_marks_the_best_exit_of_each_entry(make_study: MakeStudy) -> None:
    exits = tuple(f"+{k}" for k in range(1, 31))
    table = pd.DataFrame(
        [
            {"entry": entry, "exit": exit_, "sharpe": sharpe, "n_events": 5}
            for entry, best in (("AD+1@open", 7), ("ED@close", 22))
            for number, exit_ in enumerate(exits)
            for sharpe in [1.0 - abs(number - best) / 10]
        ]
    )

    study = make_study(exits=exits, table=table, best=None)
    (dots,) = traces(surface_figure(study), "scatter")

    assert list(dots.x) == [7, 22]
    assert list(dots.y) == [1, 4]


def test_a_long_axis_names_some_of_its_rules(make_study: MakeStudy) -> None:
    exits = tuple(f"+{k}" for k in range(1, 201))

    axis = surface_figure(make_study(exits=exits, best=None)).layout.xaxis

    assert len(axis.ticktext) == 50
    assert axis.ticktext[:2] == ("+1", "+5")
    assert axis.tickvals[:2] == (0, 4)


def test_the_ridge_is_the_best_exit_of_each_entry(make_study: MakeStudy) -> None:
    study = make_study()
    table = study.table.dropna(subset="sharpe")
    best = table.loc[table.groupby("entry", sort=False)["sharpe"].idxmax()]

    band, above, below = ridge_figure(study).data

    assert list(above.y) == best["sharpe"].tolist()
    assert list(above.x) == [1, 2, 3, 4, 5], "AD@close is empty"
    names = ridge_figure(study).layout.yaxis2.ticktext
    assert [names[place] for place in below.y] == best["exit"].tolist()
    assert list(names) == [e for e in study.exits if e in set(best["exit"])]
    upper = (best["sharpe"] + best["sharpe_se"]).tolist()
    assert list(band.y)[: len(upper)] == upper


def test_an_empty_surface_has_no_ridge(make_study: MakeStudy) -> None:
    table = make_study().table.assign(sharpe=float("nan"))

    with pytest.raises(InvalidArgumentError, match="SIM100 has no ridge"):
        ridge_figure(make_study(table=table, best=None))


def test_the_years_are_drawn_with_their_errors(make_study: MakeStudy) -> None:
    years = make_study().years

    best, other = years_figure(years, rule=("AD+1@open", "1w")).data

    assert list(best.x) == [2014, 2015, 2016, 2017]
    assert list(best.error_y.array)[:3] == [20.0, 31.5, 27.7]
    assert best.text[0] == "2014: +61 ± 20 bp net per event, n = 12"
    assert "± ?" in best.text[3], "one date has no error"
    assert best.name == "AD+1@open to 1w"
    assert not other.visible


def test_no_year_cannot_be_drawn(make_study: MakeStudy) -> None:
    with pytest.raises(InvalidArgumentError, match="AD to 1w has no year to draw"):
        years_figure(make_study().years[:0], rule=("AD", "1w"))


def test_dark_figures_have_dark_paper(make_study: MakeStudy) -> None:
    figures = [
        path_figure(make_study(), theme="dark"),
        surface_figure(make_study(), theme="dark"),
        waterfall_figure(make_study(), theme="dark"),
        equity_figure(make_study().equity, theme="dark"),
        ridge_figure(make_study(), theme="dark"),
        years_figure(make_study().years, rule=("AD", "1w"), theme="dark"),
    ]

    assert {figure.layout.paper_bgcolor for figure in figures} == {DARK.paper}


def test_a_chart_looks_as_its_theme_says_and_in_nothing_as_plotly_does() -> None:
    days = pd.date_range("2024-01-02", periods=3)

    layout = equity_figure(pd.Series([1.0, 1.1, 1.2], days)).to_plotly_json()["layout"]

    assert layout["template"] == {}
    assert layout["paper_bgcolor"] == LIGHT.paper
    assert layout["yaxis"]["tickformat"] == ".3~f"
