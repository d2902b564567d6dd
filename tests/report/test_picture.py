"""The pictures of figures hold their numbers, where the figures have them."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly import io

import lakebt
from lakebt.report.charts import path_figure, ridge_figure, surface_figure, years_figure
from lakebt.report.charts.chart import PLOTLY, SVG, Chart
from lakebt.report.charts.picture import picture
from lakebt.report.charts.picture_axes import WIDTH
from lakebt.sources.simulated import simulated_market
from lakebt.study.report import contents as contents_of

pytestmark = pytest.mark.lake

ENTRIES, EXITS = ("AD@close", "AD+1@open", "ED-1@close"), ("+1", "1w", "ED@close")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    market = simulated_market(seed=5, n_events=8, jump_bps=200)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("pictures") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    study = lakebt.Study(lake.at("R1"), index="SIM", entries=ENTRIES, exits=EXITS)
    return study.run(record=False)


def drawn(figure: Any) -> ET.Element:
    return ET.fromstring(picture(figure))  # noqa: S314 - our own


def texts(root: ET.Element) -> list[str]:
    return [e.text or "" for e in root.iter() if e.tag.endswith("}text")]


def test_the_surface_has_its_numbers_and_names(result: lakebt.Result) -> None:
    root = drawn(result.plot())
    numbers = [v for v in result.sharpe().to_numpy().ravel() if not math.isnan(v)]

    told = texts(root)

    assert set(ENTRIES) | set(EXITS) <= set(told)
    assert [f"{n:.2f}".replace("-", "\N{MINUS SIGN}") for n in numbers] == [
        text for text in told if re.fullmatch(r"\W?\d+\.\d\d", text)
    ]
    assert any("not yet known" in text for text in told)


@pytest.mark.parametrize("plot", ["plot", "plot_ridge", "plot_years", "plot_paths"])
def test_everything_lies_within_the_picture(result: lakebt.Result, plot: str) -> None:
    root = drawn(getattr(result, plot)())
    height = float(root.attrib["height"])

    for element in root.iter():
        for name, most in (("x", WIDTH), ("cx", WIDTH), ("y", height), ("cy", height)):
            if name in element.attrib:
                assert 0 <= float(element.attrib[name]) <= most
        for place in element.attrib.get("points", "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= height


def test_points_lie_where_their_values_are(result: lakebt.Result) -> None:
    """Distances in a picture are those of the values, by a straight line."""
    years = result.by_year(entry="AD+1@open", exit="+1")
    root = drawn(result.plot_years(entry="AD+1@open", exit="+1"))
    heights = [float(e.attrib["cy"]) for e in root.iter() if "cy" in e.attrib]
    ticks = {
        float(e.text.replace("\N{MINUS SIGN}", "-").replace(",", "")): float(
            e.attrib["y"]
        )
        for e in root.iter()
        if e.attrib.get("text-anchor") == "end" and e.text
    }
    (low, high) = min(ticks), max(ticks)

    for mean, at in zip(years["mean_bps"], heights, strict=True):
        part = (mean - low) / (high - low)
        expected = ticks[low] + part * (ticks[high] - ticks[low]) - 4
        assert at == pytest.approx(expected, abs=0.3)


def test_markup_in_a_name_is_text() -> None:
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], name="<img src=x>", line={"color": "#000000"}
    )
    axis = {"title": {"text": "a<b"}, "gridcolor": "#eeeeee"}
    margin = {"l": 8, "r": 8, "t": 8, "b": 40}
    figure.update_layout(xaxis=axis, yaxis=axis, margin=margin, height=200)
    figure.update_layout(font={"color": "#000000"}, paper_bgcolor="#ffffff")

    assert "<img" not in picture(figure)
    assert "&lt;img src=x&gt;" in picture(figure)


def test_a_notebook_gets_the_figure_and_the_picture(
    result: lakebt.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io.renderers, "default", "plotly_mimetype")
    figure = result.plot_paths()

    bundle = figure._repr_mimebundle_()

    assert isinstance(figure, Chart)
    assert isinstance(figure, go.Figure)
    assert set(bundle) == {PLOTLY, SVG}


def test_all_figures_of_a_study_are_charts(result: lakebt.Result) -> None:
    contents = contents_of(result.traded)
    years = result.by_year(entry="AD+1@open", exit="+1")

    for theme in ("light", "dark"):
        for figure in (
            surface_figure(contents, theme=theme),
            ridge_figure(contents, theme=theme),
            path_figure(contents, theme=theme),
            years_figure(years, rule=("AD+1@open", "+1"), theme=theme),
        ):
            assert isinstance(figure, Chart)
            assert ET.fromstring(picture(figure)).tag.endswith("svg")  # noqa: S314
